"""Which way a convolution is computed, and its pieces: the same for data gradients."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.taps import TAP_ROWS
from fastml._jit.vectors import lanes_of
from fastml.kernels.conv.channels import channels_task, pack_panels, padded_columns, panel_starts
from fastml.kernels.conv.geometry import aligned, band_rows, is_inside, phase_length, reach
from fastml.kernels.conv.lanes import lanes_task, pack_lanes, whole_vectors
from fastml.kernels.conv.pixels import pack_taps, pixels_task, planes_gap, planes_size
from fastml.kernels.conv.winograd import (
    POINTS,
    pack_points,
    points_scratch,
    side_of,
    square_rows,
    suits,
    winograd_task,
)

CHANNELS, LANES, PIXELS, WINOGRAD = 0, 1, 2, 3


@njit_leaf
def way(y, x, n_images, groups, n_sources, n_columns, n_taps, lanes):
    """Return which of the four ways to take."""
    if groups > 1 and 2 * n_columns <= lanes and n_sources <= 8:
        return LANES
    if suits(y, x, n_images, groups, n_sources, n_columns, lanes):
        return WINOGRAD
    few = 4 * n_columns <= lanes and n_taps >= 4 and y.n * x.n >= lanes
    if groups == 1 and y.step == 1 and x.step == 1 and few:
        return PIXELS
    return CHANNELS


@njit_leaf
def prepare(weight, bias, backward, y, x, n_images, groups, n_sources, n_columns):
    """Return the way, packed weights, where those of each phase begin, and the padded bias."""
    lanes = lanes_of(weight)
    n_taps = weight.shape[2] * weight.shape[3]
    column_stride, source_stride = weight.shape[1] * n_taps, n_taps
    if backward:
        column_stride, source_stride = source_stride, column_stride
    chosen = way(y, x, n_images, groups, n_sources, n_columns, n_taps, lanes)
    if chosen == CHANNELS:
        padded = padded_columns(n_columns, lanes)
        starts = panel_starts(y, x, n_sources, padded)
        packed = aligned(starts[-1] * groups, weight.dtype)
        pack_panels(weight, backward, n_columns, n_sources, groups, y, x, packed)
        init = np.zeros(groups * padded + lanes, weight.dtype)
        for i in range(bias.shape[0]):
            init[i // n_columns * padded + i % n_columns] = bias[i]
    elif chosen == WINOGRAD:
        starts = np.zeros(1, np.int64)
        packed = pack_points(weight, backward, y, x, n_sources, n_columns)
        init = np.zeros(n_columns, weight.dtype)
        init[: bias.shape[0]] = bias
    elif chosen == LANES:
        total = groups * n_columns
        starts = panel_starts(y, x, n_sources, whole_vectors(total, lanes))
        packed = aligned(starts[-1], weight.dtype)
        packed[:] = 0
        pack_lanes(weight, column_stride, source_stride, n_columns, n_sources, groups, y, x, packed)
        init = np.zeros(whole_vectors(total, lanes), weight.dtype)
        init[: bias.shape[0]] = bias
    else:
        starts = np.zeros(1, np.int64)
        packed = aligned(n_columns * n_sources * n_taps, weight.dtype)
        pack_taps(weight, column_stride, source_stride, n_columns, n_sources, packed)
        init = np.zeros(n_columns, weight.dtype)
        init[: bias.shape[0]] = bias
    return chosen, packed, starts, init


@njit_leaf
def strip_row(chosen, y, x, channels, groups, out_channels, lanes):
    """Return how many items a row of the strip has."""
    span = reach(x, phase_length(x, 0))
    if chosen == LANES:
        return span * whole_vectors(out_channels, lanes) * (channels // groups)
    if chosen == PIXELS:
        n_taps = y.offsets.shape[1] * x.offsets.shape[1]
        return (x.n + planes_gap(x)) * (channels + out_channels * n_taps)
    return span * channels


@njit_leaf
def rows_at_once(chosen, y, x, n_images, channels, groups, out_channels, like):
    """Return how many rows of each phase a task has."""
    if chosen == WINOGRAD:
        return square_rows(y, x, n_images, channels, like.itemsize)
    row = strip_row(chosen, y, x, channels, groups, out_channels, lanes_of(like))
    least = max(1, TAP_ROWS // max(1, phase_length(x, 0)))
    return band_rows(y, n_images, row * like.itemsize, least)


@njit_leaf
def _scratch(chosen, y, x, channels, groups, out_channels, rows, lanes, itemsize):
    """Return how many items of scratch the task of so many rows needs."""
    if chosen == WINOGRAD:
        n_rows = -(-rows // side_of(y))
        _, sources, products = points_scratch(y, x, n_rows, channels, lanes, itemsize)
        return POINTS * (sources + products)
    n_rows = reach(y, rows)
    if chosen == PIXELS:
        n_taps = y.offsets.shape[1] * x.offsets.shape[1]
        # The last vector of a row may reach behind the last plane.
        return (channels + out_channels * n_taps) * planes_size(x, n_rows, lanes) + lanes
    if chosen == CHANNELS and is_inside(y) and is_inside(x):
        return 0
    # Vectors may begin among the last items.
    return n_rows * strip_row(chosen, y, x, channels, groups, out_channels, lanes) + 64


@njit_leaf
def correlate_tasks(chosen, images, y, x, groups, packed, starts, init, rows, task0, task1, out):
    """Compute some bands of rows, of each phase of each image's result, with the same scratch."""
    lanes, length = lanes_of(packed), phase_length(y, 0)
    channels, out_channels = images.shape[3], out.shape[3]
    n_bands = -(-length // rows)
    scratch = aligned(
        _scratch(chosen, y, x, channels, groups, out_channels, rows, lanes, packed.itemsize),
        packed.dtype,
    )
    n_taps = y.offsets.shape[1] * x.offsets.shape[1]
    table = np.empty(n_taps * (channels // groups if chosen != CHANNELS else 1), np.int64)
    spare = np.empty(max(2 * TAP_ROWS, POINTS) * lanes, packed.dtype)
    for task in range(task0, task1):
        image, result = images[task // n_bands], out[task // n_bands]
        m0 = task % n_bands * rows
        m1 = min(m0 + rows, length)
        if chosen == CHANNELS:
            channels_task(
                image, y, x, groups, packed, starts, init, m0, m1, scratch, table, spare, result
            )
        elif chosen == LANES:
            lanes_task(
                image, y, x, groups, packed, starts, init, m0, m1, scratch, table, spare, result
            )
        elif chosen == WINOGRAD:
            winograd_task(image, y, x, packed, init, m0, m1, scratch, spare, result)
        else:
            pixels_task(image, y, x, packed, init, m0, m1, scratch, table, result)
