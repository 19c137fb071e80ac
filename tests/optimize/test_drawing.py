"""Pictures: what they show, read back from the figures."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fastml.optimize import ConstrainedProblem, LinearProgram, QuadraticProgram, draw, draw_dual
from fastml.optimize._draw import vertices

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.quiver import Quiver  # noqa: E402

LP = LinearProgram([3, 5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], bounds=(0, None), maximize=True)
DISC = ConstrainedProblem(
    lambda x: x[0] + x[1], [lambda x: x[0] ** 2 + x[1] ** 2 - 2], [lambda x: x[0] - x[1]], n=2
)


def arrows(ax):
    return [np.ravel([q.U, q.V]) for q in ax.collections if isinstance(q, Quiver)]


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_linear_program():
    figure = draw(LP)
    (ax,) = figure.axes
    found = {line.get_label(): np.array(line.get_xydata()) for line in ax.get_lines()}
    assert_allclose(found["solution"], [[2, 6]])
    # Around the set, against the clock.
    assert_allclose(found["vertices"], [[0, 0], [4, 0], [4, 3], [2, 6], [0, 6]], atol=1e-12)
    # The arrows of the constraints, as long as their multipliers make them, add up to -grad f0.
    first, *others = arrows(ax)
    assert len(others) == 2
    assert_allclose(np.sum(others, axis=0), first)
    assert_allclose(first / np.linalg.norm(first), np.array([3, 5]) / np.sqrt(34))
    assert_allclose(np.linalg.norm(others[0]) / np.linalg.norm(others[1]), 1.5 * 2 / np.sqrt(13))
    assert "1.5 x gradient of 2 x2 <= 12" in labels(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x1", "x2")


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_the_feasible_set_is_the_coloured_part(where):
    figure = draw(DISC, xlim=(-3, 3), ylim=(-3, 3))
    (ax,) = figure.axes
    feasible = ax.collections[0]
    point = (0.9, 0.9) if where == "inside" else (1.1, 1.1)
    paths = [p for p in feasible.get_paths() if p.contains_point(point)]
    assert bool(paths) == (where == "inside")
    first, *others = arrows(ax)
    assert_allclose(np.sum(others, axis=0), first, atol=1e-9)


def test_points_results_and_problems_without_solution():
    at = draw(LP, solution=[0.0, 0.0], lam=[0, 0, 0])
    assert_allclose(at.axes[0].get_lines()[1].get_xydata(), [[0, 0]])
    empty = draw(LinearProgram([1, 1], [[1, 0], [-1, 0]], [0, -1])).axes[0]
    assert "solution" not in [line.get_label() for line in empty.get_lines()]
    assert not arrows(empty)
    flat = QuadraticProgram(np.eye(2) * 2)
    assert not arrows(draw(flat).axes[0])
    ax = Figure().add_subplot()
    assert draw(flat, ax) is ax.figure
    assert flat.draw(xlim=(0, 1), ylim=(2, 4)).axes[0].get_ylim() == (2, 4)


def test_vertices_of_a_set_with_an_equality():
    lp = LinearProgram([1, 1], A_eq=[[1, 1]], b_eq=[1], bounds=(0, None))
    assert sorted(map(tuple, vertices(lp))) == [(0, 1), (1, 0)]
    assert vertices(LinearProgram([1, 1])).shape == (0, 2)


def test_the_dual_curve():
    qp = QuadraticProgram([[2, 0], [0, 2]], A=[[0, 1]], b=[-2])
    for problem in (qp, DISC):
        (ax,) = draw_dual(problem).axes
        curve, level, star = ax.get_lines()
        (best, height), value = star.get_xydata()[0], level.get_ydata()[0]
        assert_allclose(height, value, atol=1e-6)
        assert np.nanmax(curve.get_ydata()) <= value + 1e-9
        x, y = curve.get_xydata().T
        assert_allclose(x[np.nanargmax(y)], best, atol=2 * (x[1] - x[0]))
    x, y = draw_dual(qp, limits=(0, 10)).axes[0].get_lines()[0].get_xydata().T
    assert_allclose(y, -(x**2) / 4 + 2 * x, atol=1e-10)
    lp = draw_dual(LinearProgram([1, 1], [[-1, -1]], [-3], bounds=(0, 2))).axes[0]
    assert np.all(np.isfinite(lp.get_lines()[0].get_ydata()))


def test_what_cannot_be_drawn(monkeypatch):
    with pytest.raises(ValueError, match="two variables can be drawn, this one has 1"):
        draw(LinearProgram([1]))
    with pytest.raises(ValueError, match="which must be from 0 to 2, got 3"):
        draw_dual(LP, which=3)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"fastml\[viz\]"):
        draw(LP)
