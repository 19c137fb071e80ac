"""Activation functions in NumPy: the definition the other backends are compared with."""

import numpy as np


def winner_take_all(S, out):
    """Write 1 where a row has its largest value, the first of them where there are several."""
    out[:] = 0
    out[np.arange(len(S)), S.argmax(axis=1)] = 1
