"""Losses of a stretch of outputs: a loop each, that LLVM turns into vectors."""

import numpy as np

from fastml._jit import njit_leaf, vecmath
from fastml._jit.lanes import select, widest_vectors
from fastml.kernels.losses.forms import (
    BINARY_CROSS_ENTROPY,
    CROSS_ENTROPY,
    HINGE,
    SQUARED,
    SQUARED_HINGE,
)


@njit_leaf
def losses_of(kind, o, t, out):
    """Write the loss of every output o with target t."""
    widest_vectors()
    n = o.size
    real = o.dtype.type
    zero, one, half = real(0), real(1), real(0.5)
    if kind == SQUARED:
        for i in range(n):
            difference = o[i] - t[i]
            out[i] = half * difference * difference
    elif kind == CROSS_ENTROPY:
        for i in range(n):
            out[i] = select(t[i] == zero, zero, -t[i] * vecmath.log(o[i]))
    elif kind == BINARY_CROSS_ENTROPY:
        for i in range(n):
            # softplus(o) - o t, without the difference of large numbers.
            size = abs(o[i])
            off = select(o[i] > zero, one - t[i], t[i])
            lost = select(off == zero, zero, size * off)
            out[i] = lost + vecmath.log1p(vecmath.exp(-size))
    elif kind == HINGE:
        for i in range(n):
            margin = one - t[i] * o[i]
            out[i] = select(margin < zero, zero, margin)
    elif kind == SQUARED_HINGE:
        for i in range(n):
            margin = one - t[i] * o[i]
            out[i] = select(margin < zero, zero, margin * margin)
    else:
        for i in range(n):
            out[i] = vecmath.exp(o[i]) - t[i] * o[i]


@njit_leaf
def slopes_of(kind, scale, o, t, out):
    """Write scale times the derivative by every output."""
    widest_vectors()
    n = o.size
    real = o.dtype.type
    zero, one, two = real(0), real(1), real(2)
    if kind == SQUARED:
        for i in range(n):
            out[i] = scale * (o[i] - t[i])
    elif kind == CROSS_ENTROPY:
        for i in range(n):
            out[i] = select(t[i] == zero, zero, -scale * t[i] / o[i])
    elif kind == BINARY_CROSS_ENTROPY:
        for i in range(n):
            out[i] = scale * (vecmath.sigmoid(o[i]) - t[i])
    elif kind == HINGE:
        for i in range(n):
            out[i] = select(t[i] * o[i] < one, -scale * t[i], zero)
    elif kind == SQUARED_HINGE:
        for i in range(n):
            margin = one - t[i] * o[i]
            out[i] = select(margin < zero, zero, -two * scale * t[i] * margin)
    else:
        for i in range(n):
            out[i] = scale * (vecmath.exp(o[i]) - t[i])


@njit_leaf
def penalties_of(l1, l2, w, out):
    """Write ``l1 |w| + l2 w^2`` of every element, in float64."""
    widest_vectors()
    for i in range(w.size):
        size = abs(np.float64(w[i]))
        out[i] = l1 * size + l2 * size * size


@njit_leaf
def penalty_slopes_of(l1, l2, w, out):
    """Write ``l1 sign(w) + 2 l2 w`` of every element."""
    real = w.dtype.type
    zero = real(0)
    for i in range(w.size):
        step = select(w[i] > zero, l1, select(w[i] < zero, -l1, zero))
        out[i] = step + (l2 + l2) * w[i]
