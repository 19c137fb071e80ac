"""Activation functions in NumPy: the definition the other backends are compared with."""

import numpy as np

from fastml.kernels.activations import formulas


def forward(kind, alpha, x, out):
    """Apply an activation to every element."""
    out[:] = formulas.FORWARD[kind](x, alpha)


def backward(kind, alpha, x, g, gradient):
    """Multiply g by an activation's derivative, of every element."""
    gradient[:] = formulas.BACKWARD[kind](x, np.broadcast_to(g, x.shape), alpha)


def softmax(log, x, out):
    """Normalise the exponentials of every row, and take logarithms of them if told."""
    out[:] = (formulas.log_softmax if log else formulas.softmax)(x)


def softmax_backward(log, y, g, gradient):
    """Return the gradient by the argument of the softmax, from its result."""
    gradient[:] = (formulas.log_softmax_backward if log else formulas.softmax_backward)(y, g)


def winner_take_all(S, out, has_nan):
    """Write 1 where a row has its largest value, the first of them, into zeros."""
    out[np.arange(len(S)), S.argmax(axis=1)] = 1
    has_nan |= np.isnan(S).any()
