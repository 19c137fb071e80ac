"""Batch and layer normalisation on a CUDA device."""

import math

import numpy as np

from fastml._jit.cuda import as_device, cuda, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.shares import block_sum, threads_for

# Sums over rows, and over long ones, add up in float64.
FLOAT64_KERNELS = ("_column_sums", "_row_sums", "_row_normalize", "_row_backward")

THREADS = 256
# Rows beyond this wait for a block to be done with another.
_MOST_ROWS = 65536


@cuda_kernel
def _column_affine(X, mean, scale, shift, out):
    k = X.shape[1]
    for i in range(cuda.grid(1), X.size, cuda.gridsize(1)):
        row, j = i // k, i % k
        out[row, j] = (X[row, j] - mean[j]) * scale[j] + shift[j]


def column_affine(
    X,  # IN (n_rows, n_columns)
    mean,  # IN (n_columns,)
    scale,  # IN (n_columns,)
    shift,  # IN (n_columns,)
    out,  # OUT (n_rows, n_columns)
):
    _column_affine[grid_1d(X.size)](*map(as_device, (X, mean, scale, shift, out)))


@cuda_kernel
def _column_sums(X, G, mean, block_rows, sums):
    n, k = X.shape
    # A thread for each column of each block: neighbours read neighbours.
    for i in range(cuda.grid(1), sums.shape[0] * k, cuda.gridsize(1)):
        block, j = i // k, i % k
        total, product = 0.0, 0.0
        for row in range(block * block_rows, min(n, (block + 1) * block_rows)):
            g = np.float64(G[row, j])
            total += g
            product += g * np.float64(X[row, j] - mean[j])
        sums[block, 0, j] = total
        sums[block, 1, j] = product


def column_sums(
    X,  # IN (n_rows, n_columns)
    G,  # IN (n_rows, n_columns)
    mean,  # IN (n_columns,)
    block_rows,  # IN scalar
    sums,  # OUT (n_blocks, 2, n_columns)
):
    n_threads = sums.shape[0] * X.shape[1]
    _column_sums[grid_1d(n_threads, 64)](
        as_device(X), as_device(G), as_device(mean), block_rows, as_device(sums)
    )


@cuda_kernel
def _column_backward(X, G, mean, by_gradient, by_value, shift, gradient):
    k = X.shape[1]
    for i in range(cuda.grid(1), X.size, cuda.gridsize(1)):
        row, j = i // k, i % k
        centred = X[row, j] - mean[j]
        gradient[row, j] = by_gradient[j] * G[row, j] + by_value[j] * centred + shift[j]


def column_backward(
    X,  # IN (n_rows, n_columns)
    G,  # IN (n_rows, n_columns)
    mean,  # IN (n_columns,)
    by_gradient,  # IN (n_columns,)
    by_value,  # IN (n_columns,)
    shift,  # IN (n_columns,)
    gradient,  # OUT (n_rows, n_columns)
):
    arrays = (X, G, mean, by_gradient, by_value, shift, gradient)
    _column_backward[grid_1d(X.size)](*map(as_device, arrays))


@cuda_kernel
def _row_normalize(X, weight, bias, eps, out, means, scales):
    shares = cuda.shared.array(THREADS, np.float64)
    real = X.dtype.type
    n, k = X.shape
    for row in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        total = 0.0
        for j in range(cuda.threadIdx.x, k, cuda.blockDim.x):
            total += np.float64(X[row, j])
        mean = real(block_sum(total, shares) / k)
        total = 0.0
        for j in range(cuda.threadIdx.x, k, cuda.blockDim.x):
            centred = np.float64(X[row, j] - mean)
            total += centred * centred
        scale = real(1.0 / math.sqrt(block_sum(total, shares) / k + eps))
        for j in range(cuda.threadIdx.x, k, cuda.blockDim.x):
            out[row, j] = (X[row, j] - mean) * scale * weight[j] + bias[j]
        if cuda.threadIdx.x == 0:
            means[row] = mean
            scales[row] = scale


def row_normalize(
    X,  # IN (n_rows, n_columns)
    weight,  # IN (n_columns,)
    bias,  # IN (n_columns,)
    eps,  # IN scalar
    out,  # OUT (n_rows, n_columns)
    means,  # OUT (n_rows,)
    scales,  # OUT (n_rows,)
):
    n, k = X.shape
    _row_normalize[min(n, _MOST_ROWS), threads_for(k)](
        as_device(X), as_device(weight), as_device(bias), eps, as_device(out), as_device(means),
        as_device(scales),
    )  # fmt: skip


@cuda_kernel
def _row_backward(X, G, weight, means, scales, gradient):
    shares = cuda.shared.array(THREADS, np.float64)
    real = X.dtype.type
    n, k = X.shape
    for row in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        mean, scale = means[row], scales[row]
        total, product = 0.0, 0.0
        for j in range(cuda.threadIdx.x, k, cuda.blockDim.x):
            weighted = G[row, j] * weight[j]
            total += np.float64(weighted)
            product += np.float64(weighted * ((X[row, j] - mean) * scale))
        level = real(block_sum(total, shares) / k)
        along = real(block_sum(product, shares) / k)
        for j in range(cuda.threadIdx.x, k, cuda.blockDim.x):
            normal = (X[row, j] - mean) * scale
            gradient[row, j] = scale * (G[row, j] * weight[j] - level - normal * along)


def row_backward(
    X,  # IN (n_rows, n_columns)
    G,  # IN (n_rows, n_columns)
    weight,  # IN (n_columns,)
    means,  # IN (n_rows,)
    scales,  # IN (n_rows,)
    gradient,  # OUT (n_rows, n_columns)
):
    n, k = X.shape
    arrays = (X, G, weight, means, scales, gradient)
    _row_backward[min(n, _MOST_ROWS), threads_for(k)](*map(as_device, arrays))


@cuda_kernel
def _row_sums(X, G, means, scales, block_rows, sums):
    n, k = X.shape
    for i in range(cuda.grid(1), sums.shape[0] * k, cuda.gridsize(1)):
        block, j = i // k, i % k
        total, product = 0.0, 0.0
        for row in range(block * block_rows, min(n, (block + 1) * block_rows)):
            g = np.float64(G[row, j])
            total += g
            product += g * np.float64((X[row, j] - means[row]) * scales[row])
        sums[block, 0, j] = total
        sums[block, 1, j] = product


def row_sums(
    X,  # IN (n_rows, n_columns)
    G,  # IN (n_rows, n_columns)
    means,  # IN (n_rows,)
    scales,  # IN (n_rows,)
    block_rows,  # IN scalar
    sums,  # OUT (n_blocks, 2, n_columns)
):
    n_threads = sums.shape[0] * X.shape[1]
    _row_sums[grid_1d(n_threads, 64)](
        as_device(X), as_device(G), as_device(means), as_device(scales), block_rows,
        as_device(sums),
    )  # fmt: skip
