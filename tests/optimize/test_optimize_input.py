"""Bad input: errors that name the argument and what was expected."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import Bounds

from fastml.optimize import (
    ConstrainedProblem,
    LinearProgram,
    QuadraticProgram,
    kkt_report,
    lagrangian,
)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([[1, 2]],), "c must have one dimension, got shape"),
        (([np.nan],), "c must not contain NaN or infinity"),
        ((["a"],), "c must be an array of real numbers"),
        (([1j],), "c must be an array of real numbers"),
        (([1, 2], [[1, 2, 3]], [1]), r"A must have shape \(rows, 2\), got \(1, 3\)"),
        (([1, 2], [[1, 2]], [1, 2]), "b must have length 1, got 2"),
        (([1, 2], [[1, 2]]), "A and b must be given together"),
        (([1, 2], None, [1]), "A and b must be given together"),
        (([1, 2], [[1, np.inf]], [1]), "A must not contain NaN or infinity"),
        (([1, 2], [[1, 2]], [np.inf]), "b must not contain NaN or infinity"),
        (([1, 2], None, None, [[1]], [1]), r"A_eq must have shape \(rows, 2\)"),
        (([1, 2], None, None, [[1, 1]], None), "A_eq and b_eq must be given together"),
    ],
)
def test_linear_programs(arguments, message):
    with pytest.raises(ValueError, match=message):
        LinearProgram(*arguments)


@pytest.mark.parametrize(
    "bounds, message",
    [
        ([(0, 1)] * 3, "bounds must be 2 pairs, one for each variable, got 3"),
        (5, "bounds must be None, a pair, 2 pairs or scipy.optimize.Bounds"),
        ([(0, 1), 3], "bounds must be None, a pair"),
        ((np.nan, 1), "bounds must not be NaN"),
        ((np.inf, None), r"nor \+inf below"),
    ],
)
def test_bounds(bounds, message):
    with pytest.raises(ValueError, match=message):
        LinearProgram([1, 2], bounds=bounds)


def test_ways_to_give_bounds():
    for bounds in ((0, None), [(0, None)] * 2, [[0, np.inf]] * 2, Bounds(0, np.inf)):
        lp = LinearProgram([1, 2], bounds=bounds)
        assert_allclose(lp.lower, 0)
        assert_allclose(lp.upper, np.inf)


def test_quadratic_programs():
    with pytest.raises(ValueError, match=r"Q must have shape \(rows, 1\), got \(1, 2\)"):
        QuadraticProgram([[1, 2]])
    with pytest.raises(ValueError, match="c must have length 2, got 1"):
        QuadraticProgram(np.eye(2), [1])
    # Only the symmetric part counts.
    qp = QuadraticProgram([[0, 2], [0, 0]])
    assert_allclose(qp.Q, [[0, 1], [1, 0]])


def test_names():
    for names in (["x"], "xy", ["x", "x"]):
        with pytest.raises(ValueError, match="names must be 2 different names"):
            LinearProgram([1, 2], names=names)


def test_functions():
    with pytest.raises(TypeError, match=r"ineq\[0\] must be a function of x, .* got int"):
        ConstrainedProblem(lambda x: x[0], [3], n=1)
    with pytest.raises(TypeError, match="f0 must be a function"):
        ConstrainedProblem(None, n=1)
    with pytest.raises(ValueError, match="n must be 1 or more, got 0"):
        ConstrainedProblem(lambda x: 0.0, n=0)
    with pytest.raises(ValueError, match="f0 must return one number, got 2"):
        ConstrainedProblem(lambda x: x, n=2).solve()
    with pytest.raises(ValueError, match="f0 must return real numbers"):
        ConstrainedProblem(lambda x: "a", n=2).solve()
    with pytest.raises(ValueError, match=r"f0 must return a number or a vector, got \(1, 2\)"):
        ConstrainedProblem(lambda x: x[None], n=2).objective(np.zeros(2))
    with pytest.raises(ValueError, match="The gradient of f0 must have 2 elements"):
        ConstrainedProblem((lambda x: x[0], lambda x: [1.0]), n=2).gradient(np.zeros(2))
    with pytest.raises(ValueError, match="n must be given, where names or bounds do not tell"):
        ConstrainedProblem(lambda x: x[0], bounds=(0, 1))
    assert ConstrainedProblem(lambda x: x[0], bounds=[(0, 1)] * 3).n == 3
    assert ConstrainedProblem(lambda x: x[0], names=["a", "b"]).n == 2
    problem = ConstrainedProblem(lambda x: x[0], n=1)
    with pytest.raises(ValueError, match="method must be 'SLSQP' or 'trust-constr', got 'BFGS'"):
        problem.solve(method="BFGS")
    with pytest.raises(ValueError, match="x must have length 1, got 2"):
        problem.solve([0, 1])


def test_points_and_multipliers():
    qp = QuadraticProgram(np.eye(2), A=[[1, 1]], b=[1], bounds=[(0, None), (None, None)])
    with pytest.raises(ValueError, match="x must have length 2, got 3"):
        kkt_report(qp, [1, 2, 3])
    with pytest.raises(ValueError, match="x must not contain NaN"):
        kkt_report(qp, [1, np.nan])
    with pytest.raises(ValueError, match="lam must have length 1, got 2"):
        kkt_report(qp, [1, 2], [1, 2])
    with pytest.raises(ValueError, match="nu must have length 0, got 1"):
        qp.dual_function([1], [1])
    with pytest.raises(ValueError, match="lower must be 0 for variables without that bound"):
        lagrangian(qp, [0, 0], [0], lower=[0, 1])
    with pytest.raises(ValueError, match="this one is unbounded"):
        LinearProgram([1]).sensitivity()


def test_inputs_are_not_changed_and_may_be_of_any_kind():
    c = np.array([3, 5], dtype=">f4")
    A = np.asfortranarray([[1, 0], [0, 2], [3, 2]], dtype=np.int8)
    A.setflags(write=False)
    lp = LinearProgram(-c, A, (4, 12, 18), bounds=((0, None), (0, None)))
    assert_allclose(lp.solve().x, [2, 6])
    Q = np.array([[2.0, 1.0], [0.0, 2.0]])
    before = Q.copy()
    QuadraticProgram(Q, bounds=(1, 2)).solve()
    assert_allclose(Q, before)
