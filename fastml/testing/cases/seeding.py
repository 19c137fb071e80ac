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
    # No center yet, or some: then the distances have to be true, for rows may be left out by them.
    n_chosen = choose(scale, seed, 2, (0, 3, 20), 30)
    chosen = X[rng.integers(n, size=n_chosen)] if n else X[:0]
    apart = ((X[:, None] - chosen[None]).astype(np.float64) ** 2).sum(axis=2)
    some = len(chosen) > 0
    args = {
        "X": X,
        "candidates": candidates,
        "chosen": chosen,
        "closest": (apart.min(axis=1) if some else np.full(n, np.inf)).astype(dtype),
        "nearest": (apart.argmin(axis=1) if some else np.zeros(n)).astype(np.int32),
        "sample_weight": weight,
        "block_rows": blocks.block_rows(n),
        "distances": sentinel((n_candidates, n), dtype),
        "potentials": sentinel((blocks.n_blocks(n), n_candidates), np.float64),
    }
    return Case(args, ("distances", "potentials"), rtol=100 * np.finfo(dtype).eps)


def seed_accept(dtype, scale, seed):
    case = seed_distances(dtype, scale, seed)
    distances = case.args["closest"] * np.array([[0.5], [1.0]], dtype)
    distances = np.where(np.isfinite(distances), distances, 3).astype(dtype)
    args = {
        "distances": distances,
        "best": seed % 2,
        "label": 7,
        "closest": case.args["closest"],
        "nearest": case.args["nearest"],
    }
    return Case(args, ("closest", "nearest"))


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
    order = rng.permutation(n)
    mass = (closest.astype(np.float64) * weight)[order]
    fractions = rng.integers(0, 2**20, size=choose(scale, seed, 2, (1, 5), 8)) / 2.0**20
    args = {
        "closest": closest,
        "sample_weight": weight,
        "order": order,
        "block_rows": block_rows,
        "potentials": np.add.reduceat(mass, np.arange(0, n, block_rows)),
        "fractions": fractions,
        "picked": sentinel(len(fractions), np.int64),
    }
    return Case(args, ("picked",))


def row_keys(dtype, scale, seed):
    X, *_ = kmeans.data(dtype, scale, seed)
    X = X.astype(np.float32)
    X[0:1], X[1:2] = 0.0, -0.0
    args = {"words": X.view(np.uint32), "keys": np.zeros(len(X), np.uint64)}
    return Case(args, ("keys",))


def ordered_potentials(dtype, scale, seed):
    case = seed_pick(dtype, scale, seed)
    names = ("closest", "sample_weight", "order", "block_rows")
    args = {name: case.args[name] for name in names}
    args["potentials"] = sentinel(len(case.args["potentials"]), np.float64)
    return Case(args, ("potentials",), rtol=1e-12)
