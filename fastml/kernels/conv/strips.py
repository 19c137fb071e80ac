"""Strips: the rows of an image that a band of results needs, with zeros where there is no image."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml._jit.vectors import lanes_of


@njit_leaf
def _clear(strip, start, n):
    for i in range(start, start + n):
        strip[i] = 0


@njit_leaf
def fill_strip(image, row0, n_rows, column0, n_columns, strip, strip0=0):
    """Copy rows and columns of an image (height, width, channels), channels last."""
    height, width, channels = image.shape
    flat = image.reshape(-1)
    left = min(max(-column0, 0), n_columns)
    inside = max(0, min(column0 + n_columns, width) - max(column0, 0))
    pitch = n_columns * channels
    for r in range(n_rows):
        start = strip0 + r * pitch
        row = row0 + r
        if row < 0 or row >= height or inside == 0:
            _clear(strip, start, pitch)
            continue
        first = left * channels
        stop = first + inside * channels
        _clear(strip, start, first)
        source = (row * width + max(column0, 0)) * channels
        copy_items(strip, start + first, flat, source, inside * channels)
        _clear(strip, start + stop, pitch - stop)


@njit_leaf
def fill_lanes(
    image, row0, n_rows, column0, n_columns, channel, group_channels, repeats, first, width,
    strip, strip0,
):  # fmt: skip
    """Copy one channel of each group to the `repeats` result channels of its group.

    The strip is (n_rows, n_columns, width), of the result channels from `first` on; those that are
    not there are zeros.
    """
    height, image_width, channels = image.shape
    alone = repeats == 1 and group_channels == 1
    if alone and width == channels:
        fill_strip(image, row0, n_rows, column0, n_columns, strip, strip0)
        return
    used = min(width, channels // group_channels * repeats - first)
    lanes = lanes_of(strip)
    flat = image.reshape(-1)
    for r in range(n_rows):
        row = row0 + r
        for x in range(n_columns):
            start = strip0 + (r * n_columns + x) * width
            column = column0 + x
            if row < 0 or row >= height or column < 0 or column >= image_width:
                _clear(strip, start, width)
                continue
            source = (row * image_width + column) * channels + channel
            if alone and used == width:
                for i in range(0, width, lanes):
                    copy_items(strip, start + i, flat, source + first + i, lanes)
                continue
            source += first // repeats * group_channels
            turn = first % repeats
            for i in range(used):
                strip[start + i] = flat[source]
                turn += 1
                if turn == repeats:
                    source += group_channels
                    turn = 0
            _clear(strip, start + used, width - used)


@njit_leaf
def new_strip(n, dtype):
    """Return scratch of n items, and room for vectors that begin among the last of them."""
    return np.empty(n + 64, dtype)


@njit_leaf
def unpad(spare, height, width, panel, out, out0, out_image_row, out_row, n_columns):
    """Copy the first columns of a tile's results to where they belong."""
    for i in range(height):
        for p in range(width):
            at = out0 + i * out_image_row + p * out_row
            start = (i * width + p) * panel
            for column in range(n_columns):
                out[at + column] = spare[start + column]
