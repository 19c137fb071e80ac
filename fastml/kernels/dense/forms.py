"""Activations that end a dense layer: those of `activations.forms`, and none."""

from fastml.kernels.activations.forms import LEAKY_RELU, RELU, SIGMOID, TANH

IDENTITY = -1


def from_result(kind: int, alpha: float) -> bool:
    """Return whether the derivative of an activation can be told from its result alone.

    Then the argument need not be kept for the backward pass.
    """
    return kind in (IDENTITY, SIGMOID, TANH, RELU) or (kind == LEAKY_RELU and alpha >= 0)
