"""What one knows of each activation, as data to print and to look at."""

from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastml import autodiff as ad
from fastml.activations import _functions as f
from fastml.autodiff import primitives as p

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Activation", "ActivationTable", "plot", "table"]

INF = np.inf


class Activation(NamedTuple):
    """An activation function.

    Attributes
    ----------
    name : str
        Of the function in `fastml.activations`.
    formula, latex : str
        Its value, as text and in LaTeX.
    derivative, derivative_latex : str
        Its derivative; y is the value.
    derivative_at_0 : float
        By convention where there is none. Of functions of several units: that of the first result
        by the first of two inputs, both 0.
    range : (float, float)
        Smallest and largest values, or their bounds.
    vanishes : str
        Where the unit saturates, so that its gradient vanishes: "nowhere", "below 0",
        "above 0", "both sides" or "everywhere".
    function : callable
        The function.
    """

    name: str
    formula: str
    latex: str
    derivative: str
    derivative_latex: str
    derivative_at_0: float
    range: tuple[float, float]
    vanishes: str
    function: Callable[..., Any]

    @property
    def can_vanish(self) -> bool:
        """Whether the gradient can vanish."""
        return self.vanishes != "nowhere"


ACTIVATIONS = (
    Activation(
        "identity", "x", "x", "1", "1", 1.0, (-INF, INF), "nowhere", f.identity,
    ),
    Activation(
        "sigmoid", "1 / (1 + exp(-x))", r"\frac{1}{1 + e^{-x}}", "y (1 - y)", "y (1 - y)",
        0.25, (0.0, 1.0), "both sides", f.sigmoid,
    ),
    Activation(
        "tanh", "tanh(x)", r"\tanh x", "1 - y^2", "1 - y^2", 1.0, (-1.0, 1.0), "both sides", f.tanh,
    ),
    Activation(
        "relu", "max(x, 0)", r"\max(x, 0)", "1 if x > 0 else 0", "[x > 0]",
        0.0, (0.0, INF), "below 0", f.relu,
    ),
    Activation(
        "leaky_relu", "x if x > 0 else a x, a = 0.01", r"\max(x, a x)", "1 if x > 0 else a",
        r"[x > 0] + a\,[x \leq 0]", 0.01, (-INF, INF), "nowhere", f.leaky_relu,
    ),
    Activation(
        "elu", "x if x > 0 else a (exp(x) - 1), a = 1", r"\max(x, 0) + a\,(e^{\min(x, 0)} - 1)",
        "1 if x > 0 else y + a", r"[x > 0] + (y + a)\,[x \leq 0]",
        1.0, (-1.0, INF), "below 0", f.elu,
    ),
    Activation(
        "gelu", "x Phi(x)", r"x\,\Phi(x)", "Phi(x) + x phi(x)", r"\Phi(x) + x\,\varphi(x)",
        0.5, (-0.16997120747990366, INF), "below 0", f.gelu,
    ),
    Activation(
        "softplus", "log(1 + exp(x))", r"\ln(1 + e^x)", "1 / (1 + exp(-x))",
        r"\frac{1}{1 + e^{-x}}", 0.5, (0.0, INF), "below 0", f.softplus,
    ),
    Activation(
        "softmax", "exp(x_i) / sum_j exp(x_j)", r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
        "y_i ([i = j] - y_j)", r"y_i\,(\delta_{ij} - y_j)",
        0.25, (0.0, 1.0), "both sides", f.softmax,
    ),
    Activation(
        "log_softmax", "x_i - log(sum_j exp(x_j))", r"x_i - \ln \sum_j e^{x_j}",
        "[i = j] - exp(y_j)", r"\delta_{ij} - e^{y_j}",
        0.5, (-INF, 0.0), "above 0", f.log_softmax,
    ),
    Activation(
        "winner_take_all", "1 if x_i = max_j x_j else 0", r"[x_i = \max_j x_j]", "0", "0",
        0.0, (0.0, 1.0), "everywhere", f.winner_take_all,
    ),
)  # fmt: skip
# Functions of several units, which one curve does not show.
_OF_SEVERAL = ("softmax", "log_softmax", "winner_take_all")
_HEADER = ("name", "value y", "derivative", "at 0", "range", "vanishes")


