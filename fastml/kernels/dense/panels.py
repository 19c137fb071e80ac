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
    """Copy the columns of a panel from column `first` on, to where it begins.

    What a narrower panel has beyond its columns are others, whose products nobody reads.
    """
    n_columns = block_cols(W)
    n, m = W.shape
    # Rows from which a whole panel can be read without leaving the matrix.
    whole = n if first + n_columns <= m else max(0, (W.size - first - n_columns) // m + 1)
    for k in range(whole):
        copy_items(panels, start + k * n_columns, W, k * m + first, n_columns)
    width = min(n_columns, m - first)
    for k in range(whole, n):
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
def multiply_rows(A, r, height, n_columns, first, last, lying, n_full, packed, bias, lines, sums,
                  out, n_direct):  # fmt: skip
    """Multiply rows r ... r + height - 1 by panels `first` ... `last` - 1.

    The first `n_full` panels are columns of a matrix whose elements are `lying`, the others are
    `packed` one behind the other. Products of the first `n_direct` go to `out`, those of the others
    to `sums`, where those of one panel are adjacent, row by row.
    """
    wide = block_cols(A)
    n_inner = A.shape[1]
    for start in range(0, max(n_inner, 1), RUN_COLS):
        length = min(RUN_COLS, n_inner - start)
        for i in range(height):
            copy_items(lines, i * RUN_STRIDE, A, (r + i) * n_inner + start, length)
        for q in range(first, last):
            if q < n_direct:
                target, here, row = out, r * n_columns + q * wide, n_columns
            else:
                target, here, row = sums, (q - first) * height * wide, wide
            init, init0, init_row = (bias, q * wide, 0) if start == 0 else (target, here, row)
            if q < n_full:
                b, b0, b_inner = lying, q * wide + start * n_columns, n_columns
            else:
                b, b0, b_inner = packed, ((q - n_full) * n_inner + start) * wide, wide
            if 2 * (n_columns - q * wide) > wide:
                block_tile(
                    height, target, here, row, lines, 0, RUN_STRIDE, 1,
                    b, b0, b_inner, length, init, init0, init_row,
                )  # fmt: skip
            else:
                half_block_tile(
                    height, target, here, row, lines, 0, RUN_STRIDE, 1,
                    b, b0, b_inner, length, init, init0, init_row,
                )  # fmt: skip


@njit_leaf
def write_rows(sums, r, height, first, begin, last, out):
    """Copy products of panels `begin` ... `last` - 1, as `multiply_rows` leaves them, to `out`."""
    wide = block_cols(sums)
    n_columns = out.shape[1]
    for q in range(begin, last):
        left = n_columns - q * wide
        for i in range(height):
            here = ((q - first) * height + i) * wide
            target = (r + i) * n_columns + q * wide
            if left >= wide:
                copy_items(out, target, sums, here, wide)
            else:
                copy_items(out, target, sums, here, left)


@njit_leaf
def _share(n, n_parts, part):
    """Return where a part of n begins, of parts as equal as can be."""
    return part * n // n_parts


@njit_leaf
def _pack_columns(X, start, length, first, width, columns, wide):
    """Copy some columns of some rows, to rows of `wide` elements."""
    for r in range(length):
        copy_items(columns, r * wide, X, (start + r) * X.shape[1] + first, width)


@njit_leaf
def _write_tile(products, height, n_columns, target, out, n_outputs):
    wide = block_cols(products)
    for i in range(height):
        if n_columns >= wide:
            copy_items(out, target + i * n_outputs, products, i * wide, wide)
        else:
            copy_items(out, target + i * n_outputs, products, i * wide, n_columns)


@njit_leaf
def _add_tile(products, sums, here, n, is_last):
    """Add a tile's products to sums in float64; make them the sums at last."""
    for i in range(n):
        sums[here + i] += products[i]
    if is_last:
        for i in range(n):
            products[i] = products.dtype.type(sums[here + i])


@njit_leaf
def stripe_gradient(X, G, start, stop, tile0, tile1, n_tiles, first, last, partial):
    """Write products of columns of X and of G over rows start ... stop - 1.

    Columns of X are cut into `n_tiles` of like height, those of G into panels.
    """
    wide, most = block_cols(X), most_rows(X)
    n_inputs, n_outputs = partial.shape
    n_panels = last - first
    n_rows = stop - start
    column0 = _share(n_inputs, n_tiles, tile0)
    n_columns = _share(n_inputs, n_tiles, tile1) - column0
    # Compact copies: columns of X in place are in as many pages of memory as there are rows.
    chunk_rows = min(CHUNK_ROWS, max(n_rows, 1))
    columns = np.empty(chunk_rows * n_columns, X.dtype)
    panels = np.empty(n_panels * chunk_rows * wide, X.dtype)
    several = n_rows > CHUNK_ROWS
    sums = np.zeros((tile1 - tile0) * n_panels * most * wide if several else 0)
    products, nothing = np.zeros(most * wide, X.dtype), np.zeros(wide, X.dtype)
    for chunk in range(start, max(stop, start + 1), CHUNK_ROWS):
        length = min(CHUNK_ROWS, stop - chunk)
        is_last = chunk + CHUNK_ROWS >= stop
        _pack_columns(X, chunk, length, column0, n_columns, columns, n_columns)
        rows = G[chunk : chunk + length]
        for q in range(n_panels):
            pack_panel(rows, (first + q) * wide, panels, q * length * wide)
        for t in range(tile0, tile1):
            column = _share(n_inputs, n_tiles, t)
            height = _share(n_inputs, n_tiles, t + 1) - column
            for q in range(n_panels):
                left = n_outputs - (first + q) * wide
                if 2 * left > wide:
                    block_tile(
                        height, products, 0, wide, columns, column - column0, 1, n_columns,
                        panels, q * length * wide, wide, length, nothing, 0, 0,
                    )  # fmt: skip
                else:
                    half_block_tile(
                        height, products, 0, wide, columns, column - column0, 1, n_columns,
                        panels, q * length * wide, wide, length, nothing, 0, 0,
                    )  # fmt: skip
                if several:
                    here = ((t - tile0) * n_panels + q) * most * wide
                    _add_tile(products, sums, here, height * wide, is_last)
                if is_last:
                    target = column * n_outputs + (first + q) * wide
                    _write_tile(products, height, left, target, partial, n_outputs)
