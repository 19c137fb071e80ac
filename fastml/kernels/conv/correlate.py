"""Which way a convolution is computed, and its pieces: the same for data gradients."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.taps import TAP_ROWS
from fastml._jit.vectors import lanes_of
from fastml.kernels.conv.channels import channels_task, pack_panels, padded_columns, panel_starts
from fastml.kernels.conv.geometry import aligned, band_rows, is_inside, phase_length, reach
from fastml.kernels.conv.lanes import lanes_task, pack_lanes, whole_vectors
from fastml.kernels.conv.pixels import pack_taps, pixels_task, planes_gap
from fastml.kernels.conv.strips import new_strip
from fastml.kernels.conv.winograd import pack_points, square_rows, suits, winograd_task

CHANNELS, LANES, PIXELS, WINOGRAD = 0, 1, 2, 3


@njit_leaf
def way(y, x, groups, n_sources, n_columns, n_taps, lanes):
    """Return which of the four ways to take."""
    if groups > 1 and 2 * n_columns <= lanes and n_sources <= 8:
        return LANES
    if suits(y, x, groups, n_sources, n_columns, lanes):
        return WINOGRAD
    few = 4 * n_columns <= lanes and n_taps >= 4 and y.n * x.n >= lanes
    if groups == 1 and y.step == 1 and x.step == 1 and few:
        return PIXELS
    return CHANNELS


@njit_leaf
def prepare(weight, bias, backward, y, x, groups, n_sources, n_columns):
    """Return the way, packed weights, where those of each phase begin, and the padded bias."""
    lanes = lanes_of(weight)
    n_taps = weight.shape[2] * weight.shape[3]
    column_stride, source_stride = weight.shape[1] * n_taps, n_taps
    if backward:
        column_stride, source_stride = source_stride, column_stride
    chosen = way(y, x, groups, n_sources, n_columns, n_taps, lanes)
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
        return (x.n + planes_gap(x)) * (channels + out_channels * y.offsets.shape[1] * x.offsets.shape[1])
    return span * channels


@njit_leaf
def rows_at_once(chosen, y, x, n_images, channels, groups, out_channels, like):
    """Return how many rows of each phase a task has."""
    if chosen == WINOGRAD:
        return square_rows(y, x, n_images, channels, like.itemsize)
    row = strip_row(chosen, y, x, channels, groups, out_channels, lanes_of(like))
    width = phase_length(x, 0)
    least = max(1, TAP_ROWS // max(1, width))
    return band_rows(y, n_images, row * like.itemsize, least)


@njit_leaf
def correlate_task(chosen, image, y, x, groups, packed, starts, init, m0, rows, out):
    """Compute a band of rows of each phase of one image's result."""
    lanes = lanes_of(packed)
    m1 = min(m0 + rows, phase_length(y, 0))
    if chosen == WINOGRAD:
        winograd_task(image, y, x, packed, init, m0, m1, out)
        return
    whole = chosen == CHANNELS and is_inside(y) and is_inside(x)
    n_rows = reach(y, m1 - m0)
    row = strip_row(chosen, y, x, image.shape[2], groups, out.shape[2], lanes)
    strip = new_strip(0 if whole or chosen == PIXELS else n_rows * row, packed.dtype)
    n_taps = y.offsets.shape[1] * x.offsets.shape[1]
    table = np.empty(n_taps * (image.shape[2] // groups if chosen != CHANNELS else 1), np.int64)
    spare = np.empty(2 * TAP_ROWS * lanes, packed.dtype)
    if chosen == CHANNELS:
        channels_task(
            image, y, x, groups, packed, starts, init, whole, m0, m1, strip, table, spare, out
        )
    elif chosen == LANES:
        lanes_task(image, y, x, groups, packed, starts, init, m0, m1, strip, table, spare, out)
    else:
        pixels_task(image, y, x, packed, init, m0, m1, table, out)
