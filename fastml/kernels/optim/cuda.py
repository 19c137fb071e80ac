"""Steps of gradient descent on a CUDA device."""

import numpy as np

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.shares import block_sum, threads_for
from fastml.kernels.optim import scalar

# Sums of squares are float64 whatever the gradient.
FLOAT64_KERNELS = ("_squared_norm",)

THREADS = 256

_momentum_step = cuda_device(scalar.momentum)
_adagrad_step = cuda_device(scalar.adagrad)
_rmsprop_step = cuda_device(scalar.rmsprop)
_adam_step = cuda_device(scalar.adam)


@cuda_device
def _in_spans(i, spans):
    for s in range(spans.shape[0]):
        if spans[s, 0] <= i < spans[s, 1]:
            return True
    return False


@cuda_device
def _gradient(w, g, scale, l1, l2, penalised):
    g = scale * g
    if penalised:
        zero = l1 - l1
        sign = l1 if w > zero else (-l1 if w < zero else zero)
        g += sign + l2 * w
    return g


@cuda_kernel
def _sgd(params, grads, rate, scale, l1, l2, spans):
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        w = params[i]
        params[i] = w - rate * _gradient(w, grads[i], scale, l1, l2, _in_spans(i, spans))


@cuda_kernel
def _momentum(params, grads, velocity, rate, keep, nesterov, scale, l1, l2, spans):
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        w = params[i]
        g = _gradient(w, grads[i], scale, l1, l2, _in_spans(i, spans))
        params[i], velocity[i] = _momentum_step(w, g, velocity[i], rate, keep, nesterov)


@cuda_kernel
def _adagrad(params, grads, total, rate, epsilon, scale, l1, l2, spans):
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        w = params[i]
        g = _gradient(w, grads[i], scale, l1, l2, _in_spans(i, spans))
        params[i], total[i] = _adagrad_step(w, g, total[i], rate, epsilon)


@cuda_kernel
def _rmsprop(params, grads, mean, rate, keep, rest, epsilon, scale, l1, l2, spans):
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        w = params[i]
        g = _gradient(w, grads[i], scale, l1, l2, _in_spans(i, spans))
        params[i], mean[i] = _rmsprop_step(w, g, mean[i], rate, keep, rest, epsilon)


@cuda_kernel
def _adam(
    params, grads, first, second,
    rate, keep_1, rest_1, keep_2, rest_2, epsilon, shrink, scale, l1, l2, spans,
):  # fmt: skip
    for i in range(cuda.grid(1), params.size, cuda.gridsize(1)):
        w = params[i]
        penalised = _in_spans(i, spans)
        g = _gradient(w, grads[i], scale, l1, l2, penalised)
        params[i], first[i], second[i] = _adam_step(
            w * shrink if penalised else w, g, first[i], second[i],
            rate, keep_1, rest_1, keep_2, rest_2, epsilon,
        )  # fmt: skip


@cuda_kernel
def _squared_norm(grads, block_size, totals):
    shares = cuda.shared.array(THREADS, np.float64)
    block = cuda.blockIdx.x
    start = block * block_size
    total = 0.0
    for i in range(start + cuda.threadIdx.x, min(grads.size, start + block_size), cuda.blockDim.x):
        value = np.float64(grads[i])
        total += value * value
    total = block_sum(total, shares)
    if cuda.threadIdx.x == 0:
        totals[block] = total


def sgd(
    params,  # INOUT (n,)
    grads,  # IN (n,)
    rate,  # IN scalar
    scale,  # IN scalar
    l1,  # IN scalar
    l2,  # IN scalar
    spans,  # IN (n_spans, 2)
):
    numbers = map(params.dtype.type, (rate, scale, l1, l2))
    arrays = map(as_device, (params, grads))
    _sgd[grid_1d(params.size)](*arrays, *numbers, as_device(spans))


def momentum(
    params,  # INOUT (n,)
    grads,  # IN (n,)
    velocity,  # INOUT (n,)
    rate,  # IN scalar
    keep,  # IN scalar
    nesterov,  # IN scalar
    scale,  # IN scalar
    l1,  # IN scalar
    l2,  # IN scalar
    spans,  # IN (n_spans, 2)
):
    rate, keep, *others = map(params.dtype.type, (rate, keep, scale, l1, l2))
    arrays = map(as_device, (params, grads, velocity))
    _momentum[grid_1d(params.size)](*arrays, rate, keep, nesterov, *others, as_device(spans))


def adagrad(
    params,  # INOUT (n,)
    grads,  # IN (n,)
    total,  # INOUT (n,)
    rate,  # IN scalar
    epsilon,  # IN scalar
    scale,  # IN scalar
    l1,  # IN scalar
    l2,  # IN scalar
    spans,  # IN (n_spans, 2)
):
    numbers = map(params.dtype.type, (rate, epsilon, scale, l1, l2))
    arrays = map(as_device, (params, grads, total))
    _adagrad[grid_1d(params.size)](*arrays, *numbers, as_device(spans))


def rmsprop(
    params,  # INOUT (n,)
    grads,  # IN (n,)
    mean,  # INOUT (n,)
    rate,  # IN scalar
    keep,  # IN scalar
    epsilon,  # IN scalar
    scale,  # IN scalar
    l1,  # IN scalar
    l2,  # IN scalar
    spans,  # IN (n_spans, 2)
):
    numbers = map(params.dtype.type, (rate, keep, 1 - keep, epsilon, scale, l1, l2))
    arrays = map(as_device, (params, grads, mean))
    _rmsprop[grid_1d(params.size)](*arrays, *numbers, as_device(spans))


def adam(
    params,  # INOUT (n,)
    grads,  # IN (n,)
    first,  # INOUT (n,)
    second,  # INOUT (n,)
    rate,  # IN scalar
    keep_1,  # IN scalar
    keep_2,  # IN scalar
    epsilon,  # IN scalar
    shrink,  # IN scalar
    scale,  # IN scalar
    l1,  # IN scalar
    l2,  # IN scalar
    spans,  # IN (n_spans, 2)
):
    numbers = map(
        params.dtype.type,
        (rate, keep_1, 1 - keep_1, keep_2, 1 - keep_2, epsilon, shrink, scale, l1, l2),
    )
    arrays = map(as_device, (params, grads, first, second))
    _adam[grid_1d(params.size)](*arrays, *numbers, as_device(spans))


def squared_norm(
    grads,  # IN (n,)
    block_size,  # IN scalar
    totals,  # OUT (n_blocks,)
):
    config = totals.size, threads_for(min(block_size, grads.size))
    _squared_norm[config](as_device(grads), block_size, as_device(totals))
