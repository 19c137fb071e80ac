"""Losses of samples, and penalties on weights, on a CUDA device.

A block of threads adds up a canonical block of rows; the order is fixed by their number.
"""

import math

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.shares import block_max, block_sum, threads_for
from fastml.kernels.losses.forms import (
    BINARY_CROSS_ENTROPY,
    CROSS_ENTROPY,
    HINGE,
    SQUARED,
    SQUARED_HINGE,
)

# Losses add up in float64 whatever they are losses of.
FLOAT64_KERNELS = ("_total", "_each", "_softmax_losses", "_weighted_total", "_penalty")

THREADS = 256
_MOST_ROWS = 65536


@cuda_device
def _loss(kind, o, t, zero, one):
    if kind == SQUARED:
        return (o - t) * (o - t) / (one + one)
    if kind == CROSS_ENTROPY:
        return zero if t == zero else -t * math.log(o)
    if kind == BINARY_CROSS_ENTROPY:
        size = abs(o)
        off = one - t if o > zero else t
        rest = math.log1p(math.exp(-size))
        return rest if off == zero else size * off + rest
    if HINGE <= kind <= SQUARED_HINGE:
        margin = one - t * o
        if margin < zero:
            return zero
        return margin if kind == HINGE else margin * margin
    return math.exp(o) - t * o


@cuda_device
def _slope(kind, o, t, zero, one):
    if kind == SQUARED:
        return o - t
    if kind == CROSS_ENTROPY:
        return zero if t == zero else -t / o
    if kind == BINARY_CROSS_ENTROPY:
        e = math.exp(-abs(o))
        return (e if o < zero else one) / (one + e) - t
    if kind == HINGE:
        return -t if t * o < one else zero
    if kind == SQUARED_HINGE:
        margin = one - t * o
        return zero if margin < zero else -(one + one) * t * margin
    return math.exp(o) - t


@cuda_kernel
def _each(kind, outputs, targets, losses):
    zero, one = outputs.dtype.type(0), outputs.dtype.type(1)
    for row in range(cuda.grid(1), outputs.shape[0], cuda.gridsize(1)):
        total = 0.0
        for j in range(outputs.shape[1]):
            total += _loss(kind, outputs[row, j], targets[row, j], zero, one)
        losses[row] = total


@cuda_kernel
def _total(kind, outputs, targets, sample_weight, block_rows, totals):
    shares = cuda.shared.array(THREADS, np.float64)
    zero, one = outputs.dtype.type(0), outputs.dtype.type(1)
    n, k = outputs.shape
    block = cuda.blockIdx.x
    first, last = block * block_rows * k, min(n, (block + 1) * block_rows) * k
    total = 0.0
    for i in range(first + cuda.threadIdx.x, last, cuda.blockDim.x):
        row = i // k
        found = np.float64(_loss(kind, outputs[row, i - row * k], targets[row, i - row * k],
                                 zero, one))  # fmt: skip
        total += found * sample_weight[row] if sample_weight.size else found
    total = block_sum(total, shares)
    if cuda.threadIdx.x == 0:
        totals[block] = total


@cuda_kernel
def _backward(kind, outputs, targets, scale, gradient):
    zero, one = outputs.dtype.type(0), outputs.dtype.type(1)
    k = outputs.shape[1]
    for i in range(cuda.grid(1), outputs.size, cuda.gridsize(1)):
        row = i // k
        j = i - row * k
        factor = scale[row] if scale.size > 1 else scale[0]
        gradient[row, j] = factor * _slope(kind, outputs[row, j], targets[row, j], zero, one)


@cuda_kernel
def _softmax_losses(logits, labels, targets, found):
    shares = cuda.shared.array(THREADS, logits.dtype)
    wide = cuda.shared.array(THREADS, np.float64)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    n, k = logits.shape
    for row in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        top = logits[row, 0]
        for j in range(thread, k, n_threads):
            if logits[row, j] > top:
                top = logits[row, j]
        top = block_max(top, shares)
        total = 0.0
        for j in range(thread, k, n_threads):
            total += math.exp(logits[row, j] - top)
        log_total = math.log(block_sum(total, wide))
        loss = 0.0
        for j in range(thread, k, n_threads):
            if labels.size:
                if j == labels[row]:
                    loss = log_total - np.float64(logits[row, j] - top)
            elif targets[row, j] != 0:
                loss += np.float64(targets[row, j]) * (log_total - np.float64(logits[row, j] - top))
        loss = block_sum(loss, wide)
        if thread == 0:
            found[row] = loss


@cuda_kernel
def _weighted_total(found, sample_weight, block_rows, losses, totals):
    shares = cuda.shared.array(THREADS, np.float64)
    block = cuda.blockIdx.x
    first, last = block * block_rows, min(found.size, (block + 1) * block_rows)
    total = 0.0
    for row in range(first + cuda.threadIdx.x, last, cuda.blockDim.x):
        if losses.size:
            losses[row] = found[row]
        total += found[row] * sample_weight[row] if sample_weight.size else found[row]
    total = block_sum(total, shares)
    if cuda.threadIdx.x == 0:
        totals[block] = total


