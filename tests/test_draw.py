"""Drawings of graphs: what they show, that it can be read, and Graphviz source."""

import os
import re
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastml import autodiff as ad
from fastml.autodiff._layout import laid_out
from fastml.autodiff._picture import picture_of


def neuron():
    x, w, b, t = (ad.variable(v, n) for v, n in ((2.0, "x"), (0.5, "w"), (-1.0, "b"), (1.0, "t")))
    s = w * x + b
    s.name = "s"
    y = ad.sigmoid(s)
    y.name = "y"
    return 0.5 * (y - t) ** 2


def network(depth):
    """Layers with a way around each, so that arrows cross layers of the drawing."""
    rng = np.random.default_rng(0)
    h = ad.variable(rng.standard_normal((5, 4)), "X")
    for i in range(depth):
        weights = ad.variable(rng.standard_normal((4, 4)) / 2, f"W{i}")
        bias = ad.variable(rng.standard_normal(4), f"b{i}")
        with ad.scope(f"layer{i}"), ad.scope("inner"):
            s = h @ weights + bias
        with ad.scope(f"layer{i}"):
            h = ad.tanh(s) * ad.sigmoid(-s) + h
    with ad.scope("loss"):
        return ad.mean((h - np.ones((5, 4))) ** 2)


def texts(picture):
    return [" | ".join(box.lines) for box in picture.boxes]


def test_boxes_say_names_operations_and_values():
    picture = picture_of(neuron(), 30)
    assert texts(picture) == [
        "x | 2", "w | 0.5", "b | -1", "t | 1", "w * x | 1", "s = \u2022 + b | 0",
        "y = sigma(s) | 0.5", "y - t | -0.5", "\u2022^2 | 0.25", "1/2 * \u2022 | 0.125",
    ]  # fmt: skip
    assert [box.kind for box in picture.boxes] == ["leaf"] * 4 + ["operation"] * 5 + ["result"]


def test_arrows_bear_local_derivatives():
    picture = picture_of(neuron(), 30)
    names = [box.lines[0].split(" = ")[0] for box in picture.boxes]
    found = {(names[a.tail], names[a.head]): a.lines for a in picture.arrows}
    assert found[("w", "w * x")] == ["2"]
    assert found[("x", "w * x")] == ["0.5"]
    assert found[("s", "y")] == ["0.25"]
    assert found[("t", "y - t")] == ["-1"]
    assert found[("y - t", "\u2022^2")] == ["-1"]


def test_arrows_of_arrays_bear_shapes_and_norms():
    x = ad.variable(np.arange(6.0).reshape(2, 3), "X")
    v = ad.variable(np.array([1.0, 2.0, 2.0]), "v")
    picture = picture_of(ad.sum(ad.square(x @ v)), 30)
    lines = {tuple(arrow.lines) for arrow in picture.arrows}
    assert lines == {
        ("(2) x (2, 3)", f"norm {np.sqrt(2) * 3:.4g}"),
        ("(2) x (3)", f"norm {np.linalg.norm(x.value):.4g}"),
        ("diagonal", f"norm {2 * np.linalg.norm(x.value @ v.value):.4g}"),
        ("(2)", "norm 1.414"),
    }
    wide = ad.variable(np.ones((100, 3)), "X")
    assert ["(100) x (3)"] in [a.lines for a in picture_of(ad.sum(wide @ v), 30).arrows]


def test_an_input_used_twice_has_two_arrows():
    x = ad.variable(3.0, "x")
    picture = picture_of(x * x, 30)
    assert [(a.tail, a.head, a.lines) for a in picture.arrows] == [(0, 1, ["3"]), (0, 1, ["3"])]


def test_odd_constants_and_long_names():
    x, short = ad.variable([1.0, 2.0], "x" * 50), ad.variable([1.0, 2.0], "x")
    with ad.no_grad():
        constant = x * 2
    z = ad.variable(1 + 1j)
    loss = (
        ad.sum(x * short * -3.0 + constant + np.arange(2))
        + ad.real(z * 2j)
        + ad.reshape(x, (2,))[0]
    )
    found = texts(picture_of(loss, 30))
    assert all(len(text.split(" | ")[0]) <= 30 for text in found)
    assert "variable | 1+1j" in found
    assert any("(-3)" in text for text in found)
    assert any("(0+2j)" in text for text in found)


