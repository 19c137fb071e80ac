"""Inputs for the elementary functions."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

_SIZES = (0, 1, 3, 17, 64, 1001)


def _case(dtype, scale, seed, special, low=-10.0, high=10.0):
    n = choose(scale, seed, 37, _SIZES, 10_000_019)
    x = np.random.default_rng(seed).uniform(low, high, n).astype(dtype)
    if scale != "tiny":
        # In the simulator Python's own functions run, which raise where these overflow.
        info = np.finfo(dtype)
        extremes = [np.inf, np.nan, 0.0, -0.0, info.smallest_subnormal, info.tiny, info.max]
        special = np.array([*extremes, *special], dtype)[:n]
        x[: len(special)] = special
    # Polynomials, libm and CUDA's library differ by some units in the last place; subnormal
    # results by the smallest number.
    atol = 4 * float(np.finfo(dtype).smallest_subnormal)
    return Case(
        {"x": x, "out": sentinel(n, dtype)}, ("out",), rtol=5 * np.finfo(dtype).eps, atol=atol
    )


def exp(dtype, scale, seed):
    return _case(dtype, scale, seed, [-np.inf, -1000.0, 1000.0, -88.0, -100.0, -740.0, 700.0])


def log(dtype, scale, seed):
    return _case(dtype, scale, seed, [-np.inf, -1.0, 1.0], low=0.01, high=3.0)


def log1p(dtype, scale, seed):
    return _case(dtype, scale, seed, [-np.inf, -1.0, -2.0, 1e-9], low=-0.99, high=3.0)


def tanh(dtype, scale, seed):
    return _case(dtype, scale, seed, [-np.inf, 1e-6, 0.624, 0.626, -50.0])


def sigmoid(dtype, scale, seed):
    return _case(dtype, scale, seed, [-np.inf, -100.0, 100.0, -740.0])
