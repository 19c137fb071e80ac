"""Rows of pooled images, forward and backward.

Where windows lie side by side in memory, as they do with stride 1 and for channels, one run of
vectors covers many of them. Images of few channels are sorted by the columns' rest modulo the
stride, so that they do so with any stride.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.reductions import lane_sum64, lane_top
from fastml._jit.windows import (
    window_max,
    window_max_paired,
    window_sum,
    window_sum_alternating,
    window_sum_chosen,
    window_sum_chosen_alternating,
    window_sum_paired,
)

# Channels that fill a vector, if a short one.
ENOUGH = 4
# Columns of a window of one channel that are worth vectors of their own.
WIDE = 16


@njit_leaf
def sort_columns(source, source0, width, c, stride, pitch, target, target0):
    """Copy a row of an image, columns of one rest modulo the stride side by side."""
    for phase in range(min(stride, width)):
        at, step = target0 + phase * pitch, stride * c
        x, count = source0 + phase * c, -(-(width - phase) // stride)
        # The channels in a loop of their own would take longer than the copies.
        if c == 1:
            for t in range(count):
                target[at + t] = source[x + t * step]
        elif c == 2:
            for t in range(count):
                target[at + 2 * t] = source[x + t * step]
                target[at + 2 * t + 1] = source[x + t * step + 1]
        else:
            for t in range(count):
                target[at + 3 * t] = source[x + t * step]
                target[at + 3 * t + 1] = source[x + t * step + 1]
                target[at + 3 * t + 2] = source[x + t * step + 2]


@njit_leaf
def merge_columns(source, width, c, stride, pitch, target, target0):
    """Undo what `sort_columns` does."""
    for phase in range(min(stride, width)):
        at, step = phase * pitch, stride * c
        x, count = target0 + phase * c, -(-(width - phase) // stride)
        if c == 1:
            for t in range(count):
                target[x + t * step] = source[at + t]
        elif c == 2:
            for t in range(count):
                target[x + t * step] = source[at + 2 * t]
                target[x + t * step + 1] = source[at + 2 * t + 1]
        else:
            for t in range(count):
                target[x + t * step] = source[at + 3 * t]
                target[x + t * step + 1] = source[at + 3 * t + 1]
                target[x + t * step + 2] = source[at + 3 * t + 2]


@njit_leaf
def _is_wide(columns, k0, k1, c, count, in_order):
    """Whether a run is one window of one channel, whose taps lie side by side."""
    if c != 1 or count != 1 or k1 - k0 < WIDE or not in_order:
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
def max_row(a, a0, rows, i0, i1, columns, runs, c, step, in_order, out, out0, chosen):
    """Write a row of maxima.

    `step` is from one source of a run to the next; rows are `in_order` if columns are not sorted.
    """
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        tap = rows[1, i0] + columns[1, k0] if i1 > i0 and k1 > k0 else 0
        at = out0 + first * c
        if _is_wide(columns, k0, k1, c, count, in_order):
            out[at], chosen[at] = _max_of_wide(a, a0, rows, i0, i1, columns, k0, k1, tap)
        elif step == 2 * c and c == 1:
            window_max_paired(a, a0, rows, i0, i1, columns, k0, k1, tap, count, out, at, chosen)
        else:
            n_stretches, n = (1, count * c) if step == c else (count, c)
            for t in range(n_stretches):
                here = a0 + t * step
                window_max(a, here, rows, i0, i1, columns, k0, k1, tap, n, out, at + t * c, chosen)


@njit_leaf
def mean_row(a, a0, rows, i0, i1, columns, runs, c, step, in_order, scales, out, out0):
    """Write a row of sums times the scale of the run."""
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        at, scale = out0 + first * c, scales[r]
        if _is_wide(columns, k0, k1, c, count, in_order):
            total = _sum_of_wide(a, a0, rows, i0, i1, columns, k0, k1)
            out[at] = out.dtype.type(total) * scale
        elif step == 2 * c and c == 1:
            window_sum_paired(a, a0, rows, i0, i1, columns, k0, k1, scale, count, out, at)
        else:
            n_stretches, n = (1, count * c) if step == c else (count, c)
            for t in range(n_stretches):
                here = a0 + t * step
                window_sum(a, here, rows, i0, i1, columns, k0, k1, scale, n, out, at + t * c)


@njit_leaf
def back_row(g, chosen, a0, rows, i0, i1, columns, runs, c, stride, scale, out, out0, spare,
             pitch):  # fmt: skip
    """Write a row of the gradient: of maxima, or of means if `chosen` is None.

    With `spare`, one for each rest of the columns modulo the stride, those of a run are written
    there side by side.
    """
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        at, n_stretches, n = out0 + first * c, count, c
        if stride == 1 or spare.size:
            n_stretches, n = 1, count * c
        if spare.size:
            at = first % stride * pitch + first // stride * c
        target = spare if spare.size else out
        for t in range(n_stretches):
            here, there = a0 + t * c, at + t * stride * c
            if chosen is not None:
                window_sum_chosen(g, chosen, here, rows, i0, i1, columns, k0, k1, n, target, there)
            else:
                window_sum(g, here, rows, i0, i1, columns, k0, k1, scale, n, target, there)


@njit_leaf
def back_pairs(g, chosen, a0, rows, i0, i1, columns, pairs, scale, out, out0):
    """Write a row of the gradient for one channel and stride 2."""
    for r in range(pairs.shape[0]):
        first, count, k0, k1, skip, l0, l1, other = pairs[r]
        even, odd, at = a0 + skip, a0 + other, out0 + first
        if chosen is not None:
            if count:
                window_sum_chosen_alternating(
                    g, chosen, even, odd, rows, i0, i1, columns, k0, k1, l0, l1, scale, count, out,
                    at,
                )  # fmt: skip
            else:
                window_sum_chosen(g, chosen, even, rows, i0, i1, columns, k0, k1, 1, out, at)
        elif count:
            window_sum_alternating(
                g, even, odd, rows, i0, i1, columns, k0, k1, l0, l1, scale, count, out, at
            )
        else:
            window_sum(g, even, rows, i0, i1, columns, k0, k1, scale, 1, out, at)
