"""Pieces of the kernels of sequential minimal optimisation for the CPU."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.lanes import select, widest_vectors
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
def set_slopes(lower, upper, solution, gradient, rising, falling):
    """Write the slopes down which variables can be raised and lowered, minus infinity for none."""
    widest_vectors()
    for t in range(gradient.size):
        rising[t] = select(solution[t] < upper[t], -gradient[t], -np.inf)
        falling[t] = select(solution[t] > lower[t], gradient[t], -np.inf)


@njit_leaf
def set_gains(row, own, diagonal, slope, falling, gains):
    """Write by what the objective falls, twice, if one variable is raised and another lowered."""
    widest_vectors()
    for t in range(gains.size):
        lead = slope + falling[t]
        curvature = (own + diagonal[t]) - 2 * np.float64(row[t])
        gain = lead * lead / select(curvature > 0, curvature, TAU)
        gains[t] = select(lead > 0, gain, -np.inf)


@njit_leaf
def move(raised, lowered, step, lower, upper, solution, gradient, rising, falling):
    """Change the gradient by a step along a pair of variables, given their rows; then slopes."""
    widest_vectors()
    for t in range(gradient.size):
        slope = gradient[t] + step * (np.float64(raised[t]) - np.float64(lowered[t]))
        gradient[t] = slope
        rising[t] = select(solution[t] < upper[t], -slope, -np.inf)
        falling[t] = select(solution[t] > lower[t], slope, -np.inf)


@njit_leaf
def solve_one(
    p, K, parts, starts, all_lower, all_upper, all_solution, all_gradient, tol, max_iter,
    n_iter, gaps,
):  # fmt: skip
    """Solve one of several problems."""
    first, stop, first_other, stop_other = parts[p]
    n, n_first = starts[p + 1] - starts[p], stop - first
    here = slice(starts[p], starts[p + 1])
    lower, upper = all_lower[here], all_upper[here]
    solution, gradient = all_solution[here], all_gradient[here]
    rising, falling, gains = np.empty(n), np.empty(n), np.empty(n)
    diagonal = np.empty(n)
    # Behind the first part a variable's row is its number plus this.
    shift = first_other - n_first
    for t in range(n):
        row = t + (first if t < n_first else shift)
        diagonal[t] = K[row, row]
    set_slopes(lower, upper, solution, gradient, rising, falling)
    done = 0
    while True:
        slope = lane_top(rising, 0, n)
        gap = slope + lane_top(falling, 0, n)
        # False for NaN too.
        if not gap >= tol or done >= max_iter:
            break
        i = last_of(rising, slope)
        raised = K[i + (first if i < n_first else shift)]
        own = diagonal[i]
        set_gains(
            raised[first:stop], own, diagonal[:n_first], slope, falling[:n_first], gains[:n_first]
        )
        set_gains(
            raised[first_other:stop_other], own, diagonal[n_first:], slope, falling[n_first:],
            gains[n_first:],
        )  # fmt: skip
        j = last_of(gains, lane_top(gains, 0, n))
        j_row = j + (first if j < n_first else shift)
        lowered = K[j_row]
        curvature = (own + diagonal[j]) - 2 * np.float64(raised[j_row])
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
        for part in range(2):
            a, b = (0, n_first) if part == 0 else (n_first, n)
            k = first if part == 0 else first_other
            move(
                raised[k : k + b - a], lowered[k : k + b - a], step, lower[a:b], upper[a:b],
                solution[a:b], gradient[a:b], rising[a:b], falling[a:b],
            )  # fmt: skip
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
