"""Kernels and distances against scikit-learn's and SciPy's, and what they promise beyond them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics import pairwise as theirs

import fastml
from fastml.metrics import _gram
from fastml.metrics import pairwise as ours
from tests.jit.toy import run

KERNELS = {
    "linear_kernel": {},
    "polynomial_kernel": {"degree": 3, "gamma": 0.3, "coef0": 0.5},
    "sigmoid_kernel": {"gamma": 0.05, "coef0": -0.2},
    "rbf_kernel": {"gamma": 0.4},
    "laplacian_kernel": {"gamma": 0.2},
    "cosine_similarity": {},
    "chi2_kernel": {"gamma": 0.7},
    "additive_chi2_kernel": {},
    "euclidean_distances": {},
}
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NAMES = pytest.mark.parametrize("name", KERNELS)


def rows(n, d, dtype=np.float64, seed=0):
    X = np.random.default_rng(seed).random((n, d))
    X[:, : d // 2] *= X[:, : d // 2] > 0.5
    return X.astype(dtype)


def both(name, *args, **options):
    """Return ours, and scikit-learn's of the same values in float64."""
    wide = [sparse.csr_array(a, dtype=float) if sparse.issparse(a) else a for a in args]
    wide = [np.array(a, float) if isinstance(a, np.ndarray) else a for a in wide]
    return getattr(ours, name)(*args, **options), getattr(theirs, name)(*wide, **options)


def assert_close(got, expected, dtype):
    rounding = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, expected, rtol=rounding, atol=rounding * abs(expected).max())


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


# Rows over more than one block; float64 rows of 150 features meet through products.
@pytest.mark.parametrize("n, d", [(1, 1), (37, 5), (500, 21), (250, 150)])
@DTYPES
@NAMES
def test_values(name, dtype, n, d, backend):
    X, Y = rows(n, d, dtype), rows(43, d, dtype, seed=1)
    got, expected = both(name, X, Y, **KERNELS[name])
    assert got.dtype == dtype
    assert_close(got, expected, dtype)
    got, expected = both(name, X, **KERNELS[name])
    assert got.dtype == dtype
    # The roots of the rounding errors on scikit-learn's way to a distance of almost 0.
    assert_close(got, expected, dtype)
    np.testing.assert_array_equal(got, got.T)
    np.testing.assert_array_equal(got, getattr(ours, name)(X, X, **KERNELS[name]))
    if name in ("rbf_kernel", "laplacian_kernel", "chi2_kernel"):
        np.testing.assert_array_equal(got.diagonal(), 1)
    elif name in ("euclidean_distances", "additive_chi2_kernel"):
        np.testing.assert_array_equal(got.diagonal(), 0)


@pytest.mark.parametrize("dense", ["neither", "X", "Y"])
@DTYPES
@pytest.mark.parametrize("name", [name for name in KERNELS if "chi2" not in name])
def test_sparse_rows(name, dtype, dense, backend):
    X, Y = rows(150, 12, dtype), rows(23, 12, dtype, seed=1)
    X[3] = 0
    A = X if dense == "X" else sparse.csr_matrix(X)
    B = Y if dense == "Y" else sparse.csc_array(Y)
    got, expected = getattr(ours, name)(A, B, **KERNELS[name]), both(name, X, Y, **KERNELS[name])[1]
    assert got.dtype == dtype
    assert_close(got, expected, dtype)
    if dense == "neither":
        got = getattr(ours, name)(A, **KERNELS[name])
        np.testing.assert_array_equal(got, got.T)
        assert_close(got, both(name, X, **KERNELS[name])[1], dtype)
        if name in ("rbf_kernel", "euclidean_distances"):
            np.testing.assert_array_equal(got.diagonal(), name == "rbf_kernel")


@pytest.mark.parametrize("name", ["linear_kernel", "cosine_similarity"])
def test_sparse_output(name):
    X, Y = sparse.csr_array(rows(20, 6)), sparse.csr_array(rows(9, 6, seed=1))
    for args in ((X,), (X, Y)):
        got, expected = both(name, *args, dense_output=False)
        assert sparse.issparse(got)
        np.testing.assert_allclose(got.toarray(), expected.toarray(), rtol=1e-12)
    assert not sparse.issparse(getattr(ours, name)(X, Y.toarray(), dense_output=False))


