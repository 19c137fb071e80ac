"""Kernel matrices on a CUDA device, tile by tile in shared memory."""

import math

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml.kernels.kmeans.tiles import (
    CENTERS_A_THREAD,
    CENTERS_SHAPE,
    DEPTH,
    LANES_SHAPE,
    PRODUCTS_SHAPE,
    ROWS_A_THREAD,
    ROWS_SHAPE,
    SIDE,
    THREADS,
    TILE_CENTERS,
    TILE_ROWS,
    load_rows,
    subtract_offset,
)
from fastml.kernels.linalg.cuda import multiply
from fastml.kernels.pairwise.forms import (
    ABSOLUTE,
    AFFINE,
    CHI_SQUARED,
    EXP,
    PRODUCT,
    ROOT,
    SQUARED,
    TANH,
)

# Sums that are in float64 by design.
FLOAT64_KERNELS = ("_finish", "_row_squares", "_sparse_sums")
# Blocks that take rows of sparse matrices; further rows come after those.
_MOST_ROWS = 4096


@cuda_device
def _add_terms(term, x_tile, y_tile, depth, sums):
    """Add `depth` terms to the sums of each thread."""
    column, line = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
    # All threads take one branch; inside the inner loop it would be taken for every term.
    for t in range(depth):
        for j in range(CENTERS_A_THREAD):
            y = y_tile[t, j * SIDE + column]
            if term == PRODUCT:
                for i in range(ROWS_A_THREAD):
                    sums[i, j] += x_tile[t, i * SIDE + line] * y
            elif term == SQUARED:
                for i in range(ROWS_A_THREAD):
                    difference = x_tile[t, i * SIDE + line] - y
                    sums[i, j] += difference * difference
            elif term == ABSOLUTE:
                for i in range(ROWS_A_THREAD):
                    sums[i, j] += abs(x_tile[t, i * SIDE + line] - y)
            elif term == CHI_SQUARED:
                for i in range(ROWS_A_THREAD):
                    x = x_tile[t, i * SIDE + line]
                    if x + y > 0:
                        sums[i, j] += (x - y) * (x - y) / (x + y)


@cuda_device
def _scale(scale, first, depth, tile):
    """Multiply what `load_rows` copied by the factors of its rows; each thread what it wrote."""
    for i in range(cuda.threadIdx.x, tile.shape[1] * DEPTH, THREADS):
        p, t = i // DEPTH, i % DEPTH
        if t < depth and p < tile.shape[1] - 1 and first + p < scale.shape[0]:
            tile[t, p] *= scale[first + p]


@cuda_device
def _end(value, ending, degree):
    if ending == AFFINE:
        return value
    if ending == ROOT:
        return math.sqrt(value)
    if ending == EXP:
        return math.exp(value)
    if ending == TANH:
        return math.tanh(value)
    return math.pow(value, degree)


@cuda_kernel
def _gram(
    X, Y, symmetric, term, offset, x_scale, y_scale, x_squares, y_squares,
    ending, gamma, coef0, degree, probe, out,
):  # fmt: skip
    x_tile = cuda.shared.array(ROWS_SHAPE, X.dtype)
    y_tile = cuda.shared.array(CENTERS_SHAPE, X.dtype)
    sums = cuda.local.array(PRODUCTS_SHAPE, X.dtype)
    column, line = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
    first, first_other = cuda.blockIdx.x * TILE_ROWS, cuda.blockIdx.y * TILE_CENTERS
    n, k, d = X.shape[0], Y.shape[0], X.shape[1]
    zero, two = X.dtype.type(0), X.dtype.type(2)
    # Tiles below the diagonal are mirror images.
    if symmetric and first_other + TILE_CENTERS <= first:
        return
    for i in range(ROWS_A_THREAD):
        for j in range(CENTERS_A_THREAD):
            sums[i, j] = zero
    for t0 in range(0, d, DEPTH):
        depth = min(DEPTH, d - t0)
        load_rows(X, first, t0, depth, x_tile)
        subtract_offset(offset, t0, depth, x_tile)
        load_rows(Y, first_other, t0, depth, y_tile)
        subtract_offset(offset, t0, depth, y_tile)
        if x_scale.shape[0]:
            _scale(x_scale, first, depth, x_tile)
            _scale(y_scale, first_other, depth, y_tile)
        cuda.syncthreads()
        _add_terms(term, x_tile, y_tile, depth, sums)
        cuda.syncthreads()
    for i in range(ROWS_A_THREAD):
        row = first + i * SIDE + line
        for j in range(CENTERS_A_THREAD):
            other = first_other + j * SIDE + column
            if row < n and other < k and (other >= row or not symmetric):
                value = sums[i, j]
                if x_squares.shape[0]:
                    value = (x_squares[row] + y_squares[other]) - two * value
                    if value < zero or (symmetric and row == other):
                        value = zero
                if other == 0:
                    probe[row] = value
                if row == 0:
                    probe[n + other] = value
                    if symmetric:
                        probe[other] = value
                value = _end(gamma * value + coef0, ending, degree)
                out[row, other] = value
                if symmetric:
                    out[other, row] = value


