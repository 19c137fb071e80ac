"""Inputs for the k-means steps on sparse rows."""

import numpy as np
from scipy.sparse import csr_array

from fastml.testing.cases import Case, kmeans, seeding


def _sparse(case, dtype, seed):
    """Return a dense case with most of X left out, its rows in CSR form."""
    args = dict(case.args)
    X = args.pop("X")
    X = np.where(np.random.default_rng(seed).uniform(size=X.shape) < 0.3, X, 0).astype(dtype)
    rows = csr_array(X)
    for dense_only in ("offset", "chosen", "nearest"):
        args.pop(dense_only, None)
    return X, {
        "data": rows.data,
        "indices": rows.indices.astype(np.int32),
        "indptr": rows.indptr.astype(np.int32),
        **args,
    }


def _dense_args(args, X):
    return {**args, "X": X, "offset": np.zeros(X.shape[1], X.dtype)}


def assign(dtype, scale, seed):
    X, args = _sparse(kmeans.assign(dtype, scale, seed), dtype, seed)

    def compare(expected, got, args):
        kmeans.check_labels(expected, got, _dense_args(args, X))

    return Case(args, ("labels",), compare=compare)


def assign_and_sum(dtype, scale, seed):
    X, args = _sparse(kmeans.assign_and_sum(dtype, scale, seed), dtype, seed)

    def compare(expected, got, args):
        kmeans.check_sums(expected, got, _dense_args(args, X))

    return Case(args, ("labels", "sums", "counts"), compare=compare)


def assigned_distances(dtype, scale, seed):
    _, args = _sparse(kmeans.assigned_distances(dtype, scale, seed), dtype, seed)
    return Case(args, ("distances",), rtol=100 * np.finfo(dtype).eps, atol=1e-12)


def inertia(dtype, scale, seed):
    _, args = _sparse(kmeans.inertia(dtype, scale, seed), dtype, seed)
    return Case(args, ("partials",), rtol=100 * np.finfo(dtype).eps, atol=1e-12)


def seed_distances(dtype, scale, seed):
    case = seeding.seed_distances(dtype, scale, seed)
    _, args = _sparse(case, dtype, seed)
    return Case(args, case.outputs, rtol=100 * np.finfo(dtype).eps, atol=1e-6)


def row_keys(dtype, scale, seed):
    X, args = _sparse(kmeans.assign(np.float32, scale, seed), np.float32, seed)
    args = {
        "words": args["data"].view(np.uint32),
        "indices": args["indices"],
        "indptr": args["indptr"],
        "keys": np.zeros(len(X), np.uint64),
    }
    return Case(args, ("keys",))
