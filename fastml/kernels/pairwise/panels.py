"""Pieces of the pairwise kernels for the CPU: bands of sums, blocks, the mirror image."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml._jit.simd import TILE_COLS
from fastml._jit.stretches import lane_subtract, squares_side_by_side, vector_lanes
from fastml._jit.tile import tile, tile_absolute, tile_chi_squared, tile_difference, tile_rows
from fastml.kernels.pairwise.endings import end, from_squares
from fastml.kernels.pairwise.forms import ABSOLUTE, CHI_SQUARED, PRODUCT, SQUARED

# Columns of a band, and most rows of a block: whole tiles of every height, whole panels.
BLOCK = 240
BLOCK_PANELS = BLOCK // TILE_COLS
# Smaller blocks are multiples of this, and there are about this many of them in a row.
SMALL_BLOCK = 48
N_BLOCKS = 8
# Packed columns that a task goes through again and again.
L2_BYTES = 1 << 20
# Sums of runs of this many features are added up in float64.
FEATURE_RUN = 128
# The scratch's row stride: a run and one cache line more, so that rows fall into different sets.
ROW_STRIDE = FEATURE_RUN + 16


@njit_leaf
def pack_panel(Y, g, offset, scale, panel):
    """Lay out rows g * TILE_COLS ... of Y, less the offset, as panel[feature, lane]."""
    k, d = Y.shape
    lanes = vector_lanes(Y)
    first = g * TILE_COLS
    n_rows = min(TILE_COLS, k - first)
    whole, full = d // lanes * lanes, n_rows // lanes * lanes
    squares_side_by_side(
        panel, 0, TILE_COLS, Y, first * d, d, offset, full // lanes, d // lanes
    )  # fmt: skip
    for t in range(d):
        for p in range(full if t < whole else 0, n_rows):
            panel[t, p] = Y[first + p, t] - offset[t]
        for p in range(n_rows, TILE_COLS):
            panel[t, p] = 0
    if scale.size:
        for t in range(d):
            for p in range(n_rows):
                panel[t, p] *= scale[first + p]


@njit_leaf
def pack_rows(X, first, n_rows, t0, t1, offset, scale, rows):
    """Copy a run of features of consecutive rows of X, less the offset, into the scratch."""
    d = X.shape[1]
    for p in range(n_rows):
        lane_subtract(rows, p * ROW_STRIDE, X, (first + p) * d + t0, offset, t0, t1 - t0)
        if scale.size:
            for t in range(t1 - t0):
                rows[p, t] *= scale[first + p]


@njit_leaf
def run_tile(term, rows, panels, start, n_inner, band, column, zeros):
    """Write the sums over one run of one panel into a band."""
    if term == PRODUCT:
        tile(
            band, column, BLOCK, rows, 0, ROW_STRIDE, 0, 1,
            panels, start, 0, 1, n_inner, zeros, 0, 0,
        )  # fmt: skip
    elif term == SQUARED:
        tile_difference(
            band, column, BLOCK, rows, 0, ROW_STRIDE, 0, 1,
            panels, start, 0, 1, n_inner, zeros, 0, 0,
        )  # fmt: skip
    elif term == ABSOLUTE:
        tile_absolute(
            band, column, BLOCK, rows, 0, ROW_STRIDE, 0, 1,
            panels, start, 0, 1, n_inner, zeros, 0, 0,
        )  # fmt: skip
    elif term == CHI_SQUARED:
        tile_chi_squared(
            band, column, BLOCK, rows, 0, ROW_STRIDE, 0, 1,
            panels, start, 0, 1, n_inner, zeros, 0, 0,
        )  # fmt: skip


@njit_leaf
def band_sums(term, X, first, n_rows, offset, scale, panels, g0, g1, zeros, rows, band, wide):
    """Fill band[p, :] with the sums of row first + p of X and the columns of panels g0 ... g1."""
    d = X.shape[1]
    width = (g1 - g0) * TILE_COLS
    if d == 0:
        band[:] = 0
    for t0 in range(0, d, FEATURE_RUN):
        t1 = min(d, t0 + FEATURE_RUN)
        pack_rows(X, first, n_rows, t0, t1, offset, scale, rows)
        for g in range(g0, g1):
            start = (g * d + t0) * TILE_COLS
            run_tile(term, rows, panels, start, t1 - t0, band, (g - g0) * TILE_COLS, zeros)
        if d > FEATURE_RUN:
            for p in range(n_rows):
                for c in range(width):
                    total = np.float64(band[p, c])
                    if t0 > 0:
                        total += wide[p, c]
                    wide[p, c] = total
    if d > FEATURE_RUN:
        for p in range(n_rows):
            for c in range(width):
                band[p, c] = wide[p, c]


@njit_leaf
def scratch_for(X):
    """Return what `band_sums` works in: one set for each task."""
    height = tile_rows(X)
    zeros = np.zeros(TILE_COLS, X.dtype)
    rows = np.zeros((height, ROW_STRIDE), X.dtype)
    band = np.zeros((height, BLOCK), X.dtype)
    wide = np.empty((height if X.shape[1] > FEATURE_RUN else 0, BLOCK), np.float64)
    return zeros, rows, band, wide


@njit_leaf
def mirror(out, row0, n_rows, column0, n_columns, zeros):
    """Copy a block of a square matrix to its place on the other side of the diagonal."""
    n = out.shape[1]
    lanes = vector_lanes(out)
    down, across = n_columns // lanes * lanes, n_rows // lanes * lanes
    for c in range(0, down, lanes):
        # The rows written here are contiguous over the whole block.
        squares_side_by_side(
            out, (column0 + c) * n + row0, n, out, row0 * n + column0 + c, n, zeros,
            across // lanes, 1,
        )  # fmt: skip
    for c in range(n_columns):
        for r in range(across if c < down else 0, n_rows):
            out[column0 + c, row0 + r] = out[row0 + r, column0 + c]


@njit_leaf
def store(band, n_rows, n_columns, out, row0, column0):
    """Copy a band to its place in the matrix."""
    for p in range(n_rows):
        copy_items(out, (row0 + p) * out.shape[1] + column0, band, p * BLOCK, n_columns)


@njit_leaf
def block_of(task, n_across, symmetric):
    """Return the block (i, j) of a task: of all, or of those with i <= j."""
    if not symmetric:
        return task // n_across, task % n_across
    i, j = 0, task
    while j >= n_across - i:
        j -= n_across - i
        i += 1
    return i, i + j


@njit_leaf
def block_shape(X, Y, symmetric):
    """Return rows and columns of the blocks that are tasks: whole tiles, enough for all threads."""
    if symmetric:
        side = -(-X.shape[0] // (N_BLOCKS * SMALL_BLOCK)) * SMALL_BLOCK
        return min(BLOCK, side), min(BLOCK, side)
    # Bands are finished row by row, as far as the packed columns stay in L2.
    wide = max(1, L2_BYTES // (BLOCK * Y.shape[1] * Y.itemsize))
    return 2 * SMALL_BLOCK, wide * BLOCK


@njit_leaf
def gram_block(
    row0, stop, column0, last, X, symmetric, term, offset, x_scale, x_squares, y_squares, panels,
    ending, gamma, coef0, degree, probe, out,
):  # fmt: skip
    """Write rows row0 ... stop - 1 of columns column0 ... last - 1, and their mirror image."""
    n = X.shape[0]
    zeros, rows, band, wide = scratch_for(X)
    spare = np.empty(BLOCK, X.dtype)
    height = tile_rows(X)
    ended = np.empty((height, BLOCK), X.dtype)
    for first in range(row0, stop, height):
        n_rows = min(height, stop - first)
        for column in range(column0, last, BLOCK):
            n_columns = min(BLOCK, last - column)
            g0, g1 = column // TILE_COLS, -(-(column + n_columns) // TILE_COLS)
            band_sums(
                term, X, first, n_rows, offset, x_scale, panels, g0, g1, zeros, rows, band, wide
            )
            if x_squares.size:
                for p in range(n_rows):
                    from_squares(x_squares[first + p], y_squares[column:], n_columns, band[p])
                    if symmetric and row0 == column0:
                        band[p, first + p - column] = 0
            if column == 0:
                for p in range(n_rows):
                    probe[first + p] = band[p, 0]
            if first == 0:
                for c in range(n_columns):
                    probe[n + column + c] = band[0, c]
                    if symmetric:
                        probe[column + c] = band[0, c]
            width = (g1 - g0) * TILE_COLS
            if n_columns == width:
                end(band, spare, ending, gamma, coef0, degree, out, first, column, n_rows, width)
            else:
                # Columns beyond the last whole vector would be done one by one.
                end(band, spare, ending, gamma, coef0, degree, ended, 0, 0, n_rows, width)
                store(ended, n_rows, n_columns, out, first, column)
    if symmetric and row0 != column0:
        mirror(out, row0, stop - row0, column0, last - column0, np.zeros(BLOCK, X.dtype))


@njit_leaf
def sparse_products(line, one, start, stop, x_data, x_indices, y_data, y_rows, y_indptr):
    """Fill a line with the products of a sparse row and all columns; `one` has the line's dtype."""
    for c in range(line.size):
        line[c] = 0
    # For (x, y) and (y, x) the same products are added, in order of the features.
    for entry in range(start, stop):
        factor = one * x_data[entry]
        feature = x_indices[entry]
        for other in range(y_indptr[feature], y_indptr[feature + 1]):
            line[y_rows[other]] += factor * y_data[other]


@njit_leaf
def sparse_rows(
    row0, stop, x_data, x_indices, x_indptr, y_data, y_rows, y_indptr, symmetric,
    x_squares, y_squares, ending, gamma, coef0, degree, out,
):  # fmt: skip
    """Write rows row0 ... stop - 1 of the kernel matrix of sparse rows."""
    k = out.shape[1]
    distances = x_squares.size > 0
    sums = np.empty(k if distances else 0, np.float64)
    line = np.empty((1, k), out.dtype)
    spare = np.empty(k, out.dtype)
    for row in range(row0, stop):
        first, last = x_indptr[row], x_indptr[row + 1]
        if distances:
            # What squares and products have in common goes away; float64 has room for it.
            sparse_products(
                sums, np.float64(1), first, last, x_data, x_indices, y_data, y_rows, y_indptr
            )
            from_squares(x_squares[row], y_squares, k, sums)
            if symmetric:
                sums[row] = 0
            for c in range(k):
                line[0, c] = sums[c]
        else:
            one = out.dtype.type(1)
            sparse_products(line[0], one, first, last, x_data, x_indices, y_data, y_rows, y_indptr)
        end(line, spare, ending, gamma, coef0, degree, out, row, 0, 1, k)