def gram(
    X,  # IN (n_samples, n_features)
    Y,  # IN (n_others, n_features)
    symmetric,  # IN scalar
    term,  # IN scalar
    offset,  # IN (n_features,)
    x_scale,  # IN (n_scales,)
    y_scale,  # IN (n_other_scales,)
    x_squares,  # IN (n_squares,)
    y_squares,  # IN (n_other_squares,)
    ending,  # IN scalar
    gamma,  # IN scalar
    coef0,  # IN scalar
    degree,  # IN scalar
    probe,  # OUT (n_samples + n_others,)
    out,  # OUT (n_samples, n_others)
):
    _gram[_grid(X, Y), THREADS](
        as_device(X), as_device(Y), symmetric, term, as_device(offset),
        as_device(x_scale), as_device(y_scale), as_device(x_squares), as_device(y_squares),
        ending, gamma, coef0, degree, as_device(probe), as_device(out),
    )  # fmt: skip


def _grid(X, Y):
    return -(-X.shape[0] // TILE_ROWS), -(-Y.shape[0] // TILE_CENTERS)


def gram_times(
    X,  # IN (n_samples, n_features)
    Y,  # IN (n_others, n_features)
    term,  # IN scalar
    offset,  # IN (n_features,)
    x_scale,  # IN (n_scales,)
    y_scale,  # IN (n_other_scales,)
    x_squares,  # IN (n_squares,)
    y_squares,  # IN (n_other_squares,)
    ending,  # IN scalar
    gamma,  # IN scalar
    coef0,  # IN scalar
    degree,  # IN scalar
    right,  # IN (n_others, n_columns)
    probe,  # OUT (n_samples + n_others,)
    out,  # OUT (n_samples, n_columns)
):
    # Not empty: where kernels are compiled only, the product would be one of stray bits.
    values = array_module(out).zeros((X.shape[0], Y.shape[0]), X.dtype)
    gram(
        X, Y, False, term, offset, x_scale, y_scale, x_squares, y_squares,
        ending, gamma, coef0, degree, probe, values,
    )  # fmt: skip
    multiply(values, right, out)


@cuda_kernel
def _sparse_sums(x_data, x_indices, x_indptr, y_data, y_rows, y_indptr, sums):
    # A block takes a row; one after the other its entries meet a column of Y, whose rows differ.
    zero = sums.dtype.type(0)
    for row in range(cuda.blockIdx.x, sums.shape[0], cuda.gridDim.x):
        for other in range(cuda.threadIdx.x, sums.shape[1], cuda.blockDim.x):
            sums[row, other] = zero
        cuda.syncthreads()
        for entry in range(x_indptr[row], x_indptr[row + 1]):
            factor = sums.dtype.type(x_data[entry])
            feature = x_indices[entry]
            first = y_indptr[feature] + cuda.threadIdx.x
            for at in range(first, y_indptr[feature + 1], cuda.blockDim.x):
                sums[row, y_rows[at]] += factor * sums.dtype.type(y_data[at])
            cuda.syncthreads()


@cuda_kernel
def _finish(sums, symmetric, x_squares, y_squares, ending, gamma, coef0, degree, out):
    k = sums.shape[1]
    for i in range(cuda.grid(1), sums.size, cuda.gridsize(1)):
        row, other = i // k, i % k
        value = sums[row, other]
        if x_squares.shape[0]:
            value = (x_squares[row] + y_squares[other]) - 2 * value
            if value < 0 or (symmetric and row == other):
                value = 0.0
        out[row, other] = _end(gamma * out.dtype.type(value) + coef0, ending, degree)


def sparse_gram(
    x_data,  # IN (n_entries,)
    x_indices,  # IN (n_entries,)
    x_indptr,  # IN (n_samples + 1,)
    y_data,  # IN (n_other_entries,)
    y_rows,  # IN (n_other_entries,)
    y_indptr,  # IN (n_features + 1,)
    symmetric,  # IN scalar
    x_squares,  # IN (n_squares,)
    y_squares,  # IN (n_other_squares,)
    ending,  # IN scalar
    gamma,  # IN scalar
    coef0,  # IN scalar
    degree,  # IN scalar
    out,  # OUT (n_samples, n_others)
):
    sums = as_device(array_module(out).empty(out.shape, np.float64))
    squares = as_device(x_squares), as_device(y_squares)
    entries = [as_device(a) for a in (x_data, x_indices, x_indptr, y_data, y_rows, y_indptr)]
    _, threads = grid_1d(out.size)
    _sparse_sums[min(out.shape[0], _MOST_ROWS), threads](*entries, sums)
    _finish[grid_1d(out.size)](
        sums, symmetric, *squares, ending, gamma, coef0, degree, as_device(out)
    )


@cuda_kernel
def _row_squares(X, offset, out):
    for row in range(cuda.grid(1), X.shape[0], cuda.gridsize(1)):
        total = out.dtype.type(0)
        for t in range(X.shape[1]):
            value = out.dtype.type(X[row, t] - offset[t])
            total += value * value
        out[row] = total


def row_squares(
    X,  # IN (n_samples, n_features)
    offset,  # IN (n_features,)
    out,  # OUT (n_samples,)
):
    _row_squares[grid_1d(X.shape[0])](as_device(X), as_device(offset), as_device(out))


@cuda_kernel
def _nearest(X, Y, indices, values):
    x_tile = cuda.shared.array(ROWS_SHAPE, X.dtype)
    y_tile = cuda.shared.array(CENTERS_SHAPE, X.dtype)
    lane_indices = cuda.shared.array(LANES_SHAPE, np.int32)
    sums = cuda.local.array(PRODUCTS_SHAPE, X.dtype)
    least = cuda.local.array(ROWS_A_THREAD, X.dtype)
    found = cuda.local.array(ROWS_A_THREAD, np.int32)
    column, line = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
    first = cuda.blockIdx.x * TILE_ROWS
    k, d = Y.shape
    for i in range(ROWS_A_THREAD):
        least[i] = X.dtype.type(np.inf)
        found[i] = 0
    for first_other in range(0, k, TILE_CENTERS):
        for i in range(ROWS_A_THREAD):
            for j in range(CENTERS_A_THREAD):
                sums[i, j] = X.dtype.type(0)
        for t0 in range(0, d, DEPTH):
            depth = min(DEPTH, d - t0)
            load_rows(X, first, t0, depth, x_tile)
            load_rows(Y, first_other, t0, depth, y_tile)
            cuda.syncthreads()
            _add_terms(SQUARED, x_tile, y_tile, depth, sums)
            cuda.syncthreads()
        for j in range(CENTERS_A_THREAD):
            other = first_other + j * SIDE + column
            if other < k:
                for i in range(ROWS_A_THREAD):
                    if sums[i, j] < least[i]:
                        least[i] = sums[i, j]
                        found[i] = other
    # The tile of rows is done with: it takes the smallest distance of every thread.
    for i in range(ROWS_A_THREAD):
        x_tile[column, i * SIDE + line] = least[i]
        lane_indices[column, i * SIDE + line] = found[i]
    cuda.syncthreads()
    for p in range(cuda.threadIdx.x, TILE_ROWS, THREADS):
        row = first + p
        if row < X.shape[0]:
            value, index = x_tile[0, p], lane_indices[0, p]
            for lane in range(1, SIDE):
                other_value, candidate = x_tile[lane, p], lane_indices[lane, p]
                if other_value < value or (other_value == value and candidate < index):
                    value, index = other_value, candidate
            values[row] = value
            indices[row] = index


def nearest(
    X,  # IN (n_samples, n_features)
    Y,  # IN (n_others, n_features)
    indices,  # OUT (n_samples,)
    values,  # OUT (n_samples,)
):
    grid = -(-X.shape[0] // TILE_ROWS)
    _nearest[grid, THREADS](as_device(X), as_device(Y), as_device(indices), as_device(values))
