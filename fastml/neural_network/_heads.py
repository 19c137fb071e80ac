"""The end of a network: the activation of its outputs, the loss, and how targets are written."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from fastml.autodiff import primitives as p
from fastml.backends import resolve
from fastml.losses import _nodes as nodes
from fastml.losses._nodes import Reduction
from fastml.nn.layers._activation import activation_function, checked_activation
from fastml.nn.training import Batch, Loss

__all__ = ["Head", "activated", "classifier_head", "regressor_head"]


class Head(NamedTuple):
    """What follows the sums of the last layer.

    Attributes
    ----------
    activation : str or callable
        The activation of the outputs: "identity", "logistic", "softmax", "exp" or any other.
    loss : Loss
        Of the sums: activation and loss are one node where they belong together.
    targets : str
        How a classifier's targets are written: "labels" as numbers of classes, "shares" as 0 and
        1, "signs" as -1 and 1.
    threshold : float
        Above which an output says that a sample belongs to its class.
    """

    activation: Any
    loss: Loss
    targets: str = "shares"
    threshold: float = 0.5


def activated(activation: Any, sums: Any) -> Any:
    """Return the outputs of a network.

    Parameters
    ----------
    activation : str or callable
        Of the outputs; "exp" beside those of layers.
    sums : array (n, n_outputs)
        Of the last layer.
    """
    return _function(activation)(sums)


def _function(activation: Any) -> Callable[[Any], Any]:
    return p.exp if activation == "exp" else activation_function(activation)


class _Node(Loss):
    """A loss that is a node of the graph, after an activation or with it inside."""

    def __init__(self, node: Callable[..., Any], activation: Any = "identity") -> None:
        self.node = node
        self.function = _function(activation) if activation != "identity" else None

    def __call__(self, outputs: Any, batch: Batch) -> Any:
        """Return the mean loss; see `Loss`."""
        if self.function is not None:
            outputs = self.function(outputs)
        return self.node(outputs, batch.y, how=Reduction(False, 1.0 / batch.total, batch.weight))


class _Squared(_Node):
    """Half the squared error, added up over outputs; reported is the mean over them."""

    def reported(self, value: float, batch: Batch) -> float:
        """Return scikit-learn's value; see `Loss`."""
        return value / batch.y.shape[1]


class _Poisson(_Node):
    """Poisson loss of logarithms; reported is half the deviance."""

    def reported(self, value: float, batch: Batch) -> float:
        """Return scikit-learn's value; see `Loss`."""
        y = resolve(batch.y).to_host(batch.y).astype(np.float64)
        least = (xlogy(y, y) - y).sum(axis=1)
        return value + float(np.average(least, weights=batch.weight))


class _Given(Loss):
    """A function of outputs, targets and `sample_weight`, as those of `fastml.losses` are."""

    def __init__(self, loss: Callable[..., Any], activation: Any) -> None:
        self.loss, self.function = loss, _function(activation)

    def __call__(self, outputs: Any, batch: Batch) -> Any:
        """Return the mean loss; see `Loss`."""
        return self.loss(self.function(outputs), batch.y, sample_weight=batch.weight)


def classifier_head(loss: Any, activation: Any, one_of_several: bool) -> Head:
    """Return the head of a classifier.

    Parameters
    ----------
    loss : {"log_loss", "squared_error", "hinge", "squared_hinge"} or callable
        A name, or ``loss(outputs, targets, sample_weight=)`` made of primitives.
    activation : str or callable
        Of the outputs; "auto" is what belongs to the loss.
    one_of_several : bool
        Whether a sample belongs to exactly one of more than two classes.

    Raises
    ------
    ValueError
        For outputs that the loss does not take.
    """
    own = "softmax" if one_of_several else "logistic"
    signs = loss in ("hinge", "squared_hinge")
    if activation == "auto":
        activation = "identity" if signs else own
    checked_activation(activation)
    if activation == "sigmoid" or (activation == "softmax" and not one_of_several):
        # The softmax of one output is always 1; that of two is the logistic of their difference.
        activation = "logistic"
    if callable(loss):
        return Head(activation, _Given(loss, activation))
    if signs:
        node = nodes.hinge if loss == "hinge" else nodes.squared_hinge
        return Head(activation, _Node(node, activation), "signs", 0.0)
    if loss == "squared_error":
        found = _Squared(nodes.squared, activation)
        return Head(activation, found, *(("signs", 0.0) if activation == "tanh" else ()))
    if activation == "softmax":
        return Head(activation, _Node(nodes.softmax_cross_entropy), "labels")
    if activation == "logistic":
        return Head(activation, _Node(nodes.binary_cross_entropy))
    raise ValueError(
        "loss='log_loss' needs outputs that are probabilities, those of activation='logistic' or "
        f"'softmax', got activation={activation!r}."
    )


def regressor_head(loss: Any, activation: Any) -> Head:
    """Return the head of a regressor.

    Parameters
    ----------
    loss : {"squared_error", "poisson"} or callable
        A name, or ``loss(outputs, targets, sample_weight=)`` made of primitives.
    activation : str or callable
        Of the outputs; "auto" is what belongs to the loss.

    Raises
    ------
    ValueError
        For outputs that the loss does not take.
    """
    if activation == "auto":
        activation = "exp" if loss == "poisson" else "identity"
    if activation != "exp":
        checked_activation(activation)
    if callable(loss):
        return Head(activation, _Given(loss, activation))
    if loss == "squared_error":
        return Head(activation, _Squared(nodes.squared, activation))
    if activation != "exp":
        raise ValueError(
            "loss='poisson' needs the logarithm of what is expected to be linear: "
            f"activation='exp', got activation={activation!r}."
        )
    return Head(activation, _Poisson(nodes.poisson))
