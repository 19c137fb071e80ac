"""Pieces of the CPU kernels: centred rows packed into panels of columns, and their products."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml._jit.simd import TILE_COLS
from fastml._jit.tile import tile, tile_rows

# float32 products are summed in float32 over this many rows at most, then added in float64.
# A chunk of one stripe, packed for both sides of the tile, stays in the L2 cache.
CHUNK_ROWS = 240
# Columns that one task holds; a multiple of the tile's 16 columns and of its 24, 12 or 6 rows.
STRIPE_COLS = 144
# Columns of X that some rows are centred by at a time, in a scratch that stays in the L1 cache; its
# rows are a cache line longer, or they would all fall into a few of the cache's sets.
SLAB_COLS = 128
SLAB_STRIDE = SLAB_COLS + 16


@njit_leaf
def _chunk_mean(X, sample_weight, start, stop, first, mean):
    """Weighted mean of rows start..stop of the columns from `first`; return the rows' weight."""
    width = mean.shape[0]
    mean[:] = 0.0
    weight = 0.0
    if sample_weight.shape[0] == 0:
        weight = float(stop - start)
        for r in range(start, stop):
            row = X[r, first : first + width]
            for j in range(width):
                mean[j] += np.float64(row[j])
    else:
        for r in range(start, stop):
            row = X[r, first : first + width]
            w = np.float64(sample_weight[r])
            weight += w
            for j in range(width):
                mean[j] += w * np.float64(row[j])
    if weight > 0.0:
        for j in range(width):
            mean[j] /= weight
    return weight


@njit_leaf
def _spread(line, r, left, right):
    """Copy one centred row into row r of the panels of both sides."""
    rows = tile_rows(line)
    for p in range(left.shape[0]):
        copy_items(left, (p * left.shape[1] + r) * rows, line, p * rows, rows)
    for p in range(right.shape[0]):
        copy_items(right, (p * right.shape[1] + r) * TILE_COLS, line, p * TILE_COLS, TILE_COLS)


@njit_leaf
def _pack(X, sample_weight, start, stop, first, high, low, line, left, right):
    """Copy rows less their mean, times the root of their weight, into panels of columns."""
    width = high.shape[0]
    for r in range(start, stop):
        row = X[r, first : first + width]
        for j in range(width):
            line[j] = (row[j] - high[j]) - low[j]
        if sample_weight.shape[0] > 0:
            root = line.dtype.type(np.sqrt(sample_weight[r]))
            for j in range(width):
                line[j] *= root
        _spread(line, r - start, left, right)


@njit_leaf
def split_mean(mean, high, low):
    # A float64 mean as two numbers of X's dtype: x - high is exact where x is near its mean, so
    # that float32 columns far from zero keep their digits without float64 arithmetic.
    for j in range(mean.shape[0]):
        high[j] = high.dtype.type(mean[j])
        low[j] = low.dtype.type(mean[j] - np.float64(high[j]))


@njit_leaf
def _multiply(left, right, n_rows, diagonal, products, total):
    """Add left' right of the packed rows to `total`, tile by tile; above the diagonal only."""
    rows = left.shape[2]
    for p in range(left.shape[0]):
        for q in range(right.shape[0]):
            if diagonal and p * rows >= (q + 1) * TILE_COLS:
                continue
            cell = total[p, q]
            tile(
                products, 0, TILE_COLS,
                left, p * left.shape[1] * rows, 1, 0, rows,
                right, q * right.shape[1] * TILE_COLS, 0,
                1, n_rows,
                products, rows * TILE_COLS, 0,
            )  # fmt: skip
            for i in range(rows):
                for j in range(TILE_COLS):
                    cell[i, j] += products[i, j]


