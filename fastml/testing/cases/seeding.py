"""Inputs for k-means++ seeding."""

import numpy as np

from fastml import blocks
from fastml.testing.cases import Case, choose, kmeans, sentinel


def seed_distances(dtype, scale, seed):
    X, weight, *_ = kmeans.data(dtype, scale, seed)
    n, d = X.shape
    rng = np.random.default_rng(seed)
    n_candidates = choose(scale, seed, 2, (1, 4, 16, 17), 6)
    candidates = X[rng.integers(n, size=n_candidates)] if n else X.reshape(-1, d)[:0]
    candidates = np.concatenate([candidates, np.ones((n_candidates, d), dtype)])[:n_candidates]
    closest = np.where(rng.uniform(size=n) < 0.5, np.inf, rng.uniform(0, d + 1, size=n))
    args = {
        "X": X,
        "candidates": candidates,
        "closest": closest.astype(dtype),
        "sample_weight": weight,
        "block_rows": blocks.block_rows(n),
        "distances": sentinel((n_candidates, n), dtype),
        "potentials": sentinel((blocks.n_blocks(n), n_candidates), np.float64),
    }
    return Case(args, ("distances", "potentials"), rtol=100 * np.finfo(dtype).eps)


def seed_pick(dtype, scale, seed):
    n = choose(scale, seed, 11, (1, 2, 24, 501, 1001), 100_000)
    rng = np.random.default_rng(seed)
    # Small integers add up without rounding, so that the picked row is the same everywhere.
    closest = rng.integers(0, 4, size=n).astype(dtype)
    weight = rng.integers(0, 3, size=n).astype(dtype)
    if seed % 4 == 3:
        closest[:] = 0
    weight[rng.integers(n)] = 1
    block_rows = blocks.block_rows(n)
    starts = np.arange(0, n, block_rows)
    fractions = rng.integers(0, 2**20, size=choose(scale, seed, 2, (1, 5), 8)) / 2.0**20
    args = {
        "closest": closest,
        "sample_weight": weight,
        "block_rows": block_rows,
        "potentials": np.add.reduceat(closest.astype(np.float64) * weight, starts),
        "fractions": fractions,
        "picked": sentinel(len(fractions), np.int64),
    }
    return Case(args, ("picked",))
