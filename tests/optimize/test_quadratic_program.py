"""Quadratic programs: the table that is written by hand, and named outcomes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import lsq_linear, minimize

from fastml.optimize import LinearProgram, QuadraticProgram, dual_function, explain, kkt_report

POSITIVE = """\
min x^2 + y^2 subject to y <= 2

case  active  solution      multipliers  KKT
--------------------------------------------------------------------
1     none    x = 0, y = 0  lam = 0      holds
2     y <= 2  x = 0, y = 2  lam = -4     fails: lam = -4 is negative

Solution: x = 0, y = 0, where f0 = 0 (case 1)."""
ZERO = """\
min x^2 + y^2 subject to y <= 0

case  active  solution      multipliers  KKT
-------------------------------------------------------------------------------
1     none    x = 0, y = 0  lam = 0      holds
2     y <= 0  x = 0, y = 0  lam = 0      holds: y <= 0 active with multiplier 0

Solution: x = 0, y = 0, where f0 = 0 (cases 1, 2)."""
NEGATIVE = """\
min x^2 + y^2 subject to y <= -2

case  active   solution       multipliers  KKT
--------------------------------------------------------------------------
1     none     x = 0, y = 0   lam = 0      fails: y <= -2 is violated by 2
2     y <= -2  x = 0, y = -2  lam = 4      holds

Solution: x = 0, y = -2, where f0 = 4 (case 2)."""


def notes(a):
    """Return the problem of the notes: min x^2 + y^2 subject to y <= a."""
    return QuadraticProgram([[2, 0], [0, 2]], A=[[0, 1]], b=[a], names=["x", "y"])


@pytest.mark.parametrize("a, text", [(2, POSITIVE), (0, ZERO), (-2, NEGATIVE)])
def test_the_worked_example(a, text):
    assert str(notes(a).kkt_cases()) == text


@pytest.mark.parametrize("a", [3.0, 0.0, -0.5, -7.0])
def test_the_worked_example_in_numbers(a):
    # lam = -2 a where the constraint binds (the notes have the sign and the second case wrong).
    qp, expected = notes(a), max(0.0, -2 * a)
    solution = qp.solve()
    assert_allclose(solution.x, [0, min(a, 0.0)], atol=1e-14)
    assert_allclose(solution.multipliers.ineq, [expected], atol=1e-13)
    assert_allclose(qp.kkt_cases().solution.lam, [expected], atol=1e-14)
    lam = np.linspace(0, 20, 9)
    # g(lam) = -lam^2 / 4 - a lam, whose maximum is at lam = -2 a or 0.
    assert_allclose([dual_function(qp, [y]) for y in lam], -(lam**2) / 4 - a * lam, atol=1e-12)
    assert qp.duality().strong


EXPLAINED = """\
The dual of a quadratic program

Primal, with a multiplier for each constraint
  minimise    x^2 + y^2
  subject to  y <= -2    lam >= 0

Lagrangian
  L(x, lam)  = x'Q x / 2 + c'x + lam'(A x - b)

Stationarity
  dL/dx  = 2 x        = 0
  dL/dy  = 2 y + lam  = 0

Solved for x
  x  = 0
  y  = -0.5 lam

