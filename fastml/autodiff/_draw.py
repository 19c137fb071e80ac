"""Drawings of the graph: by Matplotlib, and as source for Graphviz."""

import shutil
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fastml.autodiff._layout import Layout, Size, laid_out
from fastml.autodiff._picture import Picture, picture_of
from fastml.autodiff._variable import Variable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw", "to_dot"]

# More boxes than this are no picture.
MOST_BOXES = 300
FONT_SIZE, LABEL_SIZE = 9.0, 7.5
LINE_HEIGHT = 1.35
COLOURS = {
    "leaf": "#e3eefb",
    "operation": "#ffffff",
    "result": "#fde8c8",
    "scope": "#e6f3e6",
}
LINE_WIDTHS = {"leaf": 0.9, "operation": 0.9, "result": 0.9, "scope": 1.6}
LABEL_COLOUR = "#1f5fa8"


def to_dot(loss: Variable, *, max_nodes: int = 30) -> str:
    """Return the graph behind a result as source for Graphviz.

    Parameters
    ----------
    loss : Variable
        The result.
    max_nodes : int, default=30
        With more nodes than this, scopes (see `fastml.autodiff.scope`) are drawn as one node each,
        innermost first.

    Returns
    -------
    str
        In the language DOT: nodes with names, operations and values, edges with local derivatives.

    Raises
    ------
    TypeError
        If `loss` is no variable.
    ValueError
        If it is a constant, or its graph was freed.

    Examples
    --------
    >>> from fastml import autodiff as ad
    >>> x = ad.variable(3.0, "x")
    >>> print(ad.to_dot(x**2))
    digraph {
      node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=10];
      edge [fontname="Helvetica", fontsize=8, fontcolor="#1f5fa8"];
      n0 [label="x\\n3", fillcolor="#e3eefb"];
      n1 [label="x^2\\n9", fillcolor="#fde8c8"];
      n0 -> n1 [label="6"];
    }
    """
    picture = picture_of(loss, max_nodes)
    lines = [
        "digraph {",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=10];',
        f'  edge [fontname="Helvetica", fontsize=8, fontcolor="{LABEL_COLOUR}"];',
    ]
    for number, box in enumerate(picture.boxes):
        colour = COLOURS[box.kind]
        lines.append(f'  n{number} [label="{_quoted(box.lines)}", fillcolor="{colour}"];')
    for arrow in picture.arrows:
        lines.append(f'  n{arrow.tail} -> n{arrow.head} [label="{_quoted(arrow.lines)}"];')
    return "\n".join([*lines, "}"])


def draw(
    loss: Variable, ax: "Axes | None" = None, *, format: str | None = None, max_nodes: int = 30
) -> Any:
    """Draw the graph behind a result.

    Inputs are at the top, the result is at the bottom. Boxes hold names, operations and values (of
    arrays the shape and the norm); arrows bear local derivatives (of arrays the shapes and the
    norm of the Jacobian).

    Parameters
    ----------
    loss : Variable
        The result.
    ax : matplotlib.axes.Axes, optional
        Where to draw, scaled to fit; by default a figure of its own.
    format : {None, "svg"}, default=None
        "svg" has Graphviz draw it, whose program ``dot`` must be installed.
    max_nodes : int, default=30
        With more nodes than this, scopes (see `fastml.autodiff.scope`) are drawn as one node each,
        innermost first.

    Returns
    -------
    matplotlib.figure.Figure or str
        The figure; SVG source where Graphviz drew.

    Raises
    ------
    ImportError
        Without Matplotlib.
    RuntimeError
        Without Graphviz, for "svg".
    TypeError
        If `loss` is no variable.
    ValueError
        If it is a constant, its graph was freed, or there are more than 300 nodes to draw.
    """
    if format not in (None, "svg"):
        raise ValueError(f"format must be None or 'svg', got {format!r}.")
    if format == "svg":
        if ax is not None:
            raise ValueError("ax is for Matplotlib; format='svg' takes none.")
        return _svg(to_dot(loss, max_nodes=max_nodes))
    picture = picture_of(loss, max_nodes)
    if len(picture.boxes) > MOST_BOXES:
        raise ValueError(
            f"There are {len(picture.boxes)} nodes to draw, more than {MOST_BOXES}: put parts of "
            "the computation under `with fastml.autodiff.scope(name)`, drawn as one node each."
        )
    try:
        return _figure(picture, ax)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ImportError(
            "draw needs Matplotlib: python -m pip install 'fastml[viz]'. to_dot needs nothing."
        ) from error


