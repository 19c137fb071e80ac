"""Activation functions on a CUDA device."""

import math

from fastml._jit.cuda import as_device, cuda, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.shares import block_max, block_sum, threads_for
from fastml.kernels.activations.device import activated, passed_back

# Of a block, which takes one row at a time.
THREADS = 256
# Rows beyond this wait for a block to be done with another.
_MOST_ROWS = 65536


@cuda_kernel
def _forward(kind, alpha, x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = activated(kind, alpha, x, i)


@cuda_kernel
def _backward(kind, alpha, x, g, gradient):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        given = g[i] if g.size == x.size else g[0]
        gradient[i] = passed_back(kind, alpha, x, given, i)


@cuda_kernel
def _softmax(log, x, out):
    shares = cuda.shared.array(THREADS, x.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for row in range(cuda.blockIdx.x, x.shape[0], cuda.gridDim.x):
        top = x[row, 0]
        for j in range(thread, x.shape[1], n_threads):
            if x[row, j] > top:
                top = x[row, j]
        top = block_max(top, shares)
        total = x.dtype.type(0)
        for j in range(thread, x.shape[1], n_threads):
            total += math.exp(x[row, j] - top)
        total = block_sum(total, shares)
        for j in range(thread, x.shape[1], n_threads):
            shifted = x[row, j] - top
            out[row, j] = shifted - math.log(total) if log else math.exp(shifted) / total


@cuda_kernel
def _softmax_backward(log, y, g, gradient):
    shares = cuda.shared.array(THREADS, y.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for row in range(cuda.blockIdx.x, y.shape[0], cuda.gridDim.x):
        total = y.dtype.type(0)
        for j in range(thread, y.shape[1], n_threads):
            total += g[row, j] if log else g[row, j] * y[row, j]
        total = block_sum(total, shares)
        for j in range(thread, y.shape[1], n_threads):
            if log:
                gradient[row, j] = g[row, j] - math.exp(y[row, j]) * total
            else:
                gradient[row, j] = (g[row, j] - total) * y[row, j]


@cuda_kernel
def _winner_take_all(S, out, has_nan):
    for row in range(cuda.grid(1), S.shape[0], cuda.gridsize(1)):
        winner = 0
        for j in range(S.shape[1]):
            value = S[row, j]
            if value > S[row, winner]:
                winner = j
            if value != value:
                has_nan[0] = 1
        out[row, winner] = 1


def forward(
    kind,  # IN scalar
    alpha,  # IN scalar
    x,  # IN (n,)
    out,  # OUT (n,)
):
    _forward[grid_1d(x.size)](kind, alpha, as_device(x), as_device(out))


def backward(
    kind,  # IN scalar
    alpha,  # IN scalar
    x,  # IN (n,)
    g,  # IN (n_given,)
    gradient,  # OUT (n,)
):
    views = (as_device(a) for a in (x, g, gradient))
    _backward[grid_1d(x.size)](kind, alpha, *views)


def softmax(
    log,  # IN scalar
    x,  # IN (n_rows, n_columns)
    out,  # OUT (n_rows, n_columns)
):
    grid = min(x.shape[0], _MOST_ROWS), threads_for(x.shape[1])
    _softmax[grid](log, as_device(x), as_device(out))


def softmax_backward(
    log,  # IN scalar
    y,  # IN (n_rows, n_columns)
    g,  # IN (n_rows, n_columns)
    gradient,  # OUT (n_rows, n_columns)
):
    grid = min(y.shape[0], _MOST_ROWS), threads_for(y.shape[1])
    _softmax_backward[grid](log, *(as_device(a) for a in (y, g, gradient)))


def winner_take_all(
    S,  # IN (n_rows, n_units)
    out,  # INOUT (n_rows, n_units)
    has_nan,  # INOUT (1,)
):
    _winner_take_all[grid_1d(S.shape[0])](as_device(S), as_device(out), as_device(has_nan))
