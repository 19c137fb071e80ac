"""Distances between rows in NumPy: the definition the other backends are compared with."""

import numpy as np


def euclidean(X, Y, squared, out):
    """Compute the distance of every row of X to every row of Y, by differences."""
    for j, y in enumerate(Y):
        out[:, j] = ((X - y).astype(np.float64) ** 2).sum(axis=1)
    if not squared:
        np.sqrt(out, out=out)
