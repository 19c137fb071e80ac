"""Activations that layers take by name."""

from collections.abc import Callable
from typing import Any

from fastml import activations
from fastml.activations import _nodes
from fastml.autodiff import primitives as p

__all__ = ["activation_function", "checked_activation", "default_initializer"]

# Nodes themselves: what the functions of `activations` check, networks have checked already.
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "elu": lambda x: _nodes.elu(x, alpha=1.0),
    "gelu": _nodes.gelu,
    "leaky_relu": lambda x: _nodes.leaky_relu(x, alpha=0.01),
    "log_softmax": p.log_softmax,
    "logistic": p.sigmoid,
    "relu": _nodes.relu,
    "sigmoid": p.sigmoid,
    "softmax": p.softmax,
    "softplus": p.softplus,
    "tanh": p.tanh,
    "winner_take_all": activations.winner_take_all,
}


def checked_activation(activation: Any) -> Any:
    """Return what was given for `activation`, if it is a name, a function or None.

    Parameters
    ----------
    activation : str, callable or None
        As layers take it.
    """
    if activation is None or callable(activation) or activation in _ACTIVATIONS:
        return activation
    raise ValueError(
        f"activation must be None, a function or one of {sorted(_ACTIVATIONS)}, got {activation!r}."
    )


def activation_function(activation: Any) -> Callable[[Any], Any]:
    """Return the function of arrays and variables that an activation is.

    Parameters
    ----------
    activation : str, callable or None
        A name of `fastml.activations` ("logistic" is "sigmoid"), or a function made of primitives
        of `fastml.autodiff`.
    """
    if callable(activation):
        function: Callable[[Any], Any] = activation
        return function
    return _ACTIVATIONS[activation or "identity"]


def default_initializer(activation: Any) -> str:
    """Return the name of the initialiser that keeps the variance over layers.

    Parameters
    ----------
    activation : str, callable or None
        Of the layer.
    """
    rectifiers = ("relu", "leaky_relu", "elu", "gelu")
    return "he_uniform" if activation in rectifiers else "glorot_uniform"
