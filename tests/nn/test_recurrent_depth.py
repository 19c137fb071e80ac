"""Recurrent layers that are deep: stacked, with several cells a step, with cut gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastml import autodiff as ad
from fastml.nn import (
    GRU,
    LSTM,
    LeakyRNN,
    Network,
    RecurrentStack,
    Run,
    SimpleRNN,
    read_sequences,
)
from fastml.nn.layers._recurrent_base import RecurrentRun

LENGTHS = (3, 7, 1, 5)


def draw(n_features=2):
    rng = np.random.default_rng(0)
    return read_sequences([rng.standard_normal((n, n_features)) for n in LENGTHS])


def squares(outputs, target):
    return ad.sum(ad.square(outputs - target)) * 0.5


def gradient_of(network, X, target):
    out = np.empty_like(network.flat)
    value = network.loss_and_gradient(X, target, squares, Run(True), out)
    return value, out


STACKS = {
    "skip": RecurrentStack(
        [LSTM(3, return_sequences=True), GRU(4, return_sequences=True, bidirectional=True)],
        skip_connections=True,
    ),
    "residual": RecurrentStack(
        [SimpleRNN(n, return_sequences=True) for n in (4, 4, 3)], residual=True
    ),
    "deep": RecurrentStack(
        [LSTM(3, transition_depth=2, return_sequences=True, bidirectional=True)],
        return_sequences=True,
    ),
    "leaky": LeakyRNN((3, 2), 0.4, transition_depth=3, bias=False),
    "dropped": GRU(3, transition_depth=2, recurrent_dropout=0.3, return_sequences=True),
}


@pytest.mark.parametrize("which", STACKS)
def test_gradients(which):
    network = Network([STACKS[which]], (7, 2), dtype="float64", seed=1)
    X, rng = draw(), np.random.default_rng(1)
    target = rng.standard_normal(network.forward(X).shape)
    _, gradient = gradient_of(network, X, target)
    direction = rng.standard_normal(gradient.shape)
    network.flat += 1e-6 * direction
    above, _ = gradient_of(network, X, target)
    network.flat -= 2e-6 * direction
    below, _ = gradient_of(network, X, target)
    assert_allclose((above - below) / 2e-6, gradient @ direction, rtol=1e-6)
    assert (gradient != 0).all() or which == "dropped"


def test_stacks_are_their_layers():
    X = draw()
    stack = STACKS["skip"]
    network = Network([stack], (7, 2), dtype="float64", seed=1)
    lower, upper = (
        {n[4:]: a for n, a in network.views.items() if n.startswith(f"0.{i}.")} for i in (0, 1)
    )
    steps, ends = stack.layers[0].through(X.flat, lower, packed(X))
    above = np.concatenate([X.flat, steps], axis=1)
    upper_steps, upper_ends = stack.layers[1].through(above, upper, packed(X))
    assert_array_equal(network.forward(X), np.concatenate([ends, upper_ends], axis=1))
    assert_array_equal(network.forward(X, until="0.0"), steps)
    assert_array_equal(network.forward(X, until="0.1"), upper_steps)
    assert network.output_shape == (3 + 8,)
    network = Network([STACKS["residual"]], (7, 2), dtype="float64", seed=1)
    parts, run = [], packed(X)
    x = X.flat
    for i, layer in enumerate(STACKS["residual"].layers):
        weights = {n[4:]: a for n, a in network.views.items() if n.startswith(f"0.{i}.")}
        made = layer.through(x, weights, run)
        both = [a + b for a, b in zip(made, parts[-1], strict=True)] if i == 1 else made
        parts.append(both)
        x = both[0]
    assert_array_equal(network.forward(X), parts[-1][1])
    for bad, message in (
        ([GRU(2)], "recurrent ones with return_sequences=True; number 0 is GRU"),
        ([], "at least one recurrent layer"),
    ):
        with pytest.raises(ValueError, match=message):
            RecurrentStack(bad)


def packed(X):
    run = Run()
    run.offsets = X.offsets
    return run


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_cells_of_a_step_beside_those_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    layer = {"LSTM": LSTM, "GRU": GRU, "RNN": SimpleRNN}[kind](
        3, transition_depth=2, return_sequences=True
    )
    network = Network([layer], (7, 2), dtype="float64", seed=1)
    values = {n[2:]: torch.from_numpy(a) for n, a in network.views.items()}
    cells = [getattr(torch.nn, f"{kind}Cell")(n, 3, dtype=torch.float64) for n in (2, 1)]
    with torch.no_grad():
        for cell, end in zip(cells, ("", "_t1"), strict=True):
            cell.weight_hh[...] = values[f"weight_hh_l0{end}"]
            cell.bias_hh[...] = values[f"bias_hh_l0{end}"]
        cells[0].weight_ih[...], cells[0].bias_ih[...] = (
            values["weight_ih_l0"],
            values["bias_ih_l0"],
        )
        cells[1].bias_ih[...] = 0
        X = draw()
        for given, found in zip(X, X.with_flat(network.forward(X)), strict=True):
            state = None
            for x, made in zip(given, found, strict=True):
                state = cells[0](torch.from_numpy(x[None]), state)
                state = cells[1](torch.zeros(1, 1, dtype=torch.float64), state)
                h = state[0] if kind == "LSTM" else state
                assert_allclose(made, h[0], atol=1e-14)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("by_step", [False, True])
def test_truncated_gradients_are_those_of_states_that_are_held_fast(kind, by_step):
    torch = pytest.importorskip("torch")
    how = {"return_sequences": by_step}
    make = {"LSTM": LSTM, "GRU": GRU}[kind]
    whole, cut = (
        Network([make((3, 2), **more, **how)], (7, 2), dtype="float64", seed=1)
        for more in ({}, {"truncate": 3})
    )
    X, rng = draw(), np.random.default_rng(1)
    assert_array_equal(whole.forward(X), cut.forward(X))
    target = rng.standard_normal(whole.forward(X).shape)
    value, found = gradient_of(cut, X, target)
    assert value == gradient_of(whole, X, target)[0]
    module = getattr(torch.nn, kind)(2, 3, dtype=torch.float64)
    upper = getattr(torch.nn, kind)(3, 2, dtype=torch.float64)
    for inner, layer in ((module, 0), (upper, 1)):
        inner.load_state_dict({
            f"{name}_l0": torch.from_numpy(cut.views[f"0.{name}_l{layer}"])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        })  # fmt: skip
    loss = 0
    for i, x in enumerate(X):
        states, parts = [None, None], []
        for start in range(0, len(x), 3):
            y = torch.from_numpy(x[start : start + 3])
            for j, inner in enumerate((module, upper)):
                y, state = inner(y, states[j])
                states[j] = tuple(a.detach() for a in state) if kind == "LSTM" else state.detach()
            parts.append(y)
        y = torch.cat(parts)
        wanted = target[X.offsets[i] : X.offsets[i + 1]] if by_step else target[i : i + 1]
        loss = loss + ((y if by_step else y[-1:]) - torch.from_numpy(wanted)).square().sum() / 2
    loss.backward()
    expected = [p.grad.numpy().ravel() for inner in (module, upper) for p in inner.parameters()]
    assert_allclose(found, np.concatenate(expected), rtol=1e-10, atol=1e-13)


def test_truncation_of_what_is_deep_goes_both_ways():
    for more in ({"bidirectional": True}, {"transition_depth": 2}, {"recurrent_dropout": 0.5}):
        whole, cut, never = (
            Network([LSTM(3, **more, truncate=n)], (7, 2), dtype="float64", seed=1)
            for n in (None, 2, 7)
        )
        X = draw()
        target = np.ones(whole.forward(X).shape)
        value, gradient = gradient_of(whole, X, target)
        assert_array_equal(gradient_of(never, X, target)[1], gradient)
        found = gradient_of(cut, X, target)
        assert found[0] == value
        assert np.abs(found[1] - gradient).max() > 1e-4


def test_states_are_carried_on():
    X = draw()
    network = Network([LSTM((3, 2), bidirectional=False)], (7, 2), dtype="float64", seed=1)
    first, second = Run(), Run()
    first.recurrent = RecurrentRun()
    network.forward(X[[1, 3]], first)
    second.recurrent = RecurrentRun(first.recurrent.end)
    both = [np.concatenate([a, b]) for a, b in zip(X[[1, 3]], X[[3, 1]], strict=True)]
    assert_array_equal(network.forward(X[[3, 1]], second), network.forward(read_sequences(both)))