@njit_leaf
def _absorb(X, sample_weight, start, stop, first, weight, mean, work, line, left, right):
    """Pack one chunk of a stripe and move the running mean; return the running weight.

    Merging the chunk's scatter with that of the rows before it, Chan's way, is adding the outer
    product of one vector, so that vector is packed as one more row.
    """
    width = mean.shape[0]
    chunk_mean = work[0, :width]
    new = _chunk_mean(X, sample_weight, start, stop, first, chunk_mean)
    both = weight + new
    high, low = line[1, :width], line[2, :width]
    split_mean(chunk_mean, high, low)
    _pack(X, sample_weight, start, stop, first, high, low, line[0], left, right)
    factor = np.sqrt(weight * new / both) if both > 0.0 else 0.0
    share = new / both if both > 0.0 else 0.0
    for j in range(width):
        step = chunk_mean[j] - mean[j]
        mean[j] += share * step
        line[0, j] = line.dtype.type(factor * step)
    _spread(line[0], stop - start, left, right)
    return both


@njit_leaf
def _unpack(total, out):
    """Copy what tiles hold of a matrix to where it belongs."""
    rows = total.shape[2]
    for p in range(total.shape[0]):
        for i in range(min(rows, out.shape[0] - p * rows)):
            row = out[p * rows + i]
            for q in range(total.shape[1]):
                first = q * TILE_COLS
                cell = total[p, q, i]
                for j in range(min(TILE_COLS, row.shape[0] - first)):
                    row[first + j] = cell[j]


@njit_leaf
def pack_columns(right, panels):
    """Copy a matrix into panels of columns."""
    for q in range(panels.shape[0]):
        first = q * TILE_COLS
        width = min(TILE_COLS, right.shape[1] - first)
        for k in range(right.shape[0]):
            for j in range(width):
                panels[q, k, j] = right[k, first + j]


