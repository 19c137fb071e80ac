"""Inputs for the activation functions."""

import numpy as np

from fastml.kernels.activations.forms import BY_RESULT, ERF, LEAKY_RELU, SIGMOID
from fastml.testing.cases import Case, choose, sentinel

_SIZES = (17, 0, 1, 1001, 3, 64, 9000)
_SHAPES = ((0, 3), (1, 1), (7, 2), (5, 15), (4, 16), (9, 17), (3, 48), (2, 1001), (1001, 10))


def _compare(expected, got, args):
    np.testing.assert_array_equal(got["has_nan"], expected["has_nan"])
    whole = ~np.isnan(args["S"]).any(axis=1)
    np.testing.assert_array_equal(got["out"][whole], expected["out"][whole])
    np.testing.assert_array_equal(np.sort(got["out"], axis=1), np.sort(expected["out"], axis=1))


def _elements(dtype, scale, seed):
    """Return kind, alpha and arguments; at scale "small" extreme ones too."""
    n = choose(scale, seed, 37, _SIZES, 10_000_019)
    x = np.random.default_rng(seed).uniform(-6, 6, n).astype(dtype)
    if scale != "tiny":
        extremes = np.array([np.inf, -np.inf, np.nan, 0.0, 1e4, -1e4, 45.0, -45.0, 1e-3], dtype)
        x[: len(extremes)] = extremes[:n]
    # Of the simulator's three seeds and two dtypes each sees another.
    turn = LEAKY_RELU + seed + 3 * (scale == "tiny" and dtype is np.float64)
    return turn % (ERF + 1), dtype(0.3), x


def forward(dtype, scale, seed):
    kind, alpha, x = _elements(dtype, scale, seed)
    eps = float(np.finfo(dtype).eps)
    # The approximation of GELU is x times 1 + tanh, which has lost leading digits below 0.
    return Case(
        {"kind": kind, "alpha": alpha, "x": x, "out": sentinel(x.size, dtype)}, ("out",),
        rtol=8 * eps, atol=8 * eps,
    )  # fmt: skip


def backward(dtype, scale, seed):
    kind, alpha, x = _elements(dtype, scale, seed)
    if kind in BY_RESULT:
        x = np.clip(x, 0 if kind == SIGMOID else -1, 1)
    rng = np.random.default_rng(seed + 1)
    g = rng.standard_normal(1 if seed // (ERF + 1) % 2 else x.size).astype(dtype)
    eps = float(np.finfo(dtype).eps)
    args = {"kind": kind, "alpha": alpha, "x": x, "g": g, "gradient": sentinel(x.size, dtype)}
    # The argument of an exponential is a square, up to 36, rounded.
    return Case(args, ("gradient",), rtol=64 * eps, atol=32 * eps)


def _rows(dtype, scale, seed):
    shape = choose(scale, seed, (5, 7), _SHAPES, (100_000, 100))
    x = np.random.default_rng(seed).normal(0, 3, shape).astype(dtype)
    if scale != "tiny" and x.size:
        x[-1, 0] = -np.inf if x.shape[1] > 1 else 3
        x[0, -1] = (np.inf, np.nan, -1e4, 1e4)[seed % 4]
    return x


def softmax(dtype, scale, seed):
    x = _rows(dtype, scale, seed)
    eps = float(np.finfo(dtype).eps)
    args = {"log": bool(seed % 2), "x": x, "out": sentinel(x.shape, dtype)}
    # Sums of 1001 numbers, in other orders.
    return Case(args, ("out",), rtol=100 * eps, atol=100 * eps)


def softmax_backward(dtype, scale, seed):
    shape = _rows(dtype, scale, seed).shape
    rng = np.random.default_rng(seed)
    y = rng.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype)
    log = bool(seed % 2)
    args = {
        "log": log, "y": np.log(np.maximum(y, 1e-6)) if log else y,
        "g": rng.standard_normal(shape).astype(dtype), "gradient": sentinel(shape, dtype),
    }  # fmt: skip
    eps = float(np.finfo(dtype).eps)
    return Case(args, ("gradient",), rtol=100 * eps, atol=100 * eps)


def winner_take_all(dtype, scale, seed):
    shape = choose(scale, seed, (11, 5), _SHAPES, (100_000, 100))
    # Few different values, so that they tie; infinities, and rows of nothing else.
    rng = np.random.default_rng(seed)
    S = rng.integers(-3, 4, shape).astype(dtype)
    S[S == -3] = -np.inf
    S[S == 3] = np.inf
    S[:1] = -np.inf
    if seed % 3 == 2 and len(S):
        S[-1, rng.integers(shape[1])] = np.nan
    args = {"S": S, "out": np.zeros(shape, dtype), "has_nan": np.zeros(1, np.int32)}
    return Case(args, ("out", "has_nan"), compare=_compare)
