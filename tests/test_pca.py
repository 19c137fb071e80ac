"""PCA: agreement with scikit-learn, what fastml adds, accuracy, reproducibility, bad input."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import decomposition as sklearn_decomposition
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.decomposition import PCA
from fastml.decomposition._axes import completed
from fastml.decomposition._minka import evidence, infer_dimension

BACKENDS = ["cpu", "reference"]
SOLVERS = ["full", "covariance_eigh", "arpack", "randomized"]
FITTED = ["components_", "explained_variance_", "explained_variance_ratio_", "singular_values_"]
FITTED += ["mean_", "noise_variance_"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def spectrum_data(n_samples, n_features, dtype=np.float64, seed=0, decay=0.7):
    """Rows about a mean far from zero whose variances fall by `decay` a component."""
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    factors = rng.standard_normal((n_samples, n_features)) * decay ** np.arange(n_features)
    return (factors @ axes + rng.uniform(-3, 3, n_features)).astype(dtype)


def assert_same_model(ours, theirs, tol):
    for name in FITTED:
        got, expected = getattr(ours, name), getattr(theirs, name)
        assert np.shape(got) == np.shape(expected), name
        atol = tol * np.max(np.abs(expected), initial=0)
        assert_allclose(got, expected, rtol=tol, atol=atol, err_msg=name)
    assert ours.n_components_ == theirs.n_components_
    assert ours.n_samples_ == theirs.n_samples_


@parametrize_with_checks([PCA()])
@pytest.mark.parametrize("backend_name", BACKENDS)
def test_estimator_checks(estimator, check, backend_name):
    with fastml.config_context(backend=backend_name):
        check(estimator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(200, 11), (40, 60)])
@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
def test_agrees_with_sklearn(backend, solver, shape, dtype):
    X = spectrum_data(*shape, dtype)
    kwargs = {"n_components": 5, "svd_solver": solver, "random_state": 0, "iterated_power": 10}
    ours, theirs = PCA(**kwargs), sklearn_decomposition.PCA(**kwargs)
    projected, expected = ours.fit_transform(X), theirs.fit_transform(X)
    tol = 1e-3 if dtype == np.float32 else 1e-7
    assert_same_model(ours, theirs, tol)
    assert projected.dtype == dtype
    assert_allclose(projected, expected, atol=10 * tol)
    assert_allclose(ours.transform(X), theirs.transform(X), atol=10 * tol)
    back = ours.inverse_transform(projected)
    assert back.dtype == dtype
    assert_allclose(back, theirs.inverse_transform(expected), atol=10 * tol)
    for name in ("components_", "explained_variance_", "mean_", "singular_values_"):
        assert getattr(ours, name).dtype == dtype


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("n_components", [None, 3, 0, 0.9, "mle"])
@pytest.mark.parametrize("solver", ["full", "covariance_eigh"])
def test_model_of_exact_solvers(backend, solver, n_components, whiten):
    X = spectrum_data(150, 7)
    kwargs = {"n_components": n_components, "svd_solver": solver, "whiten": whiten}
    ours, theirs = PCA(**kwargs).fit(X), sklearn_decomposition.PCA(**kwargs).fit(X)
    assert_same_model(ours, theirs, 1e-9)
    assert_allclose(ours.get_covariance(), theirs.get_covariance(), atol=1e-9)
    expected = theirs.get_precision()
    assert_allclose(ours.get_precision(), expected, atol=1e-7 * np.abs(expected).max())
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-7)
    assert_allclose(ours.score(X), theirs.score(X), rtol=1e-9)
    assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-8)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
@pytest.mark.parametrize("solver", ["arpack", "covariance_eigh", "auto"])
def test_sparse_agrees_with_sklearn(backend, solver, container):
    rng = np.random.default_rng(0)
    X = container(sparse.random_array((300, 30), density=0.2, rng=rng).multiply(np.arange(1, 31)))
    kwargs = {"n_components": 4, "svd_solver": solver, "random_state": 0}
    ours, theirs = PCA(**kwargs), sklearn_decomposition.PCA(**kwargs).fit(X)
    projected = ours.fit_transform(X)
    assert_same_model(ours, theirs, 1e-8)
    assert ours._fit_svd_solver == theirs._fit_svd_solver
    assert_allclose(projected, theirs.transform(X), atol=1e-8)
    assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
def test_float32_far_from_zero(solver):
    # The covariance of float32 data is lost in float32 second moments at this mean.
    rng = np.random.default_rng(0)
    X = (spectrum_data(5000, 8) * 20).astype(np.float32)
    X = (X + rng.uniform(0.5e6, 1.5e6, 8)).astype(np.float32)
    expected = sklearn_decomposition.PCA(3, svd_solver="full").fit(X.astype(np.float64))
    pca = PCA(3, svd_solver=solver, random_state=0).fit(X)
    assert_allclose(pca.components_, expected.components_, atol=1e-3)
    assert_allclose(pca.explained_variance_, expected.explained_variance_, rtol=1e-3)
    assert_allclose(pca.transform(X), expected.transform(X), atol=0.3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_standardize_is_pca_of_standardised_columns(backend, solver):
    X = spectrum_data(300, 9) * 10.0 ** np.arange(-4, 5)
    X[:, 4] = 0.1  # no variance; its mean is rounded
    kwargs = {"n_components": 4, "svd_solver": solver, "random_state": 0}
    pca = PCA(standardize=True, **kwargs)
    projected = pca.fit_transform(X)
    scaled = StandardScaler().fit_transform(X) * np.sqrt(299 / 300)
    expected = sklearn_decomposition.PCA(**kwargs).fit(scaled)
    assert_allclose(pca.components_, expected.components_, atol=1e-8)
    assert_allclose(pca.explained_variance_, expected.explained_variance_, rtol=1e-8)
    assert_allclose(pca.noise_variance_, expected.noise_variance_, rtol=1e-7)
    assert_allclose(projected, expected.transform(scaled), atol=1e-7)
    assert_allclose(pca.transform(X), projected, atol=1e-7)
    assert pca.scale_[4] == 1
    assert_allclose(np.delete(pca.scale_, 4), np.delete(X.std(axis=0, ddof=1), 4))
    # Eigenvalues of a correlation matrix: their sum is the number of columns that vary.
    everything = PCA(svd_solver="full", standardize=True).fit(X)
    assert_allclose(everything.explained_variance_.sum(), 8)
    assert_allclose(everything.inverse_transform(everything.transform(X)), X, atol=1e-7)


def test_standardize_covariance_is_in_the_units_of_the_data():
    X = spectrum_data(300, 4) * [1, 10, 100, 1000]
    pca = PCA(standardize=True).fit(X)
    assert_allclose(pca.get_covariance(), np.cov(X, rowvar=False))
    assert_allclose(pca.get_precision() @ pca.get_covariance(), np.eye(4), atol=1e-9)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("solver", [*SOLVERS, "sparse arpack", "sparse covariance_eigh"])
def test_weights_are_repetitions(backend, solver, standardize):
    rng = np.random.default_rng(1)
    X = spectrum_data(400, 12)
    weights = rng.integers(0, 4, 400)
    container, solver = (sparse.csr_array if " " in solver else np.asarray), solver.split()[-1]
    kwargs = {"n_components": 3, "svd_solver": solver, "random_state": 0}
    kwargs |= {"standardize": standardize, "iterated_power": 12}
    pca = PCA(**kwargs)
    projected = pca.fit_transform(container(X), sample_weight=weights)
    repeated = PCA(**kwargs).fit(container(np.repeat(X, weights, axis=0)))
    for name in FITTED:
        got, expected = getattr(pca, name), getattr(repeated, name)
        assert_allclose(got, expected, rtol=1e-6, atol=1e-6, err_msg=name)
    assert_allclose(projected, repeated.transform(X), atol=1e-5)


@pytest.mark.parametrize("solver", ["full", "randomized", "arpack", "covariance_eigh"])
def test_heavy_rows_stand_for_more_components_than_rows(solver):
    X, weights = spectrum_data(6, 20), np.array([3, 1, 4, 1, 0, 2])
    pca = PCA(svd_solver=solver, random_state=0).fit(X, sample_weight=weights)
    repeated = PCA(svd_solver=solver, random_state=0).fit(np.repeat(X, weights, axis=0))
    assert pca.n_components_ == repeated.n_components_ >= 10
    assert_allclose(pca.explained_variance_, repeated.explained_variance_, atol=1e-10)
    assert_allclose(pca.transform(X), repeated.transform(X), atol=1e-8)


def test_fractional_weights():
    X, weights = spectrum_data(60, 3), np.random.default_rng(0).uniform(0, 2, 60)
    pca = PCA().fit(X, sample_weight=weights)
    assert_allclose(pca.mean_, np.average(X, axis=0, weights=weights))
    centred = X - pca.mean_
    expected = (centred.T * weights) @ centred / (weights.sum() - 1)
    assert_allclose(pca.get_covariance(), expected)


@pytest.mark.parametrize(
    "weights, message",
    [
        (np.full(20, -1.0), "Negative values in data passed to `sample_weight`"),
        (np.zeros(20), "Sample weights must contain at least one non-zero number"),
        (np.full(20, 0.04), "sum of sample_weight"),
        (np.full(20, np.nan), "Input sample_weight contains NaN"),
        (np.ones(19), r"sample_weight.shape == \(19,\), expected \(20,\)"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        PCA().fit(spectrum_data(20, 3), sample_weight=weights)


THREADS = """
import hashlib, sys
import numpy as np
import fastml
from fastml.decomposition import PCA
from threadpoolctl import threadpool_limits

