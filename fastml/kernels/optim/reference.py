"""Steps of gradient descent in NumPy."""

import numpy as np


def _penalised(params, grads, scale, l1, l2, spans):
    """Return the gradient times `scale`, plus that of the penalty of some stretches."""
    g = grads * grads.dtype.type(scale)
    for start, stop in spans:
        w = params[start:stop]
        g[start:stop] += w.dtype.type(l1) * np.sign(w) + w.dtype.type(l2) * w
    return g


def sgd(params, grads, rate, scale, l1, l2, spans):
    """Step against the gradient."""
    params -= params.dtype.type(rate) * _penalised(params, grads, scale, l1, l2, spans)


def momentum(params, grads, velocity, rate, keep, nesterov, scale, l1, l2, spans):
    """Step along a velocity that gradients accelerate, or along that after one more such step."""
    real = params.dtype.type
    g = _penalised(params, grads, scale, l1, l2, spans)
    velocity[:] = real(keep) * velocity - real(rate) * g
    params += real(keep) * velocity - real(rate) * g if nesterov else velocity


def adagrad(params, grads, total, rate, epsilon, scale, l1, l2, spans):
    """Divide each step by the root of the sum of all squares so far."""
    real = params.dtype.type
    g = _penalised(params, grads, scale, l1, l2, spans)
    total += g * g
    params += -real(rate) * g / (np.sqrt(total) + real(epsilon))


def rmsprop(params, grads, mean, rate, keep, epsilon, scale, l1, l2, spans):
    """Divide each step by the root of a running mean of squares."""
    real = params.dtype.type
    g = _penalised(params, grads, scale, l1, l2, spans)
    mean[:] = real(keep) * mean + real(1 - keep) * (g * g)
    params += -real(rate) * g / (np.sqrt(mean) + real(epsilon))


def adam(
    params, grads, first, second, rate, keep_1, keep_2, epsilon, shrink, scale, l1, l2, spans
):  # fmt: skip
    """Step along a running mean of gradients, divided by the root of one of squares."""
    real = params.dtype.type
    g = _penalised(params, grads, scale, l1, l2, spans)
    for start, stop in spans:
        params[start:stop] *= real(shrink)
    first[:] = real(keep_1) * first + real(1 - keep_1) * g
    second[:] = real(keep_2) * second + real(1 - keep_2) * (g * g)
    params += -real(rate) * first / (np.sqrt(second) + real(epsilon))


def squared_norm(grads, block_size, totals):
    """Add up the squares of each block."""
    for block in range(len(totals)):
        g = grads[block * block_size : (block + 1) * block_size].astype(np.float64)
        totals[block] = g @ g
