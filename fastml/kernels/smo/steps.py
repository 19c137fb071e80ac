"""Pieces of the kernels of sequential minimal optimisation for the CPU."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.lanes import select, widest_vectors
from fastml._jit.memory import copy_items
from fastml._jit.reductions import lane_top
from fastml.kernels.smo.scalar import TAU

# Rows that `add_block` adds at a time, so that sums are loaded and stored less often.
TOGETHER = 4


@njit_leaf
def last_of(values, value):
    """Return the last index of a value that is there."""
    t = values.size - 1
    while t > 0 and values[t] != value:
        t -= 1
    return t


@njit_leaf
def set_gains(row, own, diagonal, slope, falling, gains):
    """Write by what the objective falls, twice, if one variable is raised and another lowered."""
    for t in range(gains.size):
        lead = slope + falling[t]
        curvature = (own + diagonal[t]) - 2 * np.float64(row[t])
        gain = lead * lead / select(curvature > 0, curvature, TAU)
        gains[t] = select(lead > 0, gain, -np.inf)


@njit_leaf
def move(raised, lowered, step, lower, upper, solution, gradient, rising, falling):
    """Change the gradient by a step along a pair of variables, given their rows; then slopes."""
    for t in range(gradient.size):
        slope = gradient[t] + step * (np.float64(raised[t]) - np.float64(lowered[t]))
        gradient[t] = slope
        rising[t] = select(solution[t] < upper[t], -slope, -np.inf)
        falling[t] = select(solution[t] > lower[t], slope, -np.inf)


@njit_leaf
def own_matrix(p, K, parts):
    """Return the kernel matrix of one of several problems: the whole one, or a copy of parts."""
    first, stop, first_other, stop_other = parts[p]
    n_first = stop - first
    n = n_first + stop_other - first_other
    if first == 0 and n == len(K) and first_other == stop:
        return K
    own = np.empty((n, n), K.dtype)
    for t in range(n):
        row = K[t + (first if t < n_first else first_other - n_first)]
        copy_items(own, t * n, row, first, n_first)
        copy_items(own, t * n + n_first, row, first_other, n - n_first)
    return own


@njit_leaf
def solve_one(
    p, all_K, parts, starts, all_lower, all_upper, all_solution, all_gradient, tol, max_iter,
    n_iter, gaps,
):  # fmt: skip
    """Solve one of several problems."""
    K = own_matrix(p, all_K, parts)
    n = len(K)
    here = slice(starts[p], starts[p + 1])
    lower, upper = all_lower[here], all_upper[here]
    solution, gradient = all_solution[here], all_gradient[here]
    rising, falling, gains = np.empty(n), np.empty(n), np.empty(n)
    diagonal = np.empty(n)
    for t in range(n):
        diagonal[t] = K[t, t]
        rising[t] = select(solution[t] < upper[t], -gradient[t], -np.inf)
        falling[t] = select(solution[t] > lower[t], gradient[t], -np.inf)
    done = 0
    while True:
        slope = lane_top(rising, 0, n)
        gap = slope + lane_top(falling, 0, n)
        # False for NaN too.
        if not gap >= tol or done >= max_iter:
            break
        i = last_of(rising, slope)
        raised, own = K[i], diagonal[i]
        set_gains(raised, own, diagonal, slope, falling, gains)
        j = last_of(gains, lane_top(gains, 0, n))
        curvature = (own + diagonal[j]) - 2 * np.float64(raised[j])
        if not curvature < np.inf:
            gap = np.nan
            break
        step = (slope + falling[j]) / (curvature if curvature > 0 else TAU)
        room, other_room = upper[i] - solution[i], solution[j] - lower[j]
        step = min(step, min(room, other_room))
        before, other_before = solution[i], solution[j]
        solution[i] = upper[i] if step == room else before + step
        solution[j] = lower[j] if step == other_room else other_before - step
        if solution[i] == before and solution[j] == other_before:
            break
        move(raised, K[j], step, lower, upper, solution, gradient, rising, falling)
        done += 1
    n_iter[p] = done
    gaps[p] = gap


@njit_leaf
def add_block(matrix, rows, weights, total, start, stop):
    """Add a stretch of chosen rows, times their weights."""
    widest_vectors()
    whole = len(rows) // TOGETHER * TOGETHER
    sums = total[start:stop]
    for r in range(0, whole, TOGETHER):
        a, b = matrix[rows[r], start:stop], matrix[rows[r + 1], start:stop]
        c, d = matrix[rows[r + 2], start:stop], matrix[rows[r + 3], start:stop]
        wa, wb, wc, wd = weights[r], weights[r + 1], weights[r + 2], weights[r + 3]
        for t in range(sums.size):
            pair = wa * np.float64(a[t]) + wb * np.float64(b[t])
            sums[t] += pair + (wc * np.float64(c[t]) + wd * np.float64(d[t]))
    for r in range(whole, len(rows)):
        row, weight = matrix[rows[r], start:stop], weights[r]
        for t in range(sums.size):
            sums[t] += weight * np.float64(row[t])
