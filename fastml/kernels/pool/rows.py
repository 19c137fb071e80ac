"""Rows of pooled images, forward and backward.

Where windows lie side by side in memory, as they do with stride 1 and for channels, one run of
vectors covers many of them. A run that does not fill its last vector writes beyond its end, where
the next one, or the next row of the same task, writes afterwards.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.reductions import lane_sum64, lane_top
from fastml._jit.stretches import vector_lanes
from fastml._jit.windows import (
    window_max,
    window_max_paired,
    window_sum,
    window_sum_alternating,
    window_sum_chosen,
    window_sum_chosen_alternating,
    window_sum_paired,
)

# Columns of a window of one channel that are worth vectors of their own.
WIDE = 16
# Lanes of the shortest vectors.
SHORTEST = 4


@njit_leaf
def _filled(a, a0, rows, i1, columns, k1, step, n, at, limit):
    """Return how many elements to write for n wanted: vectors full of them, if there is room.

    Room for those written is up to `limit`, and for those read up to the end of `a`.
    """
    lanes = vector_lanes(a)
    wide = -(-n // lanes) * lanes
    while wide > SHORTEST and wide // 2 >= n:
        wide //= 2
    if at + wide > limit or i1 == 0 or k1 == 0:
        return n
    last = a0 + rows[0, i1 - 1] + columns[0, k1 - 1]
    return wide if last + step * wide <= a.size else n


@njit_leaf
def _is_wide(columns, k0, k1, c, count):
    """Whether a run is one window of one channel, whose taps lie side by side."""
    if c != 1 or count != 1 or k1 - k0 < WIDE:
        return False
    return columns[0, k1 - 1] - columns[0, k0] == k1 - 1 - k0


@njit_leaf
def _max_of_wide(a, a0, rows, i0, i1, columns, k0, k1, first_tap):
    """Return the largest element of a window, and the number of its tap."""
    n = k1 - k0
    best, tap = a.dtype.type(-np.inf), first_tap
    for i in range(i0, i1):
        at, number = a0 + rows[0, i] + columns[0, k0], rows[1, i] + columns[1, k0]
        total = lane_sum64(a, at, n)
        top = lane_top(a, at, n)
        if total != total:
            # A NaN, or infinities of both signs.
            for k in range(n):
                if a[at + k] != a[at + k]:
                    best, tap = a[at + k], number + k
        if top > best:
            k = 0
            while a[at + k] != top:
                k += 1
            best, tap = top, number + k
    return best, tap


@njit_leaf
def _sum_of_wide(a, a0, rows, i0, i1, columns, k0, k1):
    total = 0.0
    for i in range(i0, i1):
        total += lane_sum64(a, a0 + rows[0, i] + columns[0, k0], k1 - k0)
    return total


@njit_leaf
def max_row(a, a0, rows, i0, i1, columns, runs, c, stride, out, out0, limit, chosen):
    """Write a row of maxima."""
    step = stride * c
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        tap = rows[1, i0] + columns[1, k0] if i1 > i0 and k1 > k0 else 0
        at = out0 + first * c
        if _is_wide(columns, k0, k1, c, count):
            out[at], chosen[at] = _max_of_wide(a, a0, rows, i0, i1, columns, k0, k1, tap)
        elif step == 2 and c == 1:
            n = _filled(a, a0, rows, i1, columns, k1, 2, count, at, limit)
            window_max_paired(a, a0, rows, i0, i1, columns, k0, k1, tap, n, out, at, chosen)
        else:
            n_stretches, wanted = (1, count * c) if stride == 1 else (count, c)
            for t in range(n_stretches):
                here, there = a0 + t * step, at + t * c
                n = _filled(a, here, rows, i1, columns, k1, 1, wanted, there, limit)
                window_max(a, here, rows, i0, i1, columns, k0, k1, tap, n, out, there, chosen)


@njit_leaf
def mean_row(a, a0, rows, i0, i1, columns, runs, c, stride, scales, out, out0, limit):
    """Write a row of sums times the scale of the run."""
    step = stride * c
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        at, scale = out0 + first * c, scales[r]
        if _is_wide(columns, k0, k1, c, count):
            total = _sum_of_wide(a, a0, rows, i0, i1, columns, k0, k1)
            out[at] = out.dtype.type(total) * scale
        elif step == 2 and c == 1:
            n = _filled(a, a0, rows, i1, columns, k1, 2, count, at, limit)
            window_sum_paired(a, a0, rows, i0, i1, columns, k0, k1, scale, n, out, at)
        else:
            n_stretches, wanted = (1, count * c) if stride == 1 else (count, c)
            for t in range(n_stretches):
                here, there = a0 + t * step, at + t * c
                n = _filled(a, here, rows, i1, columns, k1, 1, wanted, there, limit)
                window_sum(a, here, rows, i0, i1, columns, k0, k1, scale, n, out, there)


@njit_leaf
def _back(g, chosen, a0, rows, i0, i1, columns, k0, k1, scale, wanted, out, at, limit):
    n = _filled(g, a0, rows, i1, columns, k1, 1, wanted, at, limit)
    if chosen is not None:
        window_sum_chosen(g, chosen, a0, rows, i0, i1, columns, k0, k1, n, out, at)
    else:
        window_sum(g, a0, rows, i0, i1, columns, k0, k1, scale, n, out, at)


@njit_leaf
def back_row(g, chosen, a0, rows, i0, i1, columns, places, runs, c, stride, scale, out, out0,
             limit):  # fmt: skip
    """Write a row of the gradient: of maxima, or of means if `chosen` is None.

    Parameters
    ----------
    places, runs : int64 arrays
        The columns of the gradient: of each its taps (see `taps.rows_of`), or as runs where
        nothing is written beyond a run.
    """
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        at = out0 + first * c
        if stride == 1:
            _back(g, chosen, a0, rows, i0, i1, columns, k0, k1, scale, count * c, out, at, limit)
            continue
        for t in range(count):
            here, there = a0 + t * c, at + t * stride * c
            if chosen is not None:
                window_sum_chosen(g, chosen, here, rows, i0, i1, columns, k0, k1, c, out, there)
            else:
                window_sum(g, here, rows, i0, i1, columns, k0, k1, scale, c, out, there)
    for x in range(places.shape[0]):
        k0, k1, shift = places[x]
        _back(g, chosen, a0 + shift, rows, i0, i1, columns, k0, k1, scale, c, out, out0 + x * c,
              limit)  # fmt: skip


@njit_leaf
def back_pairs(g, chosen, a0, rows, i0, i1, columns, pairs, scale, out, out0, limit):
    """Write a row of the gradient for one channel and stride 2."""
    for r in range(pairs.shape[0]):
        first, count, k0, k1, skip, l0, l1, other = pairs[r]
        even, odd, at = a0 + skip, a0 + other, out0 + first
        if count == 0:
            _back(g, chosen, even, rows, i0, i1, columns, k0, k1, scale, 1, out, at, at + 1)
            continue
        n = _filled(g, even, rows, i1, columns, k1, 1, count, at, limit - count)
        n = min(n, _filled(g, odd, rows, i1, columns, l1, 1, count, at, limit - count))
        if at + 2 * n > limit:
            n = count
        if chosen is not None:
            window_sum_chosen_alternating(
                g, chosen, even, odd, rows, i0, i1, columns, k0, k1, l0, l1, scale, n, out, at
            )
        else:
            window_sum_alternating(
                g, even, odd, rows, i0, i1, columns, k0, k1, l0, l1, scale, n, out, at
            )
