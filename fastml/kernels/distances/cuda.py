"""Distances between rows on a CUDA device, tile by tile in shared memory."""

import math

from fastml._jit.cuda import as_device, cuda, cuda_kernel
from fastml.kernels.kmeans.tiles import (
    CENTERS_A_THREAD,
    CENTERS_SHAPE,
    DEPTH,
    PRODUCTS_SHAPE,
    ROWS_A_THREAD,
    ROWS_SHAPE,
    SIDE,
    THREADS,
    TILE_CENTERS,
    TILE_ROWS,
    load_rows,
)


@cuda_kernel
def _euclidean(X, Y, squared, out):
    x_tile = cuda.shared.array(ROWS_SHAPE, X.dtype)
    y_tile = cuda.shared.array(CENTERS_SHAPE, X.dtype)
    sums = cuda.local.array(PRODUCTS_SHAPE, X.dtype)
    column, line = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
    first, first_other = cuda.blockIdx.x * TILE_ROWS, cuda.blockIdx.y * TILE_CENTERS
    d = X.shape[1]
    for i in range(ROWS_A_THREAD):
        for j in range(CENTERS_A_THREAD):
            sums[i, j] = X.dtype.type(0)
    for t0 in range(0, d, DEPTH):
        depth = min(DEPTH, d - t0)
        load_rows(X, first, t0, depth, x_tile)
        load_rows(Y, first_other, t0, depth, y_tile)
        cuda.syncthreads()
        for t in range(depth):
            for j in range(CENTERS_A_THREAD):
                y = y_tile[t, j * SIDE + column]
                for i in range(ROWS_A_THREAD):
                    difference = x_tile[t, i * SIDE + line] - y
                    sums[i, j] += difference * difference
        cuda.syncthreads()
    for i in range(ROWS_A_THREAD):
        row = first + i * SIDE + line
        for j in range(CENTERS_A_THREAD):
            other = first_other + j * SIDE + column
            if row < X.shape[0] and other < Y.shape[0]:
                out[row, other] = sums[i, j] if squared else math.sqrt(sums[i, j])


def euclidean(
    X,  # IN (n_samples, n_features)
    Y,  # IN (n_others, n_features)
    squared,  # IN scalar
    out,  # OUT (n_samples, n_others)
):
    # The second axis of a grid is short: there the smaller number of tiles is all but always.
    grid = -(-X.shape[0] // TILE_ROWS), -(-Y.shape[0] // TILE_CENTERS)
    _euclidean[grid, THREADS](as_device(X), as_device(Y), squared, as_device(out))