def _quoted(lines: list[str]) -> str:
    return "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)


def _svg(source: str) -> str:
    program = shutil.which("dot")
    if program is None:
        raise RuntimeError(
            "format='svg' needs Graphviz's program dot, which is not on the PATH; "
            "format=None draws with Matplotlib."
        )
    done = subprocess.run(
        [program, "-Tsvg"],
        input=source,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"Graphviz's program dot failed: {done.stderr.strip()}")
    return done.stdout


def _figure(picture: Picture, ax: "Axes | None") -> Any:
    from matplotlib.figure import Figure

    sizes = _sizes(picture)
    layout = laid_out(*sizes)
    if ax is None:
        ax = Figure(figsize=layout.size).add_axes((0, 0, 1, 1))
    room = ax.get_window_extent()
    scale = min(room.width / layout.size[0], room.height / layout.size[1]) / ax.figure.dpi
    ax.set(xlim=(0, layout.size[0]), ylim=(0, layout.size[1]), aspect="equal")
    ax.set_axis_off()
    _put(picture, sizes[0], layout, ax, scale)
    return ax.figure


def _sizes(picture: Picture) -> tuple[list[Size], list[tuple[int, int, Size]]]:
    """Measure boxes and labels, in inches."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    renderer = RendererAgg(1, 1, 72)

    def measured(lines: list[str], points: float) -> Size:
        font = FontProperties(size=points)
        widths = [renderer.get_text_width_height_descent(s, font, ismath=False)[0] for s in lines]
        return max(widths) / 72, len(lines) * points * LINE_HEIGHT / 72

    boxes = []
    for box in picture.boxes:
        width, height = measured(box.lines, FONT_SIZE)
        boxes.append((width + 0.24, height + 0.12))
    arrows = []
    for arrow in picture.arrows:
        width, height = measured(arrow.lines, LABEL_SIZE)
        arrows.append((arrow.tail, arrow.head, (width + 0.06, height + 0.04)))
    return boxes, arrows


def _put(picture: Picture, sizes: list[Size], layout: Layout, ax: "Axes", scale: float) -> None:
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path

    for route in layout.routes:
        vertices, codes = [route[0]], [Path.MOVETO]
        for i, (start, end) in enumerate(pairwise(route)):
            if i % 2 == 0:
                # A line of no length would leave the arrow's head without a direction.
                if start[1] - end[1] > 1e-6:
                    vertices.append(end)
                    codes.append(Path.LINETO)
                continue
            middle = (start[1] + end[1]) / 2
            vertices += [(start[0], middle), (end[0], middle), end]
            codes += [Path.CURVE4] * 3
        ax.add_patch(
            FancyArrowPatch(
                path=Path(vertices, codes), arrowstyle="-|>", mutation_scale=7 * scale,
                color="#777777", linewidth=0.9 * scale, shrinkA=0, shrinkB=0, zorder=1,
            )
        )  # fmt: skip
    style: dict[str, Any] = {"ha": "center", "va": "center", "parse_math": False}
    for box, (width, height), (x, y) in zip(picture.boxes, sizes, layout.boxes, strict=True):
        ax.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2), width, height,
                boxstyle="round,pad=0,rounding_size=0.07", facecolor=COLOURS[box.kind],
                edgecolor="#444444", linewidth=LINE_WIDTHS[box.kind] * scale, zorder=2,
            )
        )  # fmt: skip
        text = "\n".join(box.lines)
        ax.text(x, y, text, fontsize=FONT_SIZE * scale, linespacing=LINE_HEIGHT, zorder=3, **style)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.6 * scale}
    for arrow, (x, y) in zip(picture.arrows, layout.labels, strict=True):
        text = "\n".join(arrow.lines)
        ax.text(
            x, y, text, fontsize=LABEL_SIZE * scale, linespacing=LINE_HEIGHT, zorder=3,
            color=LABEL_COLOUR, bbox=behind, **style,
        )  # fmt: skip