@cuda_kernel
def _softmax_backward(logits, labels, targets, scale, gradient):
    shares = cuda.shared.array(THREADS, logits.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    n, k = logits.shape
    zero, one = logits.dtype.type(0), logits.dtype.type(1)
    for row in range(cuda.blockIdx.x, n, cuda.gridDim.x):
        top = logits[row, 0]
        for j in range(thread, k, n_threads):
            if logits[row, j] > top:
                top = logits[row, j]
        top = block_max(top, shares)
        total, whole = zero, zero
        for j in range(thread, k, n_threads):
            total += math.exp(logits[row, j] - top)
            if not labels.size:
                whole += targets[row, j]
        total = block_sum(total, shares)
        whole = one if labels.size else block_sum(whole, shares)
        factor = scale[row] if scale.size > 1 else scale[0]
        for j in range(thread, k, n_threads):
            right = labels.size and j == labels[row]
            share = zero if labels.size else targets[row, j]
            share = one if right else share
            p = math.exp(logits[row, j] - top) / total
            gradient[row, j] = factor * (whole * p - share)


@cuda_kernel
def _penalty(l1, l2, W, block_size, totals):
    shares = cuda.shared.array(THREADS, np.float64)
    block = cuda.blockIdx.x
    first, last = block * block_size, min(W.size, (block + 1) * block_size)
    total = 0.0
    for i in range(first + cuda.threadIdx.x, last, cuda.blockDim.x):
        size = abs(np.float64(W[i]))
        total += np.float64(l1) * size + np.float64(l2) * size * size
    total = block_sum(total, shares)
    if cuda.threadIdx.x == 0:
        totals[block] = total


@cuda_kernel
def _penalty_backward(l1, l2, W, scale, gradient):
    zero = W.dtype.type(0)
    for i in range(cuda.grid(1), W.size, cuda.gridsize(1)):
        step = zero
        if W[i] > zero:
            step = l1
        elif W[i] < zero:
            step = -l1
        gradient[i] = scale * (step + (l2 + l2) * W[i])


def forward(
    kind,  # IN scalar
    outputs,  # IN (n_samples, n_outputs)
    targets,  # IN (n_samples, n_outputs)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    losses,  # OUT (n_losses,)
    totals,  # OUT (n_blocks,)
):
    o, t = as_device(outputs), as_device(targets)
    _each[grid_1d(losses.size)](kind, o, t, as_device(losses))
    grid = totals.size, threads_for(block_rows * outputs.shape[1])
    _total[grid](kind, o, t, as_device(sample_weight), block_rows, as_device(totals))


def backward(
    kind,  # IN scalar
    outputs,  # IN (n_samples, n_outputs)
    targets,  # IN (n_samples, n_outputs)
    scale,  # IN (n_scales,)
    gradient,  # OUT (n_samples, n_outputs)
):
    views = (as_device(a) for a in (outputs, targets, scale, gradient))
    _backward[grid_1d(outputs.size)](kind, *views)


def softmax_forward(
    logits,  # IN (n_samples, n_classes)
    labels,  # IN (n_labels,)
    targets,  # IN (n_rows, n_classes)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    losses,  # OUT (n_losses,)
    totals,  # OUT (n_blocks,)
):
    n, k = logits.shape
    found = as_device(array_module(logits).empty(n, np.float64))
    views = (as_device(a) for a in (logits, labels, targets))
    _softmax_losses[min(n, _MOST_ROWS), threads_for(k)](*views, found)
    views = (as_device(a) for a in (losses, totals))
    grid = totals.size, threads_for(block_rows)
    _weighted_total[grid](found, as_device(sample_weight), block_rows, *views)


def softmax_backward(
    logits,  # IN (n_samples, n_classes)
    labels,  # IN (n_labels,)
    targets,  # IN (n_rows, n_classes)
    scale,  # IN (n_scales,)
    gradient,  # OUT (n_samples, n_classes)
):
    n, k = logits.shape
    views = (as_device(a) for a in (logits, labels, targets, scale, gradient))
    _softmax_backward[min(n, _MOST_ROWS), threads_for(k)](*views)


def penalty(
    l1,  # IN scalar
    l2,  # IN scalar
    W,  # IN (n,)
    block_size,  # IN scalar
    totals,  # OUT (n_blocks,)
):
    grid = totals.size, threads_for(block_size)
    _penalty[grid](l1, l2, as_device(W), block_size, as_device(totals))


def penalty_backward(
    l1,  # IN scalar
    l2,  # IN scalar
    W,  # IN (n,)
    scale,  # IN scalar
    gradient,  # OUT (n,)
):
    _penalty_backward[grid_1d(W.size)](l1, l2, as_device(W), scale, as_device(gradient))
