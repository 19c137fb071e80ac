"""Activation functions of arrays and variables, on the backend in force."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastml.activations import _nodes as nodes
from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.autodiff._real import real_values
from fastml.backends import on_device, resolve

__all__ = [
    "elu", "gelu", "identity", "leaky_relu", "log_softmax", "relu", "sigmoid", "softmax",
    "softplus", "tanh", "winner_take_all",
]  # fmt: skip


def _applied(node: Callable[..., Any], x: Any, name: str = "x", **params: Any) -> Any:
    """Apply a node to a variable, or to anything that an array can be made of."""
    x = real_values(x, name)
    if type(x) is Variable:
        return node(x, **params)
    dtype = np.dtype(x.dtype)
    backend = resolve(x)
    values = backend.asarray(x, dtype if dtype.kind == "f" else np.float64)
    result = node(values, **params)
    if not on_device(x):
        result = backend.to_host(result)
    # float16 came back as float32, which its values are computed in.
    return result.astype(dtype.newbyteorder("="), copy=False) if dtype.kind == "f" else result


def _along(node: Callable[..., Any], x: Any, axis: int, name: str) -> Any:
    shape = np.shape(x.value if type(x) is Variable else x)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis {axis} is out of bounds for array of dimension {len(shape)}.")
    if shape[axis] == 0:
        raise ValueError(
            f"{name} needs at least one unit along axis {axis}, got an array of shape {shape}."
        )
    return _applied(node, x, axis=axis)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}.")
    return number


def sigmoid(x: Any) -> Any:
    """Logistic function ``1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : Variable, or array-like of real numbers, any shape
        Arguments; infinities and NaN too.

    Returns
    -------
    Variable or array
        Of the shape of x: a variable, that gradients flow through, if x is one. Else an array of
        its dtype if that is floating-point (float64 otherwise), on the device if x is on one and
        the option `backend` does not have it computed on the host.

    Raises
    ------
    ValueError
        If x is complex.

    Examples
    --------
    >>> from fastml.activations import sigmoid
    >>> sigmoid([0.0, 1.0]).round(3)
    array([0.5  , 0.731])
    """
    return _applied(p.sigmoid, x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent.

    Parameters
    ----------
    x : Variable, or array-like of real numbers, any shape
        As for `sigmoid`.

    Returns
    -------
    Variable or array
        As of `sigmoid`.
    """
    return _applied(p.tanh, x)


def relu(x: Any) -> Any:
    """Rectifier ``max(x, 0)``; its derivative at 0 is taken to be 0.

    Parameters
    ----------
    x : Variable, or array-like of real numbers, any shape
        As for `sigmoid`.

    Returns
    -------
    Variable or array
        As of `sigmoid`.

    Examples
    --------
    >>> from fastml import activations, autodiff
    >>> x = autodiff.variable([-1.0, 0.0, 2.0])
    >>> autodiff.sum(activations.relu(x)).backward()
    >>> x.grad
    array([0., 0., 1.])
    """
    return _applied(nodes.relu, x)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """Return x above 0, and `negative_slope` times x elsewhere.

    Parameters
    ----------
    x : Variable, or array-like of real numbers, any shape
        As for `sigmoid`.
    negative_slope : float, default=0.01
        Slope below 0, and what the derivative at 0 is taken to be.

    Returns
    -------
    Variable or array
        As of `sigmoid`.

    References
    ----------
    A. L. Maas, A. Y. Hannun and A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic
    models", ICML 2013.
    """
    return _applied(nodes.leaky_relu, x, alpha=_number("negative_slope", negative_slope))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Exponential linear unit: x above 0, and ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    x : Variable, or array-like of real numbers, any shape
        As for `sigmoid`.
    alpha : float, default=1.0
        Minus the limit at minus infinity; what the derivative at 0 is taken to be.

    Returns
    -------
    Variable or array
        As of `sigmoid`.

    References
    ----------
    D.-A. Clevert, T. Unterthiner and S. Hochreiter, "Fast and accurate deep network learning by
    exponential linear units (ELUs)", ICLR 2016.
    """
    return _applied(nodes.elu, x, alpha=_number("alpha", alpha))


def gelu(x: Any, approximate: str = "none") -> Any:
    """Gaussian error linear unit: x times the distribution function of the normal distribution.

    Parameters
    ----------
    x : Variable, or array-like of real numbers, any shape
        As for `sigmoid`.
    approximate : {"none", "tanh"}, default="none"
        "tanh" for ``x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))``, which differs by less than
        0.0005.

    Returns
    -------
    Variable or array
        As of `sigmoid`; 0 at minus infinity.

    References
    ----------
    D. Hendrycks and K. Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}.")
    return _applied(nodes.gelu if approximate == "none" else nodes.gelu_tanh, x)


def softplus(x: Any) -> Any:
    """Return ``log(1 + exp(x))``, a smooth rectifier, without overflow.

    Parameters
    ----------
    x : Variable, or array-like of real numbers, any shape
        As for `sigmoid`.

    Returns
    -------
    Variable or array
        As of `sigmoid`.
    """
    return _applied(p.softplus, x)


def identity(x: Any) -> Any:
    """Return x as it is: the activation of linear units.

    Parameters
    ----------
    x : Variable, or array-like of real numbers, any shape
        As for `sigmoid`.

    Returns
    -------
    Variable or array
        As of `sigmoid`.
    """
    return _applied(p.identity, x)


def softmax(x: Any, axis: int = -1) -> Any:
    """Return ``exp(x_i) / sum_j exp(x_j)`` along an axis, without overflow.

    Parameters
    ----------
    x : Variable, or array-like of real numbers
        Scores, at least one along the axis. Where one is NaN or infinity, or all are negative
        infinity, the results are NaN.
    axis : int, default=-1
        Along which results add up to one.

    Returns
    -------
    Variable or array
        As of `sigmoid`.

    Raises
    ------
    ValueError
        If x is complex, there is no such axis, or nothing along it.

    Examples
    --------
    >>> from fastml.activations import softmax
    >>> softmax([3.2, 5.1, -1.7]).round(2)
    array([0.13, 0.87, 0.  ])
    """
    return _along(p.softmax, x, axis, "softmax")


def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return the logarithm of `softmax`, also where that is smaller than any number.

    Parameters
    ----------
    x, axis
        As for `softmax`.

    Returns
    -------
    Variable or array
        As of `sigmoid`.
    """
    return _along(p.log_softmax, x, axis, "log_softmax")


def winner_take_all(S: Any, axis: int = -1) -> Any:
    """Let the unit with the largest input be 1 and all others 0.

    Parameters
    ----------
    S : Variable, or array-like of real numbers, any shape
        Inputs of the units: s = W'x for units with weights W. Infinities are compared like other
        values.
    axis : int, default=-1
        Axis along which the units compete.

    Returns
    -------
    Variable or array
        h_j = 1 where j = argmax_i s_i, the lowest j where several are largest, else 0. Of the
        shape of S and, if that is floating-point, of its dtype (else float64). On the device if S
        is on one, unless the option `backend` has it computed on the host. No gradient flows
        through it.

    Raises
    ------
    ValueError
        If S is complex, holds NaN, or has no unit along the axis; if there is no such axis.

    References
    ----------
    D. E. Rumelhart and D. Zipser, "Feature discovery by competitive learning", Cognitive Science
    9, 1985.

    Examples
    --------
    >>> from fastml.activations import winner_take_all
    >>> winner_take_all([[0.1, 0.7, 0.2], [3.0, 3.0, 1.0]])
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    return _applied(nodes.winner_take_all, S, "S", axis=axis)
