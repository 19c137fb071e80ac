"""The training loop: batches, steps, ends of fits, and fits that diverge."""

import json

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import ElasticNet, Lasso

import fastml
from fastml import losses
from fastml.backends import resolve
from fastml.nn import Dense, Dropout, Network
from fastml.nn.layers import Run
from fastml.nn.optimizers import AdamOptimizer, SGDOptimizer
from fastml.nn.training import (
    Batch,
    DivergenceError,
    InMemory,
    Loss,
    Settings,
    TrainingState,
    train,
    train_lbfgs,
)
from fastml.nn.training._sources import permutation


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield resolve()


class Squared(Loss):
    def __call__(self, outputs, batch):
        return losses.squared(outputs, batch.y, sample_weight=batch.weight)


RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 4))
Y = X @ RNG.standard_normal((4, 2)) + 0.1 * RNG.standard_normal((50, 2))


def linear(backend, **options):
    return Network([Dense(2)], 4, dtype="float64", **options).to(backend)


def source(backend, size=50, X=X, y=Y, **options):
    rows = X if sp.issparse(X) else backend.asarray(X)
    return InMemory(backend, rows, backend.asarray(y), batch_size=size, **options)


def run(network, batches, settings, optimizer=None, **options):
    optimizer = optimizer or SGDOptimizer([network.flat], 0.1, momentum=0)
    state = options.pop("state", None) or TrainingState()
    return train(
        network, Squared(), batches, optimizer=optimizer, settings=settings, state=state, **options
    )


@pytest.mark.parametrize("n", [0, 1, 2, 7, 1000])
def test_permutations(backend, n):
    found = permutation(backend, n, 5, 3)
    assert_array_equal(np.sort(found), np.arange(n))
    with fastml.config_context(backend="reference"):
        assert_array_equal(found, permutation(resolve(), n, 5, 3))
    if n == 1000:
        for other in ((5, 4), (6, 3)):
            # As many fixed places as chance has, which is one.
            assert (found == permutation(backend, n, *other)).sum() < 8


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("size", [1, 8, 49, 50, 80])
@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_have_every_row_once(backend, container, size, shuffle):
    weight = np.arange(50.0)
    rows = container(X)
    made = InMemory(
        backend, rows, backend.asarray(Y), weight, batch_size=size, shuffle=shuffle, seed=1
    )
    orders = []
    for epoch in (0, 1, 0):
        batches = list(made.batches(epoch))
        assert [batch.n_rows for batch in batches[:-1]] == [size] * (len(batches) - 1)
        order = np.concatenate([np.arange(50)[batch.rows] for batch in batches])
        assert_array_equal(np.sort(order), np.arange(50))
        for batch in batches:
            given = batch.X.toarray() if sp.issparse(batch.X) else batch.X
            assert_array_equal(given, X[batch.rows])
            assert_array_equal(batch.y, Y[batch.rows])
            assert_array_equal(batch.weight, weight[batch.rows])
            assert batch.total == batch.weight.sum()
        orders.append(order.tolist())
    assert orders[0] == orders[2]
    assert (orders[0] != orders[1]) == (shuffle and size < 50)


@pytest.mark.parametrize("l1, l2", [(0, 0), (0, 3.0), (2.0, 0), (1.5, 0.5)])
def test_steps_are_those_of_gradient_descent(backend, l1, l2):
    network = linear(backend, seed=4)
    W, b = (network.views[name].copy() for name in ("0.weight", "0.bias"))
    expected = []
    for _ in range(3):
        for part in (slice(0, 20), slice(20, 40), slice(40, 50)):
            error = X[part] @ W + b - Y[part]
            n = len(error)
            penalty = l1 * abs(W).sum() + l2 / 2 * (W**2).sum()
            expected.append((n, 0.5 * (error**2).sum() / n + penalty / n))
            W -= 0.1 * (X[part].T @ error + l1 * np.sign(W) + l2 * W) / n
            b -= 0.1 * error.sum(axis=0) / n
    state = run(network, source(backend, 20, shuffle=False), Settings(3, l1=l1, l2=l2))
    assert_allclose(network.views["0.weight"], W, rtol=1e-12)
    assert_allclose(network.views["0.bias"], b, rtol=1e-12)
    of_epochs = np.array(expected).reshape(3, 3, 2)
    assert_allclose(state.loss_curve, (of_epochs.prod(axis=2)).sum(axis=1) / 50, rtol=1e-12)
    assert (state.epoch, state.n_iter, state.n_seen, state.step) == (3, 3, 150, 9)
    assert state.stopped == "max_iter"


