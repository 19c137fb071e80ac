"""The KKT conditions at optima of Hock and Schittkowski, and beside them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from fastml.optimize import ConstrainedProblem, kkt_report
from tests.optimize.hock_schittkowski import CASES

# Local minima that SLSQP comes to from the book's starts.
OTHER_MINIMA = {2: 4.941229, 16: 3.982060, 20: 40.19873, 33: -4.0}
# Optima of which the book prints no more than 7 or so digits.
PRINTED = (11, 19, 60, 61, 63, 65, 66, 71, 76, 78)


def test_there_are_enough_of_them():
    assert len(CASES) >= 25


@pytest.mark.parametrize("number", CASES)
def test_conditions_hold_at_the_optimum_alone(number):
    case = CASES[number]
    problem = case.problem
    x = np.array(case.x, dtype=float)
    assert_allclose(problem.objective(x), case.value, rtol=1e-6, atol=1e-8)
    if number in PRINTED:
        # From the printed digits to the rest of them.
        x = problem.solve(x).x
        assert_allclose(x, case.x, rtol=2e-6, atol=2e-6)
    report = kkt_report(problem, x)
    assert report.residual < 1e-6
    assert report.value == pytest.approx(case.value, rel=1e-8, abs=1e-8)
    given = report.multipliers
    rng = np.random.default_rng(number)
    for _ in range(5):
        d = rng.standard_normal(problem.n)
        beside = x + 0.05 * max(1.0, np.max(np.abs(x))) * d / np.linalg.norm(d)
        assert kkt_report(problem, beside, given.ineq, given.eq).residual > 1e-3
        assert kkt_report(problem, beside).residual > 1e-3
    # With wrong multipliers, where there are any.
    for factor in (0.5, 2.0):
        y = [factor * part for part in given.parts]
        if max(np.max(np.abs(part), initial=0) for part in given.parts) > 1e-2:
            wrong = kkt_report(problem, x, y[0], y[1], lower=y[2], upper=y[3])
            assert wrong["stationarity"].residual > 1e-3


@pytest.mark.parametrize("number", CASES)
def test_solutions_from_where_the_book_starts(number):
    case = CASES[number]
    problem = case.problem
    solution = problem.solve(case.start)
    assert solution.status == "optimal"
    assert set(problem.differentiated_by.values()) == {"autodiff"}
    assert solution.report.residual < 1e-8
    assert solution.multipliers.smallest >= 0
    expected = OTHER_MINIMA.get(number)
    if expected is None:
        assert_allclose(solution.value, case.value, rtol=1e-7, atol=1e-8)
    else:
        assert_allclose(solution.value, expected, rtol=1e-6)


def test_no_multipliers_where_no_constraint_qualification_holds():
    # Problem 13: at its optimum (1, 0) the gradients of active constraints are opposite.
    problem = ConstrainedProblem(
        lambda x: (x[0] - 2) ** 2 + x[1] ** 2, [lambda x: x[1] - (1 - x[0]) ** 3], n=2,
        bounds=(0, None),
    )  # fmt: skip
    report = kkt_report(problem, [1, 0])
    assert report.value == 1
    assert report["primal feasibility"].holds
    assert not report["stationarity"].holds
