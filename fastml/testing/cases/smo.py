"""Inputs for sequential minimal optimisation."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

# Rows of three classes: some without any, single, odd, more than a vector.
_CLASSES = ((3, 2, 4), (1, 1, 0), (20, 17, 5), (0, 3, 40), (70, 61, 33), (16, 16, 16))
_TOL = 1e-7


def check_solved(expected, got, args):
    """Accept any point as good as the reference's, and steps enough to get there."""
    starts, parts = args["starts"], args["parts"]
    assert (got["solution"] >= args["lower"]).all()
    assert (got["solution"] <= args["upper"]).all()
    few = args["max_iter"] < 10
    for p in range(len(parts)):
        rows, here = (
            np.r_[parts[p, 0] : parts[p, 1], parts[p, 2] : parts[p, 3]],
            slice(starts[p], starts[p + 1]),
        )
        K = args["K"][np.ix_(rows, rows)].astype(np.float64)
        linear = args["gradient"][here] - K @ args["solution"][here]
        solution = got["solution"][here]
        np.testing.assert_allclose(got["gradient"][here], K @ solution + linear, atol=1e-9)
        np.testing.assert_allclose(solution.sum(), args["solution"][here].sum(), atol=1e-12)
        values = [0.5 * x @ K @ x + linear @ x for x in (solution, expected["solution"][here])]
        np.testing.assert_allclose(*values, rtol=1e-9, atol=1e-9)
        # Among steps without ties both go the same way.
        assert got["n_iter"][p] <= args["max_iter"]
        assert (got["gap"][p] < _TOL) == (expected["gap"][p] < _TOL)
        if few:
            assert got["n_iter"][p] == expected["n_iter"][p]


def solve(dtype, scale, seed):
    sizes = choose(scale, seed, (4, 3, 2), _CLASSES, (700, 600, 500))
    rng = np.random.default_rng(seed)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    X = rng.standard_normal((edges[-1], 3))
    squares = ((X[:, None] - X) ** 2).sum(axis=2)
    K = np.exp(-0.5 * squares) + 0.1 * np.eye(len(X))
    parts, lower, upper, gradient = [], [], [], []
    for i in range(3):
        for j in range(i + 1, 3):
            parts.append([edges[i], edges[i + 1], edges[j], edges[j + 1]])
            bounds = rng.uniform(0.5, 2, sizes[i] + sizes[j])
            signs = np.repeat([1.0, -1.0], [sizes[i], sizes[j]])
            lower.append(np.minimum(signs, 0) * bounds)
            upper.append(np.maximum(signs, 0) * bounds)
            gradient.append(-signs)
    n_variables = [len(part) for part in lower]
    args = {
        "K": K.astype(dtype),
        "parts": np.array(parts, np.int64),
        "starts": np.concatenate([[0], np.cumsum(n_variables)]).astype(np.int64),
        "lower": np.concatenate(lower),
        "upper": np.concatenate(upper),
        "solution": np.zeros(sum(n_variables)),
        "gradient": np.concatenate(gradient),
        "tol": _TOL,
        "max_iter": (3, 1_000_000)[seed % 2],
        "n_iter": sentinel(3, np.int64),
        "gap": sentinel(3, np.float64),
    }
    outputs = ("solution", "gradient", "n_iter", "gap")
    return Case(args, outputs, compare=check_solved)


def _matrix(dtype, scale, seed):
    shape = choose(
        scale, seed, (7, 9), ((5, 3), (1, 1), (40, 1100), (33, 2), (9, 2049)), (800, 9000)
    )
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, shape[0], choose(scale, seed, 5, (0, 1, 4, 7, 18), 256))
    return rng.standard_normal(shape).astype(dtype), rows, rng


def gather(dtype, scale, seed):
    matrix, rows, rng = _matrix(dtype, scale, seed)
    columns = rng.integers(0, matrix.shape[1], (seed * 7) % 30)
    out = sentinel((len(rows), len(columns)), dtype)
    return Case({"matrix": matrix, "rows": rows, "columns": columns, "out": out}, ("out",))


def put_rows(dtype, scale, seed):
    matrix, rows, rng = _matrix(dtype, scale, seed)
    rows = np.unique(rows)
    block = rng.standard_normal((len(rows), matrix.shape[1])).astype(dtype)
    args = {"block": block, "rows": rows, "matrix": matrix.astype(np.float32)}
    return Case(args, ("matrix",))


def add_rows(dtype, scale, seed):
    matrix, rows, rng = _matrix(dtype, scale, seed)
    args = {
        "matrix": matrix,
        "rows": rows,
        "weights": rng.standard_normal(len(rows)),
        "total": rng.standard_normal(matrix.shape[1]),
    }
    return Case(args, ("total",), rtol=1e-12, atol=1e-12)