def test_gradients_are_those_of_differences(backend):
    for activation in ("identity", "logistic", "tanh", "relu", "gelu"):
        network = Network([Dense(5, activation), Dense(2)], 4, dtype="float64").to(backend)
        batch = Batch(backend.asarray(X), backend.asarray(Y), None, slice(0, 50), 50.0)
        found, spare = np.empty_like(network.flat), np.empty_like(network.flat)
        network.loss_and_gradient(batch.X, batch, Squared(), Run(True), found)
        for i in range(network.n_parameters):
            ends = []
            for step in (1e-6, -1e-6):
                network.flat[i] += step
                ends.append(network.loss_and_gradient(batch.X, batch, Squared(), Run(True), spare))
                network.flat[i] -= step
            assert_allclose((ends[0] - ends[1]) / 2e-6, found[i], rtol=1e-4, atol=1e-7)


def test_long_gradients_are_cut(backend):
    network = linear(backend)
    before = network.flat.copy()
    run(network, source(backend), Settings(1, max_norm=1e-3))
    assert_allclose(np.linalg.norm(network.flat - before), 0.1 * 1e-3, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 7, 50])
def test_rows_of_no_weight_are_not_there(backend, size):
    weight = np.repeat([1.0, 0.0], 25)
    ways = {"size": size, "shuffle": False}
    one, other = linear(backend), linear(backend)
    for network, batches in (
        (one, source(backend, weight=weight, **ways)),
        (other, source(backend, X=X[:25], y=Y[:25], **ways)),
    ):
        run(network, batches, Settings(2), SGDOptimizer([network.flat], 0.1, momentum=0))
    if size != 7:  # a batch of seven has rows of both kinds
        assert_allclose(one.flat, other.flat, rtol=1e-12)
    assert np.isfinite(one.flat).all()


def test_a_fit_ends_without_improvement(backend, capsys):
    network = linear(backend)
    settings = Settings(500, tol=1e-3, n_iter_no_change=4, verbose=True)
    state = run(network, source(backend), settings)
    assert state.stopped == "converged"
    assert state.no_improvement == 5
    curve = state.loss_curve
    assert state.best_loss == min(curve)
    assert all(loss > min(curve[:i]) - 1e-3 for i, loss in enumerate(curve[-5:], len(curve) - 5))
    out = capsys.readouterr().out.splitlines()
    assert len(out) == state.n_iter + 1
    assert out[0].startswith("Iteration 1, loss = ")
    assert out[-1].startswith("Training loss did not improve more than tol=0.001000 for 4 cons")


def test_the_best_weights_come_back(backend):
    network, kept = linear(backend), []
    scores = iter([1.0, 3.0, 2.0, np.nan, 2.5])

    def score():
        kept.append(network.flat.copy())
        return next(scores)

    state = run(network, source(backend), Settings(5, keep_best=True), score=score)
    assert_array_equal(network.flat, kept[1])
    assert state.best_score == 3.0
    assert state.best_loss == np.inf
    assert_array_equal(state.validation_scores, [1.0, 3.0, 2.0, np.nan, 2.5])


def test_what_is_called_after_epochs_can_end_a_fit(backend):
    seen = []

    def on_epoch(state):
        seen.append((state.n_iter, len(state.loss_curve)))
        return state.n_iter == 2

    network = linear(backend)
    state = run(network, source(backend), Settings(9), on_epoch=on_epoch)
    assert state.stopped == "callback"
    assert seen == [(1, 1), (2, 2)]
    # Another fit goes on from there, and counts anew.
    state = run(network, source(backend), Settings(3), state=state)
    assert (state.n_iter, state.epoch, len(state.loss_curve)) == (3, 5, 5)


