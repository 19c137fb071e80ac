"""Sequences of several lengths: read, cut, through networks and the training loop."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import _safe_indexing, indexable

from fastml import backends
from fastml.losses import _nodes
from fastml.losses._nodes import Reduction
from fastml.nn import (
    GRU,
    LSTM,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Network,
    Run,
    Sequences,
    read_sequences,
)  # fmt: skip
from fastml.nn.optimizers import SGDOptimizer
from fastml.nn.training import InMemory, Loss, Settings, TrainingState, train


def draw(lengths=(3, 1, 4, 2), n_features=2, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((n, n_features)).astype(dtype) for n in lengths]


def same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert_array_equal(a, b)


def test_forms_that_are_read():
    given = draw()
    flat, offsets = np.concatenate(given), [0, 3, 4, 8, 10]
    padded = np.full((4, 4, 2), np.nan)
    for row, a in zip(padded, given, strict=True):
        row[: len(a)] = a
    frame = pd.DataFrame({"a": [a[:, 0] for a in given], "b": [list(a[:, 1]) for a in given]})
    objects = np.empty(4, object)
    objects[:] = given
    for X in (given, tuple(given), [a.tolist() for a in given], (flat, offsets), objects,
              (padded, np.array([3, 1, 4, 2])), frame, pd.Series(given), Sequences(flat, offsets),
              [pd.DataFrame(a) for a in given]):  # fmt: skip
        found = read_sequences(X)
        same(found, given)
        assert found.shape == (4, 4, 2)
        assert found.dtype == np.float64
    one = [a[:, 0] for a in given]
    same(read_sequences(one), [a[:, :1] for a in given])
    same(read_sequences(pl.Series([a.tolist() for a in one])), [a[:, :1] for a in given])
    columns = {"a": [a.tolist() for a in one], "b": [a[:, 1].tolist() for a in given]}
    same(read_sequences(pl.DataFrame(columns)), given)
    assert read_sequences(draw(dtype=np.float32)).dtype == np.float32
    X = np.arange(24.0).reshape(2, 3, 4)
    same(read_sequences(X), X)
    same(read_sequences(X[0]), X[0][:, :, None])
    tokens = read_sequences([[3, 1], [2]], tokens=True)
    assert tokens.flat.tolist() == [3, 1, 2]
    assert tokens.shape == (2, 2)
    same(read_sequences(pd.DataFrame({"t": [[3, 1], [2]]}), tokens=True), [[3, 1], [2]])


def test_what_is_no_sequence_is_refused():
    given = draw()
    for X, message in (
        ([*given, np.empty((0, 2))], r"X\[4\] is empty"),
        ([*given, np.zeros((2, 3))], r"X\[0\] has 2, X\[4\] has 3"),
        ([*given, np.zeros(2)], r"X\[0\] has 2, X\[4\] has 1"),
        ((np.zeros((4, 2)), [0, 2, 2, 4]), "Sequence 1 has no step"),
        ((np.zeros((4, 2)), [0, 2, 3]), "go up from 0 to the 4 elements"),
        ((np.zeros((4, 2)), [0, 3, 2, 4]), "go up from 0 to the 4 elements"),
        ((np.zeros((4, 2)), [0.0, 4.0]), "array of integers"),
        ((np.zeros((2, 3, 1)), [1, 4]), "2 integers from 1 to 3"),
        ((np.zeros((2, 3, 1)), [0, 3]), "2 integers from 1 to 3"),
        (np.zeros(3), "must be a list of sequences"), (np.zeros((3, 0)), "at least one step"),
        (np.zeros((2, 3, 0)), "at least one feature"),
        (pd.DataFrame({"a": [[1, 2]], "b": [[1]]}), "row 0 have {'a': 2, 'b': 1}"),
        ([np.zeros((2, 2, 2))], r"X\[0\] must have shape"),
        ([["a"]], r"X must have numbers in its steps: could not convert"),
        ([np.ones((2, 2)) * 1j], "Complex data not supported"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            read_sequences(X)
    with pytest.raises(ValueError, match="a token in each step"):
        read_sequences(given, tokens=True)


def test_cut_as_arrays_are():
    given = draw()
    X = read_sequences(given)
    same(X[1:3], given[1:3])
    same(X[3:1], [])
    same(X[::-2], given[::-2])
    same(X[[2, 0, 2]], [given[2], given[0], given[2]])
    same(X.take(np.array([], int)), [])
    same(X[np.array([True, False, False, True])], [given[0], given[3]])
    assert_array_equal(X[-1], given[-1])
    assert np.shares_memory(X[1:3].flat, X.flat)
    with pytest.raises(IndexError):
        X[4]
    same(_safe_indexing(*indexable(X), np.array([3, 1])), [given[3], given[1]])
    same(pickle.loads(pickle.dumps(X)), given)
    assert "4 sequences of 10 elements" in repr(X)
    assert X.ndim == len(X.shape) == 3


def test_networks_take_them_as_padded_arrays():
    given = draw()
    X = read_sequences(given)
    padded = np.zeros((4, 4, 2))
    for row, a in zip(padded, given, strict=True):
        row[: len(a)] = a
    for end in (True, False):
        layers = [Dense(3, "tanh"), GRU(4, return_sequences=True, bidirectional=True),
                  LSTM(3, return_sequences=not end), Dropout(0.1), Dense(2)]  # fmt: skip
        network = Network(layers, (4, 2), dtype="float64", seed=1)
        expected = network.forward(padded, Run(lengths=X.lengths))
        found = network.forward(X)
        if not end:
            expected = np.concatenate([a[:n] for a, n in zip(expected, X.lengths, strict=True)])
        assert_array_equal(found, expected)
    assert_array_equal(network.forward(X, until=1)[:3], network.forward(X[:1], until=1))
    tokens = read_sequences([[3, 1], [2]], tokens=True)
    network = Network([Embedding(4, 2), LSTM(3)], 9)
    assert_array_equal(network.forward(tokens)[1:], network.forward(tokens[1:]))
    with pytest.raises(ValueError, match=r"Conv1D.* does not take sequences of several lengths"):
        Network([Conv1D(3, 2), GRU(2)], (9, 2)).forward(X)
    with pytest.raises(ValueError, match=r"shape \(3,\), as the network was built, got \(2,\)"):
        Network([GRU(2)], (9, 3)).forward(X)


class Squares(Loss):
    def __call__(self, outputs, batch):
        how = Reduction(False, 1.0 / batch.total, batch.weight)
        return _nodes.squared(outputs, batch.y, how=how)


@pytest.mark.parametrize("by_step", [False, True])
def test_the_loss_of_training_is_a_mean_over_real_steps(by_step):
    X = read_sequences(draw())
    rng = np.random.default_rng(1)
    network = Network([LSTM(3, return_sequences=by_step), Dense(1)], (4, 2), dtype="float64")
    if by_step:
        y = X.with_flat(rng.standard_normal((10, 1)))
        weight = X.repeated(np.array([1.0, 2, 0, 1]))
        expected = (network.forward(X) - y.flat) ** 2 / 2
        expected = np.average(expected[:, 0], weights=weight.flat)
    else:
        y, weight = rng.standard_normal((4, 1)), np.array([1.0, 2, 0, 1])
        expected = np.average((network.forward(X) - y)[:, 0] ** 2 / 2, weights=weight)
    state = TrainingState(seed=0)
    rate = {"learning_rate_init": 1e-9}
    for size in (4, 1):
        source = InMemory(backends.resolve(), X, y, weight, batch_size=size)
        optimizer = SGDOptimizer([network.flat], **rate)
        train(network, Squares(), source, optimizer=optimizer, settings=Settings(1), state=state)
        if size == 4:
            assert_allclose(state.loss, expected, rtol=1e-6)
    assert state.n_seen == 8
