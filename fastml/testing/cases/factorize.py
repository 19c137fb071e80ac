"""Inputs for matrix factorisations; bases have no signs, so what they span is compared.

The matrix counts as written, since a kernel may leave anything in it; it is not compared.
"""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

_SIZES = ((1, 1), (2, 2), (5, 3), (16, 16), (40, 7), (7, 40), (65, 33))


def _matrix(dtype, scale, seed):
    shape = choose(scale, seed, (6, 4), _SIZES, (2000, 500))
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def _tolerance(args):
    a = args["matrix"]
    return 50 * np.finfo(a.dtype).eps * max(a.shape) * np.abs(a).max()


def _compare_eigh(expected, got, args):
    a, tol = args["matrix"], _tolerance(args)
    np.testing.assert_allclose(got["values"], expected["values"], atol=tol)
    v = got["vectors"]
    np.testing.assert_allclose(v @ a, got["values"][:, None] * v, atol=tol)
    np.testing.assert_allclose(v @ v.T, np.eye(len(v)), atol=tol)


def eigh(dtype, scale, seed):
    a = _matrix(dtype, scale, seed)
    n = a.shape[1]
    wanted = (n, 1, 0, max(1, n // 8))[seed % 4]
    args = {
        "matrix": (a.T @ a).astype(dtype),
        "values": sentinel(wanted, dtype),
        "vectors": sentinel((wanted, n), dtype),
    }
    return Case(args, ("matrix", "values", "vectors"), compare=_compare_eigh)


def _compare_svd(expected, got, args):
    a, tol = args["matrix"], _tolerance(args)
    np.testing.assert_allclose(got["values"], expected["values"], atol=tol)
    np.testing.assert_allclose(got["left"] * got["values"] @ got["right"], a, atol=tol)
    for v in (got["left"].T, got["right"]):
        np.testing.assert_allclose(v @ v.T, np.eye(len(v)), atol=tol)


def svd(dtype, scale, seed):
    a = _matrix(dtype, scale, seed)
    rank = min(a.shape)
    args = {
        "matrix": a,
        "left": sentinel((a.shape[0], rank), dtype),
        "values": sentinel(rank, dtype),
        "right": sentinel((rank, a.shape[1]), dtype),
    }
    return Case(args, ("matrix", "left", "values", "right"), compare=_compare_svd)


def _basis_case(dtype, scale, seed, compare):
    a = _matrix(dtype, scale, seed)
    args = {"matrix": a, "basis": sentinel((a.shape[0], min(a.shape)), dtype)}
    return Case(args, ("matrix", "basis"), compare=compare)


def _compare_qr(expected, got, args):
    q, a, tol = got["basis"], args["matrix"], _tolerance(args)
    np.testing.assert_allclose(q.T @ q, np.eye(q.shape[1]), atol=tol)
    np.testing.assert_allclose(q @ (q.T @ a), a, atol=tol)


def qr(dtype, scale, seed):
    return _basis_case(dtype, scale, seed, _compare_qr)


def _compare_lu(expected, got, args):
    # Partial pivoting leaves no choice but between equal entries.
    tol = _tolerance(args)
    np.testing.assert_allclose(got["basis"], expected["basis"], rtol=0, atol=tol)


def lu(dtype, scale, seed):
    return _basis_case(dtype, scale, seed, _compare_lu)


def _compare_triangle(expected, got, args):
    # Rows have no signs, so what does not depend on them is compared.
    r, a, tol = got["factor"], args["matrix"], _tolerance(args)
    np.testing.assert_allclose(r.T @ r, a.T @ a, atol=tol * np.abs(a.T @ a).max() ** 0.5)
    np.testing.assert_array_equal(r, np.triu(r))


def triangularize(dtype, scale, seed):
    a = _matrix(dtype, scale, seed)
    args = {"matrix": a, "factor": sentinel((min(a.shape), a.shape[1]), dtype)}
    return Case(args, ("matrix", "factor"), compare=_compare_triangle)


def _compare_solve(expected, got, args):
    a, tol = args["matrix"], _tolerance(args)
    np.testing.assert_allclose(a @ got["out"], args["right"], atol=tol)
    np.testing.assert_allclose(got["out"], expected["out"], atol=tol)


def solve_positive(dtype, scale, seed):
    a = _matrix(dtype, scale, seed)
    n = a.shape[1]
    right = np.random.default_rng(seed + 1).standard_normal((n, 1 + seed % 5)).astype(dtype)
    args = {
        "matrix": (a.T @ a + np.eye(n)).astype(dtype),
        "right": right,
        "out": sentinel(right.shape, dtype),
    }
    return Case(args, ("matrix", "out"), compare=_compare_solve)
