"""KMeans as an estimator: scikit-learn's contract, callbacks, the codebook."""

import contextlib
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import cluster as sklearn_cluster
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.cluster import KMeans


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.fixture(scope="module")
def X():
    return make_blobs(300, 4, centers=6, cluster_std=2.0, random_state=0)[0]


def same_bits(left, right):
    for name in ("cluster_centers_", "labels_"):
        assert_array_equal(getattr(left, name), getattr(right, name), strict=True)
    assert (left.inertia_, left.n_iter_) == (right.inertia_, right.n_iter_)


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:algorithm='elkan':RuntimeWarning"
)
@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks([KMeans(n_clusters=1), KMeans(), KMeans(algorithm="elkan")])
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_integer_weights_are_repetitions_from_the_draws_on(backend, X, container):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    repeated = container(np.repeat(X, weight, axis=0))
    for seed in range(5):
        weighted = KMeans(8, random_state=seed).fit(container(X), sample_weight=weight)
        expected = KMeans(8, random_state=seed).fit(repeated)
        assert_array_equal(weighted.predict(container(X)), expected.predict(container(X)))
        assert_allclose(weighted.cluster_centers_, expected.cluster_centers_)


def test_the_parameters_are_scikit_learns_and_one_more():
    ours, theirs = KMeans().get_params(), sklearn_cluster.KMeans().get_params()
    assert ours.pop("metric") == "euclidean"
    assert ours == theirs
    public = {name for name in dir(sklearn_cluster.KMeans) if not name.startswith("_")}
    assert public <= set(dir(KMeans))


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_fitting_again_gives_the_same_bits(backend, X, init, container):
    model = KMeans(6, init=init, n_init=3, random_state=0).fit(container(X))
    same_bits(model, pickle.loads(pickle.dumps(model)))
    same_bits(model, clone(model).fit(container(X)))
    same_bits(model, KMeans(**model.get_params()).fit(container(X).copy()))


def test_pickle_and_clone(X):
    model = KMeans(6, random_state=0, metric="spherical").fit(X)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.labels_)
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert not hasattr(fresh, "cluster_centers_")


def test_a_model_fitted_on_one_backend_predicts_on_another(X):
    with fastml.config_context(backend="reference"):
        model = KMeans(6, random_state=0).fit(X)
    assert type(model.cluster_centers_) is np.ndarray
    assert_array_equal(model.predict(X), model.labels_)
    assert_allclose(model.score(X), -model.inertia_)


def test_predict_of_the_fitted_rows_is_labels(backend, X):
    model = KMeans(6, random_state=0)
    assert_array_equal(model.fit_predict(X), model.labels_)
    assert_array_equal(model.predict(X), model.labels_)
    distances = model.fit_transform(X)
    assert_array_equal(distances, model.transform(X))
    assert_array_equal(distances.argmin(axis=1), model.labels_)
    assert_allclose((distances.min(axis=1) ** 2).sum(), model.inertia_)


