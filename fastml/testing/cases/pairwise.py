"""Inputs for kernel matrices and nearest rows."""

import numpy as np
from scipy import sparse

from fastml.kernels.pairwise import forms
from fastml.testing.cases import Case, choose, sentinel

# (rows, other rows, features): nothing, single, odd, around tiles, blocks and runs of features.
_SHAPES = (
    (0, 3, 2),
    (1, 1, 1),
    (25, 17, 17),
    (250, 300, 33),
    (5, 2, 3),
    (24, 16, 16),
    (131, 60, 129),
    (97, 5, 1),
    (241, 241, 300),
    (500, 20, 7),
)


def _rows(dtype, scale, seed):
    n, k, d = choose(scale, seed, (11, 5, 3), _SHAPES, (5000, 5000, 64))
    rng = np.random.default_rng(seed)
    X, Y = rng.random((n, d)).astype(dtype), rng.random((k, d)).astype(dtype)
    X[: n // 3, : d // 2] = 0
    Y[: k // 3] = X[0] if n else 0
    return X, Y


def _squares(X, offset):
    return ((X - offset) ** 2).sum(axis=1, dtype=X.dtype)


def _function(X, Y, seed):
    """Return a kernel function's term, offset, scales, squares, ending and numbers."""
    dtype, d = X.dtype.type, X.shape[1]
    term, ending = seed % 4, (seed // 2 + seed // 8) % 5
    none = np.empty(0, dtype)
    offset, factors, squares = np.zeros(d, dtype), (none, none), (none, none)
    if term == forms.PRODUCT and seed % 3 == 0:
        offset = np.full(d, 0.5, dtype)
        squares = _squares(X, offset), _squares(Y, offset)
        # The root of a distance next to 0 is all rounding.
        ending = forms.AFFINE if ending == forms.ROOT else ending
    elif term == forms.PRODUCT and seed % 3 == 1:
        factors = tuple(np.linspace(0.5, 2, len(rows)).astype(dtype) for rows in (X, Y))
    return {
        "term": term,
        "offset": offset,
        "x_scale": factors[0],
        "y_scale": factors[1],
        "x_squares": squares[0],
        "y_squares": squares[1],
        "ending": ending,
        "gamma": dtype((-1.0 if ending == forms.EXP else 1.0) / d),
        "coef0": dtype(0.0 if ending in (forms.ROOT, forms.EXP) else 0.5),
        "degree": dtype((3, 2.5, 1, 70)[seed // 5 % 4]),
    }


def gram(dtype, scale, seed):
    X, Y = _rows(dtype, scale, seed)
    symmetric = (seed // 3) % 2 == 1
    Y = X if symmetric else Y
    args = {
        "X": X,
        "Y": Y,
        "symmetric": symmetric,
        **_function(X, Y, seed),
        "probe": np.zeros(len(X) + len(Y), dtype),
        "out": sentinel((len(X), len(Y)), dtype),
    }
    # The 70th power takes 70 times the error of what it is of.
    return Case(
        args, ("probe", "out"), rtol=400 * np.finfo(dtype).eps, atol=200 * np.finfo(dtype).eps
    )


def gram_times(dtype, scale, seed):
    X, Y = _rows(dtype, scale, seed)
    n_columns = choose(scale, seed, 4, (1, 3, 16, 50), 100)
    right = np.random.default_rng(seed).random((len(Y), n_columns)).astype(dtype)
    function = _function(X, Y, seed)
    args = {
        "X": X,
        "Y": Y,
        **function,
        "right": right,
        "probe": np.zeros(len(X) + len(Y), dtype),
        "out": sentinel((len(X), n_columns), (dtype, np.float64)[seed % 2]),
    }
    # Nothing is negative but products less an offset; as for `gram`.
    eps = np.finfo(dtype).eps
    return Case(args, ("probe", "out"), rtol=400 * eps, atol=200 * eps * max(1, len(Y)))


def sparse_gram(dtype, scale, seed):
    X, Y = (np.where(rows > 0.5, rows, 0) for rows in _rows(dtype, scale, seed))
    ending = seed % 5
    symmetric = (seed // 2) % 2 == 1
    Y = X if symmetric else Y
    squares = np.empty(0), np.empty(0)
    if ending == forms.EXP:
        squares = tuple((rows.astype(np.float64) ** 2).sum(axis=1) for rows in (X, Y))
    left, right = sparse.csr_array(X), sparse.csc_array(Y)
    args = {
        "x_data": left.data,
        "x_indices": left.indices.astype(np.int32),
        "x_indptr": left.indptr.astype(np.int64),
        "y_data": right.data,
        "y_rows": right.indices.astype(np.int32),
        "y_indptr": right.indptr.astype(np.int64),
        "symmetric": symmetric,
        "x_squares": squares[0],
        "y_squares": squares[1],
        "ending": ending,
        "gamma": dtype((-1.0 if ending == forms.EXP else 1.0) / X.shape[1]),
        "coef0": dtype(0.0 if ending == forms.EXP else 0.5),
        "degree": dtype((3, 2.5)[seed // 5 % 2]),
        "out": sentinel((len(X), len(Y)), dtype),
    }
    return Case(args, ("out",), rtol=50 * np.finfo(dtype).eps)


def row_squares(dtype, scale, seed):
    X, _ = _rows(dtype, scale, seed)
    args = {"X": X, "offset": np.full(X.shape[1], 0.5, dtype), "out": sentinel(len(X), np.float64)}
    return Case(args, ("out",), rtol=1e-12)


def check_nearest(expected, got, args):
    """Accept any row that is as near as the nearest, up to rounding."""
    X, Y = (args[name].astype(np.float64) for name in ("X", "Y"))
    slack = 10 * (X.shape[1] + 8) * np.finfo(args["X"].dtype).eps
    np.testing.assert_allclose(got["values"], expected["values"], rtol=slack)
    chosen = ((X - Y[got["indices"]]) ** 2).sum(axis=1)
    np.testing.assert_allclose(chosen, expected["values"], rtol=slack)


def nearest(dtype, scale, seed):
    X, Y = _rows(dtype, scale, seed)
    args = {
        "X": X,
        "Y": Y,
        "indices": sentinel(len(X), np.int64),
        "values": sentinel(len(X), dtype),
    }
    return Case(args, ("indices", "values"), compare=check_nearest)