# -- folding


def test_scopes_fold_when_there_are_many_nodes():
    loss = network(6)
    assert len(picture_of(loss, 1000).boxes) == 59
    inner = picture_of(loss, 58)
    assert {"layer0/inner | 2 operations | (5, 4)"} <= {
        text.rpartition(",")[0] for text in texts(inner)
    }
    layers = picture_of(loss, 30)
    assert len(layers.boxes) == 6 + 1 + 12 + 1
    (third,) = (
        i for i, text in enumerate(texts(layers)) if text.startswith("layer3 | 7 operations")
    )
    assert [a.lines for a in layers.arrows if a.tail == third] == [["(5, 4)"]]
    assert sorted(a.lines for a in layers.arrows if a.head == third) == [
        ["(4)"],
        ["(4, 4)"],
        ["(5, 4)"],
    ]
    with_leaves = picture_of(loss, 10)
    assert len(with_leaves.boxes) == 7
    assert any("| of W3, b3 |" in text for text in texts(with_leaves))
    assert len(with_leaves.arrows) == 6


def test_folded_scopes_never_depend_on_each_other_in_a_circle():
    x = ad.variable(0.5, "x")
    y = x
    for i in range(40):
        with ad.scope("even" if i % 2 == 0 else "odd"):
            y = ad.sin(y) + y
    picture = picture_of(y, 10)
    assert all(arrow.tail < arrow.head for arrow in picture.arrows)
    assert len(picture.boxes) == 40


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_pictures_are_in_order(data):
    made = [ad.variable(0.5, "x")]
    for _ in range(data.draw(st.integers(1, 25))):
        if data.draw(st.booleans()):
            made.append(ad.variable(0.1))
        with ad.scope(data.draw(st.sampled_from("abc"))):
            a, b = (made[data.draw(st.integers(0, len(made) - 1))] for _ in range(2))
            made.append(a * b + a)
    loss = made[-1] + 0 * made[0]
    picture = picture_of(loss, data.draw(st.integers(1, 30)))
    assert all(0 <= arrow.tail < arrow.head < len(picture.boxes) for arrow in picture.arrows)
    headed = {arrow.head for arrow in picture.arrows}
    assert all(i in headed or box.kind in ("leaf", "scope") for i, box in enumerate(picture.boxes))
    sizes = [(1.0, 0.4)] * len(picture.boxes)
    layout = laid_out(sizes, [(a.tail, a.head, (0.4, 0.2)) for a in picture.arrows])
    assert_apart(rectangles(layout.boxes, sizes) + rectangles(layout.labels, [(0.4, 0.2)] * 99))
    for arrow, route in zip(picture.arrows, layout.routes, strict=True):
        heights = [y for _, y in route]
        assert np.all(np.diff(heights) < 1e-9)
        assert layout.boxes[arrow.tail][1] > layout.boxes[arrow.head][1]


def rectangles(centres, sizes):
    return [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(centres, sizes, strict=False)
    ]


def assert_apart(found):
    for (left, low, right, high), (left2, low2, right2, high2) in combinations(found, 2):
        assert right <= left2 or right2 <= left or high <= low2 or high2 <= low


# -- Matplotlib


