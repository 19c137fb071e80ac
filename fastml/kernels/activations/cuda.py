"""Activation functions on a CUDA device."""

import math

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.shares import block_max, block_sum, threads_for
from fastml.kernels.activations.forms import (
    CUBIC,
    DENSITY_AT_0,
    ELU,
    ERF_SLOPE,
    FAR,
    GELU,
    GELU_TANH,
    LEAKY_RELU,
    RELU,
    SIGMOID,
    SOFTPLUS,
    SQRT_2_PI,
    SQRT_HALF,
    TANH,
)

# Of a block, which takes one row at a time.
THREADS = 256
# Rows beyond this wait for a block to be done with another.
_MOST_ROWS = 65536


@cuda_device
def _logistic(value, one):
    e = math.exp(-abs(value))
    return (e if value < 0 else one) / (one + e)


@cuda_device
def _limited(value, far):
    if value > far:
        return far
    return -far if value < -far else value


@cuda_device
def _value(kind, alpha, x, i):
    value = x[i]
    real = x.dtype.type
    zero, one, half, far = real(0), real(1), real(0.5), real(FAR)
    if kind == SIGMOID:
        return _logistic(value, one)
    if kind == TANH:
        return math.tanh(value)
    if kind == RELU:
        return zero if value <= zero else value
    if kind == LEAKY_RELU:
        return value if value > zero else alpha * value
    if kind == ELU:
        return value if value > zero else alpha * math.expm1(value)
    if kind == SOFTPLUS:
        rest = math.log1p(math.exp(-abs(value)))
        return rest if value < zero else value + rest
    if GELU <= kind <= GELU_TANH:
        near = _limited(value, far)
        if kind == GELU:
            share = half * math.erfc(-real(SQRT_HALF) * near)
        else:
            bent = math.tanh(real(SQRT_2_PI) * (near + real(CUBIC) * near * near * near))
            share = half + half * bent
        return (-far if value < -far else value) * share
    return math.erf(value)


@cuda_device
def _slope(kind, alpha, x, i):
    value = x[i]
    real = x.dtype.type
    zero, one, half, far = real(0), real(1), real(0.5), real(FAR)
    if kind == SIGMOID:
        return value * (one - value)
    if kind == TANH:
        return one - value * value
    if kind == RELU:
        return zero if value <= zero else one
    if kind == LEAKY_RELU:
        return one if value > zero else alpha
    if kind == ELU:
        return one if value > zero else alpha * math.exp(value)
    if kind == SOFTPLUS:
        return _logistic(value, one)
    near = _limited(value, far)
    if kind == GELU:
        factor = half * math.erfc(-real(SQRT_HALF) * near)
        return factor + near * (real(DENSITY_AT_0) * math.exp(-half * near * near))
    if kind == GELU_TANH:
        square = near * near
        bent = math.tanh(real(SQRT_2_PI) * (near + real(CUBIC) * square * near))
        inner = real(SQRT_2_PI) * (one + real(3 * CUBIC) * square)
        return half + half * bent + half * near * (one - bent * bent) * inner
    return real(ERF_SLOPE) * math.exp(-near * near)


@cuda_kernel
def _forward(kind, alpha, x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = _value(kind, alpha, x, i)


@cuda_kernel
def _backward(kind, alpha, x, g, gradient):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        given = g[i] if g.size == x.size else g[0]
        slope = _slope(kind, alpha, x, i)
        # As on the CPU, where a rectifier that is off passes nothing on, be it infinite.
        gradient[i] = slope if kind == RELU and slope == 0 else given * slope


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
