"""Scalar formulas of the elementary functions that CUDA's library lacks."""

import math


def sigmoid(x, one):
    """Return ``1 / (1 + exp(-x))``; `one` is 1 in the precision of `x`."""
    e = math.exp(-abs(x))
    return (e if x < 0 else one) / (one + e)