def test_an_interrupt_keeps_what_is_learned(backend):
    class Interrupted(InMemory):
        def batches(self, epoch):
            if epoch == 2:
                raise KeyboardInterrupt
            return super().batches(epoch)

    network, same = linear(backend), linear(backend)
    batches = Interrupted(backend, backend.asarray(X), backend.asarray(Y), batch_size=20)
    assert run(network, batches, Settings(9)).stopped == "interrupted"
    run(same, source(backend, 20), Settings(2))
    assert_array_equal(network.flat, same.flat)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_a_fit_that_diverges_keeps_the_last_good_weights(backend):
    network = linear(backend)
    steps = SGDOptimizer([network.flat], 1e50, momentum=0)
    before = network.flat.copy()
    with pytest.raises(
        DivergenceError, match=r"loss became (inf|nan) in epoch \d, step 1\. Solver"
    ):
        run(network, source(backend), Settings(50), steps)
    assert np.isfinite(network.flat).all()
    loss = losses.squared(network.forward(backend.asarray(X)), Y)
    assert np.isfinite(loss)
    # The first loss of all: nothing but what there was at first.
    network.flat[...] = before
    with pytest.raises(DivergenceError, match="in epoch 1, step 1"):
        run(network, source(backend, X=X * 1e200), Settings(50), steps)
    assert_array_equal(network.flat, before)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_a_fit_that_diverges_comes_back_to_its_best_weights(backend):
    network, kept = linear(backend), []

    def score():
        kept.append(network.flat.copy())
        return -len(kept)

    steps = SGDOptimizer([network.flat], 1e50, momentum=0)
    state = run(network, source(backend), Settings(50, keep_best=True), steps, score=score)
    assert state.stopped == "diverged"
    assert_array_equal(network.flat, kept[0])
    assert np.isnan(state.validation_scores[-1])


def test_the_state_as_arrays_and_values(backend):
    network = Network([Dense(3, "relu"), Dropout(0.5), Dense(2)], 4, dtype="float64").to(backend)
    adam = AdamOptimizer([network.flat])
    settings = Settings(3, keep_best=True)
    state = run(network, source(backend, 8), settings, adam, state=TrainingState(seed=2**64 - 1))
    arrays, values = state.to_arrays()
    assert all(type(a) is np.ndarray for a in arrays.values())
    again = TrainingState.from_arrays(arrays, json.loads(json.dumps(values)))
    for name, value in vars(state).items():
        found = getattr(again, name)
        if name == "optimizer":
            assert found.keys() == value.keys()
            for entry in value:
                assert_array_equal(found[entry], value[entry])
        else:
            assert_array_equal(found, value)
    assert again.best_score == -np.inf
    assert again.seed == 2**64 - 1


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_lbfgs_with_absolute_values_is_the_lasso(backend, l1_ratio):
    batch = Batch(backend.asarray(X), backend.asarray(Y[:, :1]), None, slice(0, 50), 50.0)
    network = Network([Dense(1)], 4, dtype="float64").to(backend)
    alpha = 0.6
    l1, l2 = 50 * alpha * l1_ratio, 50 * alpha * (1 - l1_ratio)
    settings, state = Settings(500, tol=1e-9, l1=l1, l2=l2), TrainingState()
    options = {"ftol": 1e-15}
    found = train_lbfgs(network, Squared(), batch, settings=settings, state=state, options=options)
    assert found.success
    peer = Lasso(alpha) if l1_ratio == 1 else ElasticNet(alpha, l1_ratio=l1_ratio)
    peer.set_params(tol=1e-12).fit(X, Y[:, 0])
    W = network.views["0.weight"][:, 0]
    assert_allclose(W, peer.coef_, atol=1e-6)
    assert_allclose(network.views["0.bias"], peer.intercept_, atol=1e-6)
    assert_array_equal(W == 0, peer.coef_ == 0)
    assert (W == 0).any() or l1_ratio < 1


def test_lbfgs_of_all_loss_curves(backend):
    batch = Batch(backend.asarray(X), backend.asarray(Y), None, slice(0, 50), 50.0)
    network, seen = linear(backend), []
    state = TrainingState()

    def on_iteration(state):
        seen.append(state.loss)
        return len(seen) == 3

    train_lbfgs(
        network, Squared(), batch, settings=Settings(50), state=state, on_iteration=on_iteration
    )
    assert seen == sorted(seen, reverse=True)
    assert (state.n_iter, len(seen)) == (3, 3)
    with pytest.raises(DivergenceError, match="L-BFGS"), np.errstate(all="ignore"):
        train_lbfgs(
            network, Squared(), batch._replace(X=backend.asarray(X * 1e200)),
            settings=Settings(50), state=state,
        )  # fmt: skip
    assert np.isfinite(network.flat).all()
