"""Problems given as functions: gradients, outcomes, the dual function."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fastml import autodiff as ad
from fastml.optimize import ConstrainedProblem, LinearProgram, QuadraticProgram, dual_function


def circle(a=-2.0, **options):
    return ConstrainedProblem(
        lambda x: x[0] ** 2 + x[1] ** 2, [lambda x: x[1] - a], n=2, names=["x", "y"], **options
    )


def entropy():
    """Least divergence under a mean: its solution is exponential."""
    levels = np.arange(1.0, 7)
    return ConstrainedProblem(
        lambda p: ad.sum(p * ad.log(p)), eq=[lambda p: ad.sum(p) - 1, lambda p: levels @ p - 4.5],
        n=6, bounds=(1e-9, None),
    )  # fmt: skip


def test_multipliers_are_exact():
    solution = circle().solve([3.0, 3.0])
    assert_allclose(solution.multipliers.ineq, [4], rtol=1e-12)
    assert_allclose(solution.x, [0, -2], atol=1e-12)
    problem = entropy()
    solution = problem.solve(np.full(6, 1 / 6))
    assert solution.report.residual < 1e-10
    # log p_i = -1 - nu_1 - nu_2 i: dice of mean 4.5 (Jaynes).
    nu = solution.multipliers.eq
    assert_allclose(np.log(solution.x), -1 - nu[0] - nu[1] * np.arange(1, 7), atol=1e-9)
    printed = [0.05435, 0.07877, 0.11416, 0.16545, 0.23977, 0.34749]
    assert_allclose(solution.x, printed, atol=1e-5)


def test_gradients_come_from_the_graph_or_are_given_or_are_differences():
    functions = {
        "autodiff": lambda x: np.exp(x[0]) + x[1] ** 2,
        "given": (lambda x: math.exp(x[0]) + x[1] ** 2,
                  lambda x: np.array([math.exp(x[0]), 2 * x[1]])),
        # math.exp takes a variable for a number, and would lose its part of the gradient.
        "differences": lambda x: math.exp(x[0]) + x[1] ** 2,
    }  # fmt: skip
    values = []
    for by, f0 in functions.items():
        problem = ConstrainedProblem(f0, [lambda x: 1 - x[0] - x[1]], n=2)
        assert problem.differentiated_by == {"f0": "given" if by == "given" else None,
                                             "ineq[0]": None}  # fmt: skip
        solution = problem.solve()
        assert solution.status == "optimal"
        assert problem.differentiated_by["f0"] == by
        values.append([*solution.x, *solution.multipliers.ineq])
    assert_allclose(values, values[:1] * 3, rtol=1e-8)


def test_gradients_at_the_border_of_where_functions_are_defined():
    problem = ConstrainedProblem(lambda x: x[0] * np.log(x[0]), n=1, bounds=(1e-9, 5))
    assert_allclose(problem.gradient(np.array([1e-9])), [np.log(1e-9) + 1])
    assert problem.differentiated_by["f0"] == "autodiff"
    assert_allclose(problem.solve().x, [np.exp(-1)], rtol=1e-9)


def test_functions_may_have_several_values():
    A, b = np.array([[1.0, 0], [0, 2], [3, 2]]), np.array([4.0, 12, 18])
    problem = ConstrainedProblem(
        lambda x: -3 * x[0] - 5 * x[1], [lambda x: A @ x - b], n=2, bounds=(0, None)
    )
    assert problem.ineq_texts() == ["f1(x)[0] <= 0", "f1(x)[1] <= 0", "f1(x)[2] <= 0"]
    solution = problem.solve([1.0, 1.0])
    lp = LinearProgram([-3, -5], A, b, bounds=(0, None)).solve()
    assert_allclose(solution.x, lp.x, rtol=1e-9)
    assert_allclose(solution.multipliers.ineq, lp.multipliers.ineq, atol=1e-9)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_both_methods_and_callbacks(method):
    seen = []
    solution = circle().solve([1.0, 1.0], method=method, callback=seen.append)
    assert_allclose(solution.multipliers.ineq, [4], rtol=1e-9)
    assert len(seen) >= 1
    assert all(x.shape == (2,) for x in seen)


def test_outcomes_have_names():
    falling = ConstrainedProblem(lambda x: x[0], n=1).solve()
    assert (falling.status, falling.value) == ("unbounded", -np.inf)
    empty = ConstrainedProblem(lambda x: x[0], [lambda x: x[0] ** 2 + 1], n=1).solve()
    assert empty.status == "infeasible"
    assert not empty.report["primal feasibility"].holds
    # Problem 13 of Hock and Schittkowski, whose optimum (1, 0) is no KKT point.
    stuck = ConstrainedProblem(
        lambda x: (x[0] - 2) ** 2 + x[1] ** 2, [lambda x: x[1] - (1 - x[0]) ** 3], n=2,
        bounds=(0, None),
    ).solve([-2.0, -2.0])  # fmt: skip
    assert stuck.status == "not solved"
    assert "KKT conditions do not hold" in stuck.message
    assert not stuck.report.holds


@pytest.mark.parametrize("lam", [0.0, 0.5, 4.0, 10.0])
def test_dual_function_is_that_of_the_quadratic_program(lam):
    qp = QuadraticProgram([[2, 0], [0, 2]], A=[[0, 1]], b=[-2])
    assert_allclose(circle().dual_function([lam]), dual_function(qp, [lam]), atol=1e-8)


def test_dual_function_without_limit_and_beyond_any_start():
    problem = ConstrainedProblem(lambda x: x[0], [lambda x: x[0] ** 2 - 1], n=1)
    assert problem.dual_function([0.0]) == -np.inf
    for lam in (1e-6, 1e-3, 0.5, 10.0):
        # inf x + lam (x^2 - 1) = -1 / (4 lam) - lam, taken far out for small lam.
        assert_allclose(problem.dual_function([lam]), -1 / (4 * lam) - lam, rtol=1e-7)
    cubic = ConstrainedProblem(lambda x: x[0] ** 3, [lambda x: -x[0] - 1], n=1)
    assert cubic.dual_function([1.0]) == -np.inf
    # Starts near 0 all end there, in a local minimum.
    hidden = ConstrainedProblem(lambda x: x[0] ** 2 - 1e-3 * x[0] ** 4, n=1)
    assert hidden.dual_function() == -np.inf


def test_strong_duality_with_slaters_condition():
    found = circle().duality()
    assert found.strong
    assert found.weak
    assert found.slater
    assert found.slater_point[1] < -2
    assert found.gap < 1e-6
    found = entropy().duality(np.full(6, 1 / 6))
    assert found.strong


def test_weak_duality_and_a_gap_without_convexity():
    problem = ConstrainedProblem(
        lambda x: x[0] ** 4 - 3 * x[0] ** 2 + x[0], [lambda x: 0.5 - x[0]], n=1
    )
    found = problem.duality([2.0])
    # By a fine grid: the greatest lower bound by lines below the graph.
    x = np.linspace(-3, 3, 60_001)
    lam = np.linspace(0, 3, 301)
    graph = x**4 - 3 * x**2 + x
    dual = max(np.min(graph + y * (0.5 - x)) for y in lam)
    assert_allclose(found.dual, dual, atol=1e-3)
    assert_allclose(found.primal, np.min(graph[x >= 0.5]), atol=1e-6)
    assert found.weak
    assert not found.strong
    assert found.slater is False
    assert "f0(x) is not convex" in str(found)


def test_convexity_without_slaters_condition():
    # Only x = 0 is feasible, where the gradient of x^2 cannot balance that of x.
    problem = ConstrainedProblem(lambda x: x[0], [lambda x: x[0] ** 2], n=1)
    found = problem.duality()
    assert found.slater is not True
    # g(lam) = -1 / (4 lam): the gap closes as lam grows, and no lam is best.
    assert -1e-3 < found.dual < 0
    empty = ConstrainedProblem(lambda x: x[0], [lambda x: x[0] ** 2 + 1], n=1).duality()
    assert (empty.primal, empty.dual) == (np.inf, np.inf)


EXPLAINED = """\
The KKT conditions of a constrained problem

Primal, with a multiplier for each constraint
  minimise    f0(x)
  subject to  f1(x) <= 0  lam >= 0

Lagrangian
  L(x, lam)  = f0(x) + lam f1(x)

Dual function
  g(lam)  = inf over x of L(x, lam)
  It bounds f0 at every feasible x from below, wherever lam >= 0: there each product of the two \
is at most 0.

KKT conditions
  stationarity             grad f0(x) + lam grad f1(x)  = 0
  primal feasibility       f1(x) <= 0
  dual feasibility         lam                          >= 0
  complementary slackness  lam f1(x)                    = 0

At x = 0, y = -2, where f0 = 4
  grad f0  = (0, -4)
  f1(x)    = 0        grad = (0, 1)  lam = 4
  grad L   = (0, 0)"""


def test_conditions_are_written_out():
    assert str(circle().explain([0.0, -2.0])) == EXPLAINED
    with_both = entropy().explain(np.full(6, 1 / 6))
    assert "nu1 grad h1(x) + nu2 grad h2(x) + multipliers of bounds" in str(with_both)
