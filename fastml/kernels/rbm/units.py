"""Pieces of the CPU kernels: what happens to sums of inputs while they are in the cache."""

import math

import numpy as np

from fastml._jit import njit_leaf, vecmath
from fastml._jit.lanes import widest_vectors
from fastml._jit.memory import copy_items
from fastml._jit.philox import inlined, philox4x32, uniform_float32
from fastml._jit.simd import TILE_COLS
from fastml._jit.subsets import PANEL_COLS, WORD_BITS, bits_below
from fastml.kernels.rbm import scalar
from fastml.kernels.rng.scalar import sincos_float32, sincos_float64

_philox = inlined(philox4x32)
_uniform32 = inlined(uniform_float32)
_uniform64 = inlined(scalar.uniform_word_float64)
_sincos32 = inlined(sincos_float32)
_sincos64 = inlined(sincos_float64)

GROUPS = PANEL_COLS // 4


@njit_leaf
def start_sums(bias, column, n_rows, sums):
    """Begin the sums of each row with the bias, 0 beyond the last unit."""
    line = np.zeros(PANEL_COLS, sums.dtype)
    for j in range(min(PANEL_COLS, bias.shape[0] - column)):
        line[j] = sums.dtype.type(bias[column + j])
    for r in range(n_rows):
        copy_items(sums, r * PANEL_COLS, line, 0, PANEL_COLS)


@njit_leaf
def sigmoids(values):
    """Take the sigmoid of every element, in place."""
    widest_vectors()
    for i in range(values.shape[0]):
        values[i] = vecmath.sigmoid(values[i])


@njit_leaf
def softplus(values):
    """Take ``log(1 + exp(x))`` of every element, in place."""
    widest_vectors()
    zero = values.dtype.type(0)
    for i in range(values.shape[0]):
        x = values[i]
        values[i] = max(x, zero) + vecmath.log1p(vecmath.exp(-abs(x)))


@njit_leaf
def draw_uniforms(seed, stream, step, row, n_rows, n_units, column, draws):
    """Write the uniform draws of `PANEL_COLS` units of some rows, rows one after another."""
    widest_vectors()
    # Groups beyond a row's last are numbered like the next row's: nobody looks at them.
    n_groups = np.uint64(-(-n_units // 4))
    first = np.uint64(row) * n_groups + np.uint64(column // 4)
    groups = np.uint64(GROUPS)
    # Two loops, of which a precision has one: variables of both would be of the wider type.
    if draws.itemsize == 4:
        for i in range(n_rows * GROUPS):
            at = np.uint64(i)
            index = first + (at // groups) * n_groups + at % groups
            a, b, c, d = _philox(index, step, stream, seed)
            draws[4 * i], draws[4 * i + 1] = _uniform32(a), _uniform32(b)
            draws[4 * i + 2], draws[4 * i + 3] = _uniform32(c), _uniform32(d)
    else:
        for i in range(n_rows * GROUPS):
            at = np.uint64(i)
            index = first + (at // groups) * n_groups + at % groups
            a, b, c, d = _philox(index, step, stream, seed)
            draws[4 * i], draws[4 * i + 1] = _uniform64(a), _uniform64(b)
            draws[4 * i + 2], draws[4 * i + 3] = _uniform64(c), _uniform64(d)


@njit_leaf
def choose(logits, draw):
    """Return the label that a uniform draw stands for."""
    zero = logits.dtype.type(0)
    top = logits[0]
    for j in range(1, logits.shape[0]):
        top = max(top, logits[j])
    total = zero
    for j in range(logits.shape[0]):
        total += vecmath.exp(logits[j] - top)
    bar, below, chosen = draw * total, zero, 0
    for j in range(logits.shape[0] - 1):
        below += vecmath.exp(logits[j] - top)
        if below <= bar:
            chosen = j + 1
    return chosen


@njit_leaf
def to_normals(draws):
    """Make standard normal draws of uniform ones, two of two (Box and Muller)."""
    widest_vectors()
    one, two = draws.dtype.type(1), draws.dtype.type(2)
    if draws.itemsize == 4:
        for i in range(draws.shape[0] // 2):
            radius = math.sqrt(-two * vecmath.log(one - draws[2 * i]))
            s, c = _sincos32(draws[2 * i + 1])
            draws[2 * i], draws[2 * i + 1] = radius * s, radius * c
    else:
        for i in range(draws.shape[0] // 2):
            radius = math.sqrt(-two * vecmath.log(one - draws[2 * i]))
            sine, cosine = _sincos64(draws[2 * i + 1])
            draws[2 * i], draws[2 * i + 1] = radius * sine, radius * cosine


@njit_leaf
def leave_out(means, masks, keep):
    """Set to 0 what is left out: units whose draw is not below `keep`."""
    zero = means.dtype.type(0)
    for i in range(means.shape[0]):
        if masks[i] >= keep:
            means[i] = zero


@njit_leaf
def clear_beyond(means, n_rows, width):
    """Set to 0 what no unit stands for: columns from `width` on."""
    for r in range(n_rows):
        for j in range(width, PANEL_COLS):
            means[r * PANEL_COLS + j] = 0


@njit_leaf
def to_bits(draws, means, n_rows, n_units, column, words, first):
    """Set the bits of units whose draw is below their mean; no bits beyond the last unit."""
    for panel in range(PANEL_COLS // TILE_COLS):
        left = n_units - column - panel * WORD_BITS
        if left <= 0:
            break
        keep = np.uint16((1 << min(left, WORD_BITS)) - 1)
        line = words[(column + panel * WORD_BITS) // WORD_BITS]
        for r in range(n_rows):
            at = r * PANEL_COLS + panel * TILE_COLS
            line[first + r] = bits_below(draws, at, means, at) & keep


@njit_leaf
def column_sums(means, n_rows, sums):
    """Add up the rows of a panel, in float64."""
    sums[:] = 0.0
    for r in range(n_rows):
        row = means[r * PANEL_COLS : (r + 1) * PANEL_COLS]
        for j in range(PANEL_COLS):
            sums[j] += np.float64(row[j])


@njit_leaf
def row_sums(values, n_rows, width, out):
    """Add the first `width` values of each row of a panel to `out`, in float64."""
    for r in range(n_rows):
        total = 0.0
        for j in range(width):
            total += np.float64(values[r * PANEL_COLS + j])
        out[r] += total


@njit_leaf
def add_flipped(states, first, n_rows, flipped, panels, column, sums, out):
    """Write the sums of rows in which x of one unit each becomes 1 - x."""
    one = states.dtype.type(1)
    for r in range(n_rows):
        unit = flipped[first + r]
        x = states[first + r, unit]
        change = (one - x) - x
        source, target = sums[r * PANEL_COLS :], out[r * PANEL_COLS :]
        row = panels[column // PANEL_COLS, unit]
        for j in range(PANEL_COLS):
            target[j] = source[j] + change * row[j]
