"""Gradients by weights: sums over pixels, in blocks that the shapes alone cut.

A unit of rows of the result, of one image or of several small ones, is copied to a strip and summed
in chunks of some pixels, in registers. A block adds up the chunks of its units one after the other,
and blocks are added up in their order: the same bits on any number of threads.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml._jit.taps import TAP_ROWS
from fastml._jit.vectors import add_lanes, lanes_of, transpose_lanes
from fastml.kernels.conv.channels import padded_columns, tile_panel
from fastml.kernels.conv.geometry import aligned, is_inside, reach, tile_shape
from fastml.kernels.conv.lanes import tile_vector, whole_vectors
from fastml.kernels.conv.strips import fill_lanes, fill_strip, new_strip

# Pixels of a unit, and of those summed in float32, which stay in the L1 cache: a row at least.
UNIT_PIXELS = 1024
CHUNK_PIXELS = 256
# Bytes of a unit's strip: a part of the L2 cache.
UNIT_BYTES = 1 << 18
# Chunks that a block adds up in the dtype of the images: of float32 sums no more terms than these
# are added one after the other. Fewer pixels make some blocks too, if the share of the memory of
# images and gradient that their sums take is small.
BLOCK_PIXELS = 64 * CHUNK_PIXELS
BLOCKS = 4
MEMORY_SHARE = 8


@njit_leaf
def unit_shape(y, x, row_items, itemsize):
    """Return the rows of the result, and the images, of a unit: one of both is 1 or whole."""
    rows = max(1, min(y.n_out, UNIT_PIXELS // max(1, x.n_out)))
    fitting = UNIT_BYTES // max(1, row_items * itemsize)
    rows = max(1, min(rows, (fitting - (y.last - y.first)) // y.step))
    if rows < y.n_out:
        bands = -(-y.n_out // rows)
        return -(-y.n_out // bands), 1
    images = UNIT_PIXELS // max(1, y.n_out * x.n_out)
    return y.n_out, max(1, min(images, fitting // max(1, reach(y, y.n_out))))


@njit_leaf
def count_blocks(n_units, n_pixels, sum_bytes, n_bytes):
    """Return how many blocks the units make; n_bytes are those of images and gradient."""
    blocks = min(BLOCKS, n_bytes // MEMORY_SHARE // max(1, sum_bytes))
    return max(1, min(n_units, max(blocks, -(-n_pixels // BLOCK_PIXELS))))


@njit_leaf
def _add_tile(spare, rows, width, panel, left, row0, first_row, p0, first_p, run, total, pitch):
    """Add a tile's sums to the block's, but for those that an earlier tile had."""
    for i in range(first_row - row0, rows):
        for p in range(first_p - p0, width):
            at = ((row0 + i) * run + p0 + p) * pitch
            source = (i * width + p) * panel
            if left < panel:
                for column in range(left):
                    total[at + column] += spare[source + column]
            else:
                for column in range(0, panel, lanes_of(spare)):
                    add_lanes(total, at + column, spare, source + column)


@njit_leaf
def _add_runs(
    lane_by_lane,
    strip, a0, run_step, p_step, a_step, table, row0_table, n_taps,
    gradient, g0, g_tap, g_step, n_steps,
    n_runs, run, panel, left, zeros, spare, total, pitch,
):  # fmt: skip
    """Add what some runs of evenly spaced weights meet in a unit to their rows of `total`."""
    rows, width = tile_shape(n_runs, run, CHUNK_PIXELS)
    for first_row in range(0, n_runs, rows):
        row0 = min(first_row, n_runs - rows)
        for first_p in range(0, run, width):
            p0 = min(first_p, run - width)
            a = a0 + row0 * run_step + p0 * p_step
            if lane_by_lane:
                tile_vector(
                    spare, 0, width * panel, panel,
                    strip, a, run_step, p_step, table, row0_table, a_step,
                    gradient, g0, g_tap, g_step,
                    n_taps, n_steps, zeros, 0, rows, width,
                )  # fmt: skip
            else:
                tile_panel(
                    spare, 0, width * panel, panel,
                    strip, a, run_step, p_step, table, row0_table, a_step,
                    gradient, g0, g_tap, g_step, panel,
                    n_taps, n_steps, zeros, 0, rows, width,
                )  # fmt: skip
            _add_tile(
                spare, rows, width, panel, left, row0, first_row, p0, first_p, run, total, pitch
            )


@njit_leaf
def add_bias(gradient, g0, g_step, n_pixels, n, line, total):
    """Add up each of n adjacent channels, four pixels at a time."""
    for first in range(0, n_pixels, 64):
        at = g0 + first * g_step
        count = min(64, n_pixels - first)
        for column in range(n):
            line[column] = 0
        for _ in range(count // 4):
            for column in range(n):
                here = at + column
                line[column] += (gradient[here] + gradient[here + g_step]) + (
                    gradient[here + 2 * g_step] + gradient[here + 3 * g_step]
                )
            at += 4 * g_step
        for _ in range(count % 4):
            for column in range(n):
                line[column] += gradient[at + column]
            at += g_step
        for column in range(n):
            total[column] += line[column]


@njit_leaf
def _copy_columns(gradient, g0, g_step, n_pixels, n, width, spare):
    for i in range(n_pixels):
        at = i * width
        source = g0 + i * g_step
        if n == width:
            for j in range(0, width, lanes_of(spare)):
                copy_items(spare, at + j, gradient, source + j, lanes_of(spare))
        else:
            for j in range(n):
                spare[at + j] = gradient[source + j]
            for j in range(n, width):
                spare[at + j] = 0


@njit_leaf
def weights_task(
    lane_by_lane, images, gradient, y, x, kernel, dilations, groups, group, column,
    unit0, unit1, unit_rows, unit_images, total, bias_total,
):  # fmt: skip
    """Add up one panel of columns over the units of one block.

    `total` is (weights of a column, columns), flat, and `bias_total` has the panel's columns, or
    none.
    """
    n_images, channels = images.shape[0], images.shape[3]
    out_channels = gradient.shape[3]
    flat, flat_gradient = images.reshape(-1), gradient.reshape(-1)
    lanes = lanes_of(flat)
    n_sources, n_columns = channels // groups, out_channels // groups
    if lane_by_lane:
        group, n_columns = 0, out_channels
        strip_channels, pitch_out, panel = lanes, whole_vectors(out_channels, lanes), lanes
    else:
        strip_channels, pitch_out = channels, padded_columns(n_columns, lanes)
        panel = min(pitch_out - column, 2 * lanes)
    left = min(n_columns - column, panel)
    whole = not lane_by_lane and is_inside(y) and is_inside(x)
    width = images.shape[2] if whole else reach(x, x.n_out)
    pitch = width * strip_channels
    n_read = reach(y, unit_rows)
    strip = new_strip(0 if whole else unit_images * n_read * pitch, flat.dtype)
    table = np.empty(unit_images * unit_rows, np.int64)
    zeros = np.zeros(2 * lanes, flat.dtype)
    line = np.empty(2 * lanes, flat.dtype)
    spare = np.empty(2 * TAP_ROWS * lanes, flat.dtype)
    # Adjacent and aligned: else the panel's lines compete for a few sets of the L1 cache.
    packed = left < panel or out_channels > panel
    copied = aligned(unit_images * unit_rows * x.n_out * panel if packed else 0, flat.dtype)
    bands = -(-y.n_out // unit_rows)
    for unit in range(unit0, unit1):
        n0, m0 = unit // bands * unit_images, unit % bands * unit_rows
        n1, m1 = min(n_images, n0 + unit_images), min(y.n_out, m0 + unit_rows)
        n_rows = (n1 - n0) * (m1 - m0)
        g0 = (n0 * y.n_out + m0) * x.n_out * out_channels + group * n_columns + column
        g_step = out_channels
        g = flat_gradient
        if packed:
            _copy_columns(g, g0, g_step, n_rows * x.n_out, left, panel, copied)
            g, g0, g_step = copied, 0, panel
        for source in range(n_sources if lane_by_lane else 1):
            for n in range(n0, n1):
                start = (n - n0) * n_read * pitch
                first_row = m0 * y.step + y.first
                n_fill = reach(y, m1 - m0)
                if whole:
                    start = (n * images.shape[1] + first_row) * pitch + x.first * channels
                elif lane_by_lane:
                    fill_lanes(
                        images[n], first_row, n_fill, x.first, width,
                        source, n_sources, n_columns // groups, column, lanes, strip, start,
                    )  # fmt: skip
                else:
                    fill_strip(images[n], first_row, n_fill, x.first, width, strip, start)
                for m in range(m1 - m0):
                    table[(n - n0) * (m1 - m0) + m] = start + m * y.step * pitch
            a = flat if whole else strip
            row_step, column_step = dilations[0] * pitch, dilations[1] * strip_channels
            n_outer, n_runs, run, run_step, p_step = 1, kernel[0], kernel[1], row_step, column_step
            a0 = group * n_sources
            if lane_by_lane:
                a0 = 0
            elif groups == 1 and (dilations[1] == 1 or kernel[1] == 1):
                run, p_step = kernel[1] * channels, 1
            else:
                n_outer, n_runs, run = kernel[0], kernel[1], n_sources
                run_step, p_step = column_step, 1
            chunk = max(1, CHUNK_PIXELS // x.n_out)
            for row in range(0, n_rows, chunk):
                for outer in range(n_outer):
                    base = (source * n_outer + outer) * n_runs * run * pitch_out + column
                    _add_runs(
                        lane_by_lane,
                        a, a0 + outer * row_step, run_step, p_step, x.step * strip_channels,
                        table, row, min(chunk, n_rows - row),
                        g, g0 + row * x.n_out * g_step, x.n_out * g_step, g_step, x.n_out,
                        n_runs, run, panel, left, zeros, spare, total[base:], pitch_out,
                    )  # fmt: skip
        if bias_total.shape[0]:
            add_bias(g, g0, g_step, n_rows * x.n_out, left, line, bias_total)


@njit_leaf
def merge_columns(lane_by_lane, partials, column0, groups, weight_gradient):
    """Add up one vector of columns of all blocks' sums, in the order of blocks, where they belong.

    `column0` counts columns of all groups, padded. Sums of a column are by taps, then sources; its
    weights are by sources, then taps.
    """
    n_blocks, pitch = partials.shape[0], partials.shape[2]
    n_sources = weight_gradient.shape[1]
    n_taps = weight_gradient.shape[2] * weight_gradient.shape[3]
    n_steps = n_sources * n_taps
    n_columns = weight_gradient.shape[0] // (1 if lane_by_lane else groups)
    flat, sums = weight_gradient.reshape(-1), partials.reshape(-1)
    lanes = lanes_of(flat)
    group, column = column0 // pitch, column0 % pitch
    left = min(n_columns - column, lanes)
    square = np.empty(lanes * lanes, flat.dtype)
    for first in range(0, n_steps, lanes):
        m0 = max(0, min(first, n_steps - lanes))
        count = min(lanes, n_steps)
        for i in range(count):
            m = m0 + i
            row = m if lane_by_lane else m % n_taps * n_sources + m // n_taps
            at = (group * n_steps + row) * pitch + column
            copy_items(square, i * lanes, sums, at, lanes)
            for block in range(1, n_blocks):
                add_lanes(square, i * lanes, sums, block * (sums.shape[0] // n_blocks) + at)
        target = (group * n_columns + column) * n_steps + m0
        if left == lanes and count == lanes:
            transpose_lanes(flat, target, n_steps, square, 0, lanes)
        else:
            for j in range(left):
                for i in range(count):
                    flat[target + j * n_steps + i] = square[i * lanes + j]
