"""Convolutions of small groups of channels (depthwise): channel by channel, in vectors of them.

The channels of a strip are those of the result: one plane holds for each of them the first channel
of its group, the next plane the second, and so on.
"""

from fastml._jit import njit_leaf
from fastml._jit.taps import tile_lanes
from fastml._jit.vectors import lanes_of
from fastml.kernels.conv.geometry import phase_length, reach, tile_shape
from fastml.kernels.conv.strips import fill_lanes, unpad


@njit_leaf
def whole_vectors(n, lanes):
    return -(-n // lanes) * lanes


@njit_leaf
def pack_lanes(weight, column_stride, source_stride, n_columns, n_sources, groups, y, x, packed):
    """Copy weights to vectors of result channels, by phases: channels of a group, then taps."""
    flat, kernel_width = weight.reshape(-1), weight.shape[3]
    lanes = lanes_of(weight)
    total = groups * n_columns
    start = 0
    for phase in range(y.n_phases * x.n_phases):
        py, px = phase // x.n_phases, phase % x.n_phases
        n_y, n_x = y.counts[py], x.counts[px]
        n_steps = n_sources * n_y * n_x
        for channel in range(total):
            base = channel // n_columns * (weight.size // groups)
            base += channel % n_columns * column_stride
            at = start + channel // lanes * lanes * n_steps + channel % lanes
            for c in range(n_sources):
                for i in range(n_y):
                    for j in range(n_x):
                        tap = y.numbers[py, i] * kernel_width + x.numbers[px, j]
                        packed[at] = flat[base + c * source_stride + tap]
                        at += lanes
        start += n_steps * whole_vectors(total, lanes)


@njit_leaf
def tile_vector(
    out, out0, out_image_row, out_row,
    a, a0, a_image_row, a_row, taps, taps0, a_step,
    b, b0, b_tap, b_step,
    n_taps, n_steps,
    init, init0,
    n_image_rows, width,
):  # fmt: skip
    """Run the tile of one vector: its code is there once."""
    tile_lanes(
        out, out0, out_image_row, out_row,
        a, a0, a_image_row, a_row, taps, taps0, a_step,
        b, b0, b_tap, b_step,
        n_taps, n_steps,
        init, init0,
        n_image_rows, width,
    )  # fmt: skip


@njit_leaf
def lanes_task(image, y, x, groups, packed, starts, init, m0, m1, strip, table, spare, out):
    """Compute the results m0 ... m1 - 1 of each phase of rows of one image."""
    out_channels = out.shape[2]
    n_sources, n_columns = image.shape[2] // groups, out_channels // groups
    flat = out.reshape(-1)
    lanes = lanes_of(flat)
    channels = whole_vectors(out_channels, lanes)
    span, height_read = reach(x, phase_length(x, 0)), reach(y, m1 - m0)
    pitch = span * channels
    for c in range(n_sources):
        fill_lanes(
            image, m0 * y.step + y.first, height_read, x.first, span,
            c, n_sources, n_columns, 0, channels, strip, c * height_read * pitch,
        )  # fmt: skip
    for phase in range(y.n_phases * x.n_phases):
        py, px = phase // x.n_phases, phase % x.n_phases
        n_rows = min(m1, phase_length(y, py)) - m0
        n_x = phase_length(x, px)
        if n_rows <= 0 or n_x == 0:
            continue
        n_steps = x.counts[px]
        n_taps = n_sources * y.counts[py] if n_steps else 0
        for tap in range(n_taps):
            plane, i = tap // y.counts[py], tap % y.counts[py]
            row = plane * height_read + y.offsets[py, i] - y.first
            table[tap] = row * pitch + (x.offsets[px, 0] - x.first) * channels
        height, width = tile_shape(n_rows, n_x, n_taps * n_steps)
        out_row, out_image_row = x.n_phases * out_channels, y.n_phases * out.shape[1] * out_channels
        corner = ((py + m0 * y.n_phases) * out.shape[1] + px) * out_channels
        for row in range(0, n_rows, height):
            m = min(row, n_rows - height)
            for piece in range(0, n_x, width):
                k = min(piece, n_x - width)
                for column in range(0, out_channels, lanes):
                    left = min(out_channels - column, lanes)
                    o = corner + m * out_image_row + k * out_row + column
                    a = m * y.step * pitch + k * x.step * channels + column
                    b = starts[phase] + column * n_taps * n_steps
                    if left == lanes:
                        tile_vector(
                            flat, o, out_image_row, out_row,
                            strip, a, y.step * pitch, x.step * channels, table, 0,
                            x.spacing * channels, packed, b, n_steps * lanes, lanes,
                            n_taps, n_steps, init, column,
                            height, width,
                        )  # fmt: skip
                    else:
                        tile_vector(
                            spare, 0, width * lanes, lanes,
                            strip, a, y.step * pitch, x.step * channels, table, 0,
                            x.spacing * channels, packed, b, n_steps * lanes, lanes,
                            n_taps, n_steps, init, column,
                            height, width,
                        )  # fmt: skip
                        unpad(spare, height, width, lanes, flat, o, out_image_row, out_row, left)
