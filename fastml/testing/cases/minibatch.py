"""Inputs for the steps of mini-batch k-means."""

import numpy as np
from scipy.sparse import csr_array

from fastml.testing.cases import Case, choose, kmeans, sentinel

OUTPUTS = ("centers", "weights", "labels", "inertia")


def _compare(expected, got, args, X, offset):
    """Accept labels of centers that are as near as the nearest; the rest must be theirs."""
    batch = X[args["picked"]]
    before = args["centers"] - offset.astype(np.float64)
    rows = {"X": batch, "offset": offset, "centers": before.astype(X.dtype)}
    kmeans.check_labels(expected, got, rows)
    labels = got["labels"]
    weight, tolerance = args["sample_weight"].astype(np.float64), 100 * np.finfo(X.dtype).eps
    squared = ((batch - offset - rows["centers"][labels]).astype(np.float64) ** 2).sum(axis=1)
    np.testing.assert_allclose(got["inertia"], [weight @ squared], rtol=tolerance, atol=1e-12)
    total, heavier = args["weights"][:, None] * args["centers"], args["weights"].copy()
    np.add.at(total, labels, weight[:, None] * batch)
    np.add.at(heavier, labels, weight)
    moved = np.bincount(labels, weight, len(heavier)) > 0
    np.testing.assert_allclose(got["weights"], heavier, rtol=1e-13)
    np.testing.assert_array_equal(got["centers"][~moved], args["centers"][~moved])
    means = total[moved] / heavier[moved, None]
    np.testing.assert_allclose(got["centers"][moved], means, rtol=1e-12, atol=1e-12)


def _arguments(dtype, scale, seed):
    X, weight, offset, centers = kmeans.data(dtype, scale, seed)
    n, k = len(X), len(centers)
    rng = np.random.default_rng(seed)
    m = choose(scale, seed, 7, (97, 0, 5, 193, 1024), 1024) if n else 0
    picked = rng.integers(n, size=m) if n else np.empty(0, np.int64)
    weight = weight[picked] * (rng.uniform(size=m) < 0.9).astype(dtype)
    # Centers without weight, and with so much that float32 would not notice another row.
    weights = rng.choice([0.0, 3.5, 1e9], size=k)
    return X, {
        "picked": picked,
        "sample_weight": weight,
        "offset": offset,
        "centers": centers.astype(np.float64) + offset,
        "weights": weights,
        "labels": sentinel(m, np.int32),
        "inertia": sentinel(1, np.float64),
    }


def assign_and_move(dtype, scale, seed):
    X, args = _arguments(dtype, scale, seed)

    def compare(expected, got, args):
        _compare(expected, got, args, args["X"], args["offset"])

    return Case({"X": X, **args}, OUTPUTS, compare=compare)


def assign_and_move_csr(dtype, scale, seed):
    X, args = _arguments(dtype, scale, seed)
    offset = np.zeros_like(args.pop("offset"))
    X = np.where(np.random.default_rng(seed).uniform(size=X.shape) < 0.3, X, 0).astype(dtype)
    rows = csr_array(X)

    def compare(expected, got, args):
        _compare(expected, got, args, X, offset)

    args = {
        "data": rows.data,
        "indices": rows.indices.astype(np.int32),
        "indptr": rows.indptr.astype(np.int32),
        **args,
    }
    return Case(args, OUTPUTS, compare=compare)
