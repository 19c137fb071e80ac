"""RNN and LSTM estimators: forms of sequences, targets of steps, training, and what they tell."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastml
from fastml.neural_network import LSTMClassifier, LSTMRegressor, RNNClassifier, RNNRegressor
from fastml.nn import Sequences, read_sequences

FEW = {"max_iter": 3, "n_iter_no_change": np.inf, "random_state": 0}
pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1 or larger:UserWarning"),
]
# What sets layers apart: each of the parameters once at least.
DEEP = [
    LSTMClassifier((4, 3), bidirectional=True, skip_connections=True, **FEW),
    RNNClassifier((4, 4), cell="gru", residual=True, dropout=0.2, recurrent_dropout=0.2, **FEW),
    RNNClassifier(3, cell="leaky", leak=0.3, transition_depth=2, truncate=2, **FEW),
    RNNClassifier(3, cell="relu", recurrent_initializer="glorot_normal", **FEW),
]


def draw(n=40, n_features=2, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((k, n_features)).astype(dtype) for k in rng.integers(1, 7, n)]
    return X, np.array([int(a.sum() > 0) for a in X])


def by_step(X, of=lambda a: np.cumsum(a[:, 0])):
    return [of(a) for a in X]


def same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert_array_equal(a, b)


QUICK = {"batch_size": 40, "n_iter_no_change": np.inf}


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@parametrize_with_checks(
    [
        RNNClassifier(4, max_iter=5, learning_rate_init=0.05, **QUICK),
        RNNRegressor(16, max_iter=8, learning_rate_init=0.03, **QUICK),
        LSTMClassifier(4, max_iter=5, learning_rate_init=0.05, **QUICK),
        LSTMRegressor(16, max_iter=20, learning_rate_init=0.03, **QUICK),
    ]
)
def test_sklearn_compliance(estimator, check, backend):
    with fastml.config_context(backend=backend):
        check(estimator)


@pytest.mark.parametrize("model", DEEP)
def test_results_depend_on_nothing_else(model):
    X, y = draw()
    model = clone(model).fit(X, y)
    whole = model.predict_proba(X)
    padded = np.full((len(X), 9, 2), 7.0)
    for row, a in zip(padded, X, strict=True):
        row[: len(a)] = a
    lengths = np.array([len(a) for a in X])
    assert_array_equal(model.predict_proba((padded, lengths)), whole)
    order = np.random.default_rng(1).permutation(len(X))
    assert_array_equal(model.predict_proba([X[i] for i in order]), whole[order])
    for i in (0, 7, 20):
        assert_array_equal(model.predict_proba(X[i : i + 1]), whole[i : i + 1])
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict_proba(read_sequences(X)), whole)
    with fastml.config_context(backend="reference"):
        assert_allclose(model.predict_proba(X), whole, rtol=1e-10)


def test_forms_of_sequences_are_one_to_fits():
    X, y = draw()
    frame = pd.DataFrame({"a": [a[:, 0] for a in X], "b": [a[:, 1].tolist() for a in X]})
    read = read_sequences(X)
    expected = LSTMClassifier(4, **FEW).fit(X, y)
    for form in (read, (read.flat, read.offsets), frame, pd.Series(X), [a.tolist() for a in X]):
        model = LSTMClassifier(4, **FEW).fit(form, y)
        assert_array_equal(model.network_.flat, expected.network_.flat)
        assert_array_equal(model.predict(form), expected.predict(X))
        assert model.n_features_in_ == 2
    named = LSTMClassifier(4, **FEW).fit(frame, y)
    assert_array_equal(named.feature_names_in_, ["a", "b"])
    with pytest.raises(ValueError, match="feature names"):
        named.predict(frame.rename(columns={"a": "c"}))
    small = LSTMClassifier(4, **FEW).fit([a.astype(np.float32) for a in X], y)
    assert small.network_.dtype == small.predict_proba(X).dtype == np.float32
    table = np.random.default_rng(0).standard_normal((30, 5))
    of_table = RNNRegressor(4, **FEW).fit(table, table.sum(axis=1))
    of_cubes = RNNRegressor(4, **FEW).fit(table[:, :, None], table.sum(axis=1))
    assert_array_equal(of_table.network_.flat, of_cubes.network_.flat)
    assert of_table.n_features_in_ == 5
    assert of_cubes.n_features_in_ == 1
    for model in (of_table, of_cubes):
        assert_array_equal(model.predict(list(table)), of_table.predict(table))
    assert len(of_cubes.predict(table[:, :3])) == 30
    with pytest.raises(ValueError, match="X has 3 features, but RNNRegressor is expecting 5"):
        of_table.predict(table[:, :3])


def test_targets_of_steps():
    X, _ = draw()
    y = by_step(X)
    labels = by_step(X, lambda a: np.where(a[:, 0] > 0, "up", "down"))
    pairs = by_step(X, lambda a: np.stack([a[:, 0], -a[:, 1]], axis=1))
    flags = by_step(X, lambda a: (a > 0).astype(int))
    model = LSTMRegressor(4, **FEW).fit(X, y)
    assert model.per_step_
    found = model.predict(X)
    assert [a.shape for a in found] == [a.shape for a in y]
    assert model.score(X, y) == r2_score(np.concatenate(y), np.concatenate(found))
    for other in (Sequences(np.concatenate(y), read_sequences(X).offsets), [a[:, None] for a in y]):
        same(LSTMRegressor(4, **FEW).fit(X, other).predict(X), found)
    assert LSTMRegressor(4, **FEW).fit(X, pairs).predict(X)[3].shape == pairs[3].shape
    model = RNNClassifier(4, max_iter=30, learning_rate_init=0.05, random_state=0).fit(X, labels)
    found = model.predict(X)
    assert set(np.concatenate(found)) == {"up", "down"}
    assert model.score(X, labels) == accuracy_score(*map(np.concatenate, (labels, found))) > 0.9
    proba = model.predict_proba(X)
    assert [a.shape for a in proba] == [(len(a), 2) for a in X]
    same(model.predict_log_proba(X), [np.log(a) for a in proba])
    assert RNNClassifier(4, **FEW).fit(X, flags).predict(X)[3].shape == flags[3].shape
    hinge = RNNClassifier(4, loss="hinge", **FEW).fit(X, labels)
    assert [a.shape for a in hinge.decision_function(X)] == [(len(a),) for a in X]
    cube = np.random.default_rng(0).standard_normal((20, 4, 2))
    steps = LSTMRegressor(4, targets="step", **FEW).fit(cube, cube[:, :, 0])
    assert steps.per_step_
    assert not LSTMRegressor(4, **FEW).fit(cube, cube[:, :, 0]).per_step_
    of_lists = LSTMRegressor(4, targets="sequence", **FEW).fit(cube, cube[:, :, 0].tolist())
    assert of_lists.predict(cube).shape == (20, 4)


def test_steps_that_weigh_nothing_are_as_if_they_were_not_there():
    X, _ = draw(12)
    y = by_step(X)
    # Behind the last step that counts, the other ones say nothing: states do not go back.
    cut = [max(1, len(a) - 1) for a in X]
    how = FEW | {"alpha": 0.0, "batch_size": 12}
    weights = [np.arange(len(a)) < n for a, n in zip(X, cut, strict=True)]
    whole = LSTMRegressor(4, **how).fit(X, y, sample_weight=weights)
    short = LSTMRegressor(4, **how).fit(
        [a[:n] for a, n in zip(X, cut, strict=True)], [a[:n] for a, n in zip(y, cut, strict=True)]
    )
    assert_allclose(whole.network_.flat, short.network_.flat, rtol=1e-9, atol=1e-12)
    of_sequences = LSTMRegressor(4, **how).fit(X, y, np.arange(12) % 3)
    of_steps = LSTMRegressor(4, **how).fit(X, y, [np.full(len(a), i % 3) for i, a in enumerate(X)])
    assert_array_equal(of_sequences.network_.flat, of_steps.network_.flat)
    labels = by_step(X, lambda a: (a[:, 0] > 0).astype(int))
    weighed = LSTMClassifier(4, class_weight={0: 1.0, 1: 3.0}, **how).fit(X, labels)
    by_hand = LSTMClassifier(4, **how).fit(X, labels, [1.0 + 2 * a for a in labels])
    assert_array_equal(weighed.network_.flat, by_hand.network_.flat)
    share = weighed.score(X, labels, np.arange(12))
    right = [a == b for a, b in zip(weighed.predict(X), labels, strict=True)]
    each = np.repeat(np.arange(12), [len(a) for a in X])
    assert share == np.average(np.concatenate(right), weights=each)


class Halved(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return [a / 2 for a in X]


def test_lists_go_through_scikit_learn():
    X, y = draw()
    search = GridSearchCV(
        make_pipeline(Halved(), RNNClassifier(4, **FEW)),
        {"rnnclassifier__hidden_sizes": [3, (3, 2)]},
        cv=2,
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.predict(X)) == len(X)
    steps = by_step(X)
    search = GridSearchCV(LSTMRegressor(3, **FEW), {"dropout": [0.0, 0.3]}, cv=2).fit(X, steps)
    assert search.best_estimator_.per_step_
    whole = GridSearchCV(LSTMRegressor(3, **FEW), {"dropout": [0.0, 0.3]}, cv=2)
    whole.fit(read_sequences(X), Sequences(np.concatenate(steps), read_sequences(X).offsets))
    assert_array_equal(whole.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


def test_tokens():
    rng = np.random.default_rng(0)
    X = [rng.integers(0, 6, k) for k in rng.integers(1, 7, 60)]
    y = np.array([a[0] for a in X])
    model = LSTMClassifier(
        8, embedding_size=4, max_iter=40, learning_rate_init=0.05, random_state=0
    ).fit(X, y)
    assert model.n_tokens_ == 6
    assert model.score(X, y) > 0.9
    assert_array_equal(model.predict([a.tolist() for a in X]), model.predict(X))
    for bad, message in (
        ([[1, 2], [3, 6]], "tokens from 0 to 5, got 6 in sequence 1, step 1"),
        ([[1, 2], [-1]], "got -1 in sequence 1, step 0"), ([[0.5]], "got 0.5 in sequence 0"),
        ([[np.nan]], "got nan"), ([[[1, 2]]], "a token in each step"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            model.predict(bad)
    more = RNNClassifier(4, embedding_size=2, n_tokens=9, **FEW).fit(X, y)
    assert len(more.predict([[8, 7]])) == 1
    state = None
    for token in X[0]:
        proba, state = model.predict_step([token], state, response_method="predict_proba")
    assert_array_equal(proba, model.predict_proba(X[:1]))
    with pytest.raises(ValueError, match="need an embedding_size"):
        RNNClassifier(4, n_tokens=9).fit(X, y)


def test_training_goes_on(tmp_path):
    X, y = draw()
    steps = by_step(X)
    how = {"batch_size": 16, "random_state": 0, "n_iter_no_change": np.inf}
    for targets in (y, steps):
        whole = LSTMRegressor(4, max_iter=4, **how).fit(X, targets)
        parts = LSTMRegressor(4, max_iter=4, **how)
        for _ in range(4):
            parts.partial_fit(X, targets)
        assert_array_equal(parts.network_.flat, whole.network_.flat)
        path = tmp_path / f"{len(targets[:1])}{targets is y}"
        kept = LSTMRegressor(4, max_iter=4, checkpoint=path, **how).fit(X, targets)
        assert_array_equal(kept.network_.flat, whole.network_.flat)
        again = LSTMRegressor(4, max_iter=4, checkpoint=path, **how).fit(X, targets)
        assert_array_equal(again.network_.flat, whole.network_.flat)
        with pytest.raises(ValueError, match="that of another fit: X was"):
            LSTMRegressor(4, max_iter=4, checkpoint=path, **how).fit([-a for a in X], targets)
        early = LSTMRegressor(4, early_stopping=True, max_iter=4, **how).fit(X, targets)
        assert len(early.validation_scores_) == 4
        warm = LSTMRegressor(4, max_iter=2, warm_start=True, **how).fit(X, targets)
        assert warm.fit(X, targets).loss_curve_[-1] < whole.loss_curve_[0]
        batches = [(X[i : i + 16], targets[i : i + 16]) for i in range(0, 40, 16)]
        plain = how | {"shuffle": False, "max_iter": 2}
        assert_array_equal(
            LSTMRegressor(4, **plain).fit(lambda epoch, batches=batches: batches).network_.flat,
            LSTMRegressor(4, **plain).fit(X, targets).network_.flat,
        )
    smooth = RNNRegressor(4, solver="lbfgs", max_iter=30, random_state=0)
    with pytest.warns(UserWarning, match="lbfgs failed to converge"):
        smooth.fit(X, steps)
    assert smooth.score(X, steps) > 0.9
    labels = by_step(X, lambda a: (a[:, 0] > 0).astype(int))
    model = RNNClassifier(4, **how)
    with pytest.raises(ValueError, match="classes must be passed"):
        model.partial_fit(X, labels)
    model.partial_fit(X, labels, classes=[0, 1, 2])
    assert model.predict_proba(X)[0].shape == (len(X[0]), 3)


def test_predictions_step_by_step():
    X = np.random.default_rng(0).standard_normal((20, 5, 2))
    for model in (
        LSTMRegressor((4, 3), skip_connections=True, **FEW),
        RNNRegressor(4, cell="gru", transition_depth=2, targets="step", **FEW),
    ):
        y = X[:, :, 0] if model.targets == "step" else X[:, :, 0].sum(axis=1)
        model.fit(X, y)
        state, found = None, []
        for t in range(5):
            now, state = model.predict_step(X[:7, t], state)
            state = pickle.loads(pickle.dumps(state))
            found.append(now)
        if model.per_step_:
            assert_array_equal(np.stack(found, axis=1), np.stack(model.predict(X[:7])))
        else:
            assert_array_equal(found[-1], model.predict(X[:7]))
            assert_array_equal(found[2], model.predict(X[:7, :3]))
        with pytest.raises(ValueError, match="that of 3 streams, got one of 7"):
            model.predict_step(X[:3, 0], state)
        for bad in ("x", 3, [], state[:0], [[(np.zeros((7, 9)), None)]]):
            with pytest.raises(ValueError, match="state must be None, or what predict_step"):
                model.predict_step(X[:7, 0], bad)
        with pytest.raises(ValueError, match="response_method must be 'predict'"):
            model.predict_step(X[:3, 0], response_method="predict_proba")
    both = LSTMRegressor(4, bidirectional=True, **FEW).fit(X, y[:, 0])
    with pytest.raises(ValueError, match="a stream has no end"):
        both.predict_step(X[:, 0])
    with pytest.raises(NotFittedError):
        LSTMRegressor().predict_step(X[:, 0])


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def test_gates_and_states():
    X, y = draw(8)
    model = LSTMClassifier((3, 4), bidirectional=True, **FEW).fit(X, y)
    gates, states = model.gates(X), model.hidden_states(X)
    below = model.hidden_states(X, layer=0)
    views = model.network_.views
    for i in range(len(X)):
        for way, end in ((slice(0, 4), ""), (slice(4, 8), "_reverse")):
            own = {name: a[i][:, way] for name, a in gates.items()}
            h, seen = states[i][:, way], below[i]
            if end:
                own, h, seen = {name: a[::-1] for name, a in own.items()}, h[::-1], seen[::-1]
            before = np.vstack([np.zeros((1, 4)), h[:-1]])
            weights = {n[4:]: a for n, a in views.items() if n.startswith("0.1.")}
            z = seen @ weights[f"weight_ih_l0{end}"].T + before @ weights[f"weight_hh_l0{end}"].T
            z = z + weights[f"bias_ih_l0{end}"] + weights[f"bias_hh_l0{end}"]
            for k, name in enumerate(("input", "forget", "candidate", "output")):
                made = z[:, 4 * k : 4 * k + 4]
                made = np.tanh(made) if name == "candidate" else sigmoid(made)
                assert_allclose(own[name], made, atol=1e-12)
            cells = np.vstack([np.zeros((1, 4)), own["cell"][:-1]])
            assert_allclose(
                own["cell"], own["forget"] * cells + own["input"] * own["candidate"], atol=1e-12
            )
            assert_allclose(h, own["output"] * np.tanh(own["cell"]), atol=1e-12)
    gru = RNNClassifier(3, cell="gru", **FEW).fit(X, y)
    found, h = gru.gates(X), gru.hidden_states(X)[0]
    z = found["update"][0]
    before = np.vstack([np.zeros((1, 3)), h[:-1]])
    assert_allclose(h, (1 - z) * found["candidate"][0] + z * before, atol=1e-12)
    plain = RNNClassifier(3, **FEW).fit(X, y)
    for call, message in (
        (lambda: plain.gates(X), "these cells have none"),
        (lambda: model.gates(X, layer=2), "one of 2 layers, got 2"),
        (lambda: model.hidden_states(X, layer=0.5), "one of 2 layers"),
        (lambda: LSTMClassifier(3, transition_depth=2, **FEW).fit(X, y).gates(X), "one cell a"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("per_step", [False, True])
def test_gradient_norms_beside_those_of_pytorch(per_step):
    torch = pytest.importorskip("torch")
    X, _ = draw(6)
    y = by_step(X) if per_step else np.array([a.sum() for a in X])
    model = LSTMRegressor((3, 4), **FEW).fit(X, y)
    views = {n: torch.from_numpy(a) for n, a in model.network_.views.items()}
    cells = [torch.nn.LSTMCell(*n, dtype=torch.float64) for n in ((2, 3), (3, 4))]
    for i, cell in enumerate(cells):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(cell, name).data = views[f"0.{i}.{name}_l0"]
    found = {
        (of, i): model.gradient_norms(X, y, i, of) for of in ("states", "cells") for i in (0, 1)
    }
    for j, a in enumerate(X):
        state, kept, loss = [None, None], [], 0
        for t, x in enumerate(torch.from_numpy(a)):
            x = x[None]
            for i, cell in enumerate(cells):
                state[i] = cell(x, state[i])
                for part in state[i]:
                    part.retain_grad()
                x = state[i][0]
            kept.append(list(state))
            if per_step or t + 1 == len(a):
                out = x @ views["1.weight"] + views["1.bias"]
                loss = loss + (out - (y[j][t] if per_step else y[j])).square().sum() / 2
        loss.backward()
        for (of, i), norms in found.items():
            wanted = [step[i][of == "cells"].grad for step in kept]
            wanted = [0.0 if g is None else float(g.norm()) for g in wanted]
            assert_allclose(norms[j], wanted, rtol=1e-9)
    cut = LSTMRegressor(4, truncate=2, **FEW).fit(X, y)
    if not per_step:
        longest = max(range(6), key=lambda i: len(X[i]))
        norms = cut.gradient_norms(X, y)[longest]
        assert (norms[:-2] == 0).all() or len(norms) <= 2
        assert norms[-1] > 0
    labels = np.array([0, 1] * 3)
    classes = RNNClassifier(3, **FEW).fit(X, labels)
    assert [len(a) for a in classes.gradient_norms(X, labels)] == [len(a) for a in X]
    for call, message in (
        (lambda: classes.gradient_norms(X, labels + 1), r"labels \[2\], which were not"),
        (lambda: classes.gradient_norms(X, labels, of="cells"), "for LSTM cells"),
        (lambda: model.gradient_norms(X, y, of="gates"), "of must be"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_masks_of_dropout():
    X, y = draw(10)
    how = {"dropout": 0.4, "recurrent_dropout": 0.3, "cell": "gru"}
    model = RNNClassifier(2, **how, **FEW).fit(X, y)
    exact, std = model.predict_proba(X, n_masks="all"), model.predict_std(X, n_masks="all")
    assert (std > 0).all()
    assert_allclose(model.predict_proba(X, n_masks=2000), exact, atol=4 * std.max() / 2000**0.5)
    assert np.abs(model.predict_proba(X) - exact).max() > 1e-6
    assert_array_equal(
        model.predict_proba(X[3:4], n_masks=5), model.predict_proba(X, n_masks=5)[3:4]
    )
    steps = RNNRegressor(2, **how, **FEW).fit(X, by_step(X))
    assert [a.shape for a in steps.predict_std(X, n_masks=3)] == [(len(a),) for a in X]
    assert [a.shape for a in steps.predict(X, n_masks="all")] == [(len(a),) for a in X]


def test_bad_input():
    X, y = draw(8)
    holes = [a.copy() for a in X]
    holes[5][-1, 1] = np.nan
    steps = by_step(X)
    infinite = [a.copy() for a in steps]
    infinite[2][0] = np.inf
    short = [a[:-1] if i == 3 else a for i, a in enumerate(steps)]
    for model in (LSTMRegressor(3, **FEW), RNNClassifier(3, **FEW)):
        for given, targets, message in (
            (holes, y, f"X contains NaN: in sequence 5, step {len(X[5]) - 1}"),
            ([*X[:7], np.empty((0, 2))], y, r"at least one step, but X\[7\] is empty"),
            ([*X[:7], np.zeros((3, 4))], y, r"as many features: X\[0\] has 2, X\[7\] has 4"),
            (X[:7], y, "inconsistent numbers of samples"), (X, None, "requires y to be passed"),
            ([], y, "at least one|Reshape|minimum of 1|Expected 2D"),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                clone(model).fit(given, targets)
    for targets, message in (
        (infinite, "y contains infinity: in sequence 2, step 0"),
        (short, rf"y\[3\] has {len(X[3]) - 1}, X\[3\] {len(X[3])}"),
        (steps[:7], "inconsistent numbers"), (np.zeros((8, 2, 1)), "8 sequences and 6 steps"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            LSTMRegressor(3, **FEW).fit(X, targets)
    for how, message in (
        ({"hidden_sizes": ()}, "hidden_sizes must be"), ({"hidden_sizes": (3, 0)}, "hidden_sizes"),
        ({"cell": "lstm"}, "'cell' parameter"), ({"leak": 0.0}, "'leak' parameter"),
        ({"dropout": 1.0}, "'dropout' parameter"), ({"truncate": 0}, "'truncate' parameter"),
        ({"recurrent_initializer": "no"}, "recurrent_initializer must be"),
        ({"targets": "all"}, "'targets' parameter"),
        ({"solver": "lbfgs", "truncate": 3}, "truncate is for stochastic"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            RNNRegressor(**how).fit(X, y)
    model = LSTMRegressor(3, **FEW).fit(X, y)
    with pytest.raises(ValueError, match="X has 3 features in each step, but LSTMRegressor is exp"):
        model.predict([np.zeros((2, 3))])
    with pytest.raises(ValueError, match="sample_weight"):
        LSTMRegressor(3, **FEW).fit(X, steps, [np.ones(1)] * 8)
    with pytest.raises(ValueError, match="Negative values"):
        LSTMRegressor(3, **FEW).fit(X, steps, [-np.ones(len(a)) for a in X])
