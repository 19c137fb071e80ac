"""KernelPCA: agreement with scikit-learn, its own solvers, circles, reproducibility."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import decomposition as sklearn_decomposition
from sklearn.base import clone
from sklearn.datasets import make_circles
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.backends import resolve
from fastml.decomposition import KernelPCA
from fastml.decomposition._kernel_matrix import CentredKernel, StoredMatrix
from fastml.decomposition._krylov import krylov_eigh

BACKENDS = ["cpu", "reference"]
EXACT = ["auto", "dense", "arpack", "krylov", "matrix_free"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def rows(n=60, d=5, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).random((n, d)).astype(dtype)


def histogram(x, y, scale=1.0):
    return scale * np.minimum(x, y).sum()


def assert_same_model(ours, theirs, tol=1e-9):
    size = theirs.eigenvalues_.max()
    assert_allclose(ours.eigenvalues_, theirs.eigenvalues_, rtol=tol, atol=tol * size)
    assert_allclose(ours.eigenvectors_, theirs.eigenvectors_, atol=100 * tol)


@parametrize_with_checks(
    [
        KernelPCA(),
        KernelPCA(2, kernel="rbf", eigen_solver="krylov", gamma="median"),
        KernelPCA(2, kernel="poly", eigen_solver="matrix_free"),
        KernelPCA(2, kernel="precomputed"),
    ],
    # scikit-learn runs this check of its own KernelPCA with fit_inverse_transform=True.
    expected_failed_checks=lambda estimator: {
        "check_array_api_input": "calls inverse_transform, which was not asked for"
    },
)
@pytest.mark.parametrize("backend_name", BACKENDS)
def test_estimator_checks(estimator, check, backend_name):
    with fastml.config_context(backend=backend_name):
        check(estimator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", [*EXACT, "randomized"])
@pytest.mark.parametrize(
    "kernel", ["linear", "poly", "rbf", "sigmoid", "cosine", "laplacian", histogram]
)
def test_agrees_with_sklearn(backend, kernel, solver, dtype):
    X, new = rows(dtype=dtype), rows(30, seed=1, dtype=dtype)
    options = {"gamma": 0.7, "coef0": 0.5, "degree": 2.5, "random_state": 0}
    if callable(kernel):
        options["kernel_params"] = {"scale": 2.0}
    # scikit-learn's KernelPCA does not know the name "laplacian".
    known = laplacian_of_rows if kernel == "laplacian" else kernel
    theirs_options = options | ({"kernel_params": None} if kernel == "laplacian" else {})
    theirs = sklearn_decomposition.KernelPCA(3, kernel=known, **theirs_options)
    expected = theirs.fit_transform(X.astype(np.float64))
    ours = KernelPCA(3, kernel=kernel, eigen_solver=solver, **options)
    projected = ours.fit_transform(X)
    tol = 1e-4 if dtype == np.float32 else 1e-9
    assert_same_model(ours, theirs, tol)
    assert_allclose(projected, expected, atol=10 * tol)
    transformed = ours.transform(new)
    assert_allclose(transformed, theirs.transform(new.astype(np.float64)), atol=10 * tol)
    for values in (projected, transformed, ours.eigenvalues_, ours.eigenvectors_):
        assert values.dtype == dtype
    assert ours.eigen_solver_ == ("dense" if solver == "auto" else solver)
    assert ours.gamma_ == 0.7


def laplacian_of_rows(x, y):
    return np.exp(-0.7 * np.abs(x - y).sum())


@pytest.mark.parametrize("solver", EXACT)
@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf"])
def test_sparse_agrees_with_sklearn(backend, kernel, solver):
    X = sparse.random_array((80, 30), density=0.3, rng=np.random.default_rng(0), format="csr")
    theirs = sklearn_decomposition.KernelPCA(4, kernel=kernel).fit(X)
    ours = KernelPCA(4, kernel=kernel, eigen_solver=solver, random_state=0)
    assert_allclose(ours.fit_transform(X), theirs.transform(X), atol=1e-7)
    assert_same_model(ours, theirs)
    assert_allclose(ours.transform(X[:9]), theirs.transform(X[:9]), atol=1e-8)
    assert sparse.issparse(ours.X_fit_)


@pytest.mark.parametrize("solver", ["auto", "dense", "arpack", "krylov", "randomized"])
def test_precomputed(backend, solver):
    X, new = rows(), rows(11, seed=1)
    K, K_new = pairwise_kernels(X, metric="rbf"), pairwise_kernels(new, X, metric="rbf")
    theirs = sklearn_decomposition.KernelPCA(4, kernel="rbf").fit(X)
    before = K.copy()
    ours = KernelPCA(
        4, kernel="precomputed", eigen_solver=solver, random_state=0, copy_X=False
    ).fit(K)
    assert_array_equal(K, before)
    assert_same_model(ours, theirs)
    assert_allclose(ours.transform(K_new), theirs.transform(new), atol=1e-8)
    # What is constant in a row or a column goes out by centring.
    shifted = K + np.arange(60) - 3 * np.arange(60)[:, None]
    assert_same_model(clone(ours).fit(shifted), theirs, 1e-7)


@pytest.mark.parametrize("solver", ["krylov", "matrix_free"])
@pytest.mark.parametrize("k", [1, 3, 20, 29, 59, 60])
def test_any_number_of_components(solver, k):
    X = rows(60, 3)
    expected = KernelPCA(k, kernel="rbf", gamma=20.0, eigen_solver="dense").fit(X)
    got = KernelPCA(k, kernel="rbf", gamma=20.0, eigen_solver=solver).fit(X)
    assert_allclose(got.eigenvalues_, expected.eigenvalues_, atol=1e-11)
    gram = got.eigenvectors_.T @ got.eigenvectors_
    assert_allclose(gram, np.eye(k), atol=1e-10)
    if k < 60:
        assert_allclose(got.transform(X), expected.transform(X), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gamma", [0.05, 0.5, 30.0])
def test_matrix_free_converges_to_dense(gamma, dtype):
    # Near-equal eigenvalues of round data (0.05), and of a matrix that is almost one (30).
    X = np.random.default_rng(0).standard_normal((700, 6)).astype(dtype)
    exact = sklearn_decomposition.KernelPCA(6, kernel="rbf", gamma=gamma, eigen_solver="dense")
    exact.fit(X.astype(np.float64))
    free = KernelPCA(6, kernel="rbf", gamma=gamma, eigen_solver="matrix_free").fit(X)
    tol = 3e-6 if dtype == np.float32 else 1e-12
    assert_allclose(free.eigenvalues_, exact.eigenvalues_, rtol=tol)
    gaps = -np.diff(exact.eigenvalues_).min() / exact.eigenvalues_[0]
    assert_allclose(free.eigenvectors_, exact.eigenvectors_, atol=tol / gaps)
    trace = np.trace(exact._centerer.transform(exact._get_kernel(X.astype(np.float64))))
    assert_allclose(free.explained_variance_ratio_, exact.eigenvalues_ / trace, rtol=10 * tol)


@pytest.mark.parametrize("spectrum", ["rank 2", "negative", "clusters", "zero"])
def test_krylov_on_hard_spectra(spectrum):
    n, k = 150, 5
    rng = np.random.default_rng(0)
    start = np.concatenate([np.ones((n, 1)), rng.standard_normal((n, n - 1))], axis=1)
    basis = np.linalg.qr(start)[0][:, 1:]
    values = {
        "rank 2": np.r_[3.0, 2.0, np.zeros(n - 3)],
        "negative": np.r_[-9.0, 2.0, 1.0, np.linspace(0.5, -5, n - 4)],
        "clusters": np.r_[np.full(20, 2.0), np.full(n - 21, 1.0)],
        "zero": np.zeros(n - 1),
    }[spectrum]
    K = (basis * values) @ basis.T
    matrix = CentredKernel(StoredMatrix(resolve(), (K + K.T) / 2))
    found, vectors = krylov_eigh(matrix, k)
    assert_allclose(found, np.sort(values)[::-1][:k], atol=1e-11)
    assert_allclose(K @ vectors.T, vectors.T * found, atol=1e-11)
    assert_allclose(vectors @ vectors.T, np.eye(k), atol=1e-12)
    assert_allclose(vectors.sum(axis=1), 0, atol=1e-10)


def test_too_few_products_are_told():
    X = np.random.default_rng(0).standard_normal((400, 6))
    with pytest.warns(ConvergenceWarning, match="3 products .* Raise max_iter or tol"):
        KernelPCA(6, kernel="rbf", gamma=30.0, eigen_solver="krylov", max_iter=3).fit(X)
    KernelPCA(6, kernel="rbf", gamma=30.0, eigen_solver="krylov", max_iter=3, tol=0.9).fit(X)


def test_ratios_sum_to_one_with_all_components(backend):
    ratios = KernelPCA(kernel="rbf", gamma=3.0).fit(rows()).explained_variance_ratio_
    assert_allclose(ratios.sum(), 1)
    linear, pca = KernelPCA(2).fit(rows()), PCA(2).fit(rows())
    assert_allclose(linear.explained_variance_ratio_, pca.explained_variance_ratio_)


def test_inverse_transform(backend):
    X = rows(120, 4)
    options = {"n_components": 20, "kernel": "rbf", "gamma": 1.0, "alpha": 1e-3}
    options["fit_inverse_transform"] = True
    theirs, ours = sklearn_decomposition.KernelPCA(**options), KernelPCA(**options)
    expected, projected = theirs.fit_transform(X), ours.fit_transform(X)
    assert_allclose(ours.dual_coef_, theirs.dual_coef_, atol=1e-6)
    assert_allclose(ours.X_transformed_fit_, expected, atol=1e-8)
    back = ours.inverse_transform(projected)
    assert_allclose(back, theirs.inverse_transform(expected), atol=1e-8)
    own = KernelPCA(inverse_gamma=0.2, **options).fit(X)
    assert (own.inverse_gamma_, own.gamma_, ours.inverse_gamma_) == (0.2, 1.0, 1.0)
    assert abs(own.inverse_transform(projected) - back).max() > 1e-4
    narrow = KernelPCA(**options).fit(X.astype(np.float32))
    assert narrow.inverse_transform(projected.astype(np.float32)).dtype == np.float32


def test_circles_are_separated(backend):
    X, y = make_circles(400, factor=0.4, noise=0.05, random_state=0)
    models = [
        make_pipeline(KernelPCA(k, kernel="rbf", gamma=gamma), LinearSVC()).fit(X, y)
        for k, gamma in ((4, 2.0), (4, "median"), (4, "scale"), (8, "nearest"))
    ]
    linear = make_pipeline(PCA(2), LinearSVC()).fit(X, y)
    X, y = make_circles(400, factor=0.4, noise=0.05, random_state=1)
    assert min(model.score(X, y) for model in models) >= 0.99
    assert linear.score(X, y) < 0.7


def test_pickles_and_threads(backend):
    X = rows(500, 9, dtype=np.float32)
    model = KernelPCA(5, kernel="rbf", gamma=0.3).fit(X)
    again = pickle.loads(pickle.dumps(model))
    with fastml.config_context(num_threads=1):
        serial = KernelPCA(5, kernel="rbf", gamma=0.3).fit(X)
        assert_array_equal(serial.eigenvectors_, again.eigenvectors_)
        assert_array_equal(serial.transform(X), again.transform(X))


def test_callable_on_threads_and_sparse_rows():
    X = rows(25)

    def product(x, y):
        return (x * y).sum() if sparse.issparse(x) else x @ y

    one = KernelPCA(3, kernel=product).fit(X)
    assert_same_model(KernelPCA(3, kernel=product, n_jobs=2).fit(X), one, 1e-12)
    assert_same_model(KernelPCA(3, kernel=product).fit(sparse.csr_array(X)), one, 1e-12)


def test_set_output_and_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows(), columns=list("abcde"))
    model = KernelPCA(2, kernel="rbf").set_output(transform="pandas")
    assert list(model.fit_transform(frame)) == ["kernelpca0", "kernelpca1"]
    assert list(model.feature_names_in_) == list("abcde")
