"""Inputs for dense layers."""

import numpy as np

from fastml.kernels.activations.forms import ERF
from fastml.kernels.dense.forms import IDENTITY, from_result
from fastml.testing.cases import Case, choose, sentinel

# Samples, inputs, outputs.
_SHAPES = (
    (33, 20, 10), (0, 4, 3), (1, 1, 1), (300, 5, 70), (29, 1100, 17), (65, 530, 545), (700, 3, 2),
    (15, 0, 5), (128, 40, 33),
)  # fmt: skip


def _shape(scale, seed):
    return choose(scale, seed, (5, 4, 3), _SHAPES, (100_000, 784, 256))


def _kind(seed):
    kind = seed % (ERF + 2) + IDENTITY
    return {"kind": kind, "alpha": (0.3, 1.0)[seed % 2]}


def _rows(dtype, scale, seed):
    """Return rows and weights, of a size that results do not grow with."""
    n, k, m = _shape(scale, seed)
    rng = np.random.default_rng(seed)
    W = (rng.normal(size=(k, m)) / np.sqrt(max(k, 1))).astype(dtype)
    return rng.normal(size=(n, k)).astype(dtype), W, rng


def _tolerance(dtype, n_terms):
    eps = float(np.finfo(dtype).eps)
    # Sums of terms around 0 in other orders.
    return {"rtol": 50 * eps, "atol": 10 * eps * (1 + n_terms**0.5)}


def forward(dtype, scale, seed):
    X, W, rng = _rows(dtype, scale, seed)
    (n, k), m = X.shape, W.shape[1]
    args = _kind(seed) | {"X": X, "W": W}
    args["alpha"] = dtype(args["alpha"])
    args["b"] = rng.normal(size=m * (seed % 3 != 1)).astype(dtype)
    args["argument"] = sentinel((n * (seed // 2 % 2), m), dtype)
    args["out"] = sentinel((n, m), dtype)
    return Case(args, ("argument", "out"), **_tolerance(dtype, 1 + k**0.5))


def data_gradient(dtype, scale, seed):
    X, W, rng = _rows(dtype, scale, seed)
    G = rng.normal(size=(len(X), W.shape[1])).astype(dtype)
    args = {"G": G, "W": W, "out": sentinel(X.shape, dtype)}
    return Case(args, ("out",), **_tolerance(dtype, W.shape[1]))


def _blocks(n, seed):
    block_rows = (1000, 300, 16)[seed % 3]
    return block_rows, max(1, -(-n // block_rows))


def weight_gradient(dtype, scale, seed):
    X, W, rng = _rows(dtype, scale, seed)
    block_rows, n_blocks = _blocks(len(X), seed)
    G = rng.normal(size=(len(X), W.shape[1])).astype(dtype)
    args = {"X": X, "G": G, "block_rows": block_rows}
    args["partials"] = sentinel((n_blocks, *W.shape), dtype)
    return Case(args, ("partials",), **_tolerance(dtype, block_rows))


def backward(dtype, scale, seed):
    args = _kind(seed)
    n, _, m = _shape(scale, seed)
    rng = np.random.default_rng(seed)
    block_rows, n_blocks = _blocks(n, seed)
    argument = rng.normal(size=(n, m)).astype(dtype)
    if from_result(args["kind"], args["alpha"]):
        # Results of the sigmoid and the hyperbolic tangent are between 0 and 1, -1 and 1.
        argument = np.clip(argument, 0, 1).astype(dtype)
    kept = 0 if args["kind"] == IDENTITY else n
    args["alpha"] = dtype(args["alpha"])
    args |= {"argument": argument[:kept], "g": rng.normal(size=(n, m)).astype(dtype)}
    args |= {"block_rows": block_rows, "gradient": sentinel((kept, m), dtype)}
    args["partials"] = sentinel((n_blocks, m * (seed % 4 != 3)), dtype)
    return Case(args, ("gradient", "partials"), **_tolerance(dtype, block_rows))
