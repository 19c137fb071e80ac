"""Which elements stay, in whole numbers: the same on every backend."""

import numpy as np


def threshold(p):
    """Return the word that others are compared with: an element stays if its own is no smaller.

    Parameters
    ----------
    p : float
        Probability that an element is dropped, from 0 to 1; it is rounded to a multiple of 2**-32.
    """
    return np.uint64(round(p * 2.0**32))


def factor(p):
    """Return what elements that stay are multiplied by: ``1 / (1 - p)``, 0 where none do."""
    return 1.0 / (1.0 - p) if p < 1 else 0.0
