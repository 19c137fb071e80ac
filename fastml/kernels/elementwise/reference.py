"""Elementary functions of every element, in NumPy."""

import numpy as np


def exp(x, out):
    """Exponential of every element."""
    with np.errstate(all="ignore"):
        np.exp(x, out=out)


def log(x, out):
    """Natural logarithm of every element."""
    with np.errstate(all="ignore"):
        np.log(x, out=out)


def log1p(x, out):
    """Natural logarithm of one plus every element, accurate near 0."""
    with np.errstate(all="ignore"):
        np.log1p(x, out=out)


def tanh(x, out):
    """Hyperbolic tangent of every element."""
    with np.errstate(all="ignore"):
        np.tanh(x, out=out)


def sigmoid(x, out):
    """Logistic function ``1 / (1 + exp(-x))`` of every element, without overflow."""
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(x))
        out[:] = np.where(x >= 0, 1, e) / (1 + e)
