"""MiniBatchKMeans beside scikit-learn's, step by step and as a whole."""

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import cluster as sklearn_cluster
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.cluster import KMeans, MiniBatchKMeans

FITTED = ("cluster_centers_", "labels_", "inertia_", "n_iter_", "n_steps_")


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.fixture(scope="module")
def X():
    return make_blobs(300, 4, centers=6, cluster_std=2.0, random_state=0)[0]


def same_bits(left, right):
    for name in FITTED:
        assert hasattr(left, name) == hasattr(right, name)
        assert_array_equal(getattr(left, name, 0), getattr(right, name, 0), strict=True)


NOT_REPEATED = (
    "the size of a batch and the number of steps go with the number of rows, as scikit-learn's: "
    "weights are repetitions in distribution alone"
)
EXPECTED = dict.fromkeys(
    (f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")),
    NOT_REPEATED,
)


@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks(
    [MiniBatchKMeans(), MiniBatchKMeans(n_clusters=1, batch_size=10, tol=1e-3)],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


def test_the_parameters_are_scikit_learns_and_one_more():
    ours = MiniBatchKMeans().get_params()
    assert ours.pop("metric") == "euclidean"
    assert ours == sklearn_cluster.MiniBatchKMeans().get_params()
    public = {n for n in dir(sklearn_cluster.MiniBatchKMeans) if not n.startswith("_")}
    assert public <= set(dir(MiniBatchKMeans))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_given_batches_lead_where_scikit_learns_do(backend, X, dtype, container):
    X = X.astype(dtype)
    weight = np.random.default_rng(0).uniform(0, 2, len(X))
    weight[::7] = 0
    options = {"n_clusters": 6, "init": X[:6], "n_init": 1, "reassignment_ratio": 0}
    ours = MiniBatchKMeans(**options)
    theirs = sklearn_cluster.MiniBatchKMeans(**options)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for start, stop in ((0, 90), (90, 91), (91, 190), (190, 300), (0, 300)):
        batch = container(X[start:stop])
        for model in (ours, theirs):
            model.partial_fit(batch, sample_weight=weight[start:stop] + 0.1)
        assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, tolerance, tolerance)
        assert_array_equal(ours.labels_, theirs.labels_)
        assert_allclose(ours.inertia_, theirs.inertia_, tolerance)
        assert_allclose(ours._counts, theirs._counts, tolerance)
        assert ours.n_steps_ == theirs.n_steps_
    assert ours.cluster_centers_.dtype == dtype
    assert_allclose(ours.transform(X), theirs.transform(X), 10 * tolerance)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_fits_are_as_good_as_scikit_learns(container):
    # Rows without clusters: on others the draws decide which of many ends a run comes to.
    X = np.random.default_rng(0).standard_normal((5000, 8))
    ratios = []
    for seed in range(3):
        start = X[np.random.default_rng(seed).permutation(len(X))[:20]]
        options = {
            "n_clusters": 20, "init": start, "n_init": 1, "random_state": seed, "batch_size": 500,
            "max_iter": 4, "max_no_improvement": None,
        }  # fmt: skip
        ours = MiniBatchKMeans(**options).fit(container(X))
        theirs = sklearn_cluster.MiniBatchKMeans(**options).fit(container(X))
        assert ours.n_steps_ == theirs.n_steps_ == 40
        assert ours.n_iter_ == theirs.n_iter_ == 4
        ratios.append(ours.inertia_ / theirs.inertia_)
    assert_allclose(ratios, 1, atol=0.02)
    assert_allclose(np.mean(ratios), 1, atol=0.01)


def test_small_batches_come_close_to_all_rows(backend, X):
    whole = KMeans(6, random_state=0, n_init=3).fit(X)
    model = MiniBatchKMeans(6, random_state=0, n_init=3, batch_size=50).fit(X)
    assert model.inertia_ < 1.1 * whole.inertia_
    assert model.n_iter_ == -(-50 * model.n_steps_ // 300)


def test_late_rows_count_after_very_many(backend):
    # In float32 a center at 1 with so much weight would not move at all.
    model = MiniBatchKMeans(1, init=[[1.0]], compute_labels=False)
    model.partial_fit(np.ones((1, 1), np.float32), sample_weight=[2.0**30])
    for _ in range(100):
        model.partial_fit(np.full((32, 1), 2, np.float32))
    assert model.cluster_centers_.dtype == np.float32
    assert_allclose(model.cluster_centers_[0, 0], 1 + 3200 / (2.0**30 + 3200), rtol=1e-7)


def test_fitting_again_gives_the_same_bits(backend, X):
    for container in (np.asarray, sparse.csr_array):
        for options in ({}, {"init": "random"}, {"metric": "spherical"}, {"batch_size": 20}):
            model = MiniBatchKMeans(6, random_state=0, **options).fit(container(X))
            same_bits(model, clone(model).fit(container(X)))
            same_bits(model, pickle.loads(pickle.dumps(model)))
    others = MiniBatchKMeans(6, random_state=1, batch_size=20).fit(X)
    assert not np.array_equal(others.cluster_centers_, model.cluster_centers_)


def test_threads_do_not_change_a_bit():
    X = np.random.default_rng(0).standard_normal((3000, 33)).astype(np.float32)
    for rows in (X, sparse.csr_array(np.where(X > 0.5, X, 0))):
        models = []
        for n in (1, 2):
            with fastml.config_context(num_threads=n):
                model = MiniBatchKMeans(50, random_state=0, max_iter=5).fit(rows)
                models.append(model.partial_fit(rows))
        same_bits(*models)


def test_fitting_goes_on_where_it_stopped(backend, X):
    model = MiniBatchKMeans(6, random_state=0).fit(X)
    copied = pickle.loads(pickle.dumps(model))
    steps, counts = model.n_steps_, model._counts.sum()
    same_bits(model.partial_fit(X[:50]), copied.partial_fit(X[:50]))
    assert model.n_steps_ == steps + 1
    assert_allclose(model._counts.sum(), counts + 50)
    # Centers that the user sets are where the next batch starts.
    model.cluster_centers_ = np.zeros((6, 4))
    model._counts[:] = 1e12
    assert_allclose(model.partial_fit(X).cluster_centers_, 0, atol=1e-8)
    # The codebook keeps its dtype.
    single = MiniBatchKMeans(6, random_state=0).partial_fit(X.astype(np.float32))
    assert single.partial_fit(X).cluster_centers_.dtype == np.float32


def test_rows_without_weight_have_no_say(backend, X):
    rows = np.vstack([X, np.full((50, 4), 1e6)])
    weight = np.append(np.full(300, 2.0), np.zeros(50))
    for init in ("k-means++", "random"):
        options = {"init": init, "random_state": 0, "batch_size": 60, "reassignment_ratio": 0.9}
        model = MiniBatchKMeans(6, **options).fit(rows, sample_weight=weight)
        assert abs(model.cluster_centers_).max() < 100
        model = MiniBatchKMeans(6, **options).partial_fit(rows, sample_weight=weight)
        for _ in range(5):
            model.partial_fit(rows, sample_weight=weight)
        assert abs(model.cluster_centers_).max() < 100


def test_batches_are_drawn_by_weight():
    X = np.arange(4.0)[:, None] * 10
    weight = np.array([1.0, 2, 3, 4])
    options = {"init": X, "batch_size": 4, "max_iter": 3000, "max_no_improvement": None}
    options["reassignment_ratio"] = 0
    model = MiniBatchKMeans(4, **options, random_state=0).fit(X, sample_weight=weight)
    assert model.n_steps_ == 3000
    # The counts are multinomial: within five standard deviations.
    assert_allclose(model._counts / 12000, weight / 10, atol=5 * 0.5 / 12000**0.5)
    assert_array_equal(model.cluster_centers_, X)


@pytest.mark.parametrize("ratio", [0, 0.01, 5.0])
def test_light_centers_are_put_on_rows(backend, X, ratio):
    far = np.vstack([X[:2], np.full((4, 4), 1e3)])
    model = MiniBatchKMeans(6, init=far, reassignment_ratio=ratio, random_state=0).partial_fit(X)
    stayed = (model.cluster_centers_ == 1e3).all(axis=1).sum()
    assert stayed == (4 if ratio == 0 else 0)
    if ratio:
        on_rows = (model.cluster_centers_[2:, None] == X).all(axis=2)
        assert on_rows.any(axis=1).all()
        assert model._counts.min() > 0


def test_half_of_a_batch_at_most_becomes_centers(backend, X):
    far = np.vstack([X[:1], np.full((9, 4), 1e3)])
    model = MiniBatchKMeans(10, init=far, random_state=0)
    for rows, left in ((X[:10], 4), (X[:1], 4)):
        model.partial_fit(rows)
        assert (model.cluster_centers_ == 1e3).all(axis=1).sum() == left


def test_init_takes_some_rows(backend, X):
    seen = []

    def init(rows, n_clusters, random_state):
        seen.append(rows.shape)
        return rows[random_state.permutation(rows.shape[0])[:n_clusters]]

    MiniBatchKMeans(6, init=init, init_size=40, random_state=0).fit(X)
    assert seen == [(40, 4)] * 3
    seen.clear()
    MiniBatchKMeans(6, init=lambda *a, **b: init(*a, **b).toarray(), n_init=2).fit(
        sparse.csr_array(X)
    )
    assert seen == [(300, 4)] * 2
    with pytest.warns(RuntimeWarning, match=r"init_size=3 should be larger than n_clusters=6"):
        MiniBatchKMeans(6, init_size=3).fit(X)


def test_the_best_of_several_starts_is_kept(backend, X):
    options = {"init": "random", "random_state": 0, "max_no_improvement": 0, "init_size": 300}
    inertias = [MiniBatchKMeans(6, n_init=n, **options).fit(X).inertia_ for n in (1, 20)]
    assert inertias[1] < inertias[0]


def test_spherical(backend, X):
    scaled = X * np.random.default_rng(0).uniform(1, 100, (300, 1))
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    model = MiniBatchKMeans(5, metric="spherical", random_state=0).fit(scaled)
    assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1)
    whole = KMeans(5, metric="spherical", random_state=0).fit(unit)
    assert model.inertia_ < 1.2 * whole.inertia_
    assert_array_equal(model.predict(scaled), model.predict(unit))
    again = MiniBatchKMeans(5, metric="spherical", random_state=0).partial_fit(scaled)
    assert_allclose(np.linalg.norm(again.partial_fit(unit).cluster_centers_, axis=1), 1)
    with pytest.raises(ValueError, match="row of zeros"):
        model.partial_fit(np.vstack([X, np.zeros(4)]))


def test_codebook(backend, X):
    model = MiniBatchKMeans(6, random_state=0).fit(X)
    codes = model.encode(X)
    assert codes.dtype == np.uint8
    assert_array_equal(model.decode(codes), model.cluster_centers_[model.labels_])
    assert_allclose(model.reconstruction_error(X), model.inertia_)
    assert model.bits_per_vector_ == 3
    assert model.compression_ratio(X) > 1


def test_without_labels_inertia_is_an_estimate(backend, X):
    options = {"random_state": 0, "max_no_improvement": None, "max_iter": 30}
    with_labels = MiniBatchKMeans(6, **options).fit(X)
    without = MiniBatchKMeans(6, compute_labels=False, **options).fit(X)
    assert not hasattr(without, "labels_")
    assert_array_equal(without.cluster_centers_, with_labels.cluster_centers_)
    assert_allclose(without.inertia_, with_labels.inertia_, rtol=0.1)
    # One step alone has an estimate too.
    one = MiniBatchKMeans(6, compute_labels=False, max_iter=1).fit(X)
    assert one.n_steps_ == 1
    assert one.inertia_ > 0


@pytest.mark.parametrize("tol, patience", [(1e-2, None), (0, 5)])
def test_verbose_says_what_scikit_learns_does(backend, X, capsys, tol, patience):
    def kinds():
        lines = capsys.readouterr().out.splitlines()
        return {re.sub(r"[\d.e+-]*\d[\d.]*", "", line) for line in lines}

    found = []
    for cls in (MiniBatchKMeans, sklearn_cluster.MiniBatchKMeans):
        options = {"tol": tol, "max_no_improvement": patience, "n_init": 2, "verbose": 1}
        model = cls(6, batch_size=50, random_state=0, **options).fit(X)
        assert model.n_steps_ < 600
        found.append(kinds())
    assert found[0] == found[1]
    MiniBatchKMeans(6).fit(X)
    assert capsys.readouterr().out == ""


class Recorder:
    """A callback that keeps what it is told, and stops after some steps."""

    def setup(self, estimator, context):
        self.begun, self.centers = [], []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name != "step":
            return False
        self.centers.append(fitted_estimator.cluster_centers_)
        return len(self.centers) == 3


def test_callbacks_see_steps_and_can_stop(backend, X):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    model = MiniBatchKMeans(6, random_state=0).set_callbacks(recorder).fit(X)
    assert recorder.begun == ["fit", "step", "step", "step"]
    assert model.n_steps_ == 3
    assert_array_equal(recorder.centers[-1], model.cluster_centers_)
    assert not np.array_equal(recorder.centers[0], recorder.centers[1])


def test_infinite_values_let_in_are_survived():
    X = np.random.default_rng(0).standard_normal((200, 3))
    X[5], X[7, 1] = np.nan, np.inf
    with fastml.config_context(check_finite=False), np.errstate(invalid="ignore"):
        model = MiniBatchKMeans(8, random_state=0).partial_fit(X).partial_fit(X)
    assert 0 <= model.labels_.min() <= model.labels_.max() < 8
