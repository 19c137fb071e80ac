"""Convolutions with many output channels: each number of the image meets a vector of weights."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml._jit.taps import tile_channels, tile_channels_2
from fastml._jit.vectors import lanes_of, transpose_lanes
from fastml.kernels.conv.geometry import is_inside, phase_length, reach, tile_shape
from fastml.kernels.conv.strips import fill_strip, unpad


@njit_leaf
def padded_columns(n, lanes):
    """Return the columns of the panels of n columns: pairs of vectors, and one where it will do."""
    pairs, rest = n // (2 * lanes), n % (2 * lanes)
    if rest == 0:
        return pairs * 2 * lanes
    return pairs * 2 * lanes + (lanes if rest <= lanes else 2 * lanes)


@njit_leaf
def panel_starts(y, x, n_sources, n_columns):
    """Return where the panels of each phase begin, and their end."""
    starts = np.zeros(y.n_phases * x.n_phases + 1, np.int64)
    for phase in range(starts.shape[0] - 1):
        taps = y.counts[phase // x.n_phases] * x.counts[phase % x.n_phases]
        starts[phase + 1] = starts[phase] + taps * n_sources * n_columns
    return starts


@njit_leaf
def _tap_places(y, x, py, px, kernel_width, places):
    """Write for each tap of the kernel its number in a phase, or -1."""
    places[:] = -1
    for i in range(y.counts[py]):
        for j in range(x.counts[px]):
            tap = y.numbers[py, i] * kernel_width + x.numbers[px, j]
            places[tap] = i * x.counts[px] + j


@njit_leaf
def _pack_run(flat, start, column_stride, n, source_0, places, n_sources, packed, panel,
              width, left, square):  # fmt: skip
    """Copy n adjacent weights of each of a panel's columns to where taps and sources say.

    The first is of tap 0 of `source_0`; taps are adjacent, and sources behind them.
    """
    lanes, n_taps = lanes_of(flat), places.shape[0]
    for first in range(0, n, lanes):
        count = min(lanes, n - first)
        whole = start + first + (left - 1) * column_stride + lanes <= flat.shape[0]
        for column in range(0, width, lanes):
            if whole and column + lanes <= left:
                source = start + first + column * column_stride
                transpose_lanes(square, 0, lanes, flat, source, column_stride)
            else:
                for k in range(count):
                    for j in range(lanes):
                        inside = column + j < left
                        at = start + first + k + (column + j) * column_stride
                        square[k * lanes + j] = flat[at] if inside else square.dtype.type(0)
            for k in range(count):
                place = places[(first + k) % n_taps]
                if place >= 0:
                    row = place * n_sources + source_0 + (first + k) // n_taps
                    copy_items(packed, panel + row * width + column, square, k * lanes, lanes)


@njit_leaf
def pack_panels(weight, backward, n_columns, n_sources, groups, y, x, packed):
    """Copy weights to panels of columns, for each phase and group: taps, then sources.

    Columns are output channels, or input channels of a data gradient; sources are the others.
    """
    flat, n_taps = weight.reshape(-1), weight.shape[2] * weight.shape[3]
    lanes = lanes_of(weight)
    padded = padded_columns(n_columns, lanes)
    places = np.empty(n_taps, np.int64)
    square = np.empty(lanes * lanes, weight.dtype)
    start = 0
    for phase in range(y.n_phases * x.n_phases):
        py, px = phase // x.n_phases, phase % x.n_phases
        _tap_places(y, x, py, px, weight.shape[3], places)
        n_steps = y.counts[py] * x.counts[px] * n_sources
        for group in range(groups):
            base = group * (weight.size // groups)
            for first in range(0, padded, 2 * lanes):
                width = min(padded - first, 2 * lanes)
                left = min(n_columns - first, width)
                panel = start + first * n_steps
                if backward:
                    for source in range(n_sources):
                        begin = base + (source * n_columns + first) * n_taps
                        _pack_run(
                            flat, begin, n_taps, n_taps, source, places, n_sources,
                            packed, panel, width, left, square,
                        )  # fmt: skip
                else:
                    stride = n_sources * n_taps
                    _pack_run(
                        flat, base + first * stride, stride, stride, 0, places, n_sources,
                        packed, panel, width, left, square,
                    )  # fmt: skip
            start += n_steps * padded


@njit_leaf
def tap_table(y, x, py, px, pitch, channels, adjacent, table):
    """Write where taps begin behind the first row and column; return how many."""
    n = 0
    for i in range(y.counts[py]):
        row = (y.offsets[py, i] - y.first) * pitch
        for j in range(min(1, x.counts[px]) if adjacent else x.counts[px]):
            table[n] = row + (x.offsets[px, j] - x.first) * channels
            n += 1
    return n


@njit_leaf
def tile_panel(
    out, out0, out_image_row, out_row,
    a, a0, a_image_row, a_row, taps, taps0, a_step,
    b, b0, b_tap, b_step, panel,
    n_taps, n_steps,
    init, init0,
    n_image_rows, width,
):  # fmt: skip
    """Run the tile of a panel's one or two vectors: the code of tiles is there once."""
    if panel > lanes_of(out):
        tile_channels_2(
            out, out0, out_image_row, out_row,
            a, a0, a_image_row, a_row, taps, taps0, a_step,
            b, b0, b_tap, b_step,
            n_taps, n_steps,
            init, init0,
            n_image_rows, width,
        )  # fmt: skip
    else:
        tile_channels(
            out, out0, out_image_row, out_row,
            a, a0, a_image_row, a_row, taps, taps0, a_step,
            b, b0, b_tap, b_step,
            n_taps, n_steps,
            init, init0,
            n_image_rows, width,
        )  # fmt: skip


