"""Pooling on the CPU: every task writes rows of its own, in one order, whatever the threads."""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml.kernels.pool.planes import APART, FORWARD, OVERLAPPING, images_at_once
from fastml.kernels.pool.rows import SHORTEST, spread_rows
from fastml.kernels.pool.taps import extent, rows_of, runs_of
from fastml.kernels.pool.tasks import back_task, forward_task, scatter_task, tasks_of


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
    together = images_at_once(images, window, FORWARD)
    wide = c * together
    rows, places = rows_of(oh, False, h, kh, strides[0], pads[0], dilations[0], w * wide, kw)
    runs, columns = runs_of(ow, False, w, kw, strides[1], pads[1], dilations[1])
    columns[0] *= wide
    n_groups, n_rows, step, n_tasks = tasks_of(n, oh, together, w * wide * min(strides[0], kh))
    for task in prange(n_groups * n_tasks):
        group, start = task // n_tasks, task % n_tasks * step
        forward_task(images, together, group, start, min(n_rows, start + step), kh, kw, strides,
                      pads, False, 0, rows, places, runs, columns, out,
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
    together = images_at_once(images, window, FORWARD)
    wide = c * together
    rows, places = rows_of(oh, False, h, kh, strides[0], pads[0], 1, w * wide, kw)
    runs, columns = runs_of(ow, False, w, kw, strides[1], pads[1], 1)
    columns[0] *= wide
    n_groups, n_rows, step, n_tasks = tasks_of(n, oh, together, w * wide * min(strides[0], kh))
    for task in prange(n_groups * n_tasks):
        group, start = task // n_tasks, task % n_tasks * step
        forward_task(images, together, group, start, min(n_rows, start + step), kh, kw, strides,
                      pads, include_pads, divisor, rows, places, runs, columns, out,
                      None)  # fmt: skip


@njit_leaf
def _are_apart(window, strides, pads, dilations, w, ow):
    """Whether no windows overlap, and none reaches beyond the columns."""
    apart = strides[0] >= window[0] and strides[1] >= window[1] and pads[1] == 0
    return apart and dilations[0] == dilations[1] == 1 and (ow - 1) * strides[1] + window[1] <= w


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
    apart = _are_apart(window, strides, pads, dilations, w, ow)
    limits = APART if apart or c < SHORTEST else OVERLAPPING
    together = images_at_once(gradient, window, limits)
    wide = c * together
    n_groups, n_rows, step, n_tasks = tasks_of(n, h, together, w * wide)
    one = g.dtype.type(1)
    if wide < SHORTEST:
        offsets = np.empty((2, window[0] * window[1]), np.int64)
        for tap in range(offsets.shape[1]):
            down, right = tap // window[1] * dilations[0], tap % window[1] * dilations[1]
            offsets[0, tap], offsets[1, tap] = (down * w + right) * c, right
        reach = (window[0] - 1) * dilations[0]
        for task in prange(n_tasks):
            scatter_task(g, chosen, offsets, strides, pads, reach, task * step,
                     min(n_rows, (task + 1) * step), gradient)  # fmt: skip
        return
    if together == 1 and apart:
        for task in prange(n_tasks):
            spread_rows(g, chosen.reshape(-1), window, strides, pads[0], one, task * step,
                        min(n_rows, (task + 1) * step), gradient)  # fmt: skip
        return
    rows, places = rows_of(
        h, True, oh, window[0], strides[0], pads[0], dilations[0], ow * wide, window[1]
    )
    runs, columns = runs_of(w, True, ow, window[1], strides[1], pads[1], dilations[1])
    columns[0] *= wide
    everywhere = np.empty((0, 0), g.dtype)
    for task in prange(n_groups * n_tasks):
        group, start = task // n_tasks, task % n_tasks * step
        back_task(g, chosen.reshape(-1), together, group, start, min(n_rows, start + step),
                   strides[1], one, everywhere, rows, places, columns, runs,
                   gradient)  # fmt: skip


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
    apart = same and _are_apart(window, strides, pads, (1, 1), w, ow)
    together = images_at_once(gradient, window, APART if apart else OVERLAPPING)
    wide = c * together
    n_groups, n_rows, step, n_tasks = tasks_of(n, h, together, w * wide)
    if together == 1 and apart:
        for task in prange(n_tasks):
            spread_rows(g, None, window, strides, pads[0], scale, task * step,
                        min(n_rows, (task + 1) * step), gradient)  # fmt: skip
        return
    if same:
        factors = factors[:0]
    rows, places = rows_of(h, True, oh, window[0], strides[0], pads[0], 1, ow * wide, window[1])
    runs, columns = runs_of(w, True, ow, window[1], strides[1], pads[1], 1)
    columns[0] *= wide
    for task in prange(n_groups * n_tasks):
        group, start = task // n_tasks, task % n_tasks * step
        back_task(g, None, together, group, start, min(n_rows, start + step), strides[1], scale,
                   factors, rows, places, columns, runs, gradient)  # fmt: skip
