"""KMeans: what scikit-learn's finds from the same start, for every kind of input."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import cluster as sklearn_cluster
from sklearn.datasets import make_blobs
from sklearn.preprocessing import normalize

import fastml
from fastml.cluster import KMeans, k_means

ALGORITHMS = ["lloyd", "elkan", "auto"]
DTYPES = [np.float32, np.float64]
RTOL = {np.float32: 1e-5, np.float64: 1e-12}


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def blobs(n_samples=600, n_features=7, n_clusters=9, dtype=np.float64, seed=0, spread=2.0):
    """Rows of overlapping clusters, and some of them to start from."""
    X, _ = make_blobs(
        n_samples, n_features, centers=n_clusters, cluster_std=spread, random_state=seed
    )
    start = np.random.default_rng(seed).choice(n_samples, n_clusters, replace=False)
    return X.astype(dtype), X[start].astype(dtype)


def both(X, start, algorithm="lloyd", sample_weight=None, theirs_on=None, **options):
    """Return our model and scikit-learn's, fitted from the same centers."""
    n_clusters = len(start)
    ours = KMeans(n_clusters, init=start, n_init=1, algorithm=algorithm, **options)
    algorithm = "lloyd" if algorithm == "auto" else algorithm
    theirs = sklearn_cluster.KMeans(
        n_clusters, init=start, n_init=1, algorithm=algorithm, **options
    )
    theirs_on = X if theirs_on is None else theirs_on
    return ours.fit(X, sample_weight=sample_weight), theirs.fit(
        theirs_on, sample_weight=sample_weight
    )


def assert_same_model(ours, theirs, rtol):
    assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.labels_.dtype == np.int32
    assert ours.cluster_centers_.dtype == theirs.cluster_centers_.dtype
    atol = rtol * np.abs(theirs.cluster_centers_).max()
    assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=rtol, atol=atol)
    assert_allclose(ours.inertia_, theirs.inertia_, rtol=rtol)
    assert ours.n_iter_ == theirs.n_iter_


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_same_model(backend, algorithm, dtype):
    X, start = blobs(dtype=dtype)
    ours, theirs = both(X, start, algorithm)
    assert ours.n_iter_ > 3
    assert_same_model(ours, theirs, RTOL[dtype])
    rtol = RTOL[dtype]
    new = X[::-1] + dtype(0.5)
    assert_array_equal(ours.predict(new), theirs.predict(new))
    assert_allclose(ours.score(new), theirs.score(new), rtol=rtol)
    # scikit-learn's distances come from norms and products, which cancel.
    assert_allclose(ours.transform(new), theirs.transform(new), rtol=100 * rtol)
    assert ours.transform(new).dtype == dtype
    assert_array_equal(ours.get_feature_names_out(), theirs.get_feature_names_out())


@pytest.mark.parametrize("n_clusters", [1, 2, 16, 17, 40])
@pytest.mark.parametrize("n_features", [1, 2, 3, 16, 33])
def test_sizes(n_features, n_clusters):
    X, start = blobs(301, n_features, n_clusters, spread=1.0)
    assert_same_model(*both(X, start), 1e-10)


@pytest.mark.parametrize("max_iter", [1, 2, 5])
def test_labels_match_the_centers_when_iterations_run_out(backend, max_iter):
    X, start = blobs(seed=3)
    ours, theirs = both(X, start, max_iter=max_iter, tol=0)
    assert_same_model(ours, theirs, 1e-12)
    assert ours.n_iter_ == max_iter
    assert_array_equal(ours.labels_, ours.predict(X))


@pytest.mark.parametrize("tol", [0, 1e-4, 1e-2, 0.1])
def test_tolerance_is_relative_to_the_variance(backend, tol):
    X, start = blobs(1000, seed=1)
    assert_same_model(*both(X * 1000, start * 1000, tol=tol), 1e-12)