@DTYPES
def test_short_and_long_rows_have_directions(dtype):
    sizes = np.array([1e-30, 1e30, 1.0, 0.0, np.finfo(dtype).smallest_subnormal])
    X = (sizes[:, None] * np.array([3.0, 4.0])).astype(dtype)
    got = ours.cosine_similarity(X)
    np.testing.assert_allclose(got[:3, :3], 1, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(got[3:], 0, atol=1e-30)


def test_entries_given_twice_count_together():
    X = sparse.csr_array(([1.0, 2.0, 3.0], [1, 1, 0], [0, 2, 3]), shape=(2, 2))
    before = X.data.copy()
    np.testing.assert_array_equal(ours.euclidean_distances(X)[0, 1], np.sqrt(18))
    np.testing.assert_array_equal(X.data, before)


@DTYPES
@pytest.mark.parametrize("degree", [1, 2, 7, 2.5, 64, 70])
def test_degrees(degree, dtype, backend):
    X = rows(30, 4, dtype)
    got, expected = both("polynomial_kernel", X, degree=degree, gamma=0.1, coef0=0.7)
    np.testing.assert_allclose(got, expected, rtol=8 * (degree + 10) * np.finfo(dtype).eps)


def test_a_fraction_of_a_negative_number_is_no_number(backend):
    got = ours.polynomial_kernel([[1.0]], [[-2.0], [2.0]], degree=1.5, gamma=1.0, coef0=0.0)
    np.testing.assert_allclose(got, [[np.nan, 2**1.5]])


@pytest.mark.parametrize("mean", [0, 1e3, 1e6])
@pytest.mark.parametrize("d", [3, 64, 200])
@DTYPES
def test_nothing_is_lost_to_a_common_mean(dtype, d, mean):
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((90, d)) + mean).astype(dtype)
    Y = (rng.standard_normal((50, d)) + mean).astype(dtype)
    Y[:20] = X[:20] + np.spacing(X[:20])  # next to each other
    exact = cdist(X.astype(np.longdouble), Y.astype(np.longdouble))
    rounding = (4 + np.sqrt(d)) * np.finfo(dtype).eps

    def error(module):
        return abs(module.euclidean_distances(X, Y) - exact).max() / exact.max()

    assert error(ours) <= max(error(theirs), rounding)
    if dtype == np.float32:
        np.testing.assert_allclose(ours.euclidean_distances(X, Y), exact, rtol=rounding)
    gamma = 1 / d
    np.testing.assert_allclose(
        ours.rbf_kernel(X, Y, gamma=gamma), np.exp(-gamma * exact**2), rtol=0, atol=4 * rounding
    )
    index, distance = ours.pairwise_distances_argmin_min(X, Y)
    chosen, least = exact[range(90), index], exact.min(axis=1)
    np.testing.assert_allclose(distance, chosen, rtol=rounding)
    # Of rows that products cannot tell apart, float64 ones of many features get any.
    apart = np.sqrt(rounding) * exact.max() if dtype == np.float64 and d > 128 else 0
    np.testing.assert_allclose(chosen, least, rtol=rounding, atol=apart)


def test_sums_over_many_features():
    X = np.array([[1.0], [1.0001]], np.float32).repeat(1_000_000, axis=1)
    step = np.float64(X[1, 0]) - np.float64(X[0, 0])
    got = ours.euclidean_distances(X, X[1:])
    np.testing.assert_allclose(got, [[1000 * step], [0]], rtol=1e-5)
    np.testing.assert_allclose(ours.linear_kernel(X[:1], X[:1]), 1e6, rtol=1e-6)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (1, -1)])
