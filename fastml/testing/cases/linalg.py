"""Inputs for moments and centred products."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

# Rows, columns and rows of a block: none, one, around the tile's 24, 12 and 6 rows and 16
# columns, around a chunk of 240 rows and a stripe of 144 columns.
_SHAPES = (
    (0, 3, 5),
    (1, 1, 1),
    (7, 2, 3),
    (241, 16, 240),
    (300, 25, 96),
    (1001, 12, 1001),
    (97, 145, 50),
    (50, 300, 50),
    (480, 33, 481),
)
_COLUMNS = (1, 2, 16, 17, 40)


def _rows(dtype, scale, seed):
    n_samples, n_features, block_rows = choose(
        scale, seed, (9, 4, 4), _SHAPES, (100_000, 128, 6288)
    )
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)) + rng.uniform(-5, 5, n_features)
    weights = np.empty(0)
    if seed % 2:
        # Whole blocks may weigh nothing.
        weights = rng.uniform(0, 3, n_samples) * (np.arange(n_samples) % 7 > seed % 5)
        weights[: n_samples // 3] *= seed % 4 > 1
    return X.astype(dtype), weights.astype(dtype), block_rows, -(-n_samples // block_rows)


def _tolerance(dtype, size):
    # Sums of as many products of unit size, in float32 rounded within a chunk.
    return {
        "rtol": 50 * np.finfo(dtype).eps,
        "atol": 30 * np.finfo(dtype).eps * max(size, 1) ** 0.5,
    }


def block_moments(dtype, scale, seed):
    X, weights, block_rows, n_blocks = _rows(dtype, scale, seed)
    n_features = X.shape[1]
    args = {
        "X": X,
        "sample_weight": weights,
        "block_rows": block_rows,
        "means": sentinel((n_blocks, n_features), np.float64),
        "scatters": sentinel((n_blocks, n_features, n_features), np.float64),
        "weights": sentinel((n_blocks,), np.float64),
    }
    outputs = ("means", "scatters", "weights")
    return Case(args, outputs, **_tolerance(dtype, 10 * block_rows))


def block_column_moments(dtype, scale, seed):
    case = block_moments(dtype, scale, seed)
    args = {key: value for key, value in case.args.items() if key != "scatters"}
    args["spreads"] = sentinel(args["means"].shape, np.float64)
    return Case(args, ("means", "spreads", "weights"), case.rtol, case.atol)


def _mean(X):
    return X.mean(axis=0, dtype=np.float64) if len(X) else np.zeros(X.shape[1])


def project(dtype, scale, seed):
    X, _, _, _ = _rows(dtype, scale, seed)
    n_columns = choose(scale, seed, 3, _COLUMNS, 16)
    right = np.random.default_rng(seed + 1).standard_normal((X.shape[1], n_columns))
    args = {
        "X": X,
        "mean": _mean(X),
        "right": right.astype(dtype),
        "out": sentinel((len(X), n_columns), dtype),
    }
    return Case(args, ("out",), **_tolerance(dtype, 10 * X.shape[1]))


def block_project_back(dtype, scale, seed):
    X, _, block_rows, n_blocks = _rows(dtype, scale, seed)
    n_columns = choose(scale, seed, 3, _COLUMNS, 26)
    left = np.random.default_rng(seed + 1).standard_normal((len(X), n_columns))
    args = {
        "X": X,
        "mean": _mean(X),
        "left": left.astype(dtype),
        "block_rows": block_rows,
        "partials": sentinel((n_blocks, X.shape[1], n_columns), np.float64),
    }
    return Case(args, ("partials",), **_tolerance(dtype, 10 * block_rows))


def multiply(dtype, scale, seed):
    X, _, _, _ = _rows(dtype, scale, seed)
    n_columns = choose(scale, seed, 3, _COLUMNS, 16)
    right = np.random.default_rng(seed + 1).standard_normal((X.shape[1], n_columns))
    out = sentinel((len(X), n_columns), dtype if seed % 2 else np.float64)
    args = {"matrix": X, "right": right.astype(dtype), "out": out}
    return Case(args, ("out",), **_tolerance(dtype, 10 * X.shape[1]))


def center(dtype, scale, seed):
    X, _, _, _ = _rows(dtype, scale, seed)
    args = {
        "matrix": X,
        "row_means": X.astype(np.float64).mean(axis=1),
        "column_means": _mean(X),
        "mean": float(X.mean(dtype=np.float64)) if X.size else 0.0,
    }
    return Case(args, ("matrix",), **_tolerance(dtype, 10))


def block_asymmetry(dtype, scale, seed):
    n = choose(scale, seed, 5, (0, 1, 7, 64, 65, 200), 3000)
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, n))
    if seed % 3:
        matrix += matrix.T
    args = {
        "matrix": matrix.astype(dtype),
        "excess": rng.standard_normal(n) * (seed % 2),
        "maxima": sentinel((-(-n // 64), 2), np.float64),
    }
    return Case(args, ("maxima",), **_tolerance(dtype, 10))
