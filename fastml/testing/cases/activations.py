"""Inputs for the activation functions."""

import numpy as np

from fastml.testing.cases import Case, choose

_SHAPES = ((0, 3), (1, 1), (7, 2), (5, 15), (4, 16), (9, 17), (3, 48), (4, 1001), (1001, 10))


def _compare(expected, got, args):
    np.testing.assert_array_equal(got["has_nan"], expected["has_nan"])
    whole = ~np.isnan(args["S"]).any(axis=1)
    np.testing.assert_array_equal(got["out"][whole], expected["out"][whole])
    np.testing.assert_array_equal(np.sort(got["out"], axis=1), np.sort(expected["out"], axis=1))


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