def test_squared_lengths_are_used(shape):
    X, Y = rows(8, 3), rows(5, 3, seed=1)
    x, y = (X**2).sum(axis=1).reshape(shape), (Y**2).sum(axis=1).reshape(shape)
    for options in (
        {"X_norm_squared": x},
        {"Y_norm_squared": y},
        {"X_norm_squared": x, "Y_norm_squared": y},
        {"X_norm_squared": x + 1, "Y_norm_squared": 2 * y},
        {"X_norm_squared": x.astype(np.float32)},
    ):
        for squared in (False, True):
            got, expected = both("euclidean_distances", X, Y, squared=squared, **options)
            np.testing.assert_allclose(got, expected, rtol=1e-6)
            thin = ours.euclidean_distances(sparse.csr_array(X), Y, squared=squared, **options)
            np.testing.assert_allclose(thin, expected, rtol=1e-6)
            got = ours.euclidean_distances(
                X.astype(np.float32), Y.astype(np.float32), squared=squared, **options
            )
            assert got.dtype == np.float32
            np.testing.assert_allclose(got, expected, rtol=1e-4)
    got, expected = both("euclidean_distances", X, X_norm_squared=x)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    with pytest.raises(ValueError, match=r"Incompatible dimensions for Y of shape \(5, 3\)"):
        ours.euclidean_distances(X, Y, Y_norm_squared=x)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(
    n=st.integers(1, 60),
    k=st.integers(1, 60),
    d=st.integers(1, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_nearest_rows(n, k, d, dtype, seed):
    X, Y = rows(n, d, dtype, seed), rows(k, d, dtype, seed + 1)
    Y[k // 2] = Y[0]
    X[n // 2] = Y[0]
    exact = cdist(X, Y)
    for axis in (0, 1):
        index, distance = ours.pairwise_distances_argmin_min(X, Y, axis=axis)
        rounding = 4 * (d + 4) * np.finfo(dtype).eps
        np.testing.assert_allclose(distance, exact.min(axis=axis), rtol=rounding)
        chosen = np.take_along_axis(exact, np.expand_dims(index, axis), axis).squeeze(axis)
        np.testing.assert_allclose(chosen, exact.min(axis=axis), rtol=rounding)
        np.testing.assert_array_equal(ours.pairwise_distances_argmin(X, Y, axis=axis), index)
    # Of equal rows, the first.
    assert ours.pairwise_distances_argmin(X, Y)[n // 2] == 0


@pytest.mark.parametrize(
    "options",
    [
        {"metric": "sqeuclidean"},
        {"metric": "l2"},
        {"metric_kwargs": {"squared": True}},
        {"metric": "manhattan"},
        {"metric": "minkowski", "metric_kwargs": {"p": 3}},
        {"metric": lambda x, y: abs(x - y).max()},
    ],
)
def test_metrics_of_nearest_rows(options):
    X, Y = rows(30, 4), rows(11, 4, seed=1)
    for args in ((X, Y), (sparse.csr_array(X), sparse.csr_array(Y))):
        if sparse.issparse(args[0]) and options.get("metric") in ("minkowski", "sqeuclidean"):
            continue  # scikit-learn leaves them to SciPy, which does not know sparse rows
        got, expected = both("pairwise_distances_argmin_min", *args, **options)
        np.testing.assert_array_equal(got[0], expected[0])
        np.testing.assert_allclose(got[1], expected[1], rtol=1e-7)


@pytest.mark.parametrize("metric", ours.PAIRWISE_KERNEL_FUNCTIONS)
def test_kernels_by_name(metric):
    X, Y = rows(12, 3), rows(5, 3, seed=1)
    options = {"gamma": 0.3, "degree": 2, "coef0": 0.1}
    for n_jobs in (None, 1, 2, -1):
        got, expected = both(
            "pairwise_kernels", X, Y, metric=metric, filter_params=True, n_jobs=n_jobs, **options
        )
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15)


def test_kernels_by_other_means():
    X, Y = rows(6, 3), rows(5, 3, seed=1)
    for metric, args in (
        (np.dot, (X, Y)),
        (np.dot, (X,)),
        ("precomputed", (X @ X.T,)),
        (RBF(), (X, Y)),
    ):
        got, expected = both("pairwise_kernels", *args, metric=metric)
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "name", ["linear", "poly", "rbf", "sigmoid", "laplacian", "cosine", "chi2"]
)
@DTYPES
def test_the_diagonal_alone(name, dtype, backend):
    function = _gram.KernelFunction(name)
    where = fastml.backends.resolve()
    X = rows(20, 5, dtype)
    X[4] = 0
    expected = _gram.gram(function, where, X).diagonal()
    for data in (X, sparse.csr_array(X)):
        got = _gram.diagonal(function, where, data)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=10 * np.finfo(dtype).eps)


def test_a_given_matrix_is_written():
    X = rows(10, 3)
    out = np.empty((10, 10))
    where = fastml.backends.resolve()
    assert _gram.gram(_gram.KernelFunction("rbf"), where, X, out=out) is out
    np.testing.assert_array_equal(out, ours.rbf_kernel(X))


SIMULATED = """
import numpy as np, fastml
from scipy import sparse
from sklearn.metrics import pairwise as theirs
from fastml.metrics import pairwise as ours
X = np.random.default_rng(0).random((9, 4), np.float32)
for rows in (X, sparse.csr_array(X)):
    for name in ("rbf_kernel", "cosine_similarity"):
        with fastml.config_context(backend="cuda"):
            got = getattr(ours, name)(rows)
        np.testing.assert_allclose(got, getattr(theirs, name)(rows), rtol=1e-5)
with fastml.config_context(backend="cuda"):
    index, distance = ours.pairwise_distances_argmin_min(X, X[::-1])
assert index.tolist() == list(range(9))[::-1] and not distance.any()
print("passed")
"""


def test_the_driver_on_a_device():
    assert run(SIMULATED, NUMBA_ENABLE_CUDASIM="1") == "passed"