def extents(figure):
    """Return the rectangles that texts take up, in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()
    (axes,) = figure.axes
    return [text.get_window_extent(renderer).extents for text in axes.texts]


@pytest.mark.parametrize("make", [neuron, lambda: network(2), lambda: network(6)])
def test_no_text_is_on_another(make):
    pytest.importorskip("matplotlib")
    loss = make()
    figure = ad.draw(loss)
    picture = picture_of(loss, 30)
    (axes,) = figure.axes
    shown = [text.get_text() for text in axes.texts]
    assert shown == ["\n".join(x.lines) for x in [*picture.boxes, *picture.arrows]]
    found = extents(figure)
    assert_apart(found)
    width, height = figure.bbox.size
    assert all(min(x0, y0) >= 0 and x1 <= width and y1 <= height for x0, y0, x1, y1 in found)
    # Every text of a box is inside a box.
    boxes = [
        patch.get_window_extent().extents
        for patch in axes.patches
        if type(patch).__name__ == "FancyBboxPatch"
    ]
    for (x0, y0, x1, y1), (left, low, right, high) in zip(found, boxes, strict=False):
        assert left <= x0 < x1 <= right
        assert low <= y0 < y1 <= high
    assert len(boxes) == len(picture.boxes)


def test_a_graph_is_drawn_into_axes_to_fit():
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(4, 3))
    left, right = figure.subplots(1, 2)
    assert ad.draw(neuron(), right) is figure
    assert len(right.texts) == 10 + 9
    assert len(left.texts) == 0
    figure.axes[0].remove()
    assert_apart(extents(figure))


def test_matplotlib_is_imported_by_drawing_only():
    code = (
        "import sys; from fastml import autodiff as ad; x = ad.variable(1.0, 'x'); y = x * x; "
        "ad.to_dot(y); ad.explain(y, x); assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    loss = neuron()
    for name in [n for n in sys.modules if n.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"fastml\[viz\]"):
        ad.draw(loss)


# -- Graphviz


STATEMENT = re.compile(
    r"""(?:(?:node|edge)|n\d+(?:\s*->\s*n\d+)?)\s*
        \[\s*\w+=(?:\w+|"(?:[^"\\]|\\.)*")(?:,\s*\w+=(?:\w+|"(?:[^"\\]|\\.)*"))*\s*\];\s*""",
    re.VERBOSE,
)


def statements(source):
    """Read a graph in the part of DOT's grammar that is used; return its statements."""
    found = re.fullmatch(r"digraph \{\s*(.*)\}", source, re.DOTALL)
    rest, read = found[1], []
    while rest:
        statement = STATEMENT.match(rest)
        assert statement is not None, rest[:80]
        read.append(statement[0].strip())
        rest = rest[statement.end() :]
    return read


def test_dot_source():
    source = ad.to_dot(neuron())
    read = statements(source)
    assert len(read) == 2 + 10 + 9
    assert 'n6 [label="y = sigma(s)\\n0.5", fillcolor="#ffffff"];' in read
    assert 'n5 -> n6 [label="0.25"];' in read


def test_dot_source_escapes_names():
    x = ad.variable(1.0, 'a "quoted" \\name; }')
    read = statements(ad.to_dot(x * 2))
    assert 'n0 [label="a \\"quoted\\" \\\\name; }\\n1", fillcolor="#e3eefb"];' in read


def test_dot_source_folds():
    assert len(statements(ad.to_dot(network(6), max_nodes=10))) == 2 + 7 + 6


def test_a_long_chain_has_dot_source():
    y = ad.variable(0.1, "x")
    for _ in range(3000):
        y = y * 0.999
    assert len(statements(ad.to_dot(y))) == 2 + 3001 + 3000
    with pytest.raises(ValueError, match="3001 nodes to draw, more than 300"):
        ad.draw(y)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_svg():
    assert xml.etree.ElementTree.fromstring(ad.draw(neuron(), format="svg")).tag.endswith("svg")


@pytest.mark.skipif(os.name == "nt", reason="a script stands for Graphviz")
def test_graphviz_is_called_with_the_source(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="needs Graphviz's program dot"):
        ad.draw(neuron(), format="svg")
    program = tmp_path / "dot"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:], sys.stdin.read())\n", encoding="utf-8"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    loss = neuron()
    assert ad.draw(loss, format="svg") == f"['-Tsvg'] {ad.to_dot(loss)}\n"
    program.write_text(f"#!{sys.executable}\nraise SystemExit('syntax error')\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="dot failed: syntax error"):
        ad.draw(loss, format="svg")


# -- input that cannot be drawn


@pytest.mark.parametrize("function", [ad.draw, ad.to_dot])
def test_bad_input(function):
    with pytest.raises(TypeError, match="loss must be a variable, got float"):
        function(2.0)
    with ad.no_grad():
        constant = ad.variable(1.0) * 2
    with pytest.raises(ValueError, match="this one is a constant"):
        function(constant)
    loss = neuron()
    with pytest.raises(ValueError, match="max_nodes must be 1 or more, got 0"):
        function(loss, max_nodes=0)
    loss.backward(free=True)
    with pytest.raises(ValueError, match="freed by an earlier"):
        function(loss)


def test_bad_formats():
    with pytest.raises(ValueError, match="format must be None or 'svg', got 'png'"):
        ad.draw(neuron(), format="png")
    with pytest.raises(ValueError, match="ax is for Matplotlib"):
        ad.draw(neuron(), ax=object(), format="svg")
