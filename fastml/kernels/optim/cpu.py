"""Steps of gradient descent on the CPU.

Every operation is rounded as NumPy's are: nothing is fused, as these passes wait for memory anyway.
"""

import numpy as np

from fastml._jit import njit_exact, njit_leaf, njit_parallel, prange
from fastml._jit.lanes import select, widest_vectors
from fastml._jit.reductions import lane_sum64
from fastml.kernels.optim import scalar

_momentum = njit_exact(scalar.momentum)
_adagrad = njit_exact(scalar.adagrad)
_rmsprop = njit_exact(scalar.rmsprop)
_adam = njit_exact(scalar.adam)

# Elements of one task: with state and scratch they stay in the L1 or L2 cache.
TASK_SIZE = 4096
# Squares that are added at a time.
RUN_SIZE = 1024


def _work(params, *others):
    # As of dense kernels: a root and a division of every parameter, several lanes at a time.
    return 2 * params.size


@njit_exact
def _gradient(params, grads, start, stop, scale, l1, l2, spans, spare):
    """Return the gradient of a task times `scale`, plus that of the penalty."""
    if scale == 1.0 and spans.shape[0] == 0:
        return grads[start:stop]
    widest_vectors()
    real = params.dtype.type
    zero, factor, one, two = real(0), real(scale), real(l1), real(l2)
    for i in range(stop - start):
        spare[i] = factor * grads[start + i]
    for s in range(spans.shape[0]):
        first, last = max(start, spans[s, 0]), min(stop, spans[s, 1])
        w, g = params[first : max(first, last)], spare[first - start :]
        for i in range(w.size):
            sign = select(w[i] > zero, one, select(w[i] < zero, -one, zero))
            g[i] += sign + two * w[i]
    return spare[: stop - start]


