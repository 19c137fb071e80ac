"""Input that is unusual but sound is taken; values without sense never lead kernels astray."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone

import fastml
from fastml import cluster, decomposition

ESTIMATORS = [cluster.KMeans(3, random_state=0, algorithm=name) for name in ("lloyd", "elkan")] + [
    decomposition.PCA(2, svd_solver=solver, random_state=0)
    for solver in ("auto", "full", "covariance_eigh", "arpack", "randomized")
]
ESTIMATORS += [cluster.MiniBatchKMeans(3, max_iter=5, random_state=0)]


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


SMALL = np.random.default_rng(0).standard_normal((60, 4))
ODD = {
    "read-only": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "columns of a wider array": lambda X: np.hstack([X, X])[:, :4],
    "Fortran": np.asfortranarray,
    "backwards": lambda X: X[::-1].copy()[::-1],
    "overlapping rows": lambda X: np.lib.stride_tricks.sliding_window_view(X.ravel(), 4),
    "big-endian": lambda X: X.astype(">f8"),
    "big-endian float32": lambda X: X.astype(">f4"),
    "float16": lambda X: X.astype(np.float16),
    "objects": lambda X: X.astype(object),
    "numbers in strings": lambda X: X.astype(str),
    "lists": lambda X: X.tolist(),
    "int8": lambda X: (10 * X).astype(np.int8),
    "uint64": lambda X: (10 * abs(X)).astype(np.uint64),
    "booleans": lambda X: X > 0,
    "memory of a file": lambda X: np.asarray(memoryview(X)),
    "a matrix of another class": lambda X: np.ma.masked_array(X),
}


@pytest.mark.parametrize("kind", ODD)
def test_the_unusual_is_taken(backend, kind):
    X = ODD[kind](SMALL)
    plain = np.array(X, dtype=np.float64, order="C")
    for estimator in ESTIMATORS:
        odd, expected = (clone(estimator).fit(given) for given in (X, plain))
        for name, value in vars(expected).items():
            if name.endswith("_") and isinstance(value, np.ndarray | float):
                assert_array_equal(getattr(odd, name), value, err_msg=name)
        assert_array_equal(odd.transform(X), expected.transform(plain))


@pytest.mark.parametrize("scale", [1e19, 1e30])
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_squares_that_overflow(backend, algorithm, scale):
    X = (SMALL * scale).astype(np.float32)
    with pytest.raises(ValueError, match="values too large for float32"):
        cluster.KMeans(3, algorithm=algorithm).fit(X)
    with pytest.raises(ValueError, match="values too large for float64"):
        cluster.KMeans(3, algorithm=algorithm).fit(SMALL * 1e200)
    # As float64 they are nothing unusual.
    assert cluster.KMeans(3, algorithm=algorithm).fit(X.astype(np.float64)).inertia_ > scale


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_new_rows_whose_squares_overflow(backend, convert):
    kmeans = cluster.KMeans(3, random_state=0).fit(SMALL)
    batches = cluster.MiniBatchKMeans(3, random_state=0).partial_fit(SMALL)
    before = batches.cluster_centers_.copy()
    for scale in (1e19, 1e30):
        X = convert((SMALL * scale).astype(np.float32))
        for method in (kmeans.predict, kmeans.transform, kmeans.score, batches.partial_fit):
            with pytest.raises(ValueError, match="values too large for float32"):
                method(X)
    assert_array_equal(batches.cluster_centers_, before)
    # Squares of single rows fit, if only just; those of all together do not.
    assert_array_equal(kmeans.predict(convert(np.float32([[1e18, 0, 0, 0]] * 90))), [0] * 90)


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("shape, n_clusters", [((200, 3), 8), ((3000, 16), 40)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_let_in_is_survived(algorithm, shape, n_clusters):
    # Kernels follow what they compute into arrays: NaN must not lead them out of these.
    X = np.random.default_rng(0).standard_normal(shape)
    for value in (np.nan, np.inf):
        for places in (np.s_[5], np.s_[:, 1], np.s_[::7, ::2], np.s_[:]):
            given = X.copy()
            given[places] = value
            with fastml.config_context(check_finite=False):
                model = cluster.KMeans(n_clusters, algorithm=algorithm, random_state=0, max_iter=9)
                labels = model.fit_predict(given)
                new = cluster.KMeans(n_clusters, random_state=0, max_iter=9).fit(X).predict(given)
                small = cluster.MiniBatchKMeans(n_clusters, random_state=0, max_iter=2)
                batches = small.fit_predict(given)
            for found in (labels, new, batches):
                assert 0 <= found.min() <= found.max() < n_clusters
