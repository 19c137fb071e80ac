"""Rows of visible units of which most are 0, as lists of the others, on the CPU."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.listed import add_listed, add_to_listed, list_items
from fastml._jit.simd import TILE_COLS
from fastml._jit.subsets import PANEL_COLS
from fastml.kernels.rbm.bits import CHUNK_ROWS, GRADIENT_ROWS, chunk_sums, place_in

# The share of other values up to which lists are faster than the register tile.
MOST_LISTED = 0.4
# Blocks of a list at a time, whose rows of weights stay in the L1 cache.
_BLOCKS = 2


@njit_leaf
def n_blocks(n_units):
    """Return how many blocks of `GRADIENT_ROWS` units there are."""
    return -(-n_units // GRADIENT_ROWS)


@njit_leaf
def list_rows(X, start, first, last, numbers, values, places):
    """List what is not 0 in rows first..last of a batch; return how many items that are.

    Row r of `places` says where each block of units begins in the lists, and where the row ends.
    """
    n_units, width = X.shape[1], numbers.shape[1]
    rest = np.zeros(TILE_COLS, X.dtype)
    n_listed = 0
    for r in range(first, last):
        at = r * width
        for i in range(0, n_units, TILE_COLS):
            if i % GRADIENT_ROWS == 0:
                places[r, i // GRADIENT_ROWS] = at
            if i + TILE_COLS <= n_units:
                at += list_items(numbers, values, at, X, (start + r) * n_units + i, i)
            else:
                for j in range(i, n_units):
                    rest[j - i] = X[start + r, j]
                at += list_items(numbers, values, at, rest, 0, i)
        places[r, places.shape[1] - 1] = at
        n_listed += at - r * width
    return n_listed


@njit_leaf
def add_list_products(numbers, values, places, first, n_rows, weights, panel, sums):
    """Add products of listed rows by a panel of the weights."""
    begin, last = place_in(weights, panel, 0), places.shape[1] - 1
    for block in range(0, last, _BLOCKS):
        for r in range(n_rows):
            at = places[first + r, block]
            n = places[first + r, min(block + _BLOCKS, last)] - at
            add_listed(sums, r * PANEL_COLS, weights, begin, numbers, values, at, n)


@njit_leaf
def list_gradient(numbers, values, places, n_rows, first, means, panel, total, counts):
    """Sum over rows the products of listed visible units and hidden means; sum the units if asked.

    Units are those of the block that begins with `first`.
    """
    block = first // GRADIENT_ROWS
    sums = chunk_sums(n_rows, total)
    counts[:] = 0
    for start in range(0, n_rows, CHUNK_ROWS):
        sums[:] = 0
        for r in range(start, min(n_rows, start + CHUNK_ROWS)):
            at = places[r, block]
            n = places[r, block + 1] - at
            row = place_in(means, panel, r)
            add_to_listed(sums, -first * PANEL_COLS, means, row, numbers, values, at, n)
            if counts.shape[0] > 0:
                line = r * numbers.shape[1]
                for item in range(at - line, at - line + n):
                    counts[numbers[r, item] - first] += np.float64(values[r, item])
        if n_rows > CHUNK_ROWS:
            for i in range(total.shape[0]):
                total[i] += sums[i]
