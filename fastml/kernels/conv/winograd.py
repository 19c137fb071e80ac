"""Convolutions with 3 x 3 and 5 x 5 kernels through 36 points: fewer products than taps have.

A square of results, 4 x 4 of a 3 x 3 kernel or 2 x 2 of a 5 x 5 one, and the 6 x 6 sources below it
are taken to 36 points; there each source channel meets each result channel in one product, where
144 or 100 would be. Products of the same point make a matrix product, of squares by channels.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml._jit.taps import ADDED_ROWS, TAP_ROWS, tile_channels_added
from fastml._jit.vectors import add_lanes, lanes_of
from fastml._jit.winograd import (
    SIDE,
    gradient_to_points,
    kernel_to_points,
    points_to_kernel,
    points_to_results,
    sources_to_points,
)
from fastml.kernels.conv.channels import pack_panels, padded_columns, tile_panel
from fastml.kernels.conv.geometry import LEAST_TASKS, aligned, tile_shape
from fastml.kernels.conv.weights import add_bias

POINTS = SIDE * SIDE
# Bytes of some squares' sources at all points: a part of the L2 cache.
POINTS_BYTES = 1 << 18
# With fewer squares in an image, or with more weights for each square of all images, the way to the
# points is not worth it.
LEAST_SQUARES = 16
WEIGHTS_OF_SQUARE = 350


@njit_leaf
def side_of(axis):
    """Return the side of a square of results."""
    return SIDE + 1 - axis.counts[0]


@njit_leaf
def _plain(axis):
    return axis.n_phases == 1 and axis.step == 1 and (axis.counts[0] == 1 or axis.spacing == 1)


@njit_leaf
def suits(y, x, n_images, groups, n_sources, n_columns, lanes):
    """Whether a convolution is computed through points."""
    taps = y.counts[0]
    if groups > 1 or not (_plain(y) and _plain(x)) or (taps != 3 and taps != 5):
        return False
    # Whole vectors, and whole tiles of the sums of weights; panels that are not half empty.
    multiple = max(8, lanes)
    if x.counts[0] != taps or n_sources % multiple or n_columns % multiple:
        return False
    if n_columns < 2 * lanes:
        return False
    side = side_of(y)
    squares = -(-y.n_out // side) * -(-x.n_out // side)
    enough = n_images * squares * WEIGHTS_OF_SQUARE >= n_sources * n_columns
    return squares >= LEAST_SQUARES and enough


@njit_leaf
def paired(n, lanes):
    """Return the columns of whole pairs of vectors."""
    return -(-n // (2 * lanes)) * 2 * lanes


@njit_leaf
def squares_at_once(channels, itemsize):
    return max(TAP_ROWS, POINTS_BYTES // (POINTS * channels * itemsize))


@njit_leaf
def square_rows(y, x, n_images, channels, itemsize):
    """Return how many rows of results a task has: those of some rows of squares."""
    side = side_of(y)
    rows = -(-y.n_out // side)
    fitting = max(1, squares_at_once(channels, itemsize) // -(-x.n_out // side))
    most = min(fitting, -(-rows // -(-LEAST_TASKS // max(1, n_images))))
    return side * -(-rows // -(-rows // most))


@njit_leaf
def panel_point(n_sources, lanes):
    """Return the items from point to point of a panel of weights."""
    # Lines that are a power of two apart would compete for a few sets of the caches.
    return n_sources * 2 * lanes + 16


@njit_leaf
def pack_points(weight, backward, y, x, n_sources, n_columns):
    """Return panels of pairs of vectors of columns; each has all points of all sources."""
    lanes, taps = lanes_of(weight), y.counts[0]
    direct = aligned(taps * taps * n_sources * padded_columns(n_columns, lanes), weight.dtype)
    pack_panels(weight, backward, n_columns, n_sources, 1, y, x, direct)
    point = panel_point(n_sources, lanes)
    packed = aligned(-(-n_columns // (2 * lanes)) * POINTS * point, weight.dtype)
    packed[:] = 0
    for first in range(0, n_columns, 2 * lanes):
        width = min(n_columns - first, 2 * lanes)
        tap = n_sources * width
        for source in range(n_sources):
            for column in range(0, width, lanes):
                kernel_to_points(
                    taps,
                    packed, first // (2 * lanes) * POINTS * point + source * 2 * lanes + column,
                    SIDE * point, point,
                    direct, first * taps * taps * n_sources + source * width + column,
                    taps * tap, tap,
                )  # fmt: skip
    return packed


@njit_leaf
def _gather(image, row0, column0, side, channel, square):
    """Copy a square of vectors that reaches beside the image, where zeros are."""
    height, width, channels = image.shape
    flat, lanes = image.reshape(-1), lanes_of(square)
    square[: side * side * lanes] = 0
    for row in range(max(0, -row0), min(side, height - row0)):
        for column in range(max(0, -column0), min(side, width - column0)):
            source = ((row0 + row) * width + column0 + column) * channels + channel
            copy_items(square, (row * side + column) * lanes, flat, source, lanes)


@njit_leaf
def _one_to_points(side, out, out0, point, a, a0, a_row, a_column):
    if side == SIDE:
        sources_to_points(side, out, out0, SIDE * point, point, a, a0, a_row, a_column)
    else:
        gradient_to_points(side, out, out0, SIDE * point, point, a, a0, a_row, a_column)


@njit_leaf
def _to_points(
    image, side, step, row0, column0, n_rows, n_columns, channel0, channel1,
    square, out, first, n_squares, panel, point,
):  # fmt: skip
    """Take squares of an image to the points; they are the result's from number `first` on.

    The result has panels of channels, of `n_squares` each, `point` numbers from point to point.
    """
    height, width, channels = image.shape
    flat, lanes = image.reshape(-1), lanes_of(out)
    for i in range(n_rows * n_columns):
        row, column = row0 + i // n_columns * step, column0 + i % n_columns * step
        inside = min(row, column) >= 0 and row + side <= height and column + side <= width
        corner = (row * width + column) * channels
        for channel in range(channel0, channel1, lanes):
            at = channel - channel0
            o = (at // panel * n_squares + first + i) * panel + at % panel
            # An array that is one or the other is counted, atomically, at each square.
            if inside:
                _one_to_points(
                    side, out, o, point, flat, corner + channel, width * channels, channels
                )
            else:
                _gather(image, row, column, side, channel, square)
                _one_to_points(side, out, o, point, square, 0, side * lanes, lanes)


@njit_leaf
def _one_from_points(side, out, out0, out_row, out_column, products, at, point, init, init0):
    points_to_results(
        side, out, out0, out_row, out_column, products, at, SIDE * point, point, init, init0
    )


@njit_leaf
def _from_points(products, point, panel, side, row0, n_rows, column0, n_columns,
                 init, channel0, channel1, spare, out):  # fmt: skip
    """Take the products of some squares and channels from the points to the results."""
    height, width, channels = out.shape
    flat, lanes = out.reshape(-1), lanes_of(out)
    for i in range(n_rows * n_columns):
        row, column = row0 + i // n_columns * side, column0 + i % n_columns * side
        rows, columns = min(side, height - row), min(side, width - column)
        for channel in range(channel0, channel1, lanes):
            o = (row * width + column) * channels + channel
            a = i * panel + channel - channel0
            if min(rows, columns) == side:
                _one_from_points(
                    side, flat, o, width * channels, channels, products, a, point, init, channel
                )
                continue
            _one_from_points(side, spare, 0, side * lanes, lanes, products, a, point, init, channel)
            for r in range(rows):
                for c in range(columns):
                    at = o + (r * width + c) * channels
                    copy_items(flat, at, spare, (r * side + c) * lanes, lanes)


@njit_leaf
def points_scratch(y, x, n_rows, channels, lanes, itemsize):
    """Return the columns of squares that a task of some rows of them takes at once.

    And the items from point to point of their sources, and of a panel of their products.
    """
    across = -(-x.n_out // side_of(x))
    most = min(across, max(1, squares_at_once(channels, itemsize) // n_rows))
    # Lines that are a power of two apart would compete for a few sets of the L1 cache.
    return most, most * n_rows * channels + 16, most * n_rows * 2 * lanes + 16


@njit_leaf
def winograd_task(image, y, x, packed, init, m0, m1, scratch, square, out):
    """Compute the results m0 ... m1 - 1 of rows of one image."""
    channels, n_columns = image.shape[2], out.shape[2]
    lanes = lanes_of(packed)
    side, panel = side_of(y), 2 * lanes
    n_rows, n_across = -(-(m1 - m0) // side), -(-x.n_out // side)
    most, source_point, product_point = points_scratch(
        y, x, n_rows, channels, lanes, packed.itemsize
    )
    sources, products = scratch, scratch[POINTS * source_point :]
    zeros, table = np.zeros(panel, packed.dtype), np.zeros(1, np.int64)
    weight_point = panel_point(channels, lanes)
    for first in range(0, n_across, most):
        across = min(most, n_across - first)
        n_squares = n_rows * across
        _to_points(
            image, SIDE, side, m0 + y.first, first * side + x.first, n_rows, across, 0, channels,
            square, sources, 0, n_squares, channels, source_point,
        )  # fmt: skip
        _, width = tile_shape(1, n_squares, channels)
        for column in range(0, n_columns, panel):
            for point in range(POINTS):
                # The last piece reaches back over the one before, and gives the same again.
                for piece in range(0, n_squares, width):
                    k = min(piece, n_squares - width)
                    tile_panel(
                        products, point * product_point + k * panel, 0, panel,
                        sources, point * source_point + k * channels, 0, channels, table, 0, 1,
                        packed, (column // panel * POINTS + point) * weight_point, 0, panel, panel,
                        1, channels,
                        zeros, 0,
                        1, width,
                    )  # fmt: skip
            _from_points(
                products, product_point, panel, side, m0, n_rows, first * side, across,
                init, column, min(column + panel, n_columns), square, out,
            )  # fmt: skip


@njit_leaf
def weights_ranges(n_blocks, n_sources, n_columns, lanes):
    """Return how many channels of images, and of results, a task of the weight gradient has."""
    sources, columns = min(n_sources, 4 * lanes), min(paired(n_columns, lanes), 4 * lanes)
    if n_blocks * -(-n_sources // sources) * -(-n_columns // columns) < 4:
        columns = 2 * lanes
    return sources, columns


@njit_leaf
def winograd_weights_task(
    images, gradient, y, x, source0, source1, column0, column1, unit0, unit1, unit_rows, total,
    bias_total,
):  # fmt: skip
    """Add up the products of some channels at all points over the units of one block.

    A unit is some rows of squares of one image. `total` is (points, channels, columns), flat, and
    `bias_total` has the columns, or none.
    """
    lanes = lanes_of(gradient)
    side, panel = side_of(y), 2 * lanes
    channels, pitch = images.shape[3], paired(gradient.shape[3], lanes)
    n_down, n_across = -(-y.n_out // side), -(-x.n_out // side)
    bands = -(-n_down // unit_rows)
    n_sources, n_columns = source1 - source0, paired(column1 - column0, lanes)
    most = squares_at_once(4 * lanes, gradient.itemsize)
    step = max(1, most // unit_rows)
    source_point, gradient_point = most * n_sources + 16, most * n_columns + 16
    sources = aligned(POINTS * source_point, gradient.dtype)
    gradients = aligned(POINTS * gradient_point, gradient.dtype)
    # Columns that there are none of meet zeros.
    gradients[:] = 0
    square = np.empty(POINTS * lanes, gradient.dtype)
    zeros, table = np.zeros(panel, gradient.dtype), np.zeros(1, np.int64)
    line = np.empty(column1 - column0, gradient.dtype)
    n = 0
    for unit in range(unit0, unit1):
        image, band = unit // bands, unit % bands
        row0 = band * unit_rows
        n_rows = min(unit_rows, n_down - row0)
        for first in range(0, n_across, step):
            across = min(step, n_across - first)
            if n + n_rows * across > most:
                _add_products(sources, source_point, n_sources, gradients, gradient_point,
                              n_columns, most, n, zeros, table, total[source0 * pitch + column0:],
                              channels * pitch, pitch)  # fmt: skip
                n = 0
            _to_points(
                images[image], SIDE, side, row0 * side + y.first, first * side + x.first,
                n_rows, across, source0, source1, square, sources, n, most, n_sources, source_point,
            )  # fmt: skip
            _to_points(
                gradient[image], side, side, row0 * side, first * side,
                n_rows, across, column0, column1, square, gradients, n, most, panel, gradient_point,
            )  # fmt: skip
            n += n_rows * across
        if bias_total.shape[0]:
            start = (image * y.n_out + row0 * side) * x.n_out * gradient.shape[3] + column0
            n_pixels = min(n_rows * side, y.n_out - row0 * side) * x.n_out
            add_bias(
                gradient.reshape(-1), start, gradient.shape[3], n_pixels, column1 - column0,
                line, bias_total,
            )  # fmt: skip
    _add_products(sources, source_point, n_sources, gradients, gradient_point, n_columns, most, n,
                  zeros, table, total[source0 * pitch + column0:], channels * pitch,
                  pitch)  # fmt: skip


@njit_leaf
def _add_products(
    sources, source_point, n_sources, gradients, gradient_point, n_columns, n_squares, n,
    zeros, table, total, total_point, pitch,
):  # fmt: skip
    """Add up the products of n squares at each point."""
    panel = zeros.shape[0]
    for point in range(POINTS):
        for column in range(0, n_columns, panel):
            for source in range(0, n_sources, ADDED_ROWS):
                tile_channels_added(
                    total, point * total_point + source * pitch + column, 0, pitch,
                    sources, point * source_point + source, 0, 1, table, 0, n_sources,
                    gradients, point * gradient_point + column * n_squares, 0, panel,
                    1, n,
                    zeros, 0,
                    1, ADDED_ROWS,
                )  # fmt: skip


@njit_leaf
def merge_points(partials, column, taps):
    """Add up one vector of columns of all blocks, and take it from the points to the taps.

    The sums of the first block are replaced by those of (taps, channels, columns).
    """
    n_blocks, pitch = partials.shape[0], partials.shape[2]
    channels, size = partials.shape[1] // POINTS, partials.shape[1] * pitch
    flat = partials.reshape(-1)
    point = channels * pitch
    for channel in range(channels):
        at = channel * pitch + column
        for block in range(1, n_blocks):
            for k in range(POINTS):
                add_lanes(flat, k * point + at, flat, block * size + k * point + at)
        points_to_kernel(taps, flat, at, taps * point, point, flat, at, SIDE * point, point)
