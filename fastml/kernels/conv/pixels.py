"""Convolutions with very few result channels: in vectors of adjacent pixels.

Vectors of channels would be mostly empty. Instead each tap of each result channel is a row of a
matrix, by which all source pixels are multiplied, their channels first; then the products of the
taps are shifted and added up. So every load of the product is aligned, whatever the tap.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.vectors import lanes_of, sum_lanes, transpose_lanes
from fastml.kernels.conv.channels import tile_panel
from fastml.kernels.conv.geometry import phase_length, reach, tile_shape


@njit_leaf
def planes_gap(x):
    """Return the zeros between rows: as many as taps reach beside one, on either side."""
    return max(-x.first, x.first + reach(x, phase_length(x, 0)) - x.n, 0)


@njit_leaf
def pack_taps(weight, column_stride, source_stride, n_columns, n_sources, packed):
    """Copy weights to (columns, taps, sources)."""
    flat, n_taps = weight.reshape(-1), weight.shape[2] * weight.shape[3]
    at = 0
    for column in range(n_columns):
        for tap in range(n_taps):
            for source in range(n_sources):
                packed[at] = flat[column * column_stride + source * source_stride + tap]
                at += 1


@njit_leaf
def _fill_planes(image, row0, row1, gap, size, planes):
    """Copy rows of an image to planes of their channels, `size` apart, `gap` zeros around a row."""
    width, channels = image.shape[1], image.shape[2]
    pitch, lanes = width + gap, lanes_of(planes)
    flat = image.reshape(-1)
    for channel in range(channels):
        first = channel * size
        for start in range(first, first + (row1 - row0) * pitch, pitch):
            planes[start : start + gap] = 0
        planes[first + (row1 - row0) * pitch : first + size] = 0
    for row in range(row0, row1):
        at, source = gap + (row - row0) * pitch, row * width * channels
        if width < lanes or channels < lanes:
            for i in range(width):
                for channel in range(channels):
                    planes[channel * size + at + i] = flat[source + i * channels + channel]
            continue
        # The last squares reach back over the ones before.
        for first in range(0, width, lanes):
            i = min(first, width - lanes)
            for channel in range(0, channels, lanes):
                c = min(channel, channels - lanes)
                start = source + i * channels + c
                transpose_lanes(planes, c * size + at + i, size, flat, start, channels)


@njit_leaf
def _multiply(packed, n_sources, n_rows, planes, size, table, zeros, products):
    """Multiply all pixels by each of `n_rows` rows of weights."""
    panel = zeros.shape[0]
    _, height = tile_shape(1, n_rows, n_sources)
    for pixel in range(0, size, panel):
        for first in range(0, n_rows, height):
            row = min(first, n_rows - height)
            tile_panel(
                products, row * size + pixel, 0, size,
                packed, row * n_sources, 0, n_sources, table, 0, 1,
                planes, pixel, 0, size, panel,
                1, n_sources,
                zeros, 0,
                1, height,
            )  # fmt: skip


@njit_leaf
def planes_size(x, n_rows, lanes):
    """Return the room for a plane of some rows."""
    gap, panel = planes_gap(x), 2 * lanes
    # An odd number of panels: planes a power of two apart would compete for a few sets of L1.
    return (-(-(n_rows * (x.n + gap) + gap) // panel) | 1) * panel


@njit_leaf
def pixels_task(image, y, x, packed, init, m0, m1, scratch, table, out):
    """Compute the results m0 ... m1 - 1 of each phase of rows of one image."""
    height, width, n_sources = image.shape
    n_columns, lanes = out.shape[2], lanes_of(packed)
    kernel_width = x.offsets.shape[1]
    n_taps = y.offsets.shape[1] * kernel_width
    row0 = min(max(m0 + y.first, 0), height)
    row1 = min(max(m0 + y.first + reach(y, m1 - m0), row0), height)
    gap = planes_gap(x)
    pitch, panel = width + gap, 2 * lanes
    size = planes_size(x, row1 - row0, lanes)
    planes, products = scratch, scratch[n_sources * size :]
    zeros, line = np.zeros(panel, packed.dtype), np.empty(lanes, packed.dtype)
    _fill_planes(image, row0, row1, gap, size, planes)
    table[0] = 0
    _multiply(packed, n_sources, n_columns * n_taps, planes, size, table, zeros, products)
    for phase in range(y.n_phases * x.n_phases):
        py, px = phase // x.n_phases, phase % x.n_phases
        n_x, n_j = phase_length(x, px), x.counts[px]
        for column in range(n_columns):
            for i in range(y.counts[py]):
                for j in range(n_j):
                    tap = y.numbers[py, i] * kernel_width + x.numbers[px, j]
                    table[i * n_j + j] = (
                        (column * n_taps + tap) * size
                        + y.offsets[py, i] * pitch + gap + x.offsets[px, j]
                    )  # fmt: skip
            for m in range(m0, min(m1, phase_length(y, py))):
                i0, i1 = 0, y.counts[py]
                while i0 < i1 and m + y.offsets[py, i0] < 0:
                    i0 += 1
                while i0 < i1 and m + y.offsets[py, i1 - 1] >= height:
                    i1 -= 1
                results = out[py + m * y.n_phases]
                for k in range(0, n_x, lanes):
                    sum_lanes(
                        line, 0, init[column],
                        products, (m - row0) * pitch + k, table, i0 * n_j, (i1 - i0) * n_j,
                    )  # fmt: skip
                    for lane in range(min(lanes, n_x - k)):
                        results[px + (k + lane) * x.n_phases, column] = line[lane]
