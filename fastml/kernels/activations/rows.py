"""Steps of a softmax over short runs of rows that stay in the cache."""

from fastml._jit import njit_leaf, vecmath
from fastml._jit.rowwise import lane_max
from fastml._jit.simd import TILE_COLS


@njit_leaf
def largest(values, start, n):
    """Return the largest of `n` values, at least one."""
    top = values[start]
    whole = n // TILE_COLS * TILE_COLS
    for first in range(0, whole, TILE_COLS):
        top = max(top, lane_max(values, start + first))
    for i in range(start + whole, start + n):
        top = max(top, values[i])
    return top


@njit_leaf
def added(values, start, n, lanes):
    """Return the sum of `n` values in the precision of `lanes`, of which there are sixteen."""
    whole = n // TILE_COLS * TILE_COLS
    total = lanes.dtype.type(0)
    if whole:
        for j in range(TILE_COLS):
            lanes[j] = 0
        for first in range(start, start + whole, TILE_COLS):
            for j in range(TILE_COLS):
                lanes[j] += values[first + j]
        for j in range(TILE_COLS):
            total += lanes[j]
    for i in range(start + whole, start + n):
        total += values[i]
    return total


@njit_leaf
def shift(x, start, n_rows, n_columns, shifted):
    """Write rows of the flat array x, from element `start`, less the largest of each."""
    for row in range(n_rows):
        first = start + row * n_columns
        top = largest(x, first, n_columns)
        source, target = x[first : first + n_columns], shifted[row * n_columns :]
        for i in range(n_columns):
            target[i] = source[i] - top


@njit_leaf
def exponentials(shifted, n, out):
    """Write exponentials of the first `n` elements; of all rows at once, for rows may be short."""
    for i in range(n):
        out[i] = vecmath.exp(shifted[i])
