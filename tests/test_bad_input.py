"""What cannot be fitted is refused in scikit-learn's words; the unusual that can be, is."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import cluster as sklearn_cluster
from sklearn import decomposition as sklearn_decomposition
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import fastml
from fastml import cluster, decomposition
from fastml.backends import cuda

# Estimators of ours with scikit-learn's, by what is in brackets in the name of a test.
PAIRS = {
    "KMeans": (cluster.KMeans(2, random_state=0), sklearn_cluster.KMeans(2, random_state=0)),
    "elkan": (
        cluster.KMeans(2, random_state=0, algorithm="elkan"),
        sklearn_cluster.KMeans(2, random_state=0, algorithm="elkan"),
    ),
    "MiniBatchKMeans": (
        cluster.MiniBatchKMeans(2, random_state=0),
        sklearn_cluster.MiniBatchKMeans(2, random_state=0),
    ),
    "PCA": (decomposition.PCA(2), sklearn_decomposition.PCA(2)),
} | {
    solver: (
        decomposition.PCA(2, svd_solver=solver, random_state=0),
        sklearn_decomposition.PCA(2, svd_solver=solver, random_state=0),
    )
    for solver in ("full", "covariance_eigh", "arpack", "randomized")
}


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def refusals(pair, action):
    """Return type and words of the errors that an action ends in, ours and scikit-learn's."""
    found = []
    for estimator in pair:
        # NumPy warns of infinities on the way to scikit-learn's error.
        with pytest.raises(Exception) as caught, np.errstate(invalid="ignore"):  # noqa: PT011
            action(clone(estimator))
        found.append((caught.type, str(caught.value)))
    return found


def methods_of(pair):
    return [m for m in ("predict", "transform", "score", "partial_fit") if hasattr(pair[1], m)]


GOOD = np.random.default_rng(0).standard_normal((12, 3))


def with_value(value, dtype=np.float64, at=(5, 1)):
    X = GOOD.astype(dtype)
    X[at] = value
    return X


