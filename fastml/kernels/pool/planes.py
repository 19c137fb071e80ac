"""Images of few channels, as many at a time as a vector has lanes: one image in each lane.

Lane by lane, elements lie as those of one image of many channels do, whose rows are pooled by full
vectors. What is computed of each image stays the same to the bit.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml._jit.vectors import lanes_of, transpose_lanes
from fastml.kernels.pool.rows import WIDE

# Packing pays where the channels of one image fill few lanes (eighths of them) and where images
# fill many of those that are packed (lanes for each image): forward, backward where windows
# overlap, and backward where each gradient has its own place, which is fast anyway.
FORWARD, OVERLAPPING, APART = (3, 2), (6, 4), (2, 1.15)


@njit_leaf
def images_at_once(images, window, limits):
    """Return how many images to pack into vectors: 1 where they are better left as they are."""
    n, _, _, c = images.shape
    lanes = lanes_of(images)
    most_of_lanes, lanes_of_image = limits
    packed_lanes = -(-n // lanes) * lanes
    pays = 8 * c <= most_of_lanes * lanes and 0 < packed_lanes <= lanes_of_image * n
    # Sums of windows that are wide themselves are those of one row of memory, in float64.
    return lanes if pays and window[1] < WIDE else 1


@njit_leaf
def reach_of(rows, places, first_row, last_row, row_size):
    """Return the first source element of some rows of targets, and the one after the last."""
    low, high = np.int64(2**62), np.int64(0)
    for row in range(first_row, last_row):
        i0, i1, shift = places[row]
        if i1 > i0:
            low = min(low, rows[0, i0] + shift)
            high = max(high, rows[0, i1 - 1] + shift + row_size)
    return min(low, high), high


@njit_leaf
def pack(a, at, plane, n_images, n):
    """Return elements at ... at + n - 1 of each of some images, `plane` apart, a lane each."""
    lanes = lanes_of(a)
    packed = np.empty(n * lanes, a.dtype)
    if n < lanes:
        packed[:] = 0
        for e in range(n):
            for lane in range(n_images):
                packed[e * lanes + lane] = a[at + lane * plane + e]
        return packed
    square = np.zeros(lanes * lanes, a.dtype)
    for e in range(0, n, lanes):
        # The last square reaches back over what was copied before.
        e = min(e, n - lanes)
        if n_images == lanes:
            transpose_lanes(packed, e * lanes, lanes, a, at + e, plane)
            continue
        for lane in range(n_images):
            copy_items(square, lane * lanes, a, at + lane * plane + e, lanes)
        transpose_lanes(packed, e * lanes, lanes, square, 0, lanes)
    return packed


@njit_leaf
def unpack(packed, n_images, n, a, at, plane):
    """Copy lanes to where `pack` would have them from."""
    lanes = lanes_of(a)
    if n < lanes:
        for e in range(n):
            for lane in range(n_images):
                a[at + lane * plane + e] = packed[e * lanes + lane]
        return
    square = np.empty(lanes * lanes, a.dtype)
    for e in range(0, n, lanes):
        e = min(e, n - lanes)
        if n_images == lanes:
            transpose_lanes(a, at + e, plane, packed, e * lanes, lanes)
            continue
        transpose_lanes(square, 0, lanes, packed, e * lanes, lanes)
        for lane in range(n_images):
            copy_items(a, at + lane * plane + e, square, lane * lanes, lanes)


@njit_leaf
def pack_marks(marks, at, plane, n_images, n, lanes):
    """Do what `pack` does, for the numbers of taps."""
    packed = np.zeros(n * lanes, marks.dtype)
    for lane in range(n_images):
        first = at + lane * plane
        for e in range(n):
            packed[e * lanes + lane] = marks[first + e]
    return packed


@njit_leaf
def unpack_marks(packed, n_images, n, lanes, marks, at, plane):
    """Do what `unpack` does, for the numbers of taps."""
    for lane in range(n_images):
        first = at + lane * plane
        for e in range(n):
            marks[first + e] = packed[e * lanes + lane]
