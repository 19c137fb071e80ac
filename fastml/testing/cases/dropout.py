"""Inputs for dropout."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel


def apply(dtype, scale, seed):
    n = choose(scale, seed, 37, (17, 0, 1, 4096, 9001, 30_003), 1_000_003)
    x = np.random.default_rng(seed).normal(size=n).astype(dtype)
    key = {"seed": 2**63 + seed, "stream": seed % 5, "step": 7 * seed}
    p = (0.5, 0.0, 0.2, 1.0, 0.9)[seed % 5]
    return Case(key | {"p": p, "x": x, "out": sentinel(n, dtype)}, ("out",), rtol=1e-7)
