"""Device code shared by the k-means kernels: the nearest center of a tile of rows."""

import numpy as np

from fastml._jit.cuda import cuda, cuda_device

# A block of 16 x 16 threads holds the products of 128 rows and 64 centers, 8 x 4 a thread.
THREADS = 256
SIDE = 16
ROWS_A_THREAD = 8
CENTERS_A_THREAD = 4
TILE_ROWS = SIDE * ROWS_A_THREAD
TILE_CENTERS = SIDE * CENTERS_A_THREAD
# Features of one step.
DEPTH = 16
# Shapes in shared memory. One row more than is used keeps transposed stores off the same banks.
ROWS_SHAPE = (DEPTH, TILE_ROWS + 1)
CENTERS_SHAPE = (DEPTH, TILE_CENTERS + 1)
LANES_SHAPE = (SIDE, TILE_ROWS)
PRODUCTS_SHAPE = (ROWS_A_THREAD, CENTERS_A_THREAD)


@cuda_device
def load_rows(X, first, t0, depth, tile):
    """Copy features t0 ... t0 + depth - 1 of the rows of a tile, transposed; zeros below X."""
    for i in range(cuda.threadIdx.x, tile.shape[1] * DEPTH, THREADS):
        p, t = i // DEPTH, i % DEPTH
        if t < depth and p < tile.shape[1] - 1:
            row = first + p
            tile[t, p] = X[row, t0 + t] if row < X.shape[0] else X.dtype.type(0)


@cuda_device
def subtract_offset(offset, t0, depth, tile):
    """Subtract the offset from what `load_rows` copied; each thread from what it wrote."""
    for i in range(cuda.threadIdx.x, tile.shape[1] * DEPTH, THREADS):
        p, t = i // DEPTH, i % DEPTH
        if t < depth and p < tile.shape[1] - 1:
            tile[t, p] -= offset[t0 + t]


@cuda_device
def nearest_of_tile(X, first, offset, centers, winners):
    """Find the nearest center of each of `TILE_ROWS` rows; all threads of a block call it.

    winners : shared int32 array of `TILE_ROWS`, of use after the call to every thread.
    """
    x_tile = cuda.shared.array(ROWS_SHAPE, X.dtype)
    c_tile = cuda.shared.array(CENTERS_SHAPE, X.dtype)
    lane_labels = cuda.shared.array(LANES_SHAPE, np.int32)
    products = cuda.local.array(PRODUCTS_SHAPE, X.dtype)
    norms = cuda.local.array(CENTERS_A_THREAD, X.dtype)
    best = cuda.local.array(ROWS_A_THREAD, X.dtype)
    labels = cuda.local.array(ROWS_A_THREAD, np.int32)
    zero = X.dtype.type(0)
    half = X.dtype.type(0.5)
    column, line = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
    k, d = centers.shape
    for i in range(ROWS_A_THREAD):
        best[i] = X.dtype.type(-np.inf)
        labels[i] = 0
    for c0 in range(0, k, TILE_CENTERS):
        for j in range(CENTERS_A_THREAD):
            norms[j] = zero
            for i in range(ROWS_A_THREAD):
                products[i, j] = zero
        for t0 in range(0, d, DEPTH):
            depth = min(DEPTH, d - t0)
            load_rows(X, first, t0, depth, x_tile)
            subtract_offset(offset, t0, depth, x_tile)
            load_rows(centers, c0, t0, depth, c_tile)
            cuda.syncthreads()
            for t in range(depth):
                for j in range(CENTERS_A_THREAD):
                    c = c_tile[t, j * SIDE + column]
                    norms[j] += c * c
                    for i in range(ROWS_A_THREAD):
                        products[i, j] += x_tile[t, i * SIDE + line] * c
            cuda.syncthreads()
        for j in range(CENTERS_A_THREAD):
            center = c0 + j * SIDE + column
            if center < k:
                for i in range(ROWS_A_THREAD):
                    # |x - c|^2 is smallest where this is largest.
                    score = products[i, j] - half * norms[j]
                    if score > best[i]:
                        best[i] = score
                        labels[i] = center
    # The tile of rows is done with: it takes the best score of every thread.
    for i in range(ROWS_A_THREAD):
        x_tile[column, i * SIDE + line] = best[i]
        lane_labels[column, i * SIDE + line] = labels[i]
    cuda.syncthreads()
    for p in range(cuda.threadIdx.x, TILE_ROWS, THREADS):
        score, label = x_tile[0, p], lane_labels[0, p]
        for lane in range(1, SIDE):
            other, candidate = x_tile[lane, p], lane_labels[lane, p]
            if other > score or (other == score and candidate < label):
                score, label = other, candidate
        winners[p] = label
    cuda.syncthreads()