@njit_leaf
def channels_task(image, y, x, groups, packed, starts, init, m0, m1, strip, table, spare, out):
    """Compute the results m0 ... m1 - 1 of each phase of rows of one image.

    `init` holds the padded bias of each group.
    """
    channels, out_channels = image.shape[2], out.shape[2]
    n_sources, n_columns = channels // groups, out_channels // groups
    flat = out.reshape(-1)
    lanes = lanes_of(flat)
    padded = padded_columns(n_columns, lanes)
    # Where no tap falls beside the image there is no need for a copy.
    if is_inside(y) and is_inside(x):
        pitch = image.shape[1] * channels
        source = image.reshape(-1)
        first = (m0 * y.step + y.first) * pitch + x.first * channels
    else:
        span = reach(x, phase_length(x, 0))
        pitch = span * channels
        source = strip
        first = 0
        fill_strip(image, m0 * y.step + y.first, reach(y, m1 - m0), x.first, span, strip)
    for phase in range(y.n_phases * x.n_phases):
        py, px = phase // x.n_phases, phase % x.n_phases
        n_rows = min(m1, phase_length(y, py)) - m0
        n_x = phase_length(x, px)
        if n_rows <= 0 or n_x == 0:
            continue
        adjacent = groups == 1 and (x.spacing == 1 or x.counts[px] == 1)
        n_taps = tap_table(y, x, py, px, pitch, channels, adjacent, table)
        n_steps = n_sources * x.counts[px] if adjacent else n_sources
        height, width = tile_shape(n_rows, n_x, n_taps * n_steps)
        out_row, out_image_row = x.n_phases * out_channels, y.n_phases * out.shape[1] * out_channels
        corner = ((py + m0 * y.n_phases) * out.shape[1] + px) * out_channels
        for group in range(groups):
            a0 = first + group * n_sources
            b0 = starts[phase] * groups + group * n_taps * n_steps * padded
            for column in range(0, n_columns, 2 * lanes):
                left = min(n_columns - column, 2 * lanes)
                panel = min(padded - column, 2 * lanes)
                b = b0 + column * n_taps * n_steps
                # The last pieces reach back over the ones before, and give the same again.
                for row in range(0, n_rows, height):
                    m = min(row, n_rows - height)
                    for piece in range(0, n_x, width):
                        k = min(piece, n_x - width)
                        a = a0 + m * y.step * pitch + k * x.step * channels
                        o = corner + m * out_image_row + k * out_row + group * n_columns + column
                        # An array that is one or the other is counted, atomically, at each tile.
                        if left == panel:
                            tile_panel(
                                flat, o, out_image_row, out_row,
                                source, a, y.step * pitch, x.step * channels, table, 0, 1,
                                packed, b, n_steps * panel, panel, panel, n_taps, n_steps,
                                init, group * padded + column,
                                height, width,
                            )  # fmt: skip
                        else:
                            tile_panel(
                                spare, 0, width * panel, panel,
                                source, a, y.step * pitch, x.step * channels, table, 0, 1,
                                packed, b, n_steps * panel, panel, panel, n_taps, n_steps,
                                init, group * padded + column,
                                height, width,
                            )  # fmt: skip
                            unpad(
                                spare, height, width, panel, flat, o, out_image_row, out_row, left
                            )
