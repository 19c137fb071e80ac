"""Activations of a stretch of elements: a loop each, that LLVM turns into vectors."""

from fastml._jit import njit_leaf, vecmath
from fastml._jit.lanes import fma, select, widest_vectors
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
    TANH,
)


@njit_leaf
def _limited(x, far):
    x = select(x < -far, -far, x)
    return select(x > far, far, x)


@njit_leaf
def apply(kind, alpha, x, out):
    """Write the activation of every element."""
    widest_vectors()
    n = x.size
    real = x.dtype.type
    zero, one, half, far = real(0), real(1), real(0.5), real(FAR)
    if kind == SIGMOID:
        for i in range(n):
            out[i] = vecmath.sigmoid(x[i])
    elif kind == TANH:
        for i in range(n):
            out[i] = vecmath.tanh(x[i])
    elif kind == RELU:
        for i in range(n):
            out[i] = select(x[i] <= zero, zero, x[i])
    elif kind == LEAKY_RELU:
        for i in range(n):
            out[i] = select(x[i] > zero, x[i], alpha * x[i])
    elif kind == ELU:
        for i in range(n):
            # exp(x) - 1 = 2 t / (1 - t), t = tanh(x / 2): all its digits near 0 too.
            t = vecmath.tanh(half * select(x[i] > zero, zero, x[i]))
            out[i] = select(x[i] > zero, x[i], alpha * ((t + t) / (one - t)))
    elif kind == GELU:
        for i in range(n):
            out[i] = select(x[i] < -far, -far, x[i]) * vecmath.normal(x[i])[0]
    elif kind == GELU_TANH:
        cubic, scale = real(CUBIC), real(SQRT_2_PI)
        for i in range(n):
            near = _limited(x[i], far)
            t = vecmath.tanh(scale * fma(cubic * near * near, near, near))
            out[i] = select(x[i] < -far, -far, x[i]) * fma(half, t, half)
    elif kind == SOFTPLUS:
        for i in range(n):
            rest = vecmath.log1p(vecmath.exp(-abs(x[i])))
            out[i] = select(x[i] < zero, zero, x[i]) + rest
    else:
        for i in range(n):
            out[i] = vecmath.erf(x[i])


@njit_leaf
def apply_backward(kind, alpha, x, g, gradient):
    """Write g times the derivative of every element."""
    widest_vectors()
    n = x.size
    real = x.dtype.type
    zero, one, half, far = real(0), real(1), real(0.5), real(FAR)
    if kind == SIGMOID:
        for i in range(n):
            gradient[i] = g[i] * (x[i] * (one - x[i]))
    elif kind == TANH:
        for i in range(n):
            gradient[i] = g[i] * fma(-x[i], x[i], one)
    elif kind == RELU:
        for i in range(n):
            gradient[i] = select(x[i] <= zero, zero, g[i])
    elif kind == LEAKY_RELU:
        for i in range(n):
            gradient[i] = select(x[i] > zero, g[i], alpha * g[i])
    elif kind == ELU:
        for i in range(n):
            slope = alpha * vecmath.exp(select(x[i] > zero, zero, x[i]))
            gradient[i] = g[i] * select(x[i] > zero, one, slope)
    elif kind == GELU:
        density = real(DENSITY_AT_0)
        for i in range(n):
            share, e = vecmath.normal(x[i])
            gradient[i] = g[i] * fma(_limited(x[i], far), density * e, share)
    elif kind == GELU_TANH:
        cubic, scale, three = real(CUBIC), real(SQRT_2_PI), real(3 * CUBIC)
        for i in range(n):
            near = _limited(x[i], far)
            square = near * near
            t = vecmath.tanh(scale * fma(cubic * square, near, near))
            slope = fma(-t, t, one) * (scale * fma(three, square, one))
            gradient[i] = g[i] * fma(half * near, slope, fma(half, t, half))
    elif kind == SOFTPLUS:
        for i in range(n):
            gradient[i] = g[i] * vecmath.sigmoid(x[i])
    else:
        slope = real(ERF_SLOPE)
        for i in range(n):
            near = _limited(x[i], far)
            gradient[i] = g[i] * (slope * vecmath.exp(-near * near))
