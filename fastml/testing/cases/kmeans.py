"""Inputs for the k-means steps."""

import numpy as np

from fastml import blocks
from fastml.kernels.kmeans import reference
from fastml.testing.cases import Case, choose, sentinel

# (rows, features, clusters): nothing, single, odd, around tiles, runs of features and panels.
_SHAPES = (
    (0, 3, 2),
    (1, 1, 1),
    (5, 2, 3),
    (24, 16, 16),
    (25, 17, 17),
    (97, 5, 1),
    (250, 128, 33),
    (131, 129, 20),
    (63, 300, 5),
    (1001, 7, 40),
)


def data(dtype, scale, seed):
    """Return rows, weights, an offset and centers less the offset."""
    n, d, k = choose(scale, seed, (11, 3, 4), _SHAPES, (100_000, 32, 64))
    rng = np.random.default_rng(seed)
    offset = rng.normal(size=d) * 3
    centers = rng.normal(size=(k, d))
    X = offset + centers[rng.integers(k, size=n)] + rng.normal(size=(n, d))
    weight = rng.uniform(0.5, 2, size=n)
    return (a.astype(dtype) for a in (X, weight, offset, centers))


def _scales(X, weight):
    peaks = np.append(np.abs(X).max(axis=0, initial=0.5), 1.0) * weight.max(initial=1.0)
    return 2.0 ** np.floor(np.log2(2.0**61 / max(len(X), 1) / peaks))


def check_labels(expected, got, args):
    """Accept any center that is as near as the nearest, up to rounding."""
    X, offset, centers = args["X"], args["offset"], args["centers"]
    squared = reference._squared_distances(X, offset, centers)
    labels = got["labels"]
    assert labels.dtype == np.int32
    assert labels.min(initial=0) >= 0
    assert labels.max(initial=0) < len(centers)
    chosen = squared[np.arange(len(X)), labels]
    norms = ((X - offset).astype(np.float64) ** 2).sum(axis=1) + (centers**2).sum(axis=1).max()
    slack = 4 * (X.shape[1] + 8) * np.finfo(X.dtype).eps * norms
    assert np.all(chosen <= squared.min(axis=1, initial=np.inf) + slack)


def check_sums(expected, got, args):
    """Accept labels as above; the sums must be exactly those of the labels."""
    check_labels(expected, got, args)
    X, weight = args["X"].astype(np.float64), args["sample_weight"].astype(np.float64)
    total = args["sums"].sum(axis=0)
    n_limbs = len(total)
    rows = reference._limbs(X, weight[:, None] * args["scales"][:-1], n_limbs)
    last = reference._limbs(weight[:, None], args["scales"][-1:], n_limbs)
    rows = np.concatenate([rows, last], axis=2)
    old = args["labels"]
    for limb in range(n_limbs):
        np.add.at(total[limb], got["labels"], rows[limb])
        np.subtract.at(total[limb], old[old >= 0], rows[limb, old >= 0])
    np.testing.assert_array_equal(got["sums"].sum(axis=0), total)
    assert got["counts"][:, 0].sum() == np.count_nonzero(old != got["labels"])


def assign(dtype, scale, seed):
    X, _, offset, centers = data(dtype, scale, seed)
    labels = sentinel(len(X), np.int32)
    args = {"X": X, "offset": offset, "centers": centers, "labels": labels}
    return Case(args, ("labels",), compare=check_labels)


def assign_and_sum(dtype, scale, seed):
    X, weight, offset, centers = data(dtype, scale, seed)
    (n, d), k = X.shape, len(centers)
    rng = np.random.default_rng(seed + 1)
    n_workers = choose(scale, seed, 1, (1, 2, 3), 2)
    n_limbs = 1 if dtype == np.float32 else 2
    args = {
        "X": X,
        "sample_weight": weight,
        "offset": offset,
        "centers": centers,
        "scales": _scales(X, weight),
        "labels": rng.integers(-1, k, size=n).astype(np.int32),
        "sums": rng.integers(-5, 5, size=(n_workers, n_limbs, k, d + 1)),
        "counts": sentinel((n_workers, 2), np.int64),
    }
    return Case(args, ("labels", "sums", "counts"), compare=check_sums)


def assign_bounded_and_sum(dtype, scale, seed):
    case = assign_and_sum(dtype, scale, seed)
    X, offset, centers = case.args["X"], case.args["offset"], case.args["centers"]
    n, k = len(X), len(centers)
    n_panels = -(-k // 16)
    rng = np.random.default_rng(seed + 2)
    order = rng.permutation(k)
    order = np.concatenate([np.sort(order[i : i + 16]) for i in range(0, k, 16)])
    fresh = seed % 2 == 0
    # Bounds as an earlier pass would leave them: true distances, a little loose.
    labels = np.maximum(case.args["labels"], 0)
    distances = np.sqrt(reference._squared_distances(X, offset, centers))
    upper = distances[np.arange(n), labels] * 1.01 - 0.5
    others = distances.copy()
    others[np.arange(n), labels] = np.inf
    lower = np.full((n, n_panels), np.inf)
    for g in range(n_panels):
        members = order[g * 16 : g * 16 + 16]
        lower[:, g] = others[:, members].min(axis=1) * 0.99 + 0.25
    return Case(
        {
            **case.args,
            "labels": labels.astype(np.int32),
            "order": order,
            "center_reach": np.full(k, 0.5),
            "panel_reach": np.full(n_panels, 0.25),
            "row_norms": ((X - offset) ** 2).sum(axis=1),
            "upper": sentinel(n, dtype) if fresh else upper.astype(dtype),
            "lower": sentinel((n, n_panels), dtype) if fresh else lower.astype(dtype),
            "rounding": (X.shape[1] + 8) * float(np.finfo(dtype).eps),
            "fresh": fresh,
        },
        ("labels", "sums", "counts"),
        compare=check_sums,
    )


def assigned_distances(dtype, scale, seed):
    X, _, offset, centers = data(dtype, scale, seed)
    labels = np.random.default_rng(seed).integers(len(centers), size=len(X)).astype(np.int32)
    args = {
        "X": X,
        "offset": offset,
        "centers": centers,
        "labels": labels,
        "distances": sentinel(len(X), np.float64),
    }
    return Case(args, ("distances",), rtol=100 * np.finfo(dtype).eps)


def inertia(dtype, scale, seed):
    case = assigned_distances(dtype, scale, seed)
    _, weight, *_ = data(dtype, scale, seed)
    n = len(weight)
    args = {key: case.args[key] for key in ("X", "offset", "centers", "labels")}
    args |= {
        "sample_weight": weight,
        "block_rows": blocks.block_rows(n),
        "partials": sentinel(blocks.n_blocks(n), np.float64),
    }
    return Case(args, ("partials",), rtol=100 * np.finfo(dtype).eps)


def column_moments(dtype, scale, seed):
    X, *_ = data(dtype, scale, seed)
    n, d = X.shape
    n_blocks = blocks.n_blocks(n)
    args = {
        "X": X,
        "block_rows": blocks.block_rows(n),
        "means": sentinel((n_blocks, d), np.float64),
        "deviations": sentinel((n_blocks, d), np.float64),
        "peaks": sentinel((n_blocks, d), np.float64),
    }
    return Case(args, ("means", "deviations", "peaks"), rtol=1e-11, atol=1e-11)
