"""PCA: agreement with scikit-learn, what fastml adds, accuracy, reproducibility."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import decomposition as sklearn_decomposition
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.backends import resolve
from fastml.blocks import merge_tree
from fastml.decomposition import PCA
from fastml.decomposition._axes import completed
from fastml.decomposition._minka import evidence, infer_dimension
from fastml.decomposition._moments import merge, moments, partials, plan
from tests.pca_data import BACKENDS, SOLVERS, spectrum_data

FITTED = ["components_", "explained_variance_", "explained_variance_ratio_", "singular_values_"]
FITTED += ["mean_", "noise_variance_"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def assert_same_model(ours, theirs, tol):
    for name in FITTED:
        got, expected = getattr(ours, name), getattr(theirs, name)
        assert np.shape(got) == np.shape(expected), name
        atol = tol * np.max(np.abs(expected), initial=0)
        assert_allclose(got, expected, rtol=tol, atol=atol, err_msg=name)
    assert ours.n_components_ == theirs.n_components_
    assert ours.n_samples_ == theirs.n_samples_


# The check of array API input has columns that others make redundant: their covariance has no
# inverse, which SciPy says of scikit-learn's precision too.
@pytest.mark.filterwarnings("ignore:An ill-conditioned matrix:scipy.linalg.LinAlgWarning")
@parametrize_with_checks(
    [
        PCA(),
        PCA(svd_solver="full"),
        PCA(n_components=1, svd_solver="randomized", random_state=0),
        PCA(standardize=True),
    ]
)
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


@pytest.mark.parametrize("n_features", [1, 2, 5, 7, 12, 13])
def test_narrow_rows_are_read_side_by_side(backend, n_features):
    X = spectrum_data(5003, n_features, decay=0.9)
    X += np.linspace(0, 50, 5003)[:, None]  # rows next to each other differ in mean
    ours = PCA(svd_solver="covariance_eigh").fit(X)
    assert_allclose(ours.mean_, X.mean(axis=0), rtol=1e-12)
    assert_allclose(ours.get_covariance(), np.atleast_2d(np.cov(X, rowvar=False)), rtol=1e-9)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_features", [3, 40])
def test_runs_of_blocks_give_the_bits_of_the_whole(n_features, container):
    X, none, backend = container(spectrum_data(9001, n_features)), np.empty(0), resolve()
    whole = moments(backend, X, none)
    cut = plan(*X.shape, weighted=False)
    parts = []
    for run in (X[: 3 * cut.step], X[3 * cut.step : 10 * cut.step], X[10 * cut.step :]):
        parts += partials(backend, run, none, cut)
    for got, expected in zip(merge_tree(parts, merge), whole, strict=True):
        assert_array_equal(got, expected)


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


THREADS = """
import hashlib, sys
import numpy as np
import fastml
from fastml.backends import resolve
from fastml.blocks import merge_tree
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


def test_no_noise_left_is_zero_noise(backend):
    # Rank 2: what the trace leaves after two components is rounding.
    X = spectrum_data(200, 2) @ np.random.default_rng(0).standard_normal((2, 6))
    pca = PCA(2, svd_solver="covariance_eigh").fit(X)
    assert 0 <= pca.noise_variance_ < 1e-14
    assert np.isfinite(pca.get_precision()).all()


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
