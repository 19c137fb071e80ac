"""Training that goes on from a checkpoint ends in the bits of one that was never stopped."""

import functools

import numpy as np
import pytest
import scipy.sparse as sp

from fastml import losses
from fastml.backends import resolve
from fastml.nn import Activation, Dense, Dropout, Network
from fastml.nn.optimizers import (
    AdaGradOptimizer,
    AdamOptimizer,
    AdamWOptimizer,
    RMSPropOptimizer,
    SGDOptimizer,
)
from fastml.nn.training import InMemory, Loss, Settings, TrainingState, save_checkpoint, train
from fastml.nn.training._resume import Checkpoint, described, resume

OPTIMIZERS = {
    "sgd": functools.partial(SGDOptimizer, lr_schedule="adaptive"),
    "invscaling": functools.partial(SGDOptimizer, lr_schedule="invscaling", nesterov=False),
    "cosine": functools.partial(SGDOptimizer, lr_schedule="cosine", t_max=100 * 9),
    "adam": AdamOptimizer,
    "adagrad": AdaGradOptimizer,
    "rmsprop": RMSPropOptimizer,
    "adamw": AdamWOptimizer,
}


class Stopped(Exception):
    """Stands for a kill."""


class Squared(Loss):
    def __call__(self, outputs, batch):
        return losses.squared(outputs, batch.y)


def begin(optimizer, state):
    """Make a network, its optimiser and its data; return what trains it."""
    network = Network([Dense(7, "tanh"), Dropout(0.3), Dense(2), Activation("identity")], 5, seed=3)
    rng = np.random.default_rng(0)
    X, y = (rng.normal(size=(100, n)).astype(np.float32) for n in (5, 2))
    source = InMemory(resolve(X), X, y, batch_size=16, seed=3)
    made = OPTIMIZERS[optimizer]([network.flat], learning_rate_init=0.02)
    if state.epoch:
        resume(network, made, state)
    settings = Settings(9, l2=1e-3, max_norm=5.0, keep_best=True, n_iter_no_change=3, tol=0.02)

    def go(checkpoint=None):
        return network, train(
            network, Squared(), source,
            optimizer=made, settings=settings, state=state, checkpoint=checkpoint,
        )  # fmt: skip

    return go


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_training_ends_in_the_same_bits(tmp_path, optimizer, every):
    network, state = begin(optimizer, TrainingState(seed=3))()
    assert state.epoch >= 7
    file = Checkpoint(tmp_path / "x", {"optimizer": optimizer}, every)
    n_stops = 0

    def stop_at_odd_epochs(state):
        file(state)
        if state.epoch % 2 and not state.stopped and state.epoch > reached:
            raise Stopped

    while True:
        loaded = file.load() or TrainingState(seed=3)
        # A checkpoint that is not of this very epoch is made again.
        reached = loaded.epoch + every - 1
        try:
            resumed, again = begin(optimizer, loaded)(stop_at_odd_epochs)
            break
        except Stopped:
            n_stops += 1
    assert n_stops >= 3
    assert resumed.flat.tobytes() == network.flat.tobytes()
    for (arrays, values), (their_arrays, their_values) in [(again.to_arrays(), state.to_arrays())]:
        assert values == their_values
        assert arrays.keys() == their_arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, their_arrays[name])
    # What the file says at the end is that the fit has ended.
    assert file.load().stopped == state.stopped != ""


def test_no_file_is_no_state_and_a_foreign_one_is_refused(tmp_path):
    fit = {"alpha": 0.1, "X": np.zeros((2, 3)), "solver": "adam", "gone": 1}
    file = Checkpoint(tmp_path / "x", fit)
    assert file.load() is None
    file.save(TrainingState(seed=2**64 - 1, parameters=np.zeros(3)))
    assert Checkpoint(tmp_path / "x", dict(reversed(fit.items()))).load().seed == 2**64 - 1
    other = {"alpha": 0.2, "X": np.ones((2, 3)), "solver": "adam", "new": "a" * 200}
    with pytest.raises(ValueError, match=r"/x is that of another fit") as raised:
        Checkpoint(tmp_path / "x", other).load()
    message = str(raised.value)
    assert "; alpha was 0.1, is 0.2; gone was 1, is None; new was None, is 'aaa" in message
    assert "X was 'float64 (2, 3) " in message
    assert "solver" not in message
    assert len(message) < 500
    save_checkpoint(tmp_path / "x", {}, {})
    with pytest.raises(ValueError, match="was not written by a fit"):
        file.load()


def test_descriptions_are_equal_for_equal_values_only():
    array = np.arange(12.0).reshape(3, 4)
    alike = [
        (array, array.copy(order="F")),
        (array, array.astype(">f8").astype("f8")),
        (sp.csr_array(array), sp.csc_array(array)),
        (np.float64(0.1), 0.1),
        ((1, "a"), [1, "a"]),
        (np.array(["a", None], object), np.array(["a", None], object)),
        (np.random.RandomState(0), np.random.RandomState(1)),
        ({"a": 1}, {"a": 1}),
        (np.tanh, np.tanh),
        ([Dense(3), Dropout(0.1)], [Dense(3), Dropout(0.1)]),
        (object(), object()),
    ]
    for a, b in alike:
        assert described(a) == described(b)
    different = [a for a, _ in alike[1:]]
    different += [array[:2], array.T, array.astype("f4"), array.reshape(-1), array + 1e-9]
    different += [None, 1, "1", np.sin, [1, "b"], {"a": 2}, {"b": 1}, [Dense(4), Dropout(0.1)]]
    texts = [repr(described(value)) for value in different]
    assert len(set(texts)) == len(texts)


def test_large_arrays_are_hashed_in_pieces_and_the_last_row_counts(tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (3000, 20_000))
    first = described(mapped)
    assert first == described(np.zeros((3000, 20_000), np.uint8))
    mapped[-1, -1] = 1
    assert described(mapped) != first
