"""Activations of one element, for kernels on a CUDA device."""

import math

from fastml._jit.cuda import cuda_device
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
def activated(kind, alpha, x, i):
    """Return the activation of element i."""
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
def slope_at(kind, alpha, x, i):
    """Return the derivative at element i."""
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


@cuda_device
def passed_back(kind, alpha, x, given, i):
    """Return a gradient times the derivative at element i."""
    slope = slope_at(kind, alpha, x, i)
    # As on the CPU, where a rectifier that is off passes nothing on, be it infinite.
    return slope if kind == RELU and slope == 0 else given * slope