class ActivationTable(tuple[Activation, ...]):
    """Activations, printed as a table, in a notebook with formulas set in LaTeX."""

    __slots__ = ()

    def __repr__(self) -> str:
        rows = [_HEADER, *((a.name, a.formula, a.derivative, *_numbers(a)) for a in self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        body = [
            "".join(f"<td>{cell}</td>" for cell in (
                f"<code>{a.name}</code>", f"${escape(a.latex)}$", f"${escape(a.derivative_latex)}$",
                *map(escape, _numbers(a)),
            ))
            for a in self
        ]  # fmt: skip
        head = "".join(f"<th>{title}</th>" for title in _HEADER)
        rows = "".join(f"<tr>{row}</tr>" for row in body)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _numbers(a: Activation) -> tuple[str, str, str]:
    low, high = a.range
    return f"{a.derivative_at_0:g}", f"{low:.3g} to {high:.3g}", a.vanishes


def table(names: str | Iterable[str] | None = None) -> ActivationTable:
    """Return what one knows of each activation.

    Parameters
    ----------
    names : str or iterable of str, optional
        Which; all by default.

    Returns
    -------
    ActivationTable
        A tuple of `Activation`, which prints as a table.

    Raises
    ------
    ValueError
        For a name that is no activation's.

    Examples
    --------
    >>> from fastml import activations
    >>> activations.table(["sigmoid", "relu"])
    name     value y            derivative         at 0  range     vanishes
    -------  -----------------  -----------------  ----  --------  ----------
    sigmoid  1 / (1 + exp(-x))  y (1 - y)          0.25  0 to 1    both sides
    relu     max(x, 0)          1 if x > 0 else 0  0     0 to inf  below 0
    """
    known = {a.name: a for a in ACTIVATIONS}
    listed = known if names is None else [names] if isinstance(names, str) else list(names)
    for name in listed:
        if name not in known:
            raise ValueError(f"names must be of {', '.join(map(repr, known))}, got {name!r}.")
    return ActivationTable(known[name] for name in listed)


def plot(names: str | Iterable[str] | None = None, ax: Any = None) -> "Figure":
    """Draw activations and their derivatives.

    Parameters
    ----------
    names : str or iterable of str, optional
        Which; by default all that are functions of one number.
    ax : matplotlib axes, optional
        Where to draw all of them: derivatives as broken lines of the same colour. By default each
        has a panel of a new figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        For a name that is none of those.
    """
    drawn = [a for a in table(names) if a.name not in _OF_SEVERAL]
    if names is not None and (not drawn or len(drawn) < len(table(names))):
        raise ValueError(f"names must be of functions of one number, got {names!r}.")
    if ax is not None:
        for a in drawn:
            _draw(a, ax)
        ax.legend()
        return ax.figure
    from matplotlib import pyplot as plt

    n_columns = min(4, len(drawn))
    n_rows = -(-len(drawn) // n_columns)
    size = (3.2 * n_columns, 2.8 * n_rows)
    figure, grid = plt.subplots(
        n_rows, n_columns, figsize=size, squeeze=False, sharex=True, layout="constrained"
    )
    for panel in grid.flat[len(drawn) :]:
        panel.remove()
    for a, panel in zip(drawn, grid.flat, strict=False):
        _draw(a, panel)
        panel.set(title=f"{a.name}:  ${a.latex}$", ylim=(-1.2, 2.2))
        at_0 = f"at 0: {a.derivative_at_0:g}"
        panel.annotate(at_0, (0.97, 0.05), xycoords="axes fraction", ha="right", color="grey")
    lines = grid.flat[0].get_lines()[-2:]
    figure.legend(lines, ["value", "derivative"], loc="outside lower center", ncols=2)
    return figure


def _draw(a: Activation, ax: Any) -> None:
    # An even number of points: where there is a corner, at 0, there is no derivative.
    x = ad.variable(np.linspace(-5, 5, 1000))
    y = a.function(x)
    p.sum(y).backward()
    for zero in (ax.axhline, ax.axvline):
        zero(0, color="lightgrey", linewidth=0.8, zorder=0)
    (line,) = ax.plot(x.value, y.value, label=a.name)
    jumps = np.abs(np.diff(x.grad)) > 0.2
    slopes = np.insert(x.grad, np.flatnonzero(jumps) + 1, np.nan)
    places = np.insert(x.value, np.flatnonzero(jumps) + 1, 0)
    ax.plot(places, slopes, "--", color=line.get_color())
    ax.set(xlim=(-5, 5))