@njit_parallel(work=_work)
def sgd(
    params,  # INOUT (n,)
    grads,  # IN (n,)
    rate,  # IN scalar
    scale,  # IN scalar
    l1,  # IN scalar
    l2,  # IN scalar
    spans,  # IN (n_spans, 2)
):
    """Step against the gradient.

    Parameters
    ----------
    params : (n,) float array
        Overwritten: what is learned.
    grads : (n,) float array
        Gradient by it.
    rate : float
        Learning rate.
    scale : float
        What the gradient is multiplied by, before the penalty is added.
    l1, l2 : float
        ``l1 sign(w) + l2 w`` is added to the gradient by each parameter w in `spans`.
    spans : (n_spans, 2) int64 array
        First parameter and the one after the last of stretches that do not overlap.
    """
    for task in prange(-(-params.size // TASK_SIZE)):
        start = task * TASK_SIZE
        stop = min(params.size, start + TASK_SIZE)
        spare = np.empty(TASK_SIZE, params.dtype)
        g = _gradient(params, grads, start, stop, scale, l1, l2, spans, spare)
        _sgd_steps(params[start:stop], g, rate)


@njit_exact
def _sgd_steps(w, g, rate):
    widest_vectors()
    rate = w.dtype.type(rate)
    for i in range(w.size):
        w[i] -= rate * g[i]


@njit_parallel(work=_work)
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
    """Step along a velocity that gradients accelerate.

    Parameters
    ----------
    params : (n,) float array
        As for `sgd`.
    grads : (n,) float array
        As for `sgd`.
    velocity : (n,) float array
        Overwritten by ``keep * velocity - rate * gradient``.
    rate : float
        As for `sgd`.
    keep : float
        Momentum.
    nesterov : bool
        Whether to step along the velocity after one more such step.
    scale, l1, l2 : float
        As for `sgd`.
    spans : (n_spans, 2) int64 array
        As for `sgd`.
    """
    for task in prange(-(-params.size // TASK_SIZE)):
        start = task * TASK_SIZE
        stop = min(params.size, start + TASK_SIZE)
        spare = np.empty(TASK_SIZE, params.dtype)
        g = _gradient(params, grads, start, stop, scale, l1, l2, spans, spare)
        _momentum_steps(params[start:stop], g, velocity[start:stop], rate, keep, nesterov)


@njit_exact
def _momentum_steps(w, g, velocity, rate, keep, nesterov):
    widest_vectors()
    real = w.dtype.type
    rate, keep = real(rate), real(keep)
    for i in range(w.size):
        w[i], velocity[i] = _momentum(w[i], g[i], velocity[i], rate, keep, nesterov)


@njit_parallel(work=_work)
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
    """Divide each step by the root of the sum of all squares so far.

    Parameters
    ----------
    params : (n,) float array
        As for `sgd`.
    grads : (n,) float array
        As for `sgd`.
    total : (n,) float array
        Squares are added to it.
    rate : float
        As for `sgd`.
    epsilon : float
        Added to the root.
    scale, l1, l2 : float
        As for `sgd`.
    spans : (n_spans, 2) int64 array
        As for `sgd`.
    """
    for task in prange(-(-params.size // TASK_SIZE)):
        start = task * TASK_SIZE
        stop = min(params.size, start + TASK_SIZE)
        spare = np.empty(TASK_SIZE, params.dtype)
        g = _gradient(params, grads, start, stop, scale, l1, l2, spans, spare)
        _adagrad_steps(params[start:stop], g, total[start:stop], rate, epsilon)


@njit_exact
def _adagrad_steps(w, g, total, rate, epsilon):
    widest_vectors()
    real = w.dtype.type
    rate, epsilon = real(rate), real(epsilon)
    for i in range(w.size):
        w[i], total[i] = _adagrad(w[i], g[i], total[i], rate, epsilon)


@njit_parallel(work=_work)
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
    """Divide each step by the root of a running mean of squares.

    Parameters
    ----------
    params : (n,) float array
        As for `sgd`.
    grads : (n,) float array
        As for `sgd`.
    mean : (n,) float array
        Overwritten by ``keep * mean + (1 - keep) * gradient ** 2``.
    rate : float
        As for `sgd`.
    keep : float
        Share of the mean that is kept.
    epsilon : float
        Added to the root.
    scale, l1, l2 : float
        As for `sgd`.
    spans : (n_spans, 2) int64 array
        As for `sgd`.
    """
    for task in prange(-(-params.size // TASK_SIZE)):
        start = task * TASK_SIZE
        stop = min(params.size, start + TASK_SIZE)
        spare = np.empty(TASK_SIZE, params.dtype)
        g = _gradient(params, grads, start, stop, scale, l1, l2, spans, spare)
        _rmsprop_steps(params[start:stop], g, mean[start:stop], rate, keep, epsilon)


@njit_exact
def _rmsprop_steps(w, g, mean, rate, keep, epsilon):
    widest_vectors()
    real = w.dtype.type
    rest = real(1.0 - keep)
    rate, keep, epsilon = real(rate), real(keep), real(epsilon)
    for i in range(w.size):
        w[i], mean[i] = _rmsprop(w[i], g[i], mean[i], rate, keep, rest, epsilon)


@njit_parallel(work=_work)
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
    """Step along a running mean of gradients, divided by the root of one of squares.

    Parameters
    ----------
    params : (n,) float array
        As for `sgd`.
    grads : (n,) float array
        As for `sgd`.
    first, second : (n,) float array
        Overwritten by ``keep * moment + (1 - keep) * power``, of the gradient and its square.
    rate : float
        Learning rate, with the correction for moments that began at 0.
    keep_1, keep_2 : float
        Shares of the moments that are kept.
    epsilon : float
        Added to the root.
    shrink : float
        What parameters in `spans` are multiplied by before the step; 1 but for AdamW.
    scale, l1, l2 : float
        As for `sgd`.
    spans : (n_spans, 2) int64 array
        As for `sgd`.
    """
    for task in prange(-(-params.size // TASK_SIZE)):
        start = task * TASK_SIZE
        stop = min(params.size, start + TASK_SIZE)
        spare = np.empty(TASK_SIZE, params.dtype)
        g = _gradient(params, grads, start, stop, scale, l1, l2, spans, spare)
        if shrink != 1.0:
            for s in range(spans.shape[0]):
                begin, end = max(start, spans[s, 0]), min(stop, spans[s, 1])
                _shrink(params[begin : max(begin, end)], shrink)
        _adam_steps(
            params[start:stop], g, first[start:stop], second[start:stop],
            rate, keep_1, keep_2, epsilon,
        )  # fmt: skip


@njit_exact
def _shrink(w, shrink):
    shrink = w.dtype.type(shrink)
    for i in range(w.size):
        w[i] *= shrink


@njit_exact
def _adam_steps(w, g, first, second, rate, keep_1, keep_2, epsilon):
    widest_vectors()
    real = w.dtype.type
    rest_1, rest_2 = real(1.0 - keep_1), real(1.0 - keep_2)
    rate, keep_1, keep_2, epsilon = real(rate), real(keep_1), real(keep_2), real(epsilon)
    for i in range(w.size):
        w[i], first[i], second[i] = _adam(
            w[i], g[i], first[i], second[i], rate, keep_1, rest_1, keep_2, rest_2, epsilon
        )


@njit_leaf
def _block_of_squares(g):
    spare = np.empty(RUN_SIZE, np.float64)
    total = 0.0
    for start in range(0, g.size, RUN_SIZE):
        count = min(RUN_SIZE, g.size - start)
        for i in range(count):
            value = np.float64(g[start + i])
            spare[i] = value * value
        total += lane_sum64(spare, 0, count)
    return total


@njit_parallel(work=lambda grads, *rest: 2 * grads.size)
def squared_norm(
    grads,  # IN (n,)
    block_size,  # IN scalar
    totals,  # OUT (n_blocks,)
):
    """Add up the squares of the elements of each block.

    Parameters
    ----------
    grads : (n,) float array
        Gradient.
    block_size : int
        Elements of a block; the last has what is left.
    totals : (n_blocks,) float64 array
        Written: the sum over each block, ``ceil(n / block_size)`` of them.
    """
    for block in prange(totals.size):
        start = block * block_size
        totals[block] = _block_of_squares(grads[start : min(grads.size, start + block_size)])