rng = np.random.default_rng(0)
tall = rng.standard_normal((6000, 150), dtype=np.float32)
wide = rng.standard_normal((300, 700))
for threads in (1, 2, 4):
    digest = hashlib.sha256()
    with fastml.config_context(num_threads=threads), threadpool_limits(threads):
        for X, solvers in ((tall, ("covariance_eigh", "arpack", "randomized")),
                           (wide, ("full", "arpack", "randomized", "covariance_eigh"))):
            for solver in solvers:
                pca = PCA(10, svd_solver=solver, random_state=0).fit(X)
                for value in (pca.components_, pca.explained_variance_, pca.mean_,
                              pca.singular_values_, pca.explained_variance_ratio_,
                              np.asarray(pca.noise_variance_)):
                    digest.update(np.ascontiguousarray(value).tobytes())
    print(digest.hexdigest())
"""


def test_same_bits_for_any_number_of_threads():
    out = subprocess.run(
        [sys.executable, "-c", THREADS],
        env={**os.environ, "NUMBA_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout.split()
    assert len(out) == 3
    assert len(set(out)) == 1


@pytest.mark.parametrize("solver", [*SOLVERS, "auto"])
def test_input_layouts_give_the_same_model(backend, solver):
    X = spectrum_data(120, 6)
    expected = PCA(2, svd_solver=solver, random_state=0).fit(X)
    frozen = X.copy()
    frozen.flags.writeable = False
    strided = np.zeros((240, 12))
    strided[::2, ::2] = X
    for same in (
        frozen,
        np.asfortranarray(X),
        strided[::2, ::2],
        X[::-1][::-1],
        X.astype(">f8"),
        X.tolist(),
        X.astype(object),
        np.ma.masked_array(X),
    ):
        pca = PCA(2, svd_solver=solver, random_state=0).fit(same)
        assert_array_equal(pca.components_, expected.components_)
        assert_array_equal(pca.transform(same), expected.transform(X))


def test_other_dtypes_become_float64(backend):
    X = np.round(spectrum_data(50, 4) * 10)
    expected = PCA().fit(X)
    for dtype in (np.float16, np.int8, np.int64, np.longdouble):
        pca = PCA().fit(X.astype(dtype))
        assert pca.components_.dtype == np.float64
        assert_allclose(pca.components_, expected.components_)


@pytest.mark.parametrize(
    "X, error, message",
    [
        ([[1.0, np.nan], [2, 3], [4, 5]], ValueError, "Input X contains NaN"),
        ([[1.0, np.inf], [2, 3], [4, 5]], ValueError, "Input X contains infinity"),
        (np.empty((0, 3)), ValueError, r"Found array with 0 sample\(s\)"),
        (np.empty((3, 0)), ValueError, r"Found array with 0 feature\(s\)"),
        ([[1.0, 2.0]], ValueError, r"Found array with 1 sample\(s\).*minimum of 2 is required"),
        ([1.0, 2.0, 3.0], ValueError, "Expected 2D array, got 1D array instead"),
        (np.ones((2, 2, 2)), ValueError, "Found array with dim 3"),
        ([["a", "b"], ["c", "d"]], ValueError, "could not convert string to float"),
        (np.array([[1j, 2], [3, 4]]), ValueError, "Complex data not supported"),
        ([[1.0, "x"], [2.0, "y"]], ValueError, "could not convert string to float"),
        (np.array([[{}, 1], [2, 3]], dtype=object), TypeError, "argument must be"),
        (sparse.csr_array(np.array([[1.0, np.nan], [2, 3]])), ValueError, "Input X contains NaN"),
        (np.full((30, 2), 1e200) * [[1, -1]] * np.arange(30)[:, None], ValueError, "too large"),
    ],
)
@pytest.mark.parametrize("solver", ["auto", "covariance_eigh"])
def test_bad_input(backend, solver, X, error, message):
    with pytest.raises(error, match=message):
        PCA(1, svd_solver=solver).fit(X)


@pytest.mark.parametrize("solver", SOLVERS)
def test_nan_is_found_wherever_it_is(backend, solver):
    X = spectrum_data(500, 20, np.float32)
    for row, column, value in ((0, 0, np.nan), (499, 19, np.inf), (250, 7, -np.inf)):
        bad = X.copy()
        bad[row, column] = value
        with pytest.raises(ValueError, match="Input X contains"):
            PCA(2, svd_solver=solver).fit(bad)
        with pytest.raises(ValueError, match="Input X contains"):
            PCA(2, svd_solver=solver).fit(X).transform(bad)


def test_large_float32_values_do_not_overflow(backend):
    X = spectrum_data(300, 5, np.float32)
    expected = PCA(2).fit(X)
    pca = PCA(2).fit(X * np.float32(2.0**62))
    assert_allclose(pca.components_, expected.components_, atol=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_too_many_components(backend, solver):
    with pytest.raises(ValueError, match=r"n_components=9 must be between"):
        PCA(9, svd_solver=solver).fit(spectrum_data(30, 8))


def test_sparse_needs_a_solver_for_sparse():
    with pytest.raises(TypeError, match="PCA only support sparse inputs"):
        PCA(svd_solver="full").fit(sparse.eye_array(5).tocsr())


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("solver", SOLVERS)
def test_copy(solver, copy):
    X = spectrum_data(100, 8)
    before = X.copy()
    pca = PCA(3, svd_solver=solver, copy=copy, random_state=0).fit(X)
    expected = PCA(3, svd_solver=solver, random_state=0).fit(before)
    assert_array_equal(pca.components_, expected.components_)
    if copy:
        assert_array_equal(X, before)


def test_no_noise_left_is_zero_noise(backend):
    # Rank 2: what the trace leaves after two components is rounding.
    X = spectrum_data(200, 2) @ np.random.default_rng(0).standard_normal((2, 6))
    pca = PCA(2, svd_solver="covariance_eigh").fit(X)
    assert 0 <= pca.noise_variance_ < 1e-14
    assert np.isfinite(pca.get_precision()).all()


def test_frames_and_names():
    X = spectrum_data(40, 3)
    for frame in (
        pd.DataFrame(X, columns=["a", "b", "c"]),
        pl.DataFrame(X, schema=["a", "b", "c"]),
    ):
        pca = PCA(2).fit(frame)
        assert_array_equal(pca.feature_names_in_, ["a", "b", "c"])
        assert_array_equal(pca.components_, PCA(2).fit(X).components_)
        assert_array_equal(pca.transform(frame), PCA(2).fit(X).transform(X))
    assert_array_equal(pca.get_feature_names_out(), ["pca0", "pca1"])
    for container, kind in (("pandas", pd.DataFrame), ("polars", pl.DataFrame)):
        out = PCA(2).set_output(transform=container).fit_transform(frame)
        assert isinstance(out, kind)
        assert list(out.columns) == ["pca0", "pca1"]


def test_pickle_and_clone():
    X = spectrum_data(50, 5)
    pca = PCA(2, standardize=True, random_state=3).fit(X)
    again = pickle.loads(pickle.dumps(pca))
    assert_array_equal(again.transform(X), pca.transform(X))
    fresh = clone(pca)
    assert fresh.get_params() == pca.get_params()
    assert not hasattr(fresh, "components_")


def test_cuda_without_a_device_says_so():
    from fastml.backends.cuda import missing

    if not missing():
        pytest.skip("there is a device")
    with fastml.config_context(backend="cuda"), pytest.raises(RuntimeError, match="backend='cuda'"):
        PCA().fit(spectrum_data(20, 3))


def test_evidence_agrees_with_sklearn():
    from sklearn.decomposition._pca import _assess_dimension

    spectrum = np.sort(np.random.default_rng(0).gamma(1, size=12))[::-1]
    for rank in range(1, 12):
        assert_allclose(evidence(spectrum, rank, 40), _assess_dimension(spectrum, rank, 40))
    assert infer_dimension(np.array([1, 1e-30, 1e-30]), 10) == 1
    assert infer_dimension(np.array([2.0]), 10) == 0
    with pytest.raises(ValueError, match="rank should be in"):
        evidence(spectrum, 12, 40)
    # Equal eigenvalues, which scikit-learn stumbles over.
    assert np.isfinite(evidence(np.array([3.0, 2, 2, 1]), 2, 40))


@pytest.mark.parametrize("rank", [0, 1, 3, 5])
def test_completed_axes_are_orthonormal_and_of_the_data_alone(rank):
    rng = np.random.default_rng(rank)
    basis = np.linalg.qr(rng.standard_normal((8, 6)))[0].T
    turn = np.linalg.qr(rng.standard_normal((6 - rank, 6 - rank)))[0]
    other = np.concatenate([basis[:rank], turn @ basis[rank:]])
    axes = completed(basis, rank)
    assert_allclose(axes @ axes.T, np.eye(6), atol=1e-14)
    assert_array_equal(axes[:rank], basis[:rank])
    assert_array_equal(axes, completed(other, rank))


def test_completed_where_the_least_explained_axes_depend_on_each_other():
    # The first four coordinate axes are the least explained, and contain the first row.
    rows = np.zeros((2, 6))
    rows[0, :4], rows[1, 4:] = 0.5, 0.5**0.5
    axes = completed(np.concatenate([rows, np.eye(6)[:3]]), 2)
    assert_allclose(axes @ axes.T, np.eye(5), atol=1e-14)
