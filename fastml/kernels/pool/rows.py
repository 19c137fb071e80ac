"""Rows of pooled images, forward and backward.

Where windows lie side by side in memory, as they do with stride 1 and for channels, one run of
vectors covers many of them. Images of few channels are sorted by the columns' rest modulo the
stride, so that they do so with any stride.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.reductions import lane_sum64, lane_top
from fastml._jit.windows import window_argmax, window_max, window_sum, window_sum_chosen

# Channels that fill a vector, if a short one.
ENOUGH = 4
# Columns of a window of one channel that are worth vectors of their own.
WIDE = 16


@njit_leaf
def sort_columns(source, source0, width, c, stride, pitch, target, target0):
    """Copy a row of an image, columns of one rest modulo the stride side by side."""
    if c == 1 and stride == 2:
        for x in range(width // 2):
            target[target0 + x] = source[source0 + 2 * x]
            target[target0 + pitch + x] = source[source0 + 2 * x + 1]
        if width % 2:
            target[target0 + width // 2] = source[source0 + width - 1]
        return
    for phase in range(min(stride, width)):
        at = target0 + phase * pitch
        for x in range(phase, width, stride):
            for channel in range(c):
                target[at] = source[source0 + x * c + channel]
                at += 1


@njit_leaf
def put_columns(source, source0, count, c, stride, target, target0):
    """Copy columns that lie side by side to every stride-th column."""
    if c == 1:
        for t in range(count):
            target[target0 + t * stride] = source[source0 + t]
        return
    for t in range(count):
        for channel in range(c):
            target[target0 + t * stride * c + channel] = source[source0 + t * c + channel]


@njit_leaf
def top_of_wide(a, rows, n_rows, columns, k0, k1, first_tap):
    """Return the largest element of a window of one channel, and the number of its tap."""
    n = k1 - k0
    best, tap = a.dtype.type(-np.inf), first_tap
    for i in range(n_rows):
        at, number = rows[0, i] + columns[0, k0], rows[1, i] + columns[1, k0]
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
def sum_of_wide(a, rows, n_rows, columns, k0, k1):
    """Return the sum over a window of one channel."""
    total = 0.0
    for i in range(n_rows):
        total += lane_sum64(a, rows[0, i] + columns[0, k0], k1 - k0)
    return total


@njit_leaf
def max_row(a, rows, n_rows, columns, runs, c, step, out, out0, chosen):
    """Write a row of maxima; `step` is from one source of a run to the next."""
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        tap = rows[1, 0] + columns[1, k0] if n_rows and k1 > k0 else 0
        at = out0 + first * c
        if c == 1 and count == 1 and k1 - k0 >= WIDE:
            if columns[0, k1 - 1] - columns[0, k0] == k1 - 1 - k0:
                best, tap = top_of_wide(a, rows, n_rows, columns, k0, k1, tap)
                out[at] = best
                if chosen.size:
                    chosen[at] = tap
                continue
        n_stretches, n = (1, count * c) if step == c else (count, c)
        for t in range(n_stretches):
            if chosen.size:
                window_argmax(
                    a, t * step, rows, n_rows, columns, k0, k1, tap, n, out, at + t * c, chosen
                )
            else:
                window_max(a, t * step, rows, n_rows, columns, k0, k1, tap, n, out, at + t * c)


@njit_leaf
def mean_row(a, rows, n_rows, columns, runs, c, step, scales, out, out0):
    """Write a row of sums times the scale of the run."""
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        at = out0 + first * c
        if c == 1 and count == 1 and k1 - k0 >= WIDE:
            if columns[0, k1 - 1] - columns[0, k0] == k1 - 1 - k0:
                total = sum_of_wide(a, rows, n_rows, columns, k0, k1)
                out[at] = out.dtype.type(total) * scales[r]
                continue
        n_stretches, n = (1, count * c) if step == c else (count, c)
        for t in range(n_stretches):
            window_sum(
                a, t * step, rows, n_rows, columns, k0, k1, scales[r], n, out, at + t * c
            )


@njit_leaf
def back_row(g, chosen, rows, n_rows, columns, runs, c, stride, scale, out, out0, spare):
    """Write a row of the gradient: of maxima where there is something chosen, else of means."""
    for r in range(runs.shape[0]):
        first, count, k0, k1 = runs[r]
        at = out0 + first * c
        aside = stride > 1 and c < ENOUGH
        n_stretches, n = (1, count * c) if stride == 1 or aside else (count, c)
        for t in range(n_stretches):
            target, target0 = (spare, 0) if aside else (out, at + t * stride * c)
            if chosen.size:
                window_sum_chosen(
                    g, chosen, t * c, rows, n_rows, columns, k0, k1, n, target, target0
                )
            else:
                window_sum(g, t * c, rows, n_rows, columns, k0, k1, scale, n, target, target0)
        if aside:
            put_columns(spare, 0, count, c, stride, out, at)
