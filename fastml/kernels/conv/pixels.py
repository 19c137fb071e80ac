"""Convolutions with very few output channels: in vectors of adjacent pixels.

Vectors of channels would be mostly empty. The strip has its channels first, so that pixels of one
channel are adjacent.
"""

from fastml._jit import njit_leaf
from fastml._jit.taps import TAP_ROWS, lanes_of, tile_pixels
from fastml.kernels.conv.geometry import phase_length, reach, tile_shape
from fastml.kernels.conv.strips import fill_planes


@njit_leaf
def planes_pitch(x, lanes):
    """Return the pixels of a row of the strip: whole vectors of results, and what taps add."""
    vectors = -(-phase_length(x, 0) // lanes)
    return vectors * lanes + x.last - x.first


@njit_leaf
def pack_planes(weight, column_stride, source_stride, n_columns, n_sources, y, x, packed):
    """Copy weights to the order in which they are met: result, phase of rows, source, taps."""
    flat, kernel_width = weight.reshape(-1), weight.shape[3]
    at = 0
    for column in range(n_columns):
        for py in range(y.n_phases):
            for c in range(n_sources):
                for i in range(y.counts[py]):
                    for j in range(x.counts[0]):
                        tap = y.numbers[py, i] * kernel_width + x.numbers[0, j]
                        packed[at] = flat[column * column_stride + c * source_stride + tap]
                        at += 1


@njit_leaf
def pixels_task(image, y, x, packed, init, m0, m1, strip, table, spare, out):
    """Compute the results m0 ... m1 - 1 of each phase of rows of one image."""
    n_sources, n_columns = image.shape[2], out.shape[2]
    lanes = lanes_of(packed)
    n_x = phase_length(x, 0)
    vectors = -(-n_x // lanes)
    pitch = planes_pitch(x, lanes)
    height, width = tile_shape(m1 - m0, vectors, TAP_ROWS)
    # Whole tiles: rows behind the last are computed and left.
    n_read = reach(y, -(-(m1 - m0) // height) * height)
    span = reach(x, n_x)
    fill_planes(image, m0 * y.step + y.first, n_read, x.first, span, pitch, strip)
    n_steps = x.counts[0]
    b = 0
    for column in range(n_columns):
        for py in range(y.n_phases):
            n_taps = n_sources * y.counts[py]
            for tap in range(n_taps):
                plane, i = tap // y.counts[py], tap % y.counts[py]
                row = plane * n_read + y.offsets[py, i] - y.first
                table[tap] = row * pitch + x.offsets[0, 0] - x.first
            n_rows = min(m1, phase_length(y, py)) - m0
            for m in range(0, n_rows, height):
                for piece in range(0, vectors, width):
                    k = min(piece, vectors - width) * lanes
                    tile_pixels(
                        spare, 0, width * lanes, lanes,
                        strip, m * y.step * pitch + k, y.step * pitch, lanes, table, 0, x.spacing,
                        packed, b, n_steps, 1,
                        n_taps, n_steps,
                        init, column * lanes,
                        height, width,
                    )  # fmt: skip
                    for r in range(min(height, n_rows - m)):
                        row = out[py + (m0 + m + r) * y.n_phases]
                        for i in range(min(width * lanes, n_x - k)):
                            row[k + i, column] = spare[r * width * lanes + i]
            b += n_taps * n_steps
