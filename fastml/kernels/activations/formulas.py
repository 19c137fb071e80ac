"""Activations and their derivatives in NumPy: the definition of the kernels.

The graph computes small arrays by them too: a launch of a kernel would take longer.
"""

import numpy as np

from fastml.kernels.activations.forms import (
    CUBIC,
    DENSITY_AT_0,
    ERF_SLOPE,
    FAR,
    SQRT_2_PI,
)


def sigmoid(x, alpha=0.0):
    """Logistic function ``1 / (1 + exp(-x))``, without overflow."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def tanh(x, alpha=0.0):
    """Hyperbolic tangent."""
    return np.tanh(x)


def relu(x, alpha=0.0):
    """Rectifier ``max(x, 0)``."""
    return np.maximum(x, 0)


def leaky_relu(x, alpha):
    """Return ``x``, or ``alpha * x`` below 0."""
    return np.where(x > 0, x, alpha * x)


def elu(x, alpha):
    """Return ``x``, or ``alpha * (exp(x) - 1)`` below 0."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def erf(x, alpha=0.0):
    """Error function."""
    if isinstance(x, np.ndarray | np.generic):
        from scipy.special import erf
    else:
        from cupyx.scipy.special import erf
    return erf(x)


def _normal(x):
    if isinstance(x, np.ndarray | np.generic):
        from scipy.special import ndtr
    else:
        from cupyx.scipy.special import ndtr
    return ndtr(x)


def gelu(x, alpha=0.0):
    """Return ``x`` times the distribution function of the normal distribution."""
    return np.maximum(x, -FAR) * _normal(x)


def _bent(x):
    x = np.clip(x, -FAR, FAR)
    return np.tanh(SQRT_2_PI * (x + CUBIC * x * x * x))


def gelu_tanh(x, alpha=0.0):
    """Return an approximation of GELU."""
    return np.maximum(x, -FAR) * (0.5 * (1 + _bent(x)))


def softplus(x, alpha=0.0):
    """Return ``log(1 + exp(x))``, without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid_backward(y, g, alpha=0.0):
    """Return g times the derivative of the sigmoid whose result is y."""
    return g * (y * (1 - y))


def tanh_backward(y, g, alpha=0.0):
    """Return g times the derivative of the hyperbolic tangent whose result is y."""
    return g * np.conj(1 - y * y)


def relu_backward(x, g, alpha=0.0):
    """Return g times the derivative of the rectifier, 0 at 0."""
    return np.where(x <= 0, np.zeros_like(g), g)


def leaky_relu_backward(x, g, alpha):
    """Return g times the derivative, alpha at 0."""
    return np.where(x > 0, g, alpha * g)


def elu_backward(x, g, alpha):
    """Return g times the derivative, alpha at 0."""
    return g * np.where(x > 0, np.ones_like(x), alpha * np.exp(np.minimum(x, 0)))


def erf_backward(x, g, alpha=0.0):
    """Return g times ``2 / sqrt(pi) exp(-x^2)``."""
    x = np.clip(x, -FAR, FAR)
    return g * (ERF_SLOPE * np.exp(-x * x))


def gelu_backward(x, g, alpha=0.0):
    """Return g times ``Phi(x) + x phi(x)``."""
    x = np.clip(x, -FAR, FAR)
    density = DENSITY_AT_0 * np.exp(-0.5 * x * x)
    return g * (_normal(x) + x * density)


def gelu_tanh_backward(x, g, alpha=0.0):
    """Return g times the derivative of the approximation of GELU."""
    t = _bent(x)
    x = np.clip(x, -FAR, FAR)
    slope = SQRT_2_PI * (1 + 3 * CUBIC * x * x)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)


def softplus_backward(x, g, alpha=0.0):
    """Return g times the sigmoid of x."""
    return g * sigmoid(x)


def softmax(x, axis=-1):
    """Return ``exp(x) / sum(exp(x))`` along an axis, without overflow."""
    with np.errstate(invalid="ignore"):
        e = np.exp(x - np.max(x, axis=axis, keepdims=True))
        return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x, axis=-1):
    """Return the logarithm of the softmax along an axis, without overflow."""
    with np.errstate(invalid="ignore"):
        shifted = x - np.max(x, axis=axis, keepdims=True)
        return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def softmax_backward(y, g, axis=-1):
    """Return the gradient by the argument of the softmax whose result is y."""
    weighted = g * y
    return weighted - y * np.sum(weighted, axis=axis, keepdims=True)


def log_softmax_backward(y, g, axis=-1):
    """Return the gradient by the argument of the log-softmax whose result is y."""
    return g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)


# By the numbers of `forms`.
FORWARD = (sigmoid, tanh, relu, leaky_relu, elu, gelu, gelu_tanh, softplus, erf)
BACKWARD = (
    sigmoid_backward, tanh_backward, relu_backward, leaky_relu_backward, elu_backward,
    gelu_backward, gelu_tanh_backward, softplus_backward, erf_backward,
)  # fmt: skip
