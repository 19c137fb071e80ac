"""Nystroem: agreement with scikit-learn, landmarks, pre-images, reproducibility."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import kernel_approximation as sklearn_approximation
from sklearn.metrics.pairwise import pairwise_kernels, rbf_kernel
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.backends import resolve
from fastml.kernel_approximation import Nystroem
from fastml.kernel_approximation._landmarks import leverage_rows
from fastml.metrics._checked_gram import gram_times, row_kernel

BACKENDS = ["cpu", "reference"]
KERNELS = ["additive_chi2", "chi2", "cosine", "laplacian", "linear", "poly", "polynomial", "rbf"]
LANDMARKS = ["uniform", "kmeans", "leverage"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def rows(n=150, d=6, dtype=np.float64):
    return np.random.default_rng(0).random((n, d)).astype(dtype)


def histogram(x, y):
    return np.minimum(x, y).sum()


@parametrize_with_checks(
    [
        Nystroem(n_components=4),
        Nystroem(n_components=4, landmarks="kmeans", gamma="median"),
        Nystroem(n_components=4, landmarks="leverage"),
    ],
    expected_failed_checks=lambda estimator: {
        "check_array_api_input": "calls inverse_transform, which was not asked for"
    },
)
@pytest.mark.parametrize("backend_name", BACKENDS)
def test_estimator_checks(estimator, check, backend_name):
    with fastml.config_context(backend=backend_name):
        check(estimator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel", [*KERNELS, "sigmoid", histogram])
def test_agrees_with_sklearn(backend, kernel, dtype):
    X = rows(dtype=dtype)
    options = {"kernel": kernel, "n_components": 5, "random_state": 3}
    if kernel in ("rbf", "chi2", "laplacian", "poly"):
        options["gamma"] = 0.6
    if kernel in ("poly", "sigmoid"):
        options["coef0"] = 0.2
    theirs = sklearn_approximation.Nystroem(**options)
    expected = theirs.fit_transform(X.astype(np.float64))
    ours = Nystroem(**options)
    got = ours.fit_transform(X)
    assert_array_equal(ours.component_indices_, theirs.component_indices_)
    assert_allclose(ours.components_, theirs.components_, rtol=1e-6)
    tol = 1e-3 if dtype == np.float32 else 1e-7
    assert_allclose(got, expected, atol=tol * np.abs(expected).max())
    assert got.dtype == ours.normalization_.dtype == ours.components_.dtype == dtype


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly", "cosine"])
@pytest.mark.parametrize("landmarks", LANDMARKS)
def test_sparse_rows_are_the_dense_ones(kernel, landmarks):
    X = sparse.random_array((200, 20), density=0.4, rng=np.random.default_rng(0), format="csr")
    options = {"kernel": kernel, "n_components": 10, "random_state": 0, "landmarks": landmarks}
    thin, full = Nystroem(**options).fit(X), Nystroem(**options).fit(X.toarray())
    assert_allclose(thin.transform(X), full.transform(X.toarray()), atol=1e-8)
    assert sparse.issparse(thin.components_)


@pytest.mark.parametrize("landmarks", LANDMARKS)
def test_all_rows_give_the_kernel(backend, landmarks):
    X = rows(60)
    model = Nystroem(gamma=1.0, n_components=60, landmarks=landmarks, random_state=0)
    features = model.fit_transform(X)
    assert_allclose(features @ features.T, rbf_kernel(X, gamma=1.0), atol=1e-5)


def test_precomputed(backend):
    X = rows(80)
    K = pairwise_kernels(X, metric="rbf", gamma=0.5)
    options = {"n_components": 12, "random_state": 0}
    direct = Nystroem(gamma=0.5, **options).fit(X)
    given = Nystroem("precomputed", **options).fit(K)
    assert_allclose(given.transform(K[:20]), direct.transform(X[:20]), atol=1e-8)
    assert given.gamma_ is None


def outlying(n=3000):
    """Rows in one small cluster, but for 20 far from it and from each other."""
    rng = np.random.default_rng(0)
    X = 0.1 * rng.standard_normal((n, 2))
    X[:20, 0] = 10 * np.arange(1, 21)
    return X


@pytest.mark.parametrize("landmarks", ["kmeans", "leverage"])
def test_landmarks_cover_what_uniform_ones_miss(backend, landmarks):
    X = outlying(1000)
    K = rbf_kernel(X, gamma=0.5)
    errors = {}
    for which in ("uniform", landmarks):
        features = Nystroem(
            gamma=0.5, n_components=30, landmarks=which, random_state=0
        ).fit_transform(X)
        errors[which] = np.linalg.norm(K - features @ features.T)
    assert errors[landmarks] < errors["uniform"] / 2


def test_leverage_scores_prefer_rows_that_stand_alone():
    X = outlying()
    kernel = row_kernel("rbf", resolve(), gamma=0.5)
    assert set(range(20)) <= set(leverage_rows(kernel, X, 40, 0))
    assert_array_equal(leverage_rows(kernel, X, 40, 0), leverage_rows(kernel, X, 40, 0))
    assert not np.array_equal(leverage_rows(kernel, X, 40, 0), leverage_rows(kernel, X, 40, 1))


@pytest.mark.parametrize("n_x, n_y", [(1, 1), (3000, 5), (7, 5000), (500, 9000)])
def test_products_by_blocks(n_x, n_y):
    rng = np.random.default_rng(0)
    X, Y, right = rng.random((n_x, 3)), rng.random((n_y, 3)), rng.standard_normal((n_y, 4))
    out = np.full((n_x, 4), np.nan)
    gram_times(row_kernel("rbf", resolve(), gamma=0.5), X, Y, right, out)
    assert_allclose(out, rbf_kernel(X, Y, gamma=0.5) @ right, atol=1e-10 * n_y)


def test_inverse_transform(backend):
    X = rows(300, 3)
    options = {"gamma": 0.8, "n_components": 60, "random_state": 0, "alpha": 1e-4}
    model = Nystroem(fit_inverse_transform=True, landmarks="kmeans", **options)
    features = model.fit_transform(X)
    back = model.inverse_transform(features)
    assert np.abs(back - X).max() < 0.1
    other = Nystroem(fit_inverse_transform=True, inverse_gamma=2.0, **options).fit(X)
    assert (model.inverse_gamma_, other.inverse_gamma_) == (0.8, 2.0)


def test_more_components_than_rows():
    with pytest.warns(UserWarning, match="n_components > n_samples"):
        model = Nystroem(n_components=20).fit(rows(9))
    assert model.transform(rows(9)).shape == (9, 9)


def test_a_second_fit_forgets_the_first():
    X = rows()
    model = Nystroem(n_components=5).fit(X)
    model.set_params(landmarks="kmeans").fit(X)
    assert not hasattr(model, "component_indices_")


@pytest.mark.parametrize("landmarks", LANDMARKS)
def test_pickles_and_threads(landmarks):
    X = rows(2000, 9, np.float32)
    options = {"n_components": 40, "landmarks": landmarks, "random_state": 0}
    model = pickle.loads(pickle.dumps(Nystroem(**options).fit(X)))
    with fastml.config_context(num_threads=1):
        serial = Nystroem(**options).fit(X)
        assert_array_equal(serial.transform(X), model.transform(X))
