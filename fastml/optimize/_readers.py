"""Points and multipliers of other packages' results, in this package's signs."""

import sys
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult

from fastml.optimize._multipliers import Multipliers
from fastml.optimize._problem import Problem
from fastml.optimize._solution import Solution

__all__ = ["is_result", "read_result"]


def is_result(x: Any) -> bool:
    """Return whether something is a result and not a point."""
    return isinstance(x, Solution | OptimizeResult) or _is_cvxpy(x)


def read_result(problem: Problem, result: Any) -> tuple[Any, Multipliers | None]:
    """Return the point of a result, and its multipliers in this package's signs.

    Parameters
    ----------
    problem : LinearProgram, QuadraticProgram or ConstrainedProblem
        What was solved.
    result : Solution, scipy.optimize.OptimizeResult or cvxpy.Problem
        Of `linprog` with HiGHS, of `minimize`, or a CVXPY problem that was solved. Constraints
        must have been given to the solver in the problem's own order; they may be stated as
        f_i(x) <= 0 or as -f_i(x) >= 0. To trust-constr inequalities are given before equalities.
        CVXPY may have bounds as constraints behind the others: lower ones, then upper ones.

    Returns
    -------
    x : ndarray of shape (n,)
    multipliers : Multipliers or None
        None if the result has none: SciPy's SLSQP has them since SciPy 1.16.

    Raises
    ------
    ValueError
        For a result without a solution, or of a problem with other constraints.

    Notes
    -----
    linprog's marginals are derivatives of the least value by the right sides, so that
    lam = -marginals; SLSQP's Lagrangian is f0 - sum of multipliers times c(x) >= 0; those of
    trust-constr and CVXPY are as here, but trust-constr's multipliers of c(x) >= 0 are negative.
    """
    if isinstance(result, Solution):
        if result.status != "optimal":
            raise ValueError(f"The result has no solution; it is {result.status}.")
        return result.x, result.multipliers
    if isinstance(result, OptimizeResult):
        return _scipy(problem, result)
    return _cvxpy(problem, result)


def _scipy(problem: Problem, result: OptimizeResult) -> tuple[Any, Multipliers | None]:
    if result.get("x") is None:
        raise ValueError(f"The result has no solution: {result.get('message')}")
    x = problem.point(result.x)
    if "ineqlin" in result:
        # linprog's marginals are derivatives of the least value by the right sides.
        lower, upper = result.lower.marginals, -result.upper.marginals
        inside = np.isfinite(problem.lower), np.isfinite(problem.upper)
        return x, problem.multipliers(
            -result.ineqlin.marginals, -result.eqlin.marginals,
            np.where(inside[0], lower, 0), np.where(inside[1], upper, 0),
        )  # fmt: skip
    m, p = problem.n_ineq, problem.n_eq
    if result.get("v") is not None:
        # trust-constr's Lagrangian is f0 + v'c, with one list for each constraint, bounds last.
        given = (
            np.concatenate([np.atleast_1d(v) for v in result.v]) if len(result.v) else np.zeros(0)
        )
        if len(given) not in (m + p, m + p + problem.n):
            raise ValueError(_mismatch(m, p, len(given)))
        return x, _signed(problem, x, given[:m], given[m : m + p])
    if result.get("multipliers") is not None:
        # SLSQP's Lagrangian is f0 - sum of multipliers times c(x) >= 0, equalities first.
        given = np.atleast_1d(result.multipliers)
        if len(given) != m + p:
            raise ValueError(_mismatch(m, p, len(given)))
        return x, _signed(problem, x, given[p:], -given[:p])
    return x, None


def _signed(problem: Problem, x: Any, lam: Any, nu: Any) -> Multipliers:
    """Return the multipliers with the signs, of either group, that make the Lagrangian flattest.

    Whether a constraint was stated as c(x) <= 0 or -c(x) >= 0 does not show in a result.
    """
    lower, upper = problem.lower, problem.upper

    def slope(given: Multipliers) -> float:
        steep = problem.lagrangian_gradient(x, given)
        # What bounds may take up does not count.
        steep = np.where(np.isfinite(lower), np.minimum(steep, 0), steep)
        steep = np.where(np.isfinite(upper), np.maximum(steep, 0), steep)
        return float(np.max(np.abs(steep), initial=0.0))

    choices = [problem.multipliers(s * lam, t * nu) for s in (1, -1) for t in (1, -1)]
    return min(choices, key=slope)


def _is_cvxpy(x: Any) -> bool:
    cvxpy = sys.modules.get("cvxpy")
    return cvxpy is not None and isinstance(x, cvxpy.Problem)


def _cvxpy(problem: Problem, solved: Any) -> tuple[Any, Multipliers]:
    """Read a CVXPY problem; its dual values have this package's signs."""
    from cvxpy.constraints import Equality, Inequality, NonPos, Zero

    values = [variable.value for variable in solved.variables()]
    if any(value is None for value in values):
        raise ValueError(f"The CVXPY problem has no solution; its status is {solved.status}.")
    x = np.concatenate([np.ravel(value, order="F") for value in values])
    lam: list[Any] = []
    nu: list[Any] = []
    for constraint in solved.constraints:
        if not isinstance(constraint, Equality | Inequality | NonPos | Zero):
            raise ValueError(f"The constraint {constraint} is neither <=, >= nor ==.")
        group = nu if isinstance(constraint, Equality | Zero) else lam
        group.append(np.ravel(constraint.dual_value, order="F"))
    ineq, eq = (np.concatenate([np.zeros(0), *group]) for group in (lam, nu))
    m, p = problem.n_ineq, problem.n_eq
    low, high = problem.at_lower, problem.at_upper
    if len(eq) != p or len(ineq) not in (m, m + len(low) + len(high)):
        raise ValueError(_mismatch(m, p, len(ineq) + len(eq)))
    if len(ineq) > m:
        return problem.point(x), problem.unstack(ineq, eq)
    return problem.point(x), problem.multipliers(ineq, eq)


def _mismatch(m: int, p: int, found: int) -> str:
    return (
        f"The result must have multipliers of {m} inequalities and {p} equalities, in the "
        f"problem's order; it has {found}."
    )
