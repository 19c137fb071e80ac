"""Dense layers on a CUDA device: the products are CuPy's, the passes after them are kernels."""

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.shares import block_sum, threads_for
from fastml.kernels.activations.device import activated, passed_back
from fastml.kernels.dense.forms import IDENTITY

# Gradients by biases add up in float64 whatever they are of.
FLOAT64_KERNELS = ("_column_sums",)

THREADS = 256


@cuda_kernel
def _finish(kind, alpha, b, n_outputs, argument, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        if b.size:
            out[i] += b[i % n_outputs]
        if argument.size:
            argument[i] = out[i]
        if kind != IDENTITY:
            out[i] = activated(kind, alpha, out, i)


@cuda_kernel
def _backward(kind, alpha, argument, g, gradient):
    for i in range(cuda.grid(1), g.size, cuda.gridsize(1)):
        gradient[i] = passed_back(kind, alpha, argument, g[i], i)


@cuda_kernel
def _column_sums(G, block_rows, partials):
    shares = cuda.shared.array(THREADS, np.float64)
    n, m = G.shape
    block, j = cuda.blockIdx.x // m, cuda.blockIdx.x % m
    start = block * block_rows
    total = 0.0
    for i in range(start + cuda.threadIdx.x, min(n, start + block_rows), cuda.blockDim.x):
        total += G[i, j]
    total = block_sum(total, shares)
    if cuda.threadIdx.x == 0:
        partials[block, j] = total


def forward(
    kind,  # IN scalar
    alpha,  # IN scalar
    X,  # IN (n_samples, n_inputs)
    W,  # IN (n_inputs, n_outputs)
    b,  # IN (n_biases,)
    argument,  # OUT (n_kept, n_outputs)
    out,  # OUT (n_samples, n_outputs)
):
    array_module(X).matmul(X, W, out=out)
    if kind != IDENTITY or b.size or argument.size:
        views = (as_device(a.reshape(-1)) for a in (argument, out))
        _finish[grid_1d(out.size)](kind, alpha, as_device(b), out.shape[1], *views)


def data_gradient(
    G,  # IN (n_samples, n_outputs)
    W,  # IN (n_inputs, n_outputs)
    out,  # OUT (n_samples, n_inputs)
):
    array_module(G).matmul(G, W.T, out=out)


def weight_gradient(
    X,  # IN (n_samples, n_inputs)
    G,  # IN (n_samples, n_outputs)
    block_rows,  # IN scalar
    partials,  # OUT (n_blocks, n_inputs, n_outputs)
):
    xp = array_module(X)
    for block in range(partials.shape[0]):
        rows = slice(block * block_rows, (block + 1) * block_rows)
        xp.matmul(X[rows].T, G[rows], out=partials[block])


def backward(
    kind,  # IN scalar
    alpha,  # IN scalar
    argument,  # IN (n_kept, n_outputs)
    g,  # IN (n_samples, n_outputs)
    block_rows,  # IN scalar
    gradient,  # OUT (n_written, n_outputs)
    partials,  # OUT (n_blocks, n_biases)
):
    if kind != IDENTITY:
        views = (as_device(a.reshape(-1)) for a in (argument, g, gradient))
        _backward[grid_1d(g.size)](kind, alpha, *views)
    G = g if kind == IDENTITY else gradient
    config = partials.size, threads_for(min(block_rows, g.shape[0]))
    _column_sums[config](as_device(G), block_rows, as_device(partials))
