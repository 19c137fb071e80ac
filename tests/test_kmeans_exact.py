"""KMeans: pruning that changes nothing, draws that depend on the seed alone, edge cases."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import cluster as sklearn_cluster
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

import fastml
from fastml.cluster import KMeans, kmeans_plusplus
from fastml.cluster._rows import DenseRows

DTYPES = [np.float32, np.float64]


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.fixture
def bounded(monkeypatch):
    """Record in which iterations bounds were used."""
    calls = []

    def recording(step, uses_bounds):
        def recorded(*args):
            calls.append(uses_bounds)
            return step(*args)

        return recorded

    for name in ("assign_and_sum", "assign_bounded_and_sum"):
        step = recording(getattr(DenseRows, name), "bounded" in name)
        monkeypatch.setattr(DenseRows, name, step)
    return calls


def same_bits(left, right):
    assert_array_equal(left.cluster_centers_, right.cluster_centers_, strict=True)
    assert_array_equal(left.labels_, right.labels_, strict=True)
    assert left.inertia_ == right.inertia_
    assert left.n_iter_ == right.n_iter_


KINDS = ["normal", "clustered", "duplicates", "grid", "far"]


def data(kind, n_samples, n_features, dtype):
    """Rows on which bounds are loose, tight, tied, exact or computed far from zero."""
    rng = np.random.default_rng(n_features)
    X = rng.standard_normal((n_samples, n_features))
    if kind == "clustered":
        X += rng.uniform(-4, 4, (40, n_features))[rng.integers(0, 40, n_samples)]
    elif kind == "duplicates":
        X = X[rng.integers(0, n_samples // 10, n_samples)]
    elif kind == "grid":
        X = X.round()
    elif kind == "far":
        X += 3000
    return X.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_features, n_clusters", [(16, 40), (33, 17), (8, 100)])
@pytest.mark.parametrize("kind", KINDS)
def test_pruning_is_exact(backend, bounded, kind, n_features, n_clusters, dtype):
    X = data(kind, 3000, n_features, dtype)
    weight = np.random.default_rng(0).uniform(0, 2, 3000).astype(dtype)
    options = {"n_clusters": n_clusters, "init": X[:n_clusters], "tol": 0, "max_iter": 60}
    models, used = {}, {}
    for algorithm in ("lloyd", "elkan", "auto"):
        bounded.clear()
        with fastml.config_context(backend=backend):
            models[algorithm] = KMeans(algorithm=algorithm, **options).fit(X, sample_weight=weight)
        used[algorithm] = list(bounded)
    assert all(used["elkan"])
    # Full assignments first, bounds from some iteration on.
    assert used["lloyd"] == used["auto"] == sorted(used["lloyd"])
    assert not used["lloyd"][0]
    assert used["lloyd"][-1]
    same_bits(models["elkan"], models["lloyd"])
    same_bits(models["auto"], models["lloyd"])


def test_no_pruning_at_all_gives_the_same(backend, bounded, monkeypatch):
    X = data("clustered", 3000, 16, np.float32)
    pruned = KMeans(40, random_state=0, tol=0).fit(X)
    assert bounded[-1]
    bounded.clear()
    monkeypatch.setattr(
        DenseRows, "assign_bounded_and_sum", lambda rows, *args: rows.assign_and_sum(*args[:5])
    )
    full = KMeans(40, random_state=0, tol=0).fit(X)
    assert not any(bounded)
    same_bits(pruned, full)


def test_small_work_is_not_pruned(bounded):
    KMeans(8, random_state=0, tol=0).fit(data("clustered", 2000, 2, np.float64))
    assert len(bounded) > 3
    assert not any(bounded)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_starts_depend_on_the_seed_alone(init, dtype):
    X = data("normal", 700, 5, dtype)

    def start(seed, **options):
        with fastml.config_context(**options):
            model = KMeans(12, init=init, n_init=1, max_iter=1, random_state=seed).fit(X)
        return model.cluster_centers_

    expected = start(3)
    for options in ({}, {"num_threads": 1}, {"backend": "reference"}):
        assert_allclose(start(3, **options), expected, rtol=1e-5, atol=1e-6)
    assert_array_equal(start(3, num_threads=1), expected)
    assert_array_equal(start(np.random.RandomState(3)), expected)
    assert not np.array_equal(start(4), expected)
    np.random.seed(0)
    unseeded = start(None)
    np.random.seed(0)
    assert_array_equal(start(None), unseeded)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", DTYPES)
def test_kmeans_plusplus(backend, container, dtype):
    X = data("clustered", 500, 6, dtype)
    centers, indices = kmeans_plusplus(container(X), 20, random_state=1)
    assert_array_equal(centers, X[indices], strict=True)
    assert len(set(indices)) == 20
    again, _ = kmeans_plusplus(container(X), 20, random_state=1)
    assert_array_equal(again, centers)
    other, _ = kmeans_plusplus(container(X), 20, random_state=2)
    assert not np.array_equal(other, centers)
    _, single = kmeans_plusplus(container(X), 20, random_state=1, n_local_trials=1)
    assert not np.array_equal(single, indices)


def potential(X, centers):
    return ((X[:, None] - centers) ** 2).sum(axis=2).min(axis=1).sum()


def test_kmeans_plusplus_is_as_good_a_start_as_scikit_learns(backend):
    X, _ = make_blobs(400, 3, centers=15, cluster_std=0.3, random_state=0)
    ours, theirs = (
        [potential(X, f(X, 15, random_state=seed)[0]) for seed in range(60)]
        for f in (kmeans_plusplus, sklearn_cluster.kmeans_plusplus)
    )
    error = np.hypot(np.std(ours), np.std(theirs)) / np.sqrt(60)
    assert abs(np.mean(ours) - np.mean(theirs)) < 3 * error
    assert np.mean(ours) < 0.3 * np.mean([potential(X, X[s : s + 15]) for s in range(60)])


def test_first_draws_go_by_weight(backend):
    X, weight = np.arange(4.0)[:, None], np.array([1.0, 0, 3, 6])
    drawn = [kmeans_plusplus(X, 1, sample_weight=weight, random_state=s)[1][0] for s in range(500)]
    share = np.bincount(drawn, minlength=4) / 500
    assert_allclose(share, weight / 10, atol=0.075)
    assert share[1] == 0


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_rows_without_weight_are_never_drawn(backend, init, container):
    X = data("normal", 300, 3, np.float64)
    weight = np.zeros(300)
    heavy = np.random.default_rng(0).choice(300, 12, replace=False)
    weight[heavy] = 1
    for seed in range(5):
        model = KMeans(12, init=init, n_init=1, random_state=seed)
        model.fit(container(X), sample_weight=weight)
        # Twelve rows with weight and as many clusters: each is a center.
        assert_allclose(np.sort(model.cluster_centers_[:, 0]), np.sort(X[heavy, 0]))
        assert_allclose(model.inertia_, 0, atol=1e-12)
        _, indices = kmeans_plusplus(container(X), 8, sample_weight=weight, random_state=seed)
        assert np.isin(indices, heavy).all()


def test_random_needs_enough_rows_with_weight():
    weight = np.zeros(20)
    weight[:3] = 1
    with pytest.raises(ValueError, match="at least n_clusters=4 samples with a positive"):
        KMeans(4, init="random").fit(np.arange(20.0)[:, None], sample_weight=weight)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", DTYPES)
def test_empty_clusters_get_the_farthest_rows(backend, container, dtype):
    X = data("clustered", 300, 4, dtype)
    start = np.concatenate([X[:5], np.full((3, 4), 1000, dtype)])
    model = KMeans(8, init=start, tol=0).fit(container(X))
    expected = sklearn_cluster.KMeans(8, init=start, tol=0, n_init=1).fit(container(X))
    assert np.bincount(model.labels_, minlength=8).all()
    assert_array_equal(model.labels_, expected.labels_)
    assert_allclose(model.cluster_centers_, expected.cluster_centers_, rtol=1e-4, atol=1e-5)


def test_empty_clusters_and_rows_without_weight(backend):
    X = np.concatenate([data("normal", 50, 2, np.float64), [[50.0, 50]]])
    weight = np.append(np.ones(50), 0.0)
    start = np.array([[0.0, 0], [200, 200], [300, 300]])
    model = KMeans(3, init=start).fit(X, sample_weight=weight)
    # The row farthest off has no weight, and is no center.
    assert np.abs(model.cluster_centers_).max() < 10


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_fewer_distinct_rows_than_clusters(backend, algorithm, dtype):
    X = np.repeat(np.eye(3, dtype=dtype), 20, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\) found smaller than"):
        model = KMeans(5, random_state=0, algorithm=algorithm).fit(X)
    assert model.inertia_ == 0
    assert_array_equal(model.cluster_centers_[model.labels_], X)


@pytest.mark.parametrize("dtype", DTYPES)
def test_as_many_clusters_as_rows(backend, dtype):
    X = data("normal", 30, 3, dtype)
    model = KMeans(30, random_state=0).fit(X)
    assert sorted(model.labels_) == list(range(30))
    assert model.inertia_ < 1e-10


def test_equal_rows(backend):
    X = np.full((50, 3), 0.1)
    model = KMeans(1).fit(X)
    assert_allclose(model.cluster_centers_, X[:1], rtol=1e-15)
    assert model.inertia_ < 1e-28


@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_go_to_the_lowest_index(backend, dtype):
    # Their mean, by which rows and centers are shifted, is zero: ties stay ties.
    start = np.array([[-1.0, 0], [1, 0], [1, 0], [-1, 0]], dtype)
    X = np.array([[0.0, 2], [0, -1], [1, 1], [-1, 1]], dtype)
    model = KMeans(4, init=X).fit(X)
    model.cluster_centers_ = start
    assert_array_equal(model.predict(X), [0, 0, 1, 0])
    assert_array_equal(model.predict(sparse.csr_array(X)), [0, 0, 1, 0])


def test_inertia_is_accumulated_in_float64(backend):
    X = np.full((200_000, 1), 0.1, np.float32)
    X[::2] = -0.1
    model = KMeans(1).fit(X)
    assert_allclose(model.inertia_, 200_000 * float(np.float32(0.1)) ** 2, rtol=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
def test_scale_of_the_data_does_not_matter(backend, scale, dtype):
    X = data("clustered", 500, 5, dtype)
    plain = KMeans(10, init=X[:10], n_init=1).fit(X)
    scaled = KMeans(10, init=X[:10] * dtype(scale), n_init=1).fit(X * dtype(scale))
    # A power of two changes no digit.
    assert_array_equal(scaled.labels_, plain.labels_)
    assert_array_equal(scaled.cluster_centers_, plain.cluster_centers_ * dtype(scale))
    assert scaled.n_iter_ == plain.n_iter_


@pytest.mark.parametrize("dtype", DTYPES)
def test_seeding_does_not_depend_on_the_order_of_the_rows(backend, dtype):
    X = data("clustered", 500, 5, dtype)
    order = np.random.default_rng(0).permutation(len(X))
    centers, indices = kmeans_plusplus(X, 10, random_state=0)
    shuffled, elsewhere = kmeans_plusplus(X[order], 10, random_state=0)
    assert_array_equal(shuffled, centers)
    assert_array_equal(order[elsewhere], indices)
