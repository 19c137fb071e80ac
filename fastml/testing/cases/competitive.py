"""Inputs for competitive learning."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

# (rows, features, clusters): nothing, single, odd, around panels and shares of the features.
_SHAPES = (
    (0, 3, 2),
    (1, 1, 1),
    (40, 2, 3),
    (50, 16, 16),
    (60, 17, 17),
    (33, 5, 1),
    (90, 40, 130),
    (70, 9, 70),
    (30, 100, 20),
    (200, 3, 40),
)


def compete(dtype, scale, seed):
    n, d, k = choose(scale, seed, (7, 3, 4), _SHAPES, (20_000, 32, 64))
    rng = np.random.default_rng(seed)
    offset, means = rng.normal(size=d), 3 * rng.normal(size=(k, d))
    X = offset + means[rng.integers(k, size=n)] + rng.normal(size=(n, d))
    weighted, unit_length = seed % 3 == 1, seed % 7 == 3
    if unit_length:
        offset = np.zeros(d)
        X, means = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (X, means))
    n_visits = n - n // 5
    args = {
        "X": X.astype(dtype),
        "order": rng.permutation(n)[:n_visits],
        "offset": offset.astype(dtype),
        "sample_weight": (rng.uniform(0.5, 3, n) if weighted else np.ones(n)).astype(dtype),
        "rates": rng.uniform(0.01, 0.3, n_visits),
        "by_count": seed % 2 == 1,
        "leak": 0.02 if seed % 4 >= 2 else 0.0,
        "conscience": 10.0 if seed % 5 >= 3 else 0.0,
        "conscience_rate": 0.01 if seed % 5 >= 3 else 0.0,
        "unit_length": unit_length,
        "centers": (means + 0.1 * rng.normal(size=(k, d))).astype(dtype),
        "counts": rng.integers(0, 5, k).astype(np.float64),
        "frequency": np.full(k, 1 / k, dtype),
        "scale": np.array([3.0, 2.0]),
        "winners": sentinel(n_visits, np.int32),
    }
    eps = float(np.finfo(dtype).eps)
    outputs = ("centers", "counts", "frequency", "scale", "winners")
    return Case(args, outputs, rtol=400 * eps, atol=100 * eps)


def compete_in_batches(dtype, scale, seed):
    case = compete(dtype, scale, seed)
    size = choose(scale, seed, 3, (1, 7, 16, 33, 500), 256)
    return Case({**case.args, "batch_size": size}, case.outputs, rtol=case.rtol, atol=case.atol)


def shuffle_keys(dtype, scale, seed):
    n = choose(scale, seed, 21, (0, 1, 2, 3, 64, 1001, 9000), 10_000_019)
    rng = np.random.default_rng(seed)
    args = {
        "keys": rng.integers(0, 2**64, n, dtype=np.uint64),
        "seed": 2**64 - 1 - seed,
        "stream": 3,
        "step": seed,
        "out": sentinel(n, np.uint64),
    }
    return Case(args, ("out",))
