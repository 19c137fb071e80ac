"""Where taps fall: one description of convolutions and of their data gradients.

A data gradient with stride s is s convolutions along each axis, one for each phase of its result:
the results at p, p + s, p + 2 s, ... meet the taps whose distance to them is a multiple of s. A
convolution is the case of one phase. Source positions are ``step * m + offset`` for result m of a
phase; offsets of a phase are ascending and evenly spaced.
"""

from typing import NamedTuple

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.taps import SHAPES

# A band of rows of the result is as high as the strip of source rows below it fills this much, in
# bytes: a part of the L2 cache.
STRIP_BYTES = 1 << 18
# Fewer tasks than this are cut further, so that there is work for some threads.
LEAST_TASKS = 16
# Tasks that are next to each other share their scratch: so many groups of them.
GROUPS_OF_TASKS = 32
# What it takes to begin and to end a tile, in steps of one of its rows, about.
TILE_STEPS = 100


class Axis(NamedTuple):
    """Taps along one axis.

    Attributes
    ----------
    n : int
        Length of the source.
    n_out : int
        Length of the result.
    n_phases : int
        Phases; the result's positions of phase p are p, p + n_phases, ...
    step : int
        Source positions from one result to the next of the same phase.
    counts : (n_phases,) int64
        Taps of a phase.
    offsets, numbers : (n_phases, kernel) int64
        Where taps fall, and which taps of the kernel they are.
    spacing : int
        From one offset to the next.
    first, last : int
        Smallest and largest of all offsets.
    """

    n: int
    n_out: int
    n_phases: int
    step: int
    counts: np.ndarray
    offsets: np.ndarray
    numbers: np.ndarray
    spacing: int
    first: int
    last: int


@njit_leaf
def forward_axis(n, n_out, kernel, stride, pad, dilation):
    """Return the fields of the axis of a convolution: in kernels ``Axis(*forward_axis(...))``.

    Numba passes a named tuple into a parallel loop only where it is made beside the loop.
    """
    counts = np.full(1, kernel)
    offsets = np.empty((1, kernel), np.int64)
    numbers = np.empty((1, kernel), np.int64)
    for i in range(kernel):
        offsets[0, i] = dilation * i - pad
        numbers[0, i] = i
    last = dilation * (kernel - 1) - pad
    return n, n_out, 1, stride, counts, offsets, numbers, dilation, -pad, last


@njit_leaf
def backward_axis(n, n_out, kernel, stride, pad, dilation):
    """Return the fields of the axis of a data gradient; n is the length of the gradient."""
    counts = np.zeros(stride, np.int64)
    offsets = np.zeros((stride, kernel), np.int64)
    numbers = np.zeros((stride, kernel), np.int64)
    first, last = np.int64(0), np.int64(0)
    found = False
    for phase in range(stride):
        for i in range(kernel - 1, -1, -1):
            distance = phase + pad - dilation * i
            if distance % stride == 0:
                offset = distance // stride
                offsets[phase, counts[phase]] = offset
                numbers[phase, counts[phase]] = i
                counts[phase] += 1
                first = min(first, offset) if found else offset
                last = max(last, offset) if found else offset
                found = True
    common, rest = stride, dilation
    while rest:
        common, rest = rest, common % rest
    spacing = dilation // common
    return n, n_out, stride, 1, counts, offsets, numbers, spacing, first, last


@njit_leaf
def phase_length(axis, phase):
    """Return how many results a phase has."""
    return max(0, (axis.n_out - phase + axis.n_phases - 1) // axis.n_phases)


@njit_leaf
def reach(axis, n_results):
    """Return how many source positions so many results of a phase span."""
    return axis.step * (n_results - 1) + axis.last - axis.first + 1


@njit_leaf
def is_inside(axis):
    """Whether no tap of any result falls beside the source."""
    end = axis.first + reach(axis, phase_length(axis, 0))
    return axis.first >= 0 and end <= axis.n


@njit_leaf
def band_rows(y, n_images, row_bytes, least):
    """Return how many rows, of each phase, a task has."""
    rows = phase_length(y, 0)
    fitting = (STRIP_BYTES // max(1, row_bytes) - (y.last - y.first + 1)) // y.step + 1
    wanted = -(-LEAST_TASKS // max(1, n_images))
    most = max(least, min(fitting, -(-rows // wanted)))
    n_bands = max(1, -(-rows // most))
    return max(1, -(-rows // n_bands))


@njit_leaf
def aligned(n, dtype):
    """Return a new array of n items that begins at a cache line."""
    buffer = np.empty(n + 16, dtype)
    itemsize = buffer.itemsize
    skip = (-buffer.ctypes.data // itemsize) % (64 // itemsize)
    return buffer[skip : skip + n]


@njit_leaf
def tile_shape(n_rows, n_columns, n_steps):
    """Return the rows and the width of the tile that covers a rectangle of results in least time.

    It is no higher and no wider than the rectangle; `n_steps` are the products of one result.
    """
    best_rows, best_width, least = 1, 1, np.int64(1) << 62
    for rows, width in SHAPES:
        if rows > n_rows or width > n_columns:
            continue
        tiles = -(-n_rows // rows) * -(-n_columns // width)
        # Of few rows the loads of weights take longer than the products, which wait for another.
        time = tiles * (max(rows * width, 6) * n_steps + TILE_STEPS)
        if time < least:
            best_rows, best_width, least = rows, width, time
    return best_rows, best_width
