"""Inputs for distances between rows."""

import numpy as np

from fastml.testing.cases import Case, kmeans, sentinel


def euclidean(dtype, scale, seed):
    X, _, offset, centers = kmeans.data(dtype, scale, seed)
    Y = centers + offset
    # Some equal rows: their distance is zero exactly.
    X[:3] = Y[: len(X[:3])][: len(X)] if len(Y) >= 3 else X[:3]
    args = {
        "X": X,
        "Y": Y,
        "squared": seed % 2 == 1,
        "out": sentinel((len(X), len(Y)), dtype),
    }
    return Case(args, ("out",), rtol=100 * np.finfo(dtype).eps)
