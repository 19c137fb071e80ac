"""Inputs for batch and layer normalisation."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

_SHAPES = ((50, 17), (0, 4), (1, 1), (700, 3), (3, 2500), (33, 64), (241, 130), (9, 1))


def _random(dtype, scale, seed):
    """Return values, gradients, and a function that draws numbers for a shape."""
    shape = choose(scale, seed, (9, 5), _SHAPES, (100_000, 64))
    rng = np.random.default_rng(seed)

    def draw(*size):
        return rng.normal(size=size).astype(dtype)

    return 3 + draw(*shape), draw(*shape), draw


def _tolerance(dtype, factor):
    eps = float(np.finfo(dtype).eps)
    return {"rtol": factor * eps, "atol": factor * eps}


def column_affine(dtype, scale, seed):
    X, _, draw = _random(dtype, scale, seed)
    k = X.shape[1]
    args = {"X": X, "mean": draw(k), "scale": draw(k), "shift": draw(k)}
    args["out"] = sentinel(X.shape, dtype)
    return Case(args, ("out",), **_tolerance(dtype, 20))


def column_backward(dtype, scale, seed):
    X, G, draw = _random(dtype, scale, seed)
    k = X.shape[1]
    args = {"X": X, "G": G, "mean": draw(k), "by_gradient": draw(k), "by_value": draw(k)}
    args |= {"shift": draw(k), "gradient": sentinel(X.shape, dtype)}
    return Case(args, ("gradient",), **_tolerance(dtype, 40))


def _blocks(n, k, seed):
    block_rows = (4, 1, 240)[seed % 3]
    return {"block_rows": block_rows, "sums": sentinel((-(-n // block_rows), 2, k), np.float64)}


def column_sums(dtype, scale, seed):
    X, G, draw = _random(dtype, scale, seed)
    args = {"X": X, "G": G, "mean": draw(X.shape[1]), **_blocks(*X.shape, seed)}
    # Differences are rounded as X is; sums of up to 240 may cancel.
    return Case(args, ("sums",), **_tolerance(dtype, 1000))


def row_normalize(dtype, scale, seed):
    X, _, draw = _random(dtype, scale, seed)
    n, k = X.shape
    args = {"X": X, "weight": draw(k), "bias": draw(k), "eps": 1e-5}
    args |= {"out": sentinel(X.shape, dtype)}
    args |= {"means": sentinel(n, dtype), "scales": sentinel(n, dtype)}
    # Rows of one element are divided by the root of eps alone.
    return Case(args, ("out", "means", "scales"), **_tolerance(dtype, 100 if k > 1 else 10_000))


def _rows(dtype, scale, seed):
    X, G, draw = _random(dtype, scale, seed)
    n = X.shape[0]
    return {"X": X, "G": G, "means": 3 + draw(n) / 10, "scales": np.abs(draw(n))}, draw


def row_backward(dtype, scale, seed):
    args, draw = _rows(dtype, scale, seed)
    args |= {"weight": draw(args["X"].shape[1]), "gradient": sentinel(args["X"].shape, dtype)}
    return Case(args, ("gradient",), **_tolerance(dtype, 200))


def row_sums(dtype, scale, seed):
    args, _ = _rows(dtype, scale, seed)
    args |= _blocks(*args["X"].shape, seed)
    return Case(args, ("sums",), **_tolerance(dtype, 1000))
