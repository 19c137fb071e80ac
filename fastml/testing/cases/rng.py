"""Inputs for the random numbers."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

_SIZES = (0, 1, 2, 3, 4, 5, 7, 64, 1001, 4099)
_SEEDS = (0, 1, 12345, 2**31, 2**63 + 7, 2**64 - 1)
_STARTS = (0, 1, 2, 3, 6, 2**33 + 5, 2**40)


def _case(out_shape, dtype, scale, seed, **tolerance):
    n = choose(scale, seed, 41, _SIZES, 10_000_019)
    args = {
        "seed": _SEEDS[seed % len(_SEEDS)],
        "stream": seed % 3,
        "step": 2**32 - 1 - seed,
        "out": sentinel((n, *out_shape), dtype),
        "start": _STARTS[seed % len(_STARTS)],
    }
    return Case(args, ("out",), **tolerance)


def bits(dtype, scale, seed):
    return _case((4,), np.uint32, scale, seed)


def uniform(dtype, scale, seed):
    return _case((), dtype, scale, seed)


def normal(dtype, scale, seed):
    # Near a radius of 0 the relative error of the logarithm's small argument counts, and a sine
    # near 0 has the absolute error of its angle.
    return _case((), dtype, scale, seed, rtol=4 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