@pytest.mark.parametrize("container, kind", [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_set_output(X, container, kind):
    model = KMeans(6, random_state=0).set_output(transform=container)
    out = model.fit_transform(X)
    assert isinstance(out, kind)
    assert list(out.columns) == [f"kmeans{i}" for i in range(6)]
    assert_array_equal(out.to_numpy(), model.set_output(transform="default").transform(X))


def test_in_a_pipeline(X):
    pipeline = make_pipeline(StandardScaler(), KMeans(6, random_state=0)).fit(X)
    scaled = StandardScaler().fit_transform(X)
    assert_array_equal(pipeline.predict(X), KMeans(6, random_state=0).fit(scaled).labels_)


def test_n_init(backend, X):
    runs = [KMeans(12, init="random", n_init=n, random_state=1).fit(X) for n in range(1, 8)]
    inertias = [model.inertia_ for model in runs]
    assert inertias == sorted(inertias, reverse=True)
    assert inertias[-1] < inertias[0]
    # Ten runs for random, one for k-means++ and for given centers.
    same_bits(
        KMeans(6, init="random", random_state=1).fit(X),
        KMeans(6, init="random", n_init=10, random_state=1).fit(X),
    )
    same_bits(KMeans(6, random_state=1).fit(X), KMeans(6, n_init=1, random_state=1).fit(X))
    with pytest.warns(
        RuntimeWarning, match="performing only one init in KMeans instead of n_init=4"
    ):
        KMeans(6, init=X[:6], n_init=4).fit(X)


def test_a_callable_init(backend, X):
    seen = []

    def init(rows, n_clusters, random_state):
        seen.append((rows.shape, n_clusters, type(random_state)))
        return rows[random_state.permutation(len(rows))[:n_clusters]]

    model = KMeans(6, init=init, n_init=4, random_state=0).fit(X)
    assert seen == [((300, 4), 6, np.random.RandomState)] * 4
    same_bits(model, KMeans(6, init=init, n_init=4, random_state=0).fit(X))
    given = KMeans(6, init=lambda rows, k, random_state: X[:k], n_init=1).fit(X)
    same_bits(given, KMeans(6, init=X[:6]).fit(X))


@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
def test_verbose(backend, X, capsys, algorithm):
    for tol, expected in ((0, "strict convergence"), (1e-2, "within tolerance")):
        model = KMeans(6, random_state=0, verbose=1, tol=tol, algorithm=algorithm).fit(X)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "Initialization complete"
        assert len(lines) == model.n_iter_ + 2
        assert expected in lines[-1]
        inertias = [float(line.split("inertia ")[1].split(",")[0]) for line in lines[1:-1]]
        assert inertias == sorted(inertias, reverse=True)
    KMeans(6, random_state=0).fit(X)
    assert capsys.readouterr().out == ""


class Recorder:
    """A callback that keeps what it is told, and stops where it is told to."""

    def __init__(self, stop_after=math.inf):
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.begun, self.centers, self.torn_down = [], [], 0

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append((context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "iteration":
            self.centers.append(fitted_estimator.cluster_centers_.copy())
            return context.task_id + 1 >= self.stop_after
        return False


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_callbacks_see_runs_and_iterations(backend, X, container):
    pytest.importorskip("sklearn.callback")
    X = container(X)
    recorder = Recorder()
    options = {"n_clusters": 6, "n_init": 2, "random_state": 0, "tol": 0}
    model = KMeans(**options).set_callbacks(recorder).fit(X)
    same_bits(model, KMeans(**options).fit(X))
    assert recorder.begun[0] == ("fit", 0)
    assert [t for t in recorder.begun if t[0] == "run"] == [("run", 0), ("run", 1)]
    second = recorder.begun.index(("run", 1))
    steps = [recorder.begun[2:second], recorder.begun[second + 1 :]]
    for run in steps:
        assert run == [("iteration", i) for i in range(len(run))]
    assert model.n_iter_ in map(len, steps)
    assert any(np.array_equal(c, model.cluster_centers_) for c in recorder.centers)
    assert recorder.torn_down == 1


def test_a_callback_stops_the_fit(backend, X):
    pytest.importorskip("sklearn.callback")
    options = {"n_clusters": 6, "random_state": 0, "tol": 0}
    assert KMeans(**options).fit(X).n_iter_ > 2
    stopped = KMeans(**options).set_callbacks(Recorder(stop_after=2)).fit(X)
    same_bits(stopped, KMeans(max_iter=2, **options).fit(X))


def test_a_callback_that_raises_is_torn_down(X):
    pytest.importorskip("sklearn.callback")

    class Broken(Recorder):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            raise ZeroDivisionError

    broken = Broken()
    with pytest.raises(ZeroDivisionError):
        KMeans(6).set_callbacks(broken).fit(X)
    assert broken.torn_down == 1


@pytest.mark.parametrize("how", ["callback", "option"])
def test_the_progress_bar_is_drawn(X, capsys, how):
    callback = pytest.importorskip("sklearn.callback")
    pytest.importorskip("rich")
    model, context = KMeans(6, n_init=2, random_state=0), contextlib.nullcontext()
    if how == "callback":
        model.set_callbacks(callback.ProgressBar())
    else:
        context = fastml.config_context(progress=True)
    with context:
        model.fit(X)
    drawn = capsys.readouterr().out
    assert "KMeans - fit" in drawn
    assert drawn.count("run") >= 2


@pytest.mark.parametrize("n_clusters, bits", [(1, 0), (2, 1), (5, 3), (256, 8), (257, 9)])
def test_the_codebook(backend, n_clusters, bits):
    X = np.random.default_rng(0).standard_normal((600, 3)).astype(np.float32)
    model = KMeans(n_clusters, random_state=0, max_iter=3).fit(X)
    codes = model.encode(X)
    assert codes.dtype == (np.uint8 if n_clusters <= 256 else np.uint16)
    assert_array_equal(codes, model.predict(X))
    decoded = model.decode(codes)
    assert_array_equal(decoded, model.cluster_centers_[model.predict(X)], strict=True)
    error = ((X.astype(np.float64) - decoded) ** 2).sum()
    assert_allclose(model.reconstruction_error(X), error, rtol=1e-6)
    assert_allclose(model.reconstruction_error(X), model.inertia_, rtol=1e-6)
    assert model.bits_per_vector_ == bits
    size = 600 * bits + n_clusters * 3 * 32
    assert model.compression_ratio(X) == pytest.approx(600 * 3 * 32 / size)
    # The size of the vectors is that of their own dtype.
    assert model.compression_ratio(X.astype(np.float64)) == 2 * model.compression_ratio(X)
    weight = np.arange(600.0)
    weighted = ((X.astype(np.float64) - decoded) ** 2).sum(axis=1) @ weight
    assert_allclose(model.reconstruction_error(X, sample_weight=weight), weighted, rtol=1e-5)


def test_codes_of_any_shape_are_decoded(X):
    model = KMeans(6, random_state=0).fit(X)
    codes = model.encode(X).reshape(10, 30)
    assert_array_equal(model.decode(codes), model.decode(codes.ravel()).reshape(10, 30, 4))
    assert_array_equal(model.decode([]), np.empty((0, 4), X.dtype), strict=True)
    for bad, message in (([0.5], "must be integers"), ([6], "in \\[0, 6\\)"), ([-1], "in \\[0")):
        with pytest.raises(ValueError, match=message):
            model.decode(bad)


def test_the_compression_ratio_takes_the_shape_and_dtype_alone(X):
    class OnDevice:
        shape, dtype = X.shape, X.dtype
        __cuda_array_interface__ = {"shape": X.shape}

    model = KMeans(6, random_state=0).fit(X)
    expected = model.compression_ratio(X)
    for same in (OnDevice(), sparse.csr_matrix(X), X.tolist(), pd.DataFrame(X)):
        assert model.compression_ratio(same) == expected
    assert model.compression_ratio(X * np.nan) == expected
    with pytest.raises(ValueError, match="Expected 2D array"):
        model.compression_ratio(X[0])
