"""Pooling on the CPU: every task writes rows of its own, in one order, whatever the threads."""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml._jit.memory import copy_items
from fastml.kernels.pool.rows import (
    SHORTEST,
    back_means,
    back_runs,
    max_row,
    mean_row,
    scatter_rows,
    spread_rows,
)
from fastml.kernels.pool.taps import extent, rows_of, runs_of

# Elements of the larger image that one task goes through, about.
TASK_SIZE = 16384


@njit_leaf
def _rows_of_task(row_size):
    return max(1, TASK_SIZE // max(row_size, 1))


@njit_leaf
def _scales(runs, n, kw, stride, before, after, include_pads, size, divisor, scales):
    """Write one over the number of elements that a mean of each run counts."""
    for r in range(runs.shape[0]):
        counted = size * extent(runs[r, 0], n, kw, stride, before, after, include_pads)
        scales[r] = scales.dtype.type(1) / scales.dtype.type(divisor if divisor else counted)


@njit_leaf
def _forward(images, kh, kw, strides, pads, include_pads, divisor, first_row, last_row, rows,
             places, runs, columns, out, marks):  # fmt: skip
    """Write rows first_row ... last_row - 1 of the pooled images: maxima and their taps to `marks`.

    Or means, where that is None, which Numba knows when it compiles.
    """
    h, w, c = images.shape[1:]
    oh, ow = out.shape[1], out.shape[2]
    flat, written = images.reshape(-1), out.reshape(-1)
    (sh, sw), row_size = strides, w * c
    scales, size_of_scales = np.empty(runs.shape[0], images.dtype), 0
    image, oy, limit = first_row // oh, first_row % oh, last_row * ow * c
    for row in range(first_row, last_row):
        i0, i1, shift = places[oy]
        a0, at = image * h * row_size + shift, row * ow * c
        if marks is None:
            size = extent(oy, h, kh, sh, pads[0], pads[2], include_pads)
            if size != size_of_scales:
                _scales(runs, w, kw, sw, pads[1], pads[3], include_pads, size, divisor, scales)
                size_of_scales = size
            mean_row(flat, a0, rows, i0, i1, columns, runs, c, sw, scales, written, at, limit)
        else:
            max_row(flat, a0, rows, i0, i1, columns, runs, c, sw, written, at, limit, marks)
        oy += 1
        if oy == oh:
            image, oy = image + 1, 0


@njit_parallel(work=lambda images, window, *rest: 2 * images.size)
def max_forward(
    images,  # IN (n, h, w, n_channels)
    window,  # IN (2,)
    strides,  # IN (2,)
    pads,  # IN (4,)
    dilations,  # IN (2,)
    out,  # OUT (n, h_out, w_out, n_channels)
    chosen,  # OUT (n, h_out, w_out, n_channels)
):
    """Write the largest element of every window, and which it was.

    Parameters
    ----------
    images : (n, h, w, n_channels) float
        Images, each channel by itself.
    window : (2,) tuple of int
        Rows and columns of the window.
    strides : (2,) tuple of int
        Rows and columns from one window to the next.
    pads : (4,) tuple of int
        Rows above, columns to the left, rows below and columns to the right that the first and
        last windows may reach out of the image. Nothing is there.
    dilations : (2,) tuple of int
        Rows and columns from one element of a window to the next.
    out : (n, h_out, w_out, n_channels) float
        Written: the maxima; NaN where there is one, minus infinity where there is nothing.
    chosen : (n, h_out, w_out, n_channels) uint8 or int32
        Written: the number of the maximum in its window, row by row; the first that ties, the last
        that is NaN.
    """
    kh, kw = window
    n, h, w, c = images.shape
    oh, ow = out.shape[1], out.shape[2]
    rows, places = rows_of(oh, False, h, kh, strides[0], pads[0], dilations[0], w * c, kw)
    runs, columns = runs_of(ow, False, w, kw, strides[1], pads[1], dilations[1])
    columns[0] *= c
    n_rows = n * oh
    step = _rows_of_task(w * c * min(strides[0], kh))
    for task in prange(-(-n_rows // step)):
        _forward(images, kh, kw, strides, pads, False, 0, task * step,
                 min(n_rows, (task + 1) * step), rows, places, runs, columns, out,
                 chosen.reshape(-1))  # fmt: skip


@njit_parallel(work=lambda images, window, *rest: 2 * images.size)
def mean_forward(
    images,  # IN (n, h, w, n_channels)
    window,  # IN (2,)
    strides,  # IN (2,)
    pads,  # IN (4,)
    include_pads,  # IN scalar
    divisor,  # IN scalar
    out,  # OUT (n, h_out, w_out, n_channels)
):
    """Write the mean of every window.

    Parameters
    ----------
    images : (n, h, w, n_channels) float
        As for `max_forward`.
    window, strides : (2,) tuple of int
        As for `max_forward`.
    pads : (4,) tuple of int
        As for `max_forward`; zeros are there.
    include_pads : bool
        Whether these zeros count.
    divisor : int
        What to divide sums by; 0 for the number of elements that count.
    out : (n, h_out, w_out, n_channels) float
        Written: the means.
    """
    kh, kw = window
    n, h, w, c = images.shape
    oh, ow = out.shape[1], out.shape[2]
    rows, places = rows_of(oh, False, h, kh, strides[0], pads[0], 1, w * c, kw)
    runs, columns = runs_of(ow, False, w, kw, strides[1], pads[1], 1)
    columns[0] *= c
    n_rows = n * oh
    step = _rows_of_task(w * c * min(strides[0], kh))
    for task in prange(-(-n_rows // step)):
        _forward(images, kh, kw, strides, pads, include_pads, divisor, task * step,
                 min(n_rows, (task + 1) * step), rows, places, runs, columns, out,
                 None)  # fmt: skip


@njit_leaf
def _back(g, marks, window, stride, pad, scale, factors, first_row, last_row, rows, places, columns,
          runs, out):  # fmt: skip
    """Write rows first_row ... last_row - 1 of the gradient by the images."""
    h, w, c = out.shape[1:]
    oh, ow = g.shape[1], g.shape[2]
    flat, written, row_size = g.reshape(-1), out.reshape(-1), ow * c
    kh, kw = window
    scaled = np.empty(kh * row_size if factors.size else 0, out.dtype)
    scaled_rows = np.empty((2, kh if factors.size else 0), np.int64)
    few = marks is None and c < SHORTEST
    sums = np.empty(row_size if few else 0, out.dtype)
    line = np.empty(max((ow - 1) * stride + kw, pad + w) * c if few else 0, out.dtype)
    image, y, limit = first_row // h, first_row % h, last_row * w * c
    for row in range(first_row, last_row):
        i0, i1, shift = places[y]
        a0, at = image * oh * row_size + shift, row * w * c
        if marks is None and row > first_row and y and _same_sources(rows, places, y):
            copy_items(written, at, written, at - w * c, w * c)
        else:
            source, taps = flat, rows
            if factors.size:
                source, taps = scaled, scaled_rows
                for i in range(i1 - i0):
                    start = shift + rows[0, i0 + i]
                    taps[0, i], taps[1, i] = i * row_size, 0
                    for ox in range(ow):
                        factor, begin = factors[start // row_size, ox], a0 - shift + start
                        for j in range(ox * c, (ox + 1) * c):
                            scaled[i * row_size + j] = factor * flat[begin + j]
                a0, i0, i1 = 0, 0, i1 - i0
            if few:
                back_means(source, a0, taps, i0, i1, kw, stride, pad, c, scale, sums, line, written,
                           at, w * c)  # fmt: skip
            else:
                back_runs(source, marks, a0, taps, i0, i1, columns, runs, c, stride, scale, written,
                          at, limit)  # fmt: skip
        y += 1
        if y == h:
            image, y = image + 1, 0


@njit_leaf
def _same_sources(rows, places, y):
    """Whether means reach a row from the same rows as the one before it."""
    i0, i1, shift = places[y]
    before0, before1, before = places[y - 1]
    if i1 - i0 != before1 - before0:
        return False
    return i1 == i0 or shift + rows[0, i0] == before + rows[0, before0]


@njit_leaf
def _are_apart(window, strides, pads, dilations, w, ow):
    """Whether no windows overlap, and none reaches beyond the columns."""
    apart = strides[0] >= window[0] and strides[1] >= window[1] and pads[1] == 0
    return apart and dilations[0] == dilations[1] == 1 and (ow - 1) * strides[1] + window[1] <= w


@njit_leaf
def _scatter(g, chosen, offsets, strides, pads, reach, first_row, last_row, out):
    """Write rows first_row ... last_row - 1 of the gradient by the images, of few channels."""
    h, row = out.shape[1], first_row
    while row < last_row:
        image = row // h
        stop = min(last_row, (image + 1) * h)
        scatter_rows(g, chosen, offsets, strides, pads, reach, row - image * h, stop - image * h,
                     image, out)  # fmt: skip
        row = stop


@njit_parallel(work=lambda *args: 2 * args[-1].size)
def max_backward(
    g,  # IN (n, h_out, w_out, n_channels)
    chosen,  # IN (n, h_out, w_out, n_channels)
    window,  # IN (2,)
    strides,  # IN (2,)
    pads,  # IN (4,)
    dilations,  # IN (2,)
    gradient,  # OUT (n, h, w, n_channels)
):
    """Give each gradient by a maximum to the element that it came from, and add up what meets.

    Parameters
    ----------
    g : (n, h_out, w_out, n_channels) float
        Gradient by the maxima.
    chosen : (n, h_out, w_out, n_channels) uint8 or int32
        The numbers that `max_forward` wrote.
    window, strides, dilations : (2,) tuple of int
        As for `max_forward`.
    pads : (4,) tuple of int
        As for `max_forward`.
    gradient : (n, h, w, n_channels) float
        Written: the gradient by the images.
    """
    n, h, w, c = gradient.shape
    oh, ow = g.shape[1], g.shape[2]
    n_rows = n * h
    step = _rows_of_task(w * c)
    one = g.dtype.type(1)
    if c >= SHORTEST and _are_apart(window, strides, pads, dilations, w, ow):
        for task in prange(-(-n_rows // step)):
            spread_rows(g, chosen.reshape(-1), window, strides, pads[0], one, task * step,
                        min(n_rows, (task + 1) * step), gradient)  # fmt: skip
        return
    if c < SHORTEST:
        offsets = np.empty((2, window[0] * window[1]), np.int64)
        for tap in range(offsets.shape[1]):
            down, right = tap // window[1] * dilations[0], tap % window[1] * dilations[1]
            offsets[0, tap], offsets[1, tap] = (down * w + right) * c, right
        reach = (window[0] - 1) * dilations[0]
        for task in prange(-(-n_rows // step)):
            _scatter(g, chosen, offsets, strides, pads, reach, task * step,
                     min(n_rows, (task + 1) * step), gradient)  # fmt: skip
        return
    rows, places = rows_of(
        h, True, oh, window[0], strides[0], pads[0], dilations[0], ow * c, window[1]
    )
    runs, columns = runs_of(w, True, ow, window[1], strides[1], pads[1], dilations[1])
    columns[0] *= c
    everywhere = np.empty((0, 0), g.dtype)
    for task in prange(-(-n_rows // step)):
        _back(g, chosen.reshape(-1), window, strides[1], pads[1], one, everywhere, task * step,
              min(n_rows, (task + 1) * step), rows, places, columns, runs, gradient)  # fmt: skip


@njit_leaf
def _factors(oh, ow, h, w, window, strides, pads, include_pads, divisor, dtype_of):
    """Return one over what each mean counts, or nothing where it is the same for all."""
    found = np.empty((oh, ow), dtype_of.dtype)
    same = True
    for oy in range(oh):
        rows = extent(oy, h, window[0], strides[0], pads[0], pads[2], include_pads)
        for ox in range(ow):
            columns = extent(ox, w, window[1], strides[1], pads[1], pads[3], include_pads)
            counted = divisor if divisor else rows * columns
            found[oy, ox] = found.dtype.type(1) / found.dtype.type(counted)
            same = same and found[oy, ox] == found[0, 0]
    return same, found


@njit_parallel(work=lambda *args: 2 * args[-1].size)
def mean_backward(
    g,  # IN (n, h_out, w_out, n_channels)
    window,  # IN (2,)
    strides,  # IN (2,)
    pads,  # IN (4,)
    include_pads,  # IN scalar
    divisor,  # IN scalar
    gradient,  # OUT (n, h, w, n_channels)
):
    """Give each element its share of the gradients by the means that it is part of.

    Parameters
    ----------
    g : (n, h_out, w_out, n_channels) float
        Gradient by the means.
    window, strides : (2,) tuple of int
        As for `mean_forward`.
    pads : (4,) tuple of int
        As for `mean_forward`.
    include_pads : bool
        As for `mean_forward`.
    divisor : int
        As for `mean_forward`.
    gradient : (n, h, w, n_channels) float
        Written: the gradient by the images.
    """
    n, h, w, c = gradient.shape
    oh, ow = g.shape[1], g.shape[2]
    same, factors = _factors(oh, ow, h, w, window, strides, pads, include_pads, divisor, gradient)
    scale = factors[0, 0] if same and factors.size else gradient.dtype.type(1)
    n_rows = n * h
    step = _rows_of_task(w * c)
    if same and _are_apart(window, strides, pads, (1, 1), w, ow):
        for task in prange(-(-n_rows // step)):
            spread_rows(g, None, window, strides, pads[0], scale, task * step,
                        min(n_rows, (task + 1) * step), gradient)  # fmt: skip
        return
    if same:
        factors = factors[:0]
    rows, places = rows_of(h, True, oh, window[0], strides[0], pads[0], 1, ow * c, window[1])
    runs, columns = runs_of(w, True, ow, window[1], strides[1], pads[1], 1)
    columns[0] *= c
    for task in prange(-(-n_rows // step)):
        _back(g, None, window, strides[1], pads[1], scale, factors, task * step,
              min(n_rows, (task + 1) * step), rows, places, columns, runs, gradient)  # fmt: skip
