"""Multipliers that fit a point, and steps that make both exact."""

from typing import Any

import numpy as np
from scipy.optimize import nnls

from fastml.optimize._multipliers import Multipliers
from fastml.optimize._problem import Problem, dense

__all__ = ["estimated", "kkt_residual", "polished"]

# Dense systems of more unknowns than this take longer than they are worth.
MOST_UNKNOWNS = 600
MOST_STEPS = 20
TARGET = 1e-13


def estimated(problem: Problem, x: Any, tol: float = 1e-6) -> Multipliers:
    """Return the multipliers of active constraints that make the Lagrangian most nearly flat.

    Parameters
    ----------
    problem : Problem
    x : ndarray of shape (n,)
    tol : float, default=1e-6
        Inequalities with f_i(x) >= -tol (relative to their size) are active.

    Returns
    -------
    Multipliers
        lam, lower and upper are >= 0.
    """
    values = problem.stacked(x)
    active = np.flatnonzero(values >= -tol * problem.stacked_scale())
    columns = problem.stacked_jacobian(x)[active].T
    by_eq = dense(problem.eq_jacobian(x)).T
    stacked, eq = np.zeros(len(values)), np.zeros(problem.n_eq)
    if columns.shape[1] + by_eq.shape[1]:
        # Free multipliers are differences of two that are not negative.
        found, _ = nnls(np.hstack([columns, by_eq, -by_eq]), -problem.gradient(x))
        k, p = len(active), problem.n_eq
        stacked[active], eq = found[:k], found[k : k + p] - found[k + p :]
    return problem.unstack(stacked, eq)


def kkt_residual(problem: Problem, x: Any, multipliers: Multipliers) -> float:
    """Return the largest element of grad L, h and min(lam, -f), bounds counted among the f."""
    slack = np.minimum(problem.stack(multipliers), -problem.stacked(x))
    parts = [problem.lagrangian_gradient(x, multipliers), problem.eq(x), slack]
    return float(np.max(np.abs(np.concatenate(parts)), initial=0.0))


def polished(problem: Problem, x: Any, multipliers: Multipliers) -> tuple[Any, Multipliers]:
    """Take Newton steps on the KKT system of the active constraints, while they help.

    Active are constraints with lam_i + f_i(x) > 0, which makes it the primal-dual active-set
    method (Hintermueller, Ito, Kunisch, SIAM Journal on Optimization 13, 2002). Problems with more
    than 600 unknowns are left as they are.
    """
    residual = kkt_residual(problem, x, multipliers)
    for _ in range(MOST_STEPS):
        if not TARGET < residual < np.inf:
            break
        step = _step(problem, x, multipliers)
        if step is None:
            break
        new_x, new = step
        with np.errstate(all="ignore"):
            new_residual = kkt_residual(problem, new_x, new)
        if not new_residual < residual:
            break
        x, multipliers, residual = new_x, new, new_residual
    return x, multipliers


def _step(problem: Problem, x: Any, multipliers: Multipliers) -> tuple[Any, Multipliers] | None:
    values, stacked = problem.stacked(x), problem.stack(multipliers)
    active = np.flatnonzero(stacked + values > 0)
    n, k, p = problem.n, len(active), problem.n_eq
    if n + k + p > MOST_UNKNOWNS:
        return None
    rows = np.vstack([problem.stacked_jacobian(x)[active], dense(problem.eq_jacobian(x))])
    system = np.zeros((n + k + p, n + k + p))
    system[:n, :n] = problem.hessian(x, multipliers)
    system[:n, n:], system[n:, :n] = rows.T, rows
    kept = np.zeros_like(stacked)
    kept[active] = stacked[active]
    slope = problem.lagrangian_gradient(x, problem.unstack(kept, multipliers.eq))
    right = -np.concatenate([slope, values[active], problem.eq(x)])
    if not (np.all(np.isfinite(system)) and np.all(np.isfinite(right))):
        return None
    step = np.linalg.lstsq(system, right, rcond=1e-12)[0]
    # A multiplier that ought to be zero comes out as a rounding error of either sign.
    kept[active] += step[n : n + k]
    new = problem.unstack(np.maximum(kept, 0), multipliers.eq + step[n + k :])
    x = np.where(new.lower > 0, problem.lower, np.where(new.upper > 0, problem.upper, x + step[:n]))
    return x, new
