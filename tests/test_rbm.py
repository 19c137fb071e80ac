"""Restricted Boltzmann machines as estimators: scikit-learn's contract, options, input."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM as SklearnBernoulliRBM
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

import fastml
from fastml.neural_network import BernoulliRBM, GaussianRBM

# What scikit-learn expects of its own too.
DRAWN = "score_samples draws a unit of each row to flip, by its place, as scikit-learn does"
EXPECTED = {
    "check_methods_subset_invariance": DRAWN,
    "check_methods_sample_order_invariance": DRAWN,
}


def expected_failures(estimator):
    return EXPECTED if isinstance(estimator, BernoulliRBM) else {}


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@pytest.fixture(scope="module")
def digits():
    return load_digits().data / 16


@pytest.mark.parametrize("name", ["cpu", "reference"])
@parametrize_with_checks(
    [
        # The checks' rows are no states of binary units.
        BernoulliRBM(out_of_range="ignore"),
        BernoulliRBM(5, out_of_range="ignore", algorithm="cd", momentum=0.5, dropout=0.2),
        GaussianRBM(),
        GaussianRBM(5, variance="learned", sparsity_target=0.2),
    ],
    expected_failed_checks=expected_failures,
)
def test_estimator_checks(estimator, check, name):
    with fastml.config_context(backend=name):
        check(estimator)


def test_by_default_checks_fail_only_where_their_rows_are_refused():
    failed = [
        result
        for result in check_estimator(BernoulliRBM(), on_fail=None, on_skip=None)
        if result["status"] == "failed"
    ]
    assert failed
    for result in failed:
        error = result["exception"]
        words = f"{error} {error.__cause__} {error.__context__}"
        assert "learns from X within [0, 1]" in words, result["check_name"]


@pytest.mark.parametrize("rows", [[[0.0, 1.5]], [[-0.1, 1.0]], [[3, 0]]])
@pytest.mark.parametrize("container", [np.array, sparse.csr_array])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_rows_outside_the_unit_interval_are_refused(rows, container, method):
    X = container(np.array(rows))
    with pytest.raises(ValueError, match=r"within \[0, 1\].*MinMaxScaler.*GaussianRBM.*ignore"):
        getattr(BernoulliRBM(2), method)(X)
    getattr(BernoulliRBM(2, out_of_range="ignore"), method)(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("cls", [BernoulliRBM, GaussianRBM])
def test_non_finite_rows_are_refused_in_scikit_learns_words(cls, bad):
    X = np.array([[0.0, 1.0], [bad, 0.5]])
    message = "Input X contains (NaN|infinity)"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(cls(2), method)(X)
    model = cls(2).fit(np.eye(2))
    for method in ("transform", "score_samples", "gibbs", "free_energy"):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(X)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"k": 0}, "'k' parameter"),
        ({"momentum": 1.0}, "'momentum' parameter"),
        ({"dropout": 1.0}, "'dropout' parameter"),
        ({"algorithm": "sml"}, "'algorithm' parameter"),
        ({"sparsity_target": 0.0}, "'sparsity_target' parameter"),
        ({"out_of_range": "clip"}, "'out_of_range' parameter"),
        ({"monitor": ["loss"]}, "monitor must hold names of 'reconstruction_error'"),
        ({"monitor": ["free_energy_gap"]}, "needs a validation_fraction"),
        ({"validation_fraction": 0.9}, "leaves no row of 2"),
    ],
)
def test_wrong_parameters_are_named(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        BernoulliRBM(2, **options).fit(np.eye(2))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda m: m.gibbs(np.eye(2), n_steps=0), "n_steps must be an int of at least 1, got 0"),
        (lambda m: m.sample(0), "n_samples must be an int of at least 1"),
        (lambda m: m.log_partition("nested"), "method must be 'exact' or 'ais', got 'nested'"),
        (lambda m: m.log_partition("ais", n_chains=1), "n_chains must be an int of at least 2"),
        (lambda m: m.inverse_transform(np.eye(2)), "X must have 3 columns"),
        (lambda m: m.transform(np.eye(3)), "X has 3 features, but BernoulliRBM is expecting 2"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call(BernoulliRBM(3).fit(np.eye(2)))
    wide = BernoulliRBM(30, n_iter=0).fit(np.zeros((1, 30)))
    with pytest.raises(ValueError, match="no more than 25 units; use method='ais'"):
        wide.log_partition()


def test_schedules(digits):
    X = digits[:100]
    for schedule in ("linear", "cosine"):
        with pytest.raises(ValueError, match="partial_fit has no end"):
            BernoulliRBM(2, learning_rate_schedule=schedule).partial_fit(X)

    def moves(schedule):
        model = BernoulliRBM(4, batch_size=10, n_iter=1, random_state=0, learning_rate=1e-4)
        model.set_params(learning_rate_schedule=schedule, algorithm="cd")
        start = clone(model).set_params(n_iter=0).fit(X).components_
        return np.abs(model.fit(X).components_ - start).sum()

    constant, inverse, linear, cosine = map(moves, ("constant", "invscaling", "linear", "cosine"))
    t = np.arange(10)
    # Steps are so small that they hardly change what comes after: moves add up.
    assert_allclose(inverse / constant, np.mean(1 / np.sqrt(t + 1)), rtol=0.15)
    assert_allclose(linear / constant, np.mean(1 - t / 10), rtol=0.15)
    assert_allclose(cosine / constant, np.mean(0.5 * (1 + np.cos(np.pi * t / 10))), rtol=0.15)


@pytest.mark.parametrize("seed", range(8))
def test_fair_coins_stay_fair(seed):
    # scikit-learn 1.9 divides the sums over its 10 chains by the 200 rows: all units saturate.
    X = np.random.default_rng(seed).integers(0, 2, (200, 20)).astype(float)
    options = {"n_components": 10, "batch_size": 10, "random_state": seed}
    ours, peer = BernoulliRBM(**options), SklearnBernoulliRBM(**options)
    for _ in range(200):
        ours.partial_fit(X)
        peer.partial_fit(X)
    assert ours.h_samples_.shape == (200, 10)
    assert_allclose(ours.transform(X).mean(axis=0), 0.5, atol=0.05)
    assert np.abs(peer.transform(X).mean(axis=0) - 0.5).max() > 0.49


def test_agrees_with_scikit_learn(digits):
    classes = BernoulliRBM, SklearnBernoulliRBM
    start = [cls(3, n_iter=0, random_state=5).fit(digits) for cls in classes]
    assert_array_equal(start[0].components_, start[1].components_)
    options = {"n_components": 32, "n_iter": 4, "batch_size": 20, "random_state": 0}
    ours, peer = (cls(**options).fit(digits) for cls in classes)
    # Other draws, the same quality.
    scores = [model.score_samples(digits).mean() for model in (ours, peer)]
    assert abs(scores[0] - scores[1]) < 1.0
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        setattr(ours, name, getattr(peer, name))
    assert_allclose(ours.transform(digits), peer.transform(digits), rtol=1e-11)
    assert_allclose(ours.score_samples(digits), peer.score_samples(digits), rtol=1e-9)


@pytest.mark.parametrize("container", [np.array, sparse.csr_array])
def test_draws_of_an_instance_are_scikit_learns(backend, digits, container):
    X = container(digits[:100])
    options = {"n_components": 20, "batch_size": 20, "n_iter": 3}
    ours, peer = (
        cls(random_state=np.random.RandomState(3), **options).fit(X)
        for cls in (BernoulliRBM, SklearnBernoulliRBM)
    )
    for _ in range(2):
        for name in ("components_", "intercept_hidden_", "intercept_visible_", "h_samples_"):
            assert_allclose(getattr(ours, name), getattr(peer, name), atol=1e-12, err_msg=name)
        assert_array_equal(ours.gibbs(X), peer.gibbs(X))
        for model in (ours, peer):
            model.partial_fit(X[:20])
    # What scikit-learn has not takes draws of an instance too.
    options |= {"algorithm": "cd", "k": 2, "dropout": 0.2, "momentum": 0.5, "learning_rate": 0.01}
    for cls in (BernoulliRBM, GaussianRBM):
        first, again = (cls(random_state=np.random.RandomState(0), **options) for _ in range(2))
        assert_array_equal(first.fit(X).components_, again.fit(X).components_)
        assert_array_equal(first.sample(5, n_steps=2), again.sample(5, n_steps=2))
        assert np.isfinite(first.components_).all()


@pytest.mark.parametrize("algorithm", ["pcd", "cd"])
def test_input_in_any_form_gives_the_same_fit(backend, digits, algorithm):
    X = np.round(digits[:60]).astype(np.float32)
    options = {"n_components": 7, "batch_size": 8, "n_iter": 2, "random_state": 0}
    model = BernoulliRBM(algorithm=algorithm, **options).fit(X)
    read_only = X.copy()
    read_only.flags.writeable = False
    forms = {
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
        "read-only": read_only,
        "csr": sparse.csr_array(X),
        "csc": sparse.csc_matrix(X),
    }
    for name, form in forms.items():
        other = clone(model).fit(form)
        assert_array_equal(other.components_, model.components_, err_msg=name)
        assert other.components_.dtype == np.float32
        assert_array_equal(other.transform(form), model.transform(X), err_msg=name)
        assert_array_equal(other.score_samples(form), model.score_samples(X), err_msg=name)
        assert_array_equal(other.free_energy(form), model.free_energy(X), err_msg=name)
        assert_array_equal(other.gibbs(form), clone(model).fit(X).gibbs(X), err_msg=name)
    wide = clone(model).fit(X.astype(float))
    for name, form in {"big-endian": X.astype(">f8"), "bool": X > 0, "list": X.tolist()}.items():
        other = clone(model).fit(form)
        assert_array_equal(other.components_, wide.components_, err_msg=name)
    frame = pd.DataFrame(X.astype(float), columns=[f"x{i}" for i in range(64)])
    named = clone(model).set_output(transform="pandas").fit(frame)
    assert list(named.transform(frame).columns) == [f"bernoullirbm{i}" for i in range(7)]
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.transform(X), model.transform(X))


def test_sparse_rows_are_made_dense_by_pieces(digits, monkeypatch):
    from fastml.neural_network import _rbm_machine

    X = np.round(digits[:200])
    options = {"n_components": 5, "batch_size": 7, "n_iter": 1, "random_state": 0}
    whole = BernoulliRBM(**options).fit(X)
    monkeypatch.setattr(_rbm_machine, "PIECE", 64 * 30)
    parts = BernoulliRBM(**options).fit(sparse.csr_array(X))
    assert_array_equal(parts.components_, whole.components_)
    assert_array_equal(parts.score_samples(sparse.csr_array(X)), whole.score_samples(X))
    assert_array_equal(parts.gibbs(sparse.csr_array(X)), whole.gibbs(X))


@pytest.mark.parametrize("cls", [BernoulliRBM, GaussianRBM])
def test_partial_fit_goes_on_where_fit_ended(cls, digits):
    X = digits[:64].astype(np.float32)
    options = {"n_components": 6, "batch_size": 16, "random_state": 0, "momentum": 0.5}
    options |= {"sparsity_target": 0.2, "learning_rate": 0.01}
    model = cls(n_iter=1, **options).fit(X)
    by_hand = cls(n_iter=0, **options).fit(X)
    for start in range(0, 64, 16):
        assert by_hand.partial_fit(X[start : start + 16]) is by_hand
    assert_allclose(by_hand.components_, model.components_, rtol=1e-5, atol=1e-7)
    assert_array_equal(by_hand.h_samples_, model.h_samples_)


def test_history_and_verbose(digits, capsys):
    X = digits[:300]
    names = ["reconstruction_error", "pseudo_likelihood", "free_energy_gap"]
    options = {"n_components": 20, "n_iter": 6, "random_state": 0, "verbose": 1}
    model = BernoulliRBM(validation_fraction=0.2, monitor=names, **options).fit(X)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 6
    assert printed[0].startswith("[BernoulliRBM] Iteration 1, pseudo-likelihood = -")
    assert {name: len(values) for name, values in model.history_.items()} == dict.fromkeys(names, 6)
    history = model.history_
    assert history["reconstruction_error"][-1] < history["reconstruction_error"][0]
    assert history["pseudo_likelihood"][-1] > history["pseudo_likelihood"][0]
    # A machine of many units and few rows learns these by heart.
    options |= {"n_components": 200, "n_iter": 150, "learning_rate": 0.2, "verbose": 0}
    model = BernoulliRBM(validation_fraction=0.5, monitor=names[2:], **options).fit(X[:60])
    gaps = model.history_["free_energy_gap"]
    assert gaps[-1] > gaps[0] + 1
    GaussianRBM(3, n_iter=1, monitor=names[:1], verbose=1, random_state=0).fit(X)
    assert "reconstruction error = " in capsys.readouterr().out


def test_callbacks_read_history_and_stop_the_fit(digits):
    pytest.importorskip("sklearn.callback")

    class StopAtThird:
        def setup(self, estimator, context):
            self.seen = []

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if context.task_name != "epoch":
                return False
            self.seen.append(fitted_estimator.history_["reconstruction_error"][-1])
            assert fitted_estimator.transform(digits[:2]).shape == (2, 4)
            return len(self.seen) == 3

    stop = StopAtThird()
    model = BernoulliRBM(4, n_iter=9, monitor=["reconstruction_error"], random_state=0)
    model.set_callbacks(stop).fit(digits[:50])
    assert model.n_iter_ == 3
    assert stop.seen == model.history_["reconstruction_error"]


def test_momentum_decay_and_sparsity_do_what_they_say(digits):
    X = digits[:500]
    options = {"n_components": 30, "n_iter": 10, "random_state": 0}
    plain = BernoulliRBM(**options).fit(X)
    decayed = BernoulliRBM(weight_decay=0.1, **options).fit(X)
    assert np.linalg.norm(decayed.components_) < 0.5 * np.linalg.norm(plain.components_)
    sparse_units = BernoulliRBM(sparsity_target=0.05, sparsity_cost=3.0, **options).fit(X)
    activity = sparse_units.transform(X).mean(axis=0)
    assert activity.mean() < 0.1 < plain.transform(X).mean()
    slow = {"learning_rate": 1e-3, "n_iter": 3}
    moved = BernoulliRBM(momentum=0.9, **options | slow).fit(X).intercept_visible_
    still = BernoulliRBM(**options | slow).fit(X).intercept_visible_
    # In the long run momentum takes steps ten times as long.
    assert 4 < np.linalg.norm(moved) / np.linalg.norm(still) < 10.5


def test_gaussian_learns_variances_and_tells_of_divergence(backend):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (2000, 1)) * [[2.0, -1.0, 0.0]]
    X += rng.normal(0, [0.6, 0.5, 1.0], (2000, 3))
    options = {"n_components": 1, "batch_size": 50, "n_iter": 200, "random_state": 0}
    options |= {"algorithm": "cd", "learning_rate": 0.05}
    model = GaussianRBM(variance="learned", **options).fit(X)
    assert_allclose(np.sqrt(model.variance_), [0.6, 0.5, 1.0], rtol=0.08)
    assert_allclose(np.abs(model.components_), [[2.0, 1.0, 0.0]], atol=0.12)
    fixed = GaussianRBM(variance=1.0, **options).fit(X)
    assert_array_equal(fixed.variance_, 1.0)
    assert model.log_likelihood(X).mean() > fixed.log_likelihood(X).mean() + 0.2
    with pytest.raises(ValueError, match=r"GaussianRBM diverged.*Lower learning_rate.*Standard"):
        GaussianRBM(20, variance="learned", learning_rate=5.0, random_state=0).fit(100 * X)


def test_samples_of_binary_units_are_bool_and_repeat(digits):
    for algorithm in ("pcd", "cd"):
        model = BernoulliRBM(8, n_iter=2, algorithm=algorithm, random_state=0)
        first = model.fit(digits).sample(25, n_steps=3)
        assert first.shape == (25, 64)
        assert first.dtype == bool
        assert (model.sample(25, n_steps=3) != first).any()
        assert_array_equal(clone(model).fit(digits).sample(25, n_steps=3), first)