@njit_leaf
def stripe_moments(X, sample_weight, start, stop, first, second, mean, other_mean, scatter):
    """Scatter of two stripes of columns over rows start..stop about the rows' own means."""
    rows = tile_rows(X)
    diagonal = first == second
    width, other = mean.shape[0], other_mean.shape[0]
    left = np.zeros((-(-width // rows), CHUNK_ROWS + 1, rows), X.dtype)
    right = np.zeros((-(-other // TILE_COLS), CHUNK_ROWS + 1, TILE_COLS), X.dtype)
    nothing = np.zeros((0, 1, 1), X.dtype)
    total = np.zeros((left.shape[0], right.shape[0], rows, TILE_COLS))
    products = np.zeros((rows + 1, TILE_COLS), X.dtype)
    work = np.empty((1, STRIPE_COLS))
    lines = np.zeros((3, STRIPE_COLS), X.dtype)
    other_lines = np.zeros((3, STRIPE_COLS), X.dtype)
    mean[:] = 0.0
    other_mean[:] = 0.0
    weight = 0.0
    for chunk in range(start, stop, CHUNK_ROWS):
        end = min(chunk + CHUNK_ROWS, stop)
        if diagonal:
            new = _absorb(
                X, sample_weight, chunk, end, first, weight, mean, work, lines, left, right
            )
        else:
            new = _absorb(
                X, sample_weight, chunk, end, first, weight, mean, work, lines, left, nothing
            )
            _absorb(
                X, sample_weight, chunk, end, second, weight, other_mean, work, other_lines,
                nothing, right,
            )  # fmt: skip
        weight = new
        _multiply(left, right, end - chunk + 1, diagonal, products, total)
    _unpack(total, scatter[first : first + width, second : second + other])
    for i in range(width):
        for j in range(i + 1 if diagonal else 0, other):
            scatter[second + j, first + i] = scatter[first + i, second + j]
    return weight


@njit_leaf
def column_moments(X, sample_weight, start, stop, first, mean, spread):
    """Weighted mean and sum of squares about it of columns, chunks merged Chan's way."""
    width = mean.shape[0]
    chunk_mean, chunk_spread = np.empty((2, STRIPE_COLS))
    mean[:] = 0.0
    spread[:] = 0.0
    weight = 0.0
    for chunk in range(start, stop, CHUNK_ROWS):
        end = min(chunk + CHUNK_ROWS, stop)
        new = _chunk_mean(X, sample_weight, chunk, end, first, chunk_mean[:width])
        chunk_spread[:] = 0.0
        for r in range(chunk, end):
            row = X[r, first : first + width]
            w = 1.0
            if sample_weight.shape[0] > 0:
                w = np.float64(sample_weight[r])
            for j in range(width):
                d = np.float64(row[j]) - chunk_mean[j]
                chunk_spread[j] += w * d * d
        both = weight + new
        share = new / both if both > 0.0 else 0.0
        for j in range(width):
            step = chunk_mean[j] - mean[j]
            mean[j] += share * step
            spread[j] += chunk_spread[j] + weight * share * step * step
        weight = both
    return weight


@njit_leaf
def project_rows(X, shift, panels, start, stop, out):
    """Multiply centred rows start..stop by the right factor packed in panels."""
    rows = tile_rows(X)
    n_features, n_columns = X.shape[1], out.shape[1]
    centred = np.zeros((rows, SLAB_STRIDE), X.dtype)
    products = np.empty((panels.shape[0], rows, TILE_COLS), X.dtype)
    for r in range(start, stop, rows):
        n_rows = min(rows, stop - r)
        products[:] = 0
        for first in range(0, n_features, SLAB_COLS):
            width = min(SLAB_COLS, n_features - first)
            high, low = shift[0, first : first + width], shift[1, first : first + width]
            for i in range(n_rows):
                row = X[r + i, first : first + width]
                line = centred[i]
                for c in range(width):
                    line[c] = (row[c] - high[c]) - low[c]
            for q in range(panels.shape[0]):
                here = q * rows * TILE_COLS
                tile(
                    products, here, TILE_COLS,
                    centred, 0, SLAB_STRIDE, 0, 1,
                    panels, (q * n_features + first) * TILE_COLS, 0,
                    1, width,
                    products, here, TILE_COLS,
                )  # fmt: skip
        for q in range(panels.shape[0]):
            column = q * TILE_COLS
            width = n_columns - column
            for i in range(n_rows):
                if width >= TILE_COLS:
                    here = (r + i) * n_columns + column
                    copy_items(out, here, products, (q * rows + i) * TILE_COLS, TILE_COLS)
                else:
                    for j in range(width):
                        out[r + i, column + j] = products[q, i, j]


@njit_leaf
def stripe_project_back(X, mean, left, start, stop, first, partial):
    """Multiply rows start..stop of the transposed, centred columns from `first` by `left`."""
    rows = tile_rows(X)
    width = min(STRIPE_COLS, X.shape[1] - first)
    n_columns = left.shape[1]
    ones = np.empty(0, X.dtype)
    n_panels = -(-n_columns // TILE_COLS)
    columns = np.zeros((-(-width // rows), CHUNK_ROWS, rows), X.dtype)
    panels = np.zeros((n_panels, CHUNK_ROWS, TILE_COLS), X.dtype)
    nothing = np.zeros((0, 1, 1), X.dtype)
    total = np.zeros((columns.shape[0], n_panels, rows, TILE_COLS))
    products = np.zeros((rows + 1, TILE_COLS), X.dtype)
    lines = np.zeros((3, STRIPE_COLS), X.dtype)
    line = np.zeros(n_panels * TILE_COLS, X.dtype)
    high, low = lines[1, :width], lines[2, :width]
    split_mean(mean[first : first + width], high, low)
    for chunk in range(start, stop, CHUNK_ROWS):
        end = min(chunk + CHUNK_ROWS, stop)
        _pack(X, ones, chunk, end, first, high, low, lines[0], columns, nothing)
        for r in range(chunk, end):
            line[:n_columns] = left[r]
            _spread(line, r - chunk, nothing, panels)
        _multiply(columns, panels, end - chunk, False, products, total)
    _unpack(total, partial[first : first + width])