Dual
  maximise    g(lam) = -0.25 lam^2 + 2 lam
  subject to  lam >= 0
  Put into the Lagrangian, whose constant is 2 lam."""


def test_its_dual_is_derived():
    assert str(explain(notes(-2))) == EXPLAINED
    assert r"-0.25 \lambda^2 + 2 \lambda" in explain(notes(-2)).latex


def random_qp(seed, n=4, m=5, bounded=True):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n, n if seed % 3 else n - 1))
    inside = rng.standard_normal(n)
    A = rng.standard_normal((m, n))
    b = A @ inside + np.abs(rng.standard_normal(m))
    bounds = [(inside[0] - 2, inside[0] + 2)] + [(None, None)] * (n - 1) if bounded else None
    c = -root @ (root.T @ rng.standard_normal(n)) - A.T @ np.abs(rng.standard_normal(m))
    E = rng.standard_normal((seed % 2, n))
    return QuadraticProgram(root @ root.T, c, A, b, E, E @ inside, bounds)


@pytest.mark.parametrize("seed", range(20))
def test_cases_and_solvers_agree(seed):
    qp = random_qp(seed)
    solution, cases = qp.solve(), qp.kkt_cases()
    assert solution.status == "optimal"
    assert solution.report.residual <= 1e-9
    best = cases.solution
    assert_allclose(best.value, solution.value, rtol=1e-9, atol=1e-9)
    assert kkt_report(qp, best.x, best.lam[: qp.n_ineq], best.nu).holds
    assert len(cases) == 2 ** (qp.n_ineq + 2)
    for case in cases:
        assert case.holds or case.reasons
        if case.holds:
            # All KKT points of a convex problem are as good.
            assert_allclose(case.value, solution.value, rtol=1e-8, atol=1e-8)
    dual = dual_function(qp, solution.multipliers.ineq, solution.multipliers.eq)
    assert_allclose(dual, solution.value, rtol=1e-7, atol=1e-7)
    assert qp.duality().strong


@pytest.mark.parametrize("seed", range(4))
def test_bounded_least_squares_beside_scipy(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((30, 6)), rng.standard_normal(30)
    found = lsq_linear(X, y, (-0.1, 0.2), tol=1e-14)
    qp = QuadraticProgram(X.T @ X, -X.T @ y, bounds=(-0.1, 0.2), offset=y @ y / 2)
    solution = qp.solve()
    assert_allclose(solution.x, found.x, atol=1e-7)
    assert_allclose(solution.value, found.cost, rtol=1e-9)


def test_multipliers_are_polished():
    rng = np.random.default_rng(3)
    root, A = rng.standard_normal((20, 20)), rng.standard_normal((30, 20))
    qp = QuadraticProgram(root @ root.T, rng.standard_normal(20), A, A @ np.ones(20) - 1)
    solution = qp.solve()
    given = solution.multipliers
    slope = qp.Q @ solution.x + qp.c + qp.A.T @ given.ineq
    assert np.max(np.abs(slope)) < 1e-10
    assert np.max(np.abs(given.ineq * (qp.A @ solution.x - qp.b))) < 1e-10


def test_outcomes_have_names():
    infeasible = QuadraticProgram([[1]], [0], [[1], [-1]], [1, -2]).solve()
    assert infeasible.status == "infeasible"
    assert infeasible.certificate.holds()
    assert infeasible.value == np.inf
    flat = QuadraticProgram([[1, 0], [0, 0]], [0, 1], [[0, 1]], [3]).solve()
    assert flat.status == "unbounded"
    assert_allclose(flat.ray.direction, [0, -1])
    assert flat.ray.holds()
    saddle = QuadraticProgram([[1, 0], [0, -1]])
    assert not saddle.is_convex
    falling = saddle.solve()
    assert falling.status == "unbounded"
    assert falling.ray.curvature < 0
    assert falling.ray.holds()
    boxed = QuadraticProgram([[1, 0], [0, -1]], bounds=(-1, 2))
    outcome = boxed.solve()
    assert outcome.status == "non-convex"
    assert outcome.ray.direction @ boxed.Q @ outcome.ray.direction < 0
    assert not outcome.ray.holds()
    best = boxed.kkt_cases()
    assert_allclose(best.solution.x, [0, 2])
    assert "not convex" in best.conclusion
    assert sum(case.holds for case in best) == 3
    assert boxed.dual_function() == -2
    assert "negative curvature" in str(boxed.explain())
    assert boxed.duality().slater is False


def test_convex_along_the_equalities_is_convex_enough():
    # x y with x = y is x^2.
    qp = QuadraticProgram([[0, 1], [1, 0]], A_eq=[[1, -1]], b_eq=[0], A=[[-1, 0]], b=[-1])
    assert qp.is_convex
    assert_allclose(qp.solve().x, [1, 1])


def test_cases_without_solution_say_why():
    qp = QuadraticProgram([[0, 0], [0, 1]], [1, 0], [[-1, 0], [1, 0]], [0, 5], names=["x", "y"])
    cases = qp.kkt_cases()
    assert cases[0].reasons == ("nowhere is the gradient of the Lagrangian 0",)
    assert cases[3].reasons == ("these cannot all hold with equality",)
    assert_allclose(cases.solution.x, [0, 0], atol=1e-14)
    nothing = QuadraticProgram([[0.0]], [1.0]).kkt_cases()
    assert nothing.solution is None
    assert "No case holds" in str(nothing)
    flat = QuadraticProgram([[0, 0], [0, 2]], None, [[1, 0]], [-1], names=["x", "y"]).kkt_cases()
    assert flat.solution.x[0] <= -1
    assert "not the only solution" in str(flat)


def test_many_cases_are_not_all_printed():
    qp = random_qp(1, m=7)
    text = str(qp.kkt_cases())
    assert "Shown are 1 of 512 cases, those that hold." in text
    assert "<td>" in qp.kkt_cases()._repr_html_()
    with pytest.raises(ValueError, match="up to 15 inequalities, bounds among them, got 16"):
        QuadraticProgram(np.eye(8), bounds=(0, 1)).kkt_cases()


def test_a_quadratic_program_without_curvature_is_a_linear_one():
    lp = LinearProgram([-3, -5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], bounds=(0, None))
    qp = QuadraticProgram(np.zeros((2, 2)), lp.c, lp.A, lp.b, bounds=(0, None))
    assert_allclose(qp.solve().value, lp.solve().value)
    assert_allclose(qp.kkt_cases().solution.value, lp.solve().value)


def test_reports_read_what_minimize_returns():
    qp = random_qp(5, bounded=False)
    rows = [{"type": "ineq", "fun": lambda x: -qp.ineq(x)}, {"type": "eq", "fun": qp.eq}]
    found = minimize(qp.objective, np.zeros(4), jac=qp.gradient, constraints=rows, method="SLSQP",
                     options={"ftol": 1e-14})  # fmt: skip
    assert kkt_report(qp, found, tol=1e-5).holds