def frozen(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def unaligned(X):
    memory = np.frombuffer(b"-" + X.tobytes(), np.uint8)[1:]
    return memory.view(X.dtype).reshape(X.shape)


KEEPING_THE_DTYPE = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": frozen,
    "unaligned": unaligned,
    "masked": np.ma.masked_array,
}
# As in scikit-learn, whatever they hold.
BECOMING_FLOAT64 = {
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "lists": lambda X: X.astype(np.float64).tolist(),
    "objects": lambda X: X.astype(object),
}
LAYOUTS = KEEPING_THE_DTYPE | BECOMING_FLOAT64


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_give_the_same_bits(backend, layout, dtype):
    X, start = blobs(300, dtype=dtype)
    given = LAYOUTS[layout](X)
    if layout in BECOMING_FLOAT64:
        X = X.astype(np.float64)
    plain = KMeans(9, init=start).fit(X)
    before = np.array(given, copy=True)
    ours = KMeans(9, init=start).fit(given)
    assert_array_equal(given, before)
    assert_array_equal(ours.cluster_centers_, plain.cluster_centers_, strict=True)
    assert_array_equal(ours.labels_, plain.labels_)
    assert ours.inertia_ == plain.inertia_
    assert_array_equal(ours.predict(given), plain.predict(X))
    assert_array_equal(ours.transform(given), plain.transform(X), strict=True)
    assert ours.score(given) == plain.score(X)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint16, np.int64, np.longdouble])
