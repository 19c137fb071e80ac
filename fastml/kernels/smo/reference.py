"""Sequential minimal optimisation in NumPy: the definition the other backends are compared with."""

import numpy as np

from fastml.kernels.smo.scalar import TAU


def _last(values):
    return values.size - 1 - np.argmax(values[::-1])


def _solve(K, lower, upper, solution, gradient, tol, max_iter):
    diagonal, n_iter = K.diagonal().astype(np.float64), 0
    while True:
        rising = np.where(solution < upper, -gradient, -np.inf)
        falling = np.where(solution > lower, gradient, -np.inf)
        gap = rising.max(initial=-np.inf) + falling.max(initial=-np.inf)
        if not gap >= tol or n_iter >= max_iter:
            return n_iter, gap
        i = _last(rising)
        lead = rising[i] + falling
        curvature = diagonal[i] + diagonal - 2 * K[i].astype(np.float64)
        damped = np.where(curvature > 0, curvature, TAU)
        j = _last(np.where(lead > 0, lead**2 / damped, -np.inf))
        if not curvature[j] < np.inf:
            return n_iter, np.nan
        room = upper[i] - solution[i], solution[j] - lower[j]
        step = min(lead[j] / damped[j], *room)
        before = solution[i], solution[j]
        solution[i] = upper[i] if step == room[0] else solution[i] + step
        solution[j] = lower[j] if step == room[1] else solution[j] - step
        if (solution[i], solution[j]) == before:
            return n_iter, gap
        gradient += step * (K[i].astype(np.float64) - K[j])
        n_iter += 1


def solve(K, parts, starts, lower, upper, solution, gradient, tol, max_iter, n_iter, gap):
    """Solve problems over parts of one kernel matrix."""
    for p, (first, stop, first_other, stop_other) in enumerate(parts):
        rows = np.r_[first:stop, first_other:stop_other]
        here = slice(starts[p], starts[p + 1])
        n_iter[p], gap[p] = _solve(
            K[np.ix_(rows, rows)], lower[here], upper[here], solution[here], gradient[here],
            tol, max_iter,
        )  # fmt: skip


def gather(matrix, rows, columns, out):
    """Copy chosen columns of chosen rows."""
    out[:] = matrix[np.ix_(rows, columns)]


def put_rows(block, rows, matrix):
    """Store rows at their places."""
    matrix[rows] = block


def add_rows(matrix, rows, weights, total):
    """Add chosen rows, times their weights."""
    total += weights @ matrix[rows].astype(np.float64)
