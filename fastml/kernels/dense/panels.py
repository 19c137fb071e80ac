"""Pieces of the CPU kernels: weights in panels of columns, and products of a few rows with them."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.block import block_cols, block_tile, half_block_tile, most_rows
from fastml._jit.memory import copy_items
from fastml._jit.stretches import squares_side_by_side, vector_lanes

# Terms that are added up before sums go to memory and come back. Rows of the scratch are a cache
# line longer, or they would fall into few of the cache's sets.
RUN_COLS = 1024
RUN_STRIDE = RUN_COLS + 16
# Rows whose products are added up in the dtype of the data, before float64 takes over.
CHUNK_ROWS = 256


@njit_leaf
def pack_panel(W, first, panels, start):
    """Copy the columns of a panel from column `first` on, to where it begins; pad with zeros."""
    n_columns = block_cols(W)
    m = W.shape[1]
    width = min(n_columns, m - first)
    if width == n_columns:
        for k in range(W.shape[0]):
            copy_items(panels, start + k * n_columns, W, k * m + first, n_columns)
        return
    for k in range(W.shape[0]):
        here = start + k * n_columns
        for j in range(width):
            panels[here + j] = W[k, first + j]
        for j in range(width, n_columns):
            panels[here + j] = 0


@njit_leaf
def pack_transposed(W, first, zeros, panels, start):
    """Copy rows of a matrix from row `first` on to the columns of a panel; pad with zeros."""
    n_columns, lanes = block_cols(W), vector_lanes(W)
    m = W.shape[1]
    height = min(n_columns, W.shape[0] - first)
    done = 0
    if height == n_columns:
        n_steps = m // lanes
        squares_side_by_side(
            panels, start, n_columns, W, first * m, m, zeros, n_columns // lanes, n_steps
        )
        done = n_steps * lanes
    for k in range(done, m):
        here = start + k * n_columns
        for j in range(height):
            panels[here + j] = W[first + j, k]
        for j in range(height, n_columns):
            panels[here + j] = 0


@njit_leaf
def multiply_rows(A, r, height, n_columns, first, last, lying, n_full, packed, bias, sums):
    """Write the products of rows r ... r + height - 1 and panels `first` ... `last` - 1 to `sums`.

    Those of one panel are adjacent, row by row. The first `n_full` panels are columns of a matrix
    whose elements are `lying`, the others are `packed` one behind the other.
    """
    wide = block_cols(A)
    n_inner = A.shape[1]
    lines = np.empty(most_rows(A) * RUN_STRIDE, A.dtype)
    for start in range(0, max(n_inner, 1), RUN_COLS):
        length = min(RUN_COLS, n_inner - start)
        for i in range(height):
            copy_items(lines, i * RUN_STRIDE, A, (r + i) * n_inner + start, length)
        for q in range(first, last):
            here = (q - first) * height * wide
            init, init0, init_row = (bias, q * wide, 0) if start == 0 else (sums, here, wide)
            if q < n_full:
                b, b0, b_inner = lying, q * wide + start * n_columns, n_columns
            else:
                b, b0, b_inner = packed, ((q - n_full) * n_inner + start) * wide, wide
            if 2 * (n_columns - q * wide) > wide:
                block_tile(
                    height, sums, here, wide, lines, 0, RUN_STRIDE, 1,
                    b, b0, b_inner, length, init, init0, init_row,
                )  # fmt: skip
            else:
                half_block_tile(
                    height, sums, here, wide, lines, 0, RUN_STRIDE, 1,
                    b, b0, b_inner, length, init, init0, init_row,
                )  # fmt: skip


@njit_leaf
def write_rows(sums, r, height, first, last, out):
    """Copy products of rows r ... r + height - 1, as `multiply_rows` leaves them, to `out`."""
    wide = block_cols(sums)
    n_columns = out.shape[1]
    for q in range(first, last):
        left = n_columns - q * wide
        for i in range(height):
            here = ((q - first) * height + i) * wide
            target = (r + i) * n_columns + q * wide
            if left >= wide:
                copy_items(out, target, sums, here, wide)
            else:
                copy_items(out, target, sums, here, left)


@njit_leaf
def _cut(n, n_parts, part):
    """Return where a part of n begins, of parts as equal as can be."""
    return part * n // n_parts


@njit_leaf
def stripe_gradient(X, G, start, stop, tile0, tile1, n_tiles, first, last, partial):
    """Write products of columns of X and of G over rows start ... stop - 1.

    Columns of X are cut into `n_tiles` of like height, those of G into panels.
    """
    wide, most = block_cols(X), most_rows(X)
    n_inputs, n_outputs = partial.shape
    n_panels = last - first
    n_rows = stop - start
    panels = np.zeros(n_panels * min(CHUNK_ROWS, max(n_rows, 1)) * wide, X.dtype)
    several = n_rows > CHUNK_ROWS
    sums = np.zeros((tile1 - tile0) * n_panels * most * wide if several else 0)
    products, nothing = np.empty(most * wide, X.dtype), np.zeros(wide, X.dtype)
    for chunk in range(start, max(stop, start + 1), CHUNK_ROWS):
        length = min(CHUNK_ROWS, stop - chunk)
        rows = G[chunk : chunk + length]
        for q in range(n_panels):
            pack_panel(rows, (first + q) * wide, panels, q * length * wide)
        for t in range(tile0, tile1):
            column = _cut(n_inputs, n_tiles, t)
            height = _cut(n_inputs, n_tiles, t + 1) - column
            for q in range(n_panels):
                left = n_outputs - (first + q) * wide
                if 2 * left > wide:
                    block_tile(
                        height, products, 0, wide, X, chunk * n_inputs + column, 1, n_inputs,
                        panels, q * length * wide, wide, length, nothing, 0, 0,
                    )  # fmt: skip
                else:
                    half_block_tile(
                        height, products, 0, wide, X, chunk * n_inputs + column, 1, n_inputs,
                        panels, q * length * wide, wide, length, nothing, 0, 0,
                    )  # fmt: skip
                if several:
                    here = ((t - tile0) * n_panels + q) * most * wide
                    for i in range(height * wide):
                        sums[here + i] += products[i]
                        products[i] = X.dtype.type(sums[here + i])
                if chunk + CHUNK_ROWS >= stop:
                    for i in range(height):
                        target = (column + i) * n_outputs + (first + q) * wide
                        if left >= wide:
                            copy_items(partial, target, products, i * wide, wide)
                        else:
                            copy_items(partial, target, products, i * wide, left)