def test_other_dtypes_become_float64(backend, dtype):
    X, start = blobs(200)
    X, start = np.round(X).astype(dtype), np.round(start).astype(dtype)
    ours, theirs = both(X, start)
    assert ours.cluster_centers_.dtype == np.float64
    assert_same_model(ours, theirs, 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_weights(backend, algorithm, dtype):
    X, start = blobs(dtype=dtype, seed=2)
    rng = np.random.default_rng(0)
    weight = rng.exponential(size=len(X))
    weight[rng.random(len(X)) < 0.2] = 0
    ours, theirs = both(X, start, algorithm, weight)
    assert_same_model(ours, theirs, RTOL[dtype])
    assert_allclose(ours.score(X, sample_weight=weight), -theirs.inertia_, rtol=RTOL[dtype])


def test_integer_weights_are_repetitions(backend):
    X, start = blobs(300)
    weight = np.random.default_rng(0).integers(1, 4, 300)
    weighted = KMeans(9, init=start, tol=0).fit(X, sample_weight=weight)
    repeated = KMeans(9, init=start, tol=0).fit(np.repeat(X, weight, axis=0))
    assert_array_equal(np.repeat(weighted.labels_, weight), repeated.labels_)
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, rtol=1e-12)
    assert_allclose(weighted.inertia_, repeated.inertia_)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "container", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array, sparse.coo_array]
)
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_sparse(backend, algorithm, container, dtype):
    rng = np.random.default_rng(0)
    X, start = blobs(500, 20, dtype=dtype)
    X = np.where(rng.random(X.shape) < 0.6, 0, X)
    weight = rng.uniform(0.5, 2, 500)
    ours, theirs = both(container(X), start, algorithm, weight)
    assert_same_model(ours, theirs, 10 * RTOL[dtype])
    # Empty rows are rows of zeros.
    X[::7] = 0
    assert_array_equal(ours.predict(container(X)), theirs.predict(X))
    assert_allclose(ours.transform(container(X)), theirs.transform(X), rtol=1e-4, atol=1e-5)
    assert_allclose(ours.score(container(X)), theirs.score(X), rtol=10 * RTOL[dtype])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames(backend, make):
    X, start = blobs(200)
    names = [f"column {i}" for i in range(7)]
    frame = make(dict(zip(names, X.T, strict=True)))
    ours = KMeans(9, init=start).fit(frame)
    assert_array_equal(ours.feature_names_in_, names)
    plain = KMeans(9, init=start).fit(X)
    assert_array_equal(ours.cluster_centers_, plain.cluster_centers_)
    assert_array_equal(ours.predict(frame), plain.labels_)
    with pytest.raises(ValueError, match="feature names should match"):
        ours.predict(frame[names[::-1]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        ours.predict(X)


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    X, start = blobs(200)
    ours = KMeans(9, init=start).fit(torch.from_numpy(X))
    plain = KMeans(9, init=start).fit(X)
    assert_array_equal(ours.cluster_centers_, plain.cluster_centers_, strict=True)
    assert_array_equal(ours.predict(torch.from_numpy(X)), plain.labels_)


@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_float32_far_from_zero(backend, offset):
    # Squared norms of such rows have no digit left for the distances.
    X, start = blobs(2000, 5, spread=1.5)
    shift = np.float32(offset) * np.array([1, -1, 0.5, 2, 1], np.float32)
    X = ((X * 8).round() + shift).astype(np.float32)
    start = ((start * 8).round() + shift).astype(np.float32)
    expected = sklearn_cluster.KMeans(9, init=start.astype(np.float64)).fit(X.astype(np.float64))
    ours = KMeans(9, init=start).fit(X)
    assert (ours.labels_ != expected.labels_).mean() < 0.005
    spacing = np.spacing(np.abs(shift).max())
    assert_allclose(ours.cluster_centers_, expected.cluster_centers_, atol=4 * spacing + 0.1)
    assert_allclose(ours.inertia_, expected.inertia_, rtol=1e-3)
    assert (ours.predict(X) != expected.labels_).mean() < 0.005


@pytest.mark.parametrize("dtype", DTYPES)
def test_spherical_is_of_normalised_rows(backend, dtype):
    X, start = blobs(500, dtype=dtype)
    unit, unit_start = normalize(X), normalize(start)
    ours = KMeans(9, init=start, metric="spherical").fit(X)
    assert_allclose(np.linalg.norm(ours.cluster_centers_, axis=1), 1, rtol=10 * RTOL[dtype])
    # The centers are the directions of the sums of unit rows, and each row is with its nearest.
    similarity = unit @ ours.cluster_centers_.T
    assert_array_equal(ours.labels_, similarity.argmax(axis=1))
    sums = np.stack([unit[ours.labels_ == c].sum(axis=0) for c in range(9)])
    assert_allclose(ours.cluster_centers_, normalize(sums), atol=0.02)
    assert_allclose(ours.inertia_, (2 - 2 * similarity.max(axis=1)).sum(), rtol=1e-4)
    # The length of a row says nothing.
    scaled = KMeans(9, init=unit_start, metric="spherical").fit(X * dtype(8))
    assert_array_equal(scaled.labels_, ours.labels_)
    assert_array_equal(ours.predict(X * dtype(0.25)), ours.labels_)
    csr = KMeans(9, init=start, metric="spherical").fit(sparse.csr_array(X))
    assert_array_equal(csr.labels_, ours.labels_)
    assert_allclose(csr.cluster_centers_, ours.cluster_centers_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("metric", ["euclidean", "spherical"])
def test_one_step_of_each_metric(backend, metric):
    X, start = blobs(400, seed=5)
    ours = KMeans(9, init=start, metric=metric, max_iter=1).fit(X)
    rows, centers = (normalize(X), normalize(start)) if metric == "spherical" else (X, start)
    labels = ((rows[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    means = np.stack([rows[labels == c].mean(axis=0) for c in range(9)])
    expected = normalize(means) if metric == "spherical" else means
    assert_allclose(ours.cluster_centers_, expected, rtol=1e-10)


def test_the_function(backend):
    X, start = blobs()
    options = {"init": start, "n_init": 1, "return_n_iter": True}
    for ours, theirs in zip(
        k_means(X, 9, **options), sklearn_cluster.k_means(X, 9, **options), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-12)
    assert len(k_means(X, 9, random_state=0)) == 3
