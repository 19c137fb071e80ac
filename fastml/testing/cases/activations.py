"""Inputs for the activation functions."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

_SHAPES = ((0, 3), (1, 1), (7, 2), (5, 15), (4, 16), (9, 17), (3, 48), (2, 1001), (1001, 10))


def winner_take_all(dtype, scale, seed):
    shape = choose(scale, seed, (11, 5), _SHAPES, (100_000, 100))
    # Few different values, so that they tie; infinities, and rows of nothing else.
    S = np.random.default_rng(seed).integers(-3, 4, shape).astype(dtype)
    S[S == -3] = -np.inf
    S[S == 3] = np.inf
    S[:1] = -np.inf
    return Case({"S": S, "out": sentinel(shape, dtype)}, ("out",))
