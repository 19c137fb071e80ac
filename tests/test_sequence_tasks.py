"""Published tasks that need a long memory: generators, and networks that solve them."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastml
from fastml.datasets import (
    REBER_SYMBOLS,
    make_adding_problem,
    make_embedded_reber,
    make_temporal_order,
)
from fastml.neural_network import LSTMClassifier, LSTMRegressor, RNNRegressor

# The automaton of the grammar as an expression, within one of the embedding.
FROM_V = "T*V(?:PXT*V)*(?:V|PS)"
REBER = re.compile(f"B([TP])B(?:TS*X(?:S|X{FROM_V})|P{FROM_V})E\\1E")


@pytest.fixture(autouse=True)
def one_thread():
    # Batches are so small that a second one would only wait.
    with fastml.config_context(num_threads=1):
        yield


def test_adding_problem():
    X, y = make_adding_problem(2000, n_steps=11, random_state=0)
    assert X.shape == (2000, 11, 2)
    marks = X[:, :, 1]
    assert_array_equal(marks[:, :5].sum(axis=1), 1)
    assert_array_equal(marks[:, 5:].sum(axis=1), 1)
    assert (marks.sum(axis=0) > 100).all()
    assert_array_equal(y, (X[:, :, 0] * marks).sum(axis=1))
    assert abs(np.mean((y - 1) ** 2) - 1 / 6) < 0.02
    assert_array_equal(X, make_adding_problem(2000, n_steps=11, random_state=0)[0])


def test_embedded_reber_grammar():
    strings = make_embedded_reber(200, random_state=0)
    whole = [[*x, y[-1]] for x, y in zip(strings.X, strings.y, strict=True)]
    texts = {"".join(REBER_SYMBOLS[i] for i in symbols) for symbols in whole}
    for text in texts:
        assert REBER.fullmatch(text), text
    assert {"BTBTXSETE", "BPBPVVEPE"} <= texts
    for x, y, allowed in zip(*strings, strict=True):
        assert x.shape == y.shape == allowed.shape[:1]
        assert_array_equal(x[1:], y[:-1])
        assert allowed[np.arange(len(y)), y].all()
        assert set(allowed.sum(axis=1)) <= {1, 2}
        assert_array_equal(np.flatnonzero(allowed[-2]), x[1])


def test_temporal_order():
    X, y = make_temporal_order(500, random_state=0)
    assert X.shape == (500, 100)
    assert set(y) == set(range(8))
    marks = np.stack([x[x < 2] for x in X])
    assert_array_equal(marks @ [4, 2, 1], y)
    places = np.stack([np.flatnonzero(x < 2) for x in X])
    assert (places // 33 == np.arange(3)).all()
    assert_array_equal(X[:, [0, -1]], np.tile([6, 7], (500, 1)))


def test_tasks_have_limits():
    for call, message in (
        (lambda: make_adding_problem(0), "n_samples must be an integer of at least 1"),
        (lambda: make_adding_problem(n_steps=1), "n_steps must be an integer of at least 2"),
        (lambda: make_embedded_reber(1.5), "n_samples must be an integer"),
        (lambda: make_temporal_order(n_steps=29), "n_steps must be an integer of at least 30"),
        (lambda: make_temporal_order(n_marks=0), "n_marks must be an integer of at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def error_at_adding(model, seed, most=60, enough=0.0):
    """Return the least mean squared error on new sequences after epochs of new ones."""
    X_new, y_new = (a.astype(np.float32) for a in make_adding_problem(1000, random_state=10**6))
    found = np.inf
    for epoch in range(most):
        X, y = make_adding_problem(1000, random_state=1000 * seed + epoch)
        model.partial_fit(X.astype(np.float32), y)
        found = min(found, float(np.mean((model.predict(X_new) - y_new) ** 2)))
        if found < enough:
            break
    return found


ADDING = {"hidden_sizes": 16, "learning_rate_init": 0.02, "batch_size": 20}


@pytest.mark.slow
def test_lstm_adds_what_it_saw_a_hundred_steps_ago():
    errors = [
        error_at_adding(LSTMRegressor(**ADDING, random_state=seed), seed, enough=0.01)
        for seed in range(10)
    ]
    assert sum(error < 0.01 for error in errors) >= 9, errors


@pytest.mark.slow
def test_a_plain_network_does_not_get_better_than_the_mean():
    for seed in range(3):
        error = error_at_adding(RNNRegressor(**ADDING, random_state=seed), seed, most=30)
        assert 0.14 < error < 0.2


def share_of_right_sets(model, seed, most=40):
    """Return the share of steps, and of last ones but one, whose next symbols are foretold."""
    new = make_embedded_reber(300, random_state=10**6)
    for epoch in range(most):
        X, y, _ = make_embedded_reber(300, random_state=1000 * seed + epoch)
        model.partial_fit(X, y, classes=range(7))
        # Of two symbols that may follow each has a probability of a half.
        right = [
            ((proba > 0.15) == allowed).all(axis=1)
            for proba, allowed in zip(model.predict_proba(new.X), new.allowed, strict=True)
        ]
        steps, second = np.concatenate(right).mean(), np.mean([a[-2] for a in right])
        if min(steps, second) > 0.95:
            break
    return steps, second


@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 10), marks=pytest.mark.slow)])
def test_lstm_knows_what_follows_in_embedded_reber_strings(seeds):
    how = {"embedding_size": 7, "learning_rate_init": 0.02, "batch_size": 20}
    for seed in seeds:
        model = LSTMClassifier(16, **how, random_state=seed)
        steps, second = share_of_right_sets(model, seed)
        # The last symbol but one is that of the beginning, which one without memory guesses.
        assert steps > 0.95
        assert second > 0.95


@pytest.mark.slow
def test_lstm_tells_the_order_of_three_marks():
    X_new, y_new = make_temporal_order(1000, random_state=10**6)
    how = {"embedding_size": 4, "n_tokens": 8, "learning_rate_init": 0.01, "batch_size": 20}
    for seed in range(5):
        model = LSTMClassifier(32, **how, random_state=seed)
        for epoch in range(80):
            X, y = make_temporal_order(1000, random_state=1000 * seed + epoch)
            model.partial_fit(X, y, classes=range(8))
            if model.score(X_new, y_new) > 0.99:
                break
        assert model.score(X_new, y_new) > 0.99
