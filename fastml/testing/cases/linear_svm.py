"""Inputs for the linear support vector machines."""

import numpy as np
from scipy.sparse import csr_array

from fastml.testing.cases import Case, choose, sentinel


def _problem(dtype, scale, seed):
    """Return random rows, dense or compressed, and targets of several problems with weights."""
    rng = np.random.default_rng(seed)
    n, d = choose(scale, seed, (12, 5), [(1, 1), (37, 9), (300, 8), (41, 40), (70, 17)], (2000, 50))
    n_problems = choose(scale, seed, 2, [1, 3, 2], 4)
    X = rng.standard_normal((n, d)).astype(dtype)
    if seed % 2:
        # Not many: rows that are all zero are the same row, and their ties go either way.
        X[rng.uniform(size=X.shape) < 0.3] = 0
        rows = csr_array(X)
        data, indices, indptr = rows.data, rows.indices.astype(np.int32), rows.indptr
    else:
        data, indices, indptr = X.ravel(), np.empty(0, np.int32), np.arange(n + 1) * d
    targets = np.where(rng.uniform(size=(n_problems, n)) < 0.5, 1.0, -1.0)
    return X, {
        "data": data,
        "indices": indices,
        "indptr": indptr.astype(np.int64),
        "targets": targets,
        "weights": rng.uniform(0.1, 2, n),
        "costs": rng.uniform(0.1, 2, (n_problems, 2)),
        "bias": 0.7,
    }


def _regression(args, seed):
    """Make every other problem a regression."""
    symmetric = seed % 3 == 1
    if symmetric:
        args["targets"] = args["targets"] * np.linspace(0.5, 2, args["targets"].shape[1])
    return {**args, "epsilon": 0.1 if symmetric else 0.0, "symmetric": symmetric}


def _order(n_problems, n):
    return np.tile(np.arange(n, dtype=np.int32), (n_problems, 1))


def squared_norms(dtype, scale, seed):
    X, args = _problem(dtype, scale, seed)
    args = {key: args[key] for key in ("data", "indices", "indptr", "bias")}
    return Case({**args, "norms": sentinel(len(X), np.float64)}, ("norms",), rtol=1e-12)


def decision_values(dtype, scale, seed):
    X, args = _problem(dtype, scale, seed)
    n_problems, n = args["targets"].shape
    args = {key: args[key] for key in ("data", "indices", "indptr", "bias")}
    args["coefs"] = np.random.default_rng(seed).standard_normal((n_problems, X.shape[1] + 1))
    args["scores"] = sentinel((n_problems, n), np.float64)
    return Case(args, ("scores",), rtol=1e-12, atol=1e-12)


def dual_epochs(dtype, scale, seed):
    X, args = _problem(dtype, scale, seed)
    args = _regression(args, seed)
    n_problems, n = args["targets"].shape
    args |= {
        "norms": (X.astype(np.float64) ** 2).sum(axis=1) + args["bias"] ** 2,
        "offsets": np.linspace(0, 0.5, n_problems),
        "squared": seed % 5 > 2,
        "tol": 0.1,
        "seed": np.uint64(seed),
        "n_epochs": 4,
        "beta": np.zeros((n_problems, n)),
        "coefs": np.zeros((n_problems, X.shape[1] + 1)),
        "order": _order(n_problems, n),
        "progress": np.tile([0.0, n, np.inf, -np.inf, -1, 0], (n_problems, 1)),
    }
    return Case(args, ("beta", "coefs", "order", "progress"), rtol=1e-7, atol=1e-9)


def lasso_epochs(dtype, scale, seed):
    X, args = _problem(dtype, scale, seed)
    n_problems, n = args["targets"].shape
    columns = np.vstack([X.T, np.full((1, n), 0.7, dtype)])
    if args["indices"].size:
        rows = csr_array(columns)
        args |= {"data": rows.data, "indices": rows.indices.astype(np.int32)}
        args["indptr"] = rows.indptr.astype(np.int64)
    else:
        args["data"], args["indptr"] = columns.ravel(), np.arange(len(columns) + 1) * n
    del args["bias"]
    args |= {
        "penalised": seed % 3 > 0,
        "tols": np.full(n_problems, 0.05),
        "seed": np.uint64(seed),
        "n_epochs": 4,
        "coefs": np.zeros((n_problems, len(columns))),
        "residuals": args["targets"].copy(),
        "order": _order(n_problems, len(columns)),
        "progress": np.tile([0.0, len(columns), np.inf, -1, 0], (n_problems, 1)),
    }
    return Case(args, ("coefs", "residuals", "order", "progress"), rtol=1e-7, atol=1e-9)


def joint_epochs(dtype, scale, seed):
    X, args = _problem(dtype, scale, seed)
    n, n_classes = len(X), len(args["targets"]) + 1
    rng = np.random.default_rng(seed)
    args = {key: args[key] for key in ("data", "indices", "indptr", "bias")}
    args |= {
        "norms": (X.astype(np.float64) ** 2).sum(axis=1) + args["bias"] ** 2,
        "labels": rng.integers(0, n_classes, n).astype(np.int32),
        "uppers": rng.uniform(0.1, 2, n),
        "offsets": np.linspace(0, 0.5, n_classes),
        "tol": 0.1,
        "seed": np.uint64(seed),
        "n_epochs": 4,
        "alpha": np.zeros((n, n_classes)),
        "coefs": np.zeros((n_classes, X.shape[1] + 1)),
        "order": np.arange(n, dtype=np.int32),
        "shrunk": np.zeros((n, n_classes), np.uint8),
        "progress": np.array([0.0, n, 1.0, 1, 0]),
    }
    return Case(args, ("alpha", "coefs", "order", "shrunk", "progress"), rtol=1e-7, atol=1e-9)


def newton_steps(dtype, scale, seed):
    X, args = _problem(dtype, scale, seed)
    args = _regression(args, seed)
    n_problems = len(args["targets"])
    args |= {
        "penalised": seed % 5 > 1,
        "tols": np.full(n_problems, 1e-3),
        "n_steps": seed % 4 + 1,
        "coefs": np.zeros((n_problems, X.shape[1] + 1)),
        "gradients": sentinel((n_problems, X.shape[1] + 1), np.float64),
        "progress": np.tile([0.0, 0, -1, 0], (n_problems, 1)),
    }
    return Case(args, ("coefs", "gradients", "progress"), rtol=1e-6, atol=1e-7)
