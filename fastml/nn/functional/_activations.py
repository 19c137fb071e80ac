"""Activations under the names, order and defaults that PyTorch's functions have."""

from typing import Any

import numpy as np

from fastml import activations
from fastml.activations import relu, sigmoid, tanh
from fastml.autodiff._variable import value_of
from fastml.autodiff.primitives import where

__all__ = [
    "elu", "gelu", "leaky_relu", "log_softmax", "relu", "sigmoid", "softmax", "softplus", "tanh",
]  # fmt: skip


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Any:
    """Return the input, multiplied by a slope below 0; see `fastml.activations.leaky_relu`.

    Parameters
    ----------
    input : Variable or array-like of real numbers, any shape
        Arguments.
    negative_slope : float, default=0.01
        Slope below 0.
    """
    return activations.leaky_relu(input, negative_slope)


def elu(input: Any, alpha: float = 1.0) -> Any:
    """Return the input, or ``alpha (exp(input) - 1)`` below 0; see `fastml.activations.elu`.

    Parameters
    ----------
    input : Variable or array-like of real numbers, any shape
        Arguments.
    alpha : float, default=1.0
        Minus the limit on the left.
    """
    return activations.elu(input, alpha)


def gelu(input: Any, approximate: str = "none") -> Any:
    """Return the input times the normal distribution's function of it.

    Parameters
    ----------
    input : Variable or array-like of real numbers, any shape
        Arguments.
    approximate : {"none", "tanh"}, default="none"
        Whether to take an approximation by the hyperbolic tangent; see `fastml.activations.gelu`.
    """
    return activations.gelu(input, approximate)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Return ``log(1 + exp(beta input)) / beta``.

    Parameters
    ----------
    input : Variable or array-like of real numbers, any shape
        Arguments.
    beta : float, default=1.0
        Not 0.
    threshold : float, default=20.0
        Where ``beta input`` is above it, the input is returned.

    Raises
    ------
    ValueError
        For a beta of 0.
    """
    if beta == 0:
        raise ValueError("beta must not be 0.")
    if not hasattr(input, "dtype"):
        input = np.asarray(input)
    if value_of(input).dtype.kind in "iub":
        input = input.astype(np.float64)
    bent = activations.softplus(input if beta == 1 else beta * input)
    bent = bent if beta == 1 else bent / beta
    above = beta * value_of(input) > threshold
    return where(above, input, bent) if bool(above.any()) else bent


def softmax(input: Any, dim: int) -> Any:
    """Return ``exp(input) / sum(exp(input))`` along an axis; see `fastml.activations.softmax`.

    Parameters
    ----------
    input : Variable or array-like of real numbers, any shape
        Arguments.
    dim : int
        The axis.
    """
    return activations.softmax(input, dim)


def log_softmax(input: Any, dim: int) -> Any:
    """Return the logarithm of the softmax along an axis; see `fastml.activations.log_softmax`.

    Parameters
    ----------
    input : Variable or array-like of real numbers, any shape
        Arguments.
    dim : int
        The axis.
    """
    return activations.log_softmax(input, dim)