class Unruly:
    """Something that is no array and does not become one."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("this is not an array")


BAD = {
    "NaN": with_value(np.nan),
    "NaN first": with_value(np.nan, at=(0, 0)),
    "NaN last": with_value(np.nan, at=(-1, -1)),
    "NaN float32": with_value(np.nan, np.float32),
    "infinity": with_value(np.inf),
    "minus infinity float32": with_value(-np.inf, np.float32),
    "both infinities": np.where(np.arange(36).reshape(12, 3) == 4, np.inf, with_value(-np.inf)),
    "NaN float16": with_value(np.nan, np.float16),
    "NaN big-endian": with_value(np.nan).astype(">f8"),
    "NaN Fortran": np.asfortranarray(with_value(np.nan)),
    "all NaN": np.full((12, 3), np.nan),
    "too large for float64": np.full((12, 3), 10**400, dtype=object),
    "NaN in a frame": pd.DataFrame(with_value(np.nan), columns=["a", "b", "c"]),
    "NA in a frame": pd.DataFrame({"a": pd.array([1.5, None] * 6, "Float64"), "b": 1.0, "c": 2.0}),
    "None": None,
    "None inside": [[1.0, None, 2.0], [2.0, 3.0, 4.0]] * 6,
    "a number": 3.0,
    "zero dimensions": np.array(3.0),
    "one dimension": np.arange(12.0),
    "a list": [1.0, 2.0, 3.0],
    "three dimensions": np.ones((4, 3, 2)),
    "ragged": [[1.0, 2.0], [3.0]],
    "no rows": np.empty((0, 3)),
    "no columns": np.empty((12, 0)),
    "an empty list": [],
    "an empty frame": pd.DataFrame(),
    "one row": np.ones((1, 3)),
    "strings": [["a", "b", "c"]] * 12,
    "a string": "some text",
    "string objects": np.array([["a", "b", "c"]] * 12, dtype=object),
    "bytes": np.array([[b"a", b"b", b"c"]] * 12),
    "mixed": [[1.0, 2.0, "x"]] * 12,
    "objects": np.array([[object()] * 3] * 12),
    "dicts": [{"a": 1.0, "b": 2.0}] * 12,
    "complex": GOOD + 1j,
    "complex64": GOOD.astype(np.complex64),
    "complex objects": (GOOD + 1j).astype(object),
    "date objects": np.full((12, 3), datetime(2024, 1, 1)),
    "a structured array": np.zeros(12, dtype=[("a", float), ("b", float)]),
    "unruly": Unruly(),
    "sparse NaN": sparse.csr_array(with_value(np.nan)),
    "sparse infinity": sparse.csc_array(with_value(np.inf)),
    "sparse complex": sparse.csr_array(GOOD + 1j),
    "sparse without rows": sparse.csr_array((0, 3)),
    "sparse without columns": sparse.csr_array((12, 0)),
    "sparse one row": sparse.csr_array(np.ones((1, 3))),
}


# Our PCA needs two rows, because the variance of one is undefined, and says so first.
OWN_WORDS = {"no rows", "one row", "sparse without rows", "sparse one row"}


@pytest.mark.parametrize("kind", BAD)
def test_fit_refuses_in_scikit_learns_words(backend, kind):
    for name, pair in PAIRS.items():
        ours, theirs = refusals(pair, lambda estimator: estimator.fit(BAD[kind]))
        if kind in OWN_WORDS and "minimum of 2 is required by PCA" in ours[1]:
            assert ours[0] is theirs[0], name
        else:
            assert ours == theirs, name


@pytest.mark.parametrize("kind", sorted(BAD.keys() - {"one row", "sparse one row"}))
def test_so_do_fitted_estimators(backend, kind):
    for name, pair in PAIRS.items():
        for method in methods_of(pair):
            ours, theirs = refusals(pair, lambda e, m=method: getattr(e.fit(GOOD), m)(BAD[kind]))
            assert ours == theirs, (name, method)


@pytest.mark.parametrize(
    "X",
    [GOOD[:, :2], np.ones((2, 4)), sparse.csr_array(np.ones((2, 4))), pd.DataFrame(GOOD[:, 1:])],
)
def test_other_numbers_of_columns(backend, X):
    for name, pair in PAIRS.items():
        for method in methods_of(pair):
            ours, theirs = refusals(pair, lambda e, m=method: getattr(e.fit(GOOD), m)(X))
            assert ours == theirs, (name, method)


def test_not_fitted():
    for name, pair in PAIRS.items():
        for method in set(methods_of(pair)) - {"partial_fit"}:
            ours, theirs = refusals(pair, lambda e, m=method: getattr(e, m)(GOOD))
            assert ours == theirs, (name, method)
    for method in ("encode", "decode", "reconstruction_error", "compression_ratio"):
        with pytest.raises(NotFittedError, match="This KMeans instance is not fitted yet"):
            getattr(cluster.KMeans(), method)(GOOD)
    with pytest.raises(NotFittedError, match="This KMeans instance is not fitted yet"):
        _ = cluster.KMeans().bits_per_vector_


@pytest.mark.parametrize("scale", [1e20, 1e25, 1e37])
@pytest.mark.parametrize("name", PAIRS)
def test_squares_too_large_for_float32(backend, name, scale):
    X = (GOOD * scale).astype(np.float32)
    ours, _ = PAIRS[name]
    with pytest.raises(ValueError, match=r"^Input X of \w+ contains values too large for float32"):
        clone(ours).fit(X)
    wide = clone(ours).fit(X.astype(np.float64))
    assert all(np.isfinite(v).all() for v in vars(wide).values() if hasattr(v, "dtype"))


@pytest.mark.parametrize("name", ["covariance_eigh", "arpack"])
def test_sparse_squares_too_large(name):
    X = sparse.csr_array((GOOD * 1e25).astype(np.float32))
    with pytest.raises(ValueError, match="Input X of PCA contains values too large for float32"):
        clone(PAIRS[name][0]).fit(X)
    with pytest.raises(ValueError, match="Input X of PCA contains values too large for float64"):
        clone(PAIRS[name][0]).fit(X.astype(np.float64) * 1e150)


@pytest.mark.parametrize("name", ["full", "covariance_eigh", "arpack", "randomized"])
def test_squares_that_just_fit(backend, name):
    ours, _ = PAIRS[name]
    expected = clone(ours).fit(GOOD).explained_variance_
    large = clone(ours).fit((GOOD * 3e18).astype(np.float32)).explained_variance_
    np.testing.assert_allclose(large / np.float64(3e18) ** 2, expected, rtol=1e-5)
    # Standardized, no variance is a result.
    ours = clone(ours).set_params(standardize=True)
    expected = clone(ours).fit(GOOD).explained_variance_
    large = clone(ours).fit((GOOD * 1e30).astype(np.float32)).explained_variance_
    np.testing.assert_allclose(large, expected, rtol=1e-5)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
def test_seeding_of_squares_too_large(backend, convert):
    X = (GOOD * 1e30).astype(np.float32)
    for rows in (X, -np.abs(X)):
        with pytest.raises(ValueError, match="Input X of kmeans_plusplus contains values too lar"):
            cluster.kmeans_plusplus(convert(rows), 2)
    cluster.kmeans_plusplus(convert(X * np.float32(1e-13)), 2)


PARAMETERS = [
    ("KMeans", {"n_clusters": 0}),
    ("KMeans", {"n_clusters": 2.5}),
    ("KMeans", {"n_clusters": "many"}),
    ("KMeans", {"n_clusters": 13}),
    ("KMeans", {"init": "best"}),
    ("KMeans", {"init": GOOD[:3]}),
    ("KMeans", {"init": GOOD[:2, :2]}),
    ("KMeans", {"init": np.full((2, 3), np.nan)}),
    ("KMeans", {"init": GOOD[0]}),
    ("KMeans", {"init": lambda X, k, random_state: X[:5]}),
    ("KMeans", {"init": lambda X, k, random_state: X[:2] * np.inf}),
    ("KMeans", {"n_init": 0}),
    ("KMeans", {"max_iter": 0}),
    ("KMeans", {"tol": -1.0}),
    ("KMeans", {"random_state": "now"}),
    ("KMeans", {"verbose": "loud"}),
    ("MiniBatchKMeans", {"n_clusters": 13}),
    ("MiniBatchKMeans", {"init": GOOD[:3]}),
    ("MiniBatchKMeans", {"init": np.full((2, 3), np.nan)}),
    ("MiniBatchKMeans", {"init": lambda X, k, random_state: X[:5]}),
    ("MiniBatchKMeans", {"batch_size": 0}),
    ("MiniBatchKMeans", {"compute_labels": "some"}),
    ("MiniBatchKMeans", {"max_no_improvement": -1}),
    ("MiniBatchKMeans", {"init_size": 0}),
    ("MiniBatchKMeans", {"reassignment_ratio": -0.1}),
    ("PCA", {"n_components": 4}),
    ("PCA", {"n_components": -1}),
    ("PCA", {"n_components": 1.5}),
    ("PCA", {"n_components": "all"}),
    ("PCA", {"svd_solver": "fast"}),
    ("PCA", {"tol": -1.0}),
    ("PCA", {"iterated_power": -1}),
    ("arpack", {"n_components": 3}),
    ("arpack", {"n_components": "mle"}),
    ("randomized", {"n_components": 4}),
]


@pytest.mark.parametrize("name, parameters", PARAMETERS)
def test_parameters(name, parameters):
    ours, theirs = refusals(PAIRS[name], lambda e: e.set_params(**parameters).fit(GOOD))
    assert ours[0] is theirs[0]
    # We say which input; both name the members of a set in any order.
    words = [sorted(text.replace("Input init", "Input")) for text in (ours[1], theirs[1])]
    assert words[0] == words[1]


WEIGHTS = {
    "too few": np.ones(11),
    "two dimensions": np.ones((12, 1)),
    "NaN": np.full(12, np.nan),
    "infinite": np.full(12, np.inf),
    "all zero": np.zeros(12),
    "strings": ["heavy"] * 12,
    "complex": np.ones(12) * 1j,
}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("X", [GOOD, sparse.csr_array(GOOD)], ids=["dense", "sparse"])
def test_weights(X, kind):
    weight = WEIGHTS[kind]
    for name in ("MiniBatchKMeans", "KMeans"):
        ours, theirs = refusals(PAIRS[name], lambda e: e.fit(X, sample_weight=weight))
        assert ours == theirs
    # scikit-learn's PCA has no weights: the words are those of its KMeans.
    with pytest.raises(theirs[0]) as caught:
        decomposition.PCA(2).fit(X, sample_weight=weight)
    assert str(caught.value) == theirs[1]


@pytest.mark.parametrize(
    "fit",
    [
        cluster.KMeans(2).fit,
        cluster.MiniBatchKMeans(2).fit,
        cluster.MiniBatchKMeans(2).fit(GOOD).partial_fit,
        decomposition.PCA(2).fit,
    ],
)
def test_negative_weights(fit):
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        fit(GOOD, sample_weight=np.arange(12.0) - 1)


@pytest.mark.parametrize("name", ["tpu", "CPU", "", None, 3])
def test_unknown_backends(name):
    with (
        pytest.raises((ValueError, TypeError), match="backend"),
        fastml.config_context(backend=name),
    ):
        cluster.KMeans(2).fit(GOOD)


@pytest.mark.parametrize("name", ["cuda", "gpu"])
def test_no_device(monkeypatch, name):
    monkeypatch.setattr(cuda, "device_count", lambda: 0)
    cuda.make.cache_clear()
    fitted = [clone(ours).fit(GOOD) for ours, _ in PAIRS.values()]
    actions = [method for e in fitted for method in (e.fit, e.transform, e.fit_transform, e.score)]
    actions += [fitted[0].predict, fitted[0].encode, fitted[0].reconstruction_error]
    actions += [lambda X: cluster.kmeans_plusplus(X, 2), lambda X: cluster.k_means(X, 2)]
    with fastml.config_context(backend=name):
        for action in actions:
            with pytest.raises(RuntimeError, match="backend='cuda' needs an NVIDIA GPU"):
                action(GOOD)
