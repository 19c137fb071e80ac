"""WinnerTakeAll as an estimator: scikit-learn's contract, stopping, callbacks, the codebook."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import cluster as sklearn_cluster
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.cluster import WinnerTakeAll
from tests.test_bad_input import BAD


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.fixture(scope="module")
def X():
    return make_blobs(300, 4, centers=6, cluster_std=1.5, random_state=0)[0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks(
    [
        WinnerTakeAll(),
        WinnerTakeAll(learning_rate="adaptive", repair="conscience", batch_size=4),
        WinnerTakeAll(n_clusters=1, learning_rate="constant", repair="leaky"),
    ]
)
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


def test_stopping(X, capsys):
    with pytest.warns(ConvergenceWarning, match="Maximum number of iteration reached"):
        WinnerTakeAll(6, max_iter=3, random_state=0).fit(X)
    model = WinnerTakeAll(6, tol=0.5, n_iter_no_change=2, verbose=1, random_state=0).fit(X)
    assert model.n_iter_ == 3
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in printed] == ["Epoch 0", "Epoch 1", "Epoch 2"]
    assert float(printed[-1].split()[-1].rstrip(".")) == model.inertia_
    options = {"random_state": 0, "n_iter_no_change": 1, "tol": 0.1, "max_iter": 50}
    adaptive = WinnerTakeAll(6, learning_rate="adaptive", **options).fit(X)
    # From 0.1 by factors of 5 to below 1e-6 takes eight drops.
    assert 9 <= adaptive.n_iter_ < 15
    assert WinnerTakeAll(6, learning_rate="cosine", **options).fit(X).n_iter_ == 50


def test_callbacks_see_epochs_and_stop_the_fit(X):
    pytest.importorskip("sklearn.callback")

    class StopAtThird:
        def setup(self, estimator, context):
            self.begun, self.centers = [], []

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            self.begun.append(context.task_name)

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if context.task_name != "epoch":
                return False
            self.centers.append(fitted_estimator.cluster_centers_.copy())
            return context.task_id == 2

    callback = StopAtThird()
    model = WinnerTakeAll(6, random_state=0).set_callbacks(callback).fit(X)
    assert callback.begun == ["fit", "epoch", "epoch", "epoch"]
    assert model.n_iter_ == 3
    options = {"random_state": 0, "n_iter_no_change": None}
    for n_epochs in (1, 2, 3):
        expected = WinnerTakeAll(6, max_iter=n_epochs, **options).fit(X)
        assert_array_equal(callback.centers[n_epochs - 1], expected.cluster_centers_)
    assert_array_equal(model.labels_, expected.labels_)


def test_codebook(backend, X):
    model = WinnerTakeAll(6, random_state=0).fit(X.astype(np.float32))
    codes = model.encode(X)
    assert codes.dtype == np.uint8
    assert_array_equal(model.decode(codes), model.cluster_centers_[codes])
    error = ((X - model.decode(codes)) ** 2).sum()
    assert_allclose(model.reconstruction_error(X), error, rtol=1e-5)
    assert model.bits_per_vector_ == 3
    assert model.compression_ratio(X) == 300 * 4 * 64 / (300 * 3 + 6 * 4 * 32)
    assert model.cluster_centers_.dtype == model.transform(X.astype(np.float32)).dtype == np.float32
    assert_array_equal(model.transform(X).argmin(axis=1), codes)
    frame = model.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame) == [f"winnertakeall{i}" for i in range(6)]
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), codes)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_clusters": 301}, "n_samples=300 should be >= n_clusters=301"),
        ({"init": np.zeros((6, 3))}, "does not match the number of features of the data 4"),
        ({"init": np.zeros((5, 4))}, "does not match the number of clusters 6"),
        ({"eta0": 0.0}, "'eta0' parameter of WinnerTakeAll must be a float in the range"),
        ({"eta0": 1.5}, "'eta0' parameter"),
        ({"leak": -0.1}, "'leak' parameter"),
        ({"conscience_rate": 2.0}, "'conscience_rate' parameter"),
        ({"repair": "reinit"}, "'repair' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"learning_rate": "sometimes"}, "'learning_rate' parameter"),
        ({"n_iter_no_change": 0}, "'n_iter_no_change' parameter"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_parameters(X, options, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(WinnerTakeAll(**{"n_clusters": 6} | options), method)(X)


@pytest.mark.parametrize("kind", BAD)
def test_rows_are_refused_in_scikit_learns_words(backend, kind):
    def refusal(action, *args):
        # NumPy warns of infinities on the way to scikit-learn's error.
        with pytest.raises(Exception) as caught, np.errstate(invalid="ignore"):  # noqa: PT011
            action(*args)
        return caught.type, str(caught.value)

    theirs, words = refusal(sklearn_cluster.KMeans(2, random_state=0).fit, BAD[kind])
    expected = theirs, words.replace("KMeans", "WinnerTakeAll")
    for method in ("fit", "partial_fit"):
        model = WinnerTakeAll(2, random_state=0)
        assert refusal(getattr(model, method), BAD[kind]) == expected, method


def test_bad_rows(backend, X):
    model = WinnerTakeAll(6, random_state=0)
    broken = X.copy()
    broken[7, 1] = np.nan
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            getattr(clone(model), method)(broken)
        with pytest.raises(ValueError, match="too large"):
            getattr(clone(model), method)(X * 1e160)
        with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
            getattr(clone(model), method)(X, sample_weight=-np.ones(300))
        with pytest.raises(ValueError, match="at least one non-zero number"):
            getattr(clone(model), method)(X, sample_weight=np.zeros(300))
    model.partial_fit(X)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.partial_fit(broken)
    with pytest.raises(ValueError, match="X has 3 features, but WinnerTakeAll is expecting 4"):
        model.partial_fit(X[:, :3])
    with pytest.raises(ValueError, match="row of zeros"):
        WinnerTakeAll(6, metric="spherical").fit(X * (np.arange(300) > 5)[:, None])
    with pytest.raises(ValueError, match="learning_rate='cosine' needs to know the number"):
        WinnerTakeAll(6, learning_rate="cosine").partial_fit(X)
