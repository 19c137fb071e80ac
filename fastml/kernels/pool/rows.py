"""Rows of pooled images, forward and backward.

Where windows lie side by side in memory, as they do with stride 1 and for channels, one run of
vectors covers many of them. A run that does not fill its last vector writes beyond its end, where
the next one, or the next row of the same task, writes afterwards.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml._jit.reductions import lane_sum64, lane_top
from fastml._jit.stretches import vector_lanes
from fastml._jit.windows import (
    window_max,
    window_max_paired,
    window_spread,
    window_sum,
    window_sum_chosen,
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
    if n % lanes == 0:
        return n
    wide = -(-n // lanes) * lanes
    while wide > SHORTEST and wide // 2 >= n:
        wide //= 2
    if at + wide > limit or i1 == 0 or k1 == 0:
        return n
    last = a0 + rows[0, i1 - 1] + columns[0, k1 - 1]
    return wide if last + step * wide <= a.size else n


@njit_leaf
def _filled_all(a, a0, rows, i1, columns, k1, n, m, step, skip, at, limit):
    """Return the same for each of m windows, one after another in memory."""
    if m > 1 and n > vector_lanes(a):
        # Their vectors are written in turn: the last of one would come after the first of the next.
        return n
    last = m - 1
    return _filled(a, a0 + last * step, rows, i1, columns, k1, 1, n, at + last * skip, limit)


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
            window_max_paired(
                a, a0, rows, i0, i1, columns, k0, k1, tap, n, out, at, chosen, 1, 0, 0
            )
        else:
            m, wanted = (1, count * c) if stride == 1 else (count, c)
            n = _filled_all(a, a0, rows, i1, columns, k1, wanted, m, step, c, at, limit)
            window_max(a, a0, rows, i0, i1, columns, k0, k1, tap, n, out, at, chosen, m, step, c)


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
            window_sum_paired(a, a0, rows, i0, i1, columns, k0, k1, scale, n, out, at, 1, 0, 0)
        else:
            m, wanted = (1, count * c) if stride == 1 else (count, c)
            n = _filled_all(a, a0, rows, i1, columns, k1, wanted, m, step, c, at, limit)
            window_sum(a, a0, rows, i0, i1, columns, k0, k1, scale, n, out, at, m, step, c)


@njit_leaf
def back_runs(g, chosen, a0, rows, i0, i1, columns, runs, c, stride, scale, out, out0, limit):
    """Write a row of the gradient, run by run: of maxima, or of means if `chosen` is None."""
    skip = stride * c
    for r in range(runs.shape[0]):
        first, m, k0, k1 = runs[r]
        at, n = out0 + first * c, c
        if stride == 1:
            # Side by side, and in the order of the runs, as are their sources.
            m, n = 1, _filled(g, a0, rows, i1, columns, k1, 1, m * c, at, limit)
        if chosen is not None:
            window_sum_chosen(g, chosen, a0, rows, i0, i1, columns, k0, k1, n, out, at, m, c, skip)
        else:
            window_sum(g, a0, rows, i0, i1, columns, k0, k1, scale, n, out, at, m, c, skip)


@njit_leaf
def spread_rows(g, chosen, window, strides, top, scale, first_row, last_row, out):
    """Write rows first_row ... last_row - 1 of all images' gradient, where no windows overlap.

    They begin at the first column, `top` rows above the first row, and end within the columns.
    """
    h, w, c = out.shape[1:]
    oh, ow = g.shape[1], g.shape[2]
    flat, written = g.reshape(-1), out.reshape(-1)
    for row in range(first_row, last_row):
        reach, at = row % h + top, row * w * c
        oy, i = reach // strides[0], reach % strides[0]
        if chosen is None and row > first_row and 0 < i < min(window[0], row % h + 1):
            copy_items(written, at, written, at - w * c, w * c)
            continue
        inside = oy < oh and i < window[0]
        # What no window covers: all, what is between them or after the last.
        first = 0 if not inside or strides[1] > window[1] else ow * window[1]
        for j in range(at + first * c, at + w * c):
            written[j] = 0
        if inside:
            begin = (row // h * oh + oy) * ow * c
            window_spread(flat, chosen, begin, i * window[1], window[1], scale, c, written, at, ow,
                          strides[1] * c)  # fmt: skip


@njit_leaf
def scatter_rows(g, chosen, offsets, strides, pads, reach, y0, y1, image, out):
    """Write rows y0 ... y1 - 1 of an image's gradient by maxima, from one gradient after another.

    Parameters
    ----------
    offsets : (2, n_taps) int64 array
        From the first element of a window to each of the others: in memory, and in columns.
    reach : int
        Rows from the first of a window to the last.
    """
    h, w, c = out.shape[1:]
    oh, ow = g.shape[1], g.shape[2]
    source, written, marks = g.reshape(-1), out.reshape(-1), chosen.reshape(-1)
    low, high = (image * h + y0) * w * c, (image * h + y1) * w * c
    for at in range(low, high):
        written[at] = 0
    first = max(0, -((reach - pads[0] - y0) // strides[0]))
    for oy in range(first, min(oh, (y1 - 1 + pads[0]) // strides[0] + 1)):
        y = oy * strides[0] - pads[0]
        for ox in range(ow):
            x = ox * strides[1] - pads[1]
            start = ((image * h + y) * w + x) * c
            begin = ((image * oh + oy) * ow + ox) * c
            for j in range(c):
                tap = marks[begin + j]
                at = start + offsets[0, tap] + j
                # A tap above or below the image is beyond these limits, one beside it is not.
                if low <= at < high and 0 <= x + offsets[1, tap] < w:
                    written[at] += source[begin + j]
