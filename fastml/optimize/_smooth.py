"""Local minima of smooth problems, by SciPy, made exact."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from fastml.optimize._kkt import kkt_report
from fastml.optimize._polish import estimated, kkt_residual, polished
from fastml.optimize._problem import Problem
from fastml.optimize._solution import Solution

if TYPE_CHECKING:
    from fastml.optimize._constrained_problem import ConstrainedProblem

__all__ = ["minimised", "quiet"]

# Constraints may be violated by this much, in a point that counts as feasible.
FEASIBLE = 1e-6
# An objective below minus this has no limit.
BOTTOM = 1e15
# Polishing may move a point by this much of its size; further away is another minimum.
NEAR = 0.1
OPTIONS = {
    "SLSQP": {"maxiter": 500, "ftol": 1e-14},
    "trust-constr": {"maxiter": 500, "gtol": 1e-9, "xtol": 1e-12},
}


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what SciPy's steps pass through; reports say how they end."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def minimised(
    problem: "ConstrainedProblem",
    start: Any,
    method: str,
    tol: float,
    callback: Callable[[Any], None] | None,
) -> Solution:
    """Run one of SciPy's methods from a start; see `ConstrainedProblem.solve`."""
    follow = None if callback is None else lambda x, *state: callback(np.array(x))

    def watched(x: Any) -> float:
        value = problem.objective(x)
        if value < -BOTTOM and _is_feasible(problem, x):
            raise _BelowAnyLimit(np.array(x))
        return value

    try:
        with quiet():
            found = minimize(
                watched, start, jac=problem.gradient, method=method, options=OPTIONS[method],
                bounds=np.column_stack([problem.lower, problem.upper]),
                constraints=problem.constraints(), callback=follow,
            )  # fmt: skip
    except _BelowAnyLimit as reached:
        message = f"The objective fell below {-BOTTOM:g}."
        return Solution("unbounded", message, problem.names, reached.x, -np.inf)
    if not np.all(np.isfinite(found.x)):
        return Solution("not solved", str(found.message), problem.names)
    x = problem.inside(found.x)
    given = estimated(problem, x)
    better, new = polished(problem, x, given)
    near = float(np.max(np.abs(better - x))) <= NEAR * max(1.0, float(np.max(np.abs(x))))
    if near and kkt_residual(problem, better, new) <= kkt_residual(problem, x, given):
        x, given = better, new
    report = kkt_report(
        problem, x, given.ineq, given.eq, lower=given.lower, upper=given.upper, tol=tol
    )
    value = problem.objective(x)
    if report.holds:
        message = "The KKT conditions hold."
        return Solution("optimal", message, problem.names, x, value, given, report)
    if report["primal feasibility"].residual > FEASIBLE:
        message = "No feasible point was found, which does not prove that there is none."
        return Solution("infeasible", message, problem.names, x, report=report)
    message = f"The KKT conditions do not hold: {found.message}"
    return Solution("not solved", message, problem.names, x, value, report=report)


def _is_feasible(problem: Problem, x: Any) -> bool:
    excess = np.concatenate([problem.stacked(x), np.abs(problem.eq(x))])
    return bool(np.all(excess <= FEASIBLE * max(1.0, float(np.max(np.abs(x))))))


class _BelowAnyLimit(Exception):
    """Stops a solver whose objective has no lower limit."""

    def __init__(self, x: Any) -> None:
        super().__init__()
        self.x = x
