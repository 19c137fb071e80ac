"""WinnerTakeAll: a plain loop agrees with it, weights, streams, dead units, the contract."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.cluster import KMeans, WinnerTakeAll

REPAIRS = (None, "conscience", "leaky")
SCHEDULES = ("optimal", "constant", "invscaling", "adaptive", "cosine")


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


def plain_loop(X, centers, model, n_epochs, weight=None):
    """Competitive learning as a textbook writes it, unshuffled."""
    w, k = centers.astype(float).copy(), len(centers)
    weight = np.ones(len(X)) if weight is None else weight
    wins, p, seen, step = np.zeros(k), np.full(k, 1 / k), [], 0
    for _ in range(n_epochs):
        for first in range(0, len(X), model.batch_size):
            batch = range(first, min(first + model.batch_size, len(X)))
            unit = np.mean(seen) if seen else 0.0
            bias = model.conscience_factor * unit * (1 / k - p)
            squared = ((X[batch, None] - w) ** 2).sum(axis=2)
            for d2, i in zip(squared, batch, strict=True):
                nearest = winner = int(np.argmin(d2))
                if model.repair == "conscience":
                    winner = int(np.argmin(d2 - bias))
                    p *= 1 - model.conscience_rate
                    p[nearest] += model.conscience_rate
                    seen.append(d2.mean())
                eta = {
                    "optimal": 1 / (wins + 2),
                    "constant": np.full(k, model.eta0),
                    "adaptive": np.full(k, model.eta0),
                    "invscaling": np.full(k, model.eta0 / (step + 1) ** model.power_t),
                    "cosine": np.full(
                        k,
                        model.eta0 * (1 + np.cos(np.pi * step / (model.max_iter * len(X)))) / 2,
                    ),
                }[model.learning_rate]
                if model.repair == "leaky":
                    eta = np.where(np.arange(k) == winner, eta, eta * model.leak / k)
                else:
                    eta = np.where(np.arange(k) == winner, eta, 0)
                w += eta[:, None] * (X[i] - w)
                if model.metric == "spherical":
                    w /= np.linalg.norm(w, axis=1, keepdims=True)
                wins[winner] += 1
                step += 1
    return w, wins, p


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("learning_rate", SCHEDULES)
def test_a_plain_loop_agrees(backend, X, learning_rate, repair, batch_size):
    model = WinnerTakeAll(
        6, init=X[:6], learning_rate=learning_rate, repair=repair, batch_size=batch_size,
        conscience_rate=0.02, leak=0.1, max_iter=2, shuffle=False,
    ).fit(X)  # fmt: skip
    centers, wins, p = plain_loop(X, X[:6], model, 2)
    assert_allclose(model.cluster_centers_, centers, rtol=1e-9)
    assert_array_equal(model.counts_, wins)
    expected = p if repair == "conscience" else wins / wins.sum()
    assert_allclose(model.win_frequency_, expected, rtol=1e-9)
    assert (model.n_steps_, model.n_iter_) == (600, 2)
    assert_array_equal(model.labels_, model.predict(X))
    assert_allclose(model.inertia_, model.reconstruction_error(X))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("repair", REPAIRS)
def test_a_plain_loop_agrees_on_the_sphere(backend, X, repair):
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    model = WinnerTakeAll(
        6, init=X[:6], metric="spherical", learning_rate="constant", repair=repair,
        max_iter=1, shuffle=False,
    ).fit(X)  # fmt: skip
    assert_allclose(model.cluster_centers_, plain_loop(unit, unit[:6], model, 1)[0], rtol=1e-9)
    assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1.0)
    again = clone(model)
    for part in np.array_split(X, 3):
        again.partial_fit(part)
    assert_allclose(again.cluster_centers_, model.cluster_centers_)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("repair", [None, "leaky"])
@pytest.mark.parametrize("learning_rate", ["optimal", "constant", "adaptive"])
def test_integer_weights_are_repetitions(backend, X, learning_rate, repair, container):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    options = {"learning_rate": learning_rate, "repair": repair, "random_state": 0}
    options |= {"max_iter": 3, "n_iter_no_change": None}
    weighted = WinnerTakeAll(6, **options).fit(container(X), sample_weight=weight)
    repeated = WinnerTakeAll(6, **options).fit(container(np.repeat(X, weight, axis=0)))
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_)
    assert_allclose(weighted.counts_, repeated.counts_)
    assert_allclose(weighted.inertia_, repeated.inertia_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [1, 50])
@pytest.mark.parametrize("repair", REPAIRS)
def test_sparse_rows_give_what_dense_ones_give(backend, X, dtype, batch_size, repair):
    thin = np.where(X > 0, X, 0).astype(dtype)
    options = {"batch_size": batch_size, "repair": repair, "init": thin[::50]}
    dense = WinnerTakeAll(6, random_state=0, **options).fit(thin)
    for form in (sparse.csr_array, sparse.csc_matrix):
        model = WinnerTakeAll(6, random_state=0, **options).fit(form(thin))
        assert_allclose(model.cluster_centers_, dense.cluster_centers_, rtol=2e-4, atol=1e-5)
        assert model.cluster_centers_.dtype == dtype
        assert_array_equal(model.predict(form(thin)), model.labels_)


def test_sparse_rows_are_made_dense_in_runs(backend, X, monkeypatch):
    from fastml.cluster import _competition

    options = {"batch_size": 8, "random_state": 0}
    expected = WinnerTakeAll(6, **options).fit(sparse.csr_array(X))
    monkeypatch.setattr(_competition, "RUN_ELEMENTS", 80)
    model = WinnerTakeAll(6, **options).fit(sparse.csr_array(X))
    assert_array_equal(model.cluster_centers_, expected.cluster_centers_)


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("learning_rate", ["optimal", "constant", "invscaling", "adaptive"])
def test_a_stream_is_one_epoch(backend, X, learning_rate, repair):
    options = {"init": X[:6], "learning_rate": learning_rate, "repair": repair, "shuffle": False}
    whole = WinnerTakeAll(6, max_iter=1, n_iter_no_change=None, **options).fit(X)
    stream = WinnerTakeAll(6, **options)
    for part in np.array_split(X, [1, 2, 9, 100]):
        stream.partial_fit(part)
    for name in ("cluster_centers_", "counts_", "win_frequency_"):
        assert_allclose(getattr(stream, name), getattr(whole, name), err_msg=name)
    assert (stream.n_steps_, stream.n_iter_) == (300, 5)
    assert len(stream.labels_) == 200


def test_warm_start_goes_on(X):
    options = {"init": X[:6], "shuffle": False, "n_iter_no_change": None}
    both = WinnerTakeAll(6, max_iter=2, **options).fit(X)
    model = WinnerTakeAll(6, max_iter=1, warm_start=True, **options).fit(X).fit(X)
    assert_allclose(model.cluster_centers_, both.cluster_centers_)
    assert model.n_steps_ == both.n_steps_
    with pytest.raises(ValueError, match=r"have shape \(6, 4\), but .* \(5, 4\)"):
        model.set_params(n_clusters=5).fit(X)


def test_the_order_is_of_the_values_and_the_seed(backend, X):
    def fit(rows, seed):
        return WinnerTakeAll(6, random_state=seed).fit(rows)

    model = fit(X, 0)
    assert_allclose(fit(X[::-1], 0).cluster_centers_, model.cluster_centers_)
    assert_array_equal(fit(X, 0).cluster_centers_, model.cluster_centers_)
    assert not np.allclose(fit(X, 1).cluster_centers_, model.cluster_centers_)


def test_as_good_as_kmeans_on_blobs():
    X = make_blobs(5000, 8, centers=20, random_state=1)[0]
    kmeans = KMeans(20, random_state=0).fit(X)
    for learning_rate in ("optimal", "adaptive", "cosine"):
        model = WinnerTakeAll(20, learning_rate=learning_rate, random_state=0).fit(X)
        assert model.reconstruction_error(X) <= 1.02 * kmeans.reconstruction_error(X)
    for repair in ("conscience", "leaky"):
        model = WinnerTakeAll(20, repair=repair, random_state=0).fit(X)
        assert model.reconstruction_error(X) <= 1.05 * kmeans.reconstruction_error(X)


def test_conscience_revives_dead_units(backend):
    X = make_blobs(2000, 16, centers=32, random_state=0)[0]
    # All centers in a single one of 32 clusters.
    start = X[0] + 0.01 * np.random.default_rng(0).standard_normal((32, 16))
    options = {"init": start, "learning_rate": "constant", "n_iter_no_change": None, "max_iter": 20}
    with pytest.warns(ConvergenceWarning, match="dead units: see the parameter repair"):
        plain = WinnerTakeAll(32, **options).fit(X)
    assert len(np.unique(plain.labels_)) <= 28
    model = WinnerTakeAll(32, repair="conscience", **options).fit(X)
    assert len(np.unique(model.labels_)) == 32
    assert model.inertia_ < 0.2 * plain.inertia_


def test_leaky_learning_fetches_units_from_afar(backend, X):
    start = X[:6] + 200 * np.arange(6)[:, None]
    options = {"init": start, "learning_rate": "constant", "n_iter_no_change": None, "max_iter": 60}
    with pytest.warns(ConvergenceWarning, match=r"Number of distinct clusters \(1\)"):
        plain = WinnerTakeAll(6, **options).fit(X)
    assert np.count_nonzero(plain.counts_) == 1
    model = WinnerTakeAll(6, repair="leaky", **options).fit(X)
    assert np.count_nonzero(model.counts_) == 6
    assert model.inertia_ < 0.2 * plain.inertia_


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


def test_a_large_mean_costs_no_precision(backend, X):
    shifted = (X + 1e4).astype(np.float32)
    options = {"random_state": 0, "max_iter": 5, "n_iter_no_change": None}
    model = WinnerTakeAll(6, **options).fit(shifted)
    expected = WinnerTakeAll(6, **options).fit(shifted.astype(np.float64))
    assert_allclose(model.cluster_centers_, expected.cluster_centers_, rtol=2e-7)


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
