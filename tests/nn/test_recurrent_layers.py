"""Recurrent layers in networks, beside PyTorch's modules."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastml import autodiff as ad
from fastml.nn import GRU, LSTM, Dense, Embedding, LeakyRNN, Network, Run, SimpleRNN
from fastml.nn import functional as F

LAYERS = {"LSTM": LSTM, "GRU": GRU, "RNN": SimpleRNN}


def squares(outputs, target):
    return ad.sum(ad.square(outputs - target)) * 0.5


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_module_of_pytorch_moves_over(kind, bidirectional):
    torch = pytest.importorskip("torch")
    module = getattr(torch.nn, kind)(
        3, 5, 2, batch_first=True, bidirectional=bidirectional, dtype=torch.float64
    )
    layer = LAYERS[kind]((5, 5), bidirectional=bidirectional, return_sequences=True)
    network = Network([Dense(3), layer, Dense(2)], (7, 4), dtype="float64")
    layer.load_torch_state_dict(network.views, module.state_dict(), 1)
    X = np.random.default_rng(0).standard_normal((6, 7, 4))
    inner = network.forward(X, until=0)
    lengths = np.array([7, 1, 4, 7, 2, 5])
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.from_numpy(inner), torch.from_numpy(lengths), True, enforce_sorted=False
    )
    with torch.no_grad():
        y, last = module(packed)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, True, total_length=7)
    found = network.forward(X, Run(lengths=lengths), until=1)
    assert_allclose(found, y, atol=1e-14)
    assert found.shape[1:] == layer.output_shape((7, 3))
    ends = LAYERS[kind]((5, 5), bidirectional=bidirectional)
    last = np.asarray(last[0] if kind == "LSTM" else last)
    parameters = {name: network.views[f"1.{name}"] for name in module.state_dict()}
    found = ends.apply(inner, parameters, {}, Run(lengths=lengths))
    expected = np.concatenate(last[-2:] if bidirectional else last[-1:], axis=1)
    assert_allclose(found, expected, atol=1e-14)
    assert found.shape[1:] == ends.output_shape((7, 3))


def test_what_does_not_fit_is_refused():
    network = Network([LSTM(4)], (5, 2))
    good = {name.removeprefix("0."): np.zeros(a.shape) for name, a in network.views.items()}
    wrong = good | {"weight_hh_l0": np.zeros((16, 5))}
    with pytest.raises(ValueError, match="weight_hh_l0 in state_dict must have shape"):
        LSTM(4).load_torch_state_dict(network.views, wrong, "0")
    del wrong["bias_hh_l0"]
    with pytest.raises(ValueError, match="state_dict must have"):
        LSTM(4).load_torch_state_dict(network.views, wrong, "0")
    with pytest.raises(ValueError, match="LSTM expects an input of shape"):
        Network([LSTM(4)], (5,))
    for make, message in (
        (lambda: GRU(()), "hidden_sizes must have"), (lambda: GRU((3, 0)), "hidden_sizes must be"),
        (lambda: SimpleRNN(3, "sigmoid"), "activation must be"),
        (lambda: LeakyRNN(3, 1.5), "leak must be"), (lambda: LSTM(3, dropout=1), "dropout must be"),
        (lambda: LSTM(3, forget_bias=np.nan), "forget_bias must be"),
        (lambda: Embedding(0, 3), "n_tokens must be"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize(
    "layer", [LSTM((6, 3)), GRU(4, bidirectional=True, bias=False), LeakyRNN(5, 0.3, "relu")]
)
def test_gradients_of_networks(layer):
    network = Network([layer, Dense(2)], (6, 3), dtype="float64", seed=1)
    rng = np.random.default_rng(0)
    X, target = rng.standard_normal((5, 6, 3)), rng.standard_normal((5, 2))
    run = {"training": True, "lengths": np.array([6, 3, 1, 6, 2])}
    out = np.empty_like(network.flat)

    def loss(into):
        return network.loss_and_gradient(X, target, squares, Run(**run), into)

    loss(out)
    direction, other = rng.standard_normal(out.shape), np.empty_like(out)
    network.flat += 1e-6 * direction
    above = loss(other)
    network.flat -= 2e-6 * direction
    assert_allclose((above - loss(other)) / 2e-6, out @ direction, rtol=1e-7)


def test_first_values_are_orthogonal_gate_by_gate_and_remember():
    network = Network([LSTM((6, 4), bidirectional=True)], (5, 3), dtype="float64", seed=3)
    gates = network.views["0.weight_hh_l1_reverse"].reshape(4, 4, 4)
    for gate in gates:
        assert_allclose(gate @ gate.T, np.eye(4), atol=1e-12)
    assert np.abs(gates[0] - gates[1]).max() > 0.1
    assert_array_equal(network.views["0.bias_ih_l0"], np.repeat([0, 1, 0, 0], 6))
    assert not network.views["0.bias_hh_l0"].any()
    plain = Network([LSTM(6, forget_bias=0)], (5, 3), dtype="float64", seed=3)
    assert not plain.views["0.bias_ih_l0"].any()


def test_layers_are_descriptions():
    layer = LSTM((64, 32), bidirectional=True, recurrent_dropout=0.2)
    assert repr(layer) == "LSTM((64, 32), bidirectional=True, recurrent_dropout=0.2)"
    assert layer == copy.deepcopy(layer) == pickle.loads(pickle.dumps(layer)) != LSTM((64, 32))
    assert GRU(8).multiply_adds((10, 3)) == 10 * 24 * (3 + 8)
    visit = Network([Embedding(9, 4), GRU(8)], 10).visits()["1"]
    assert visit.output_shape == (8,)
    assert visit.n_parameters == 24 * (4 + 8 + 2)


def test_dropout_is_of_training_and_of_members_of_the_ensemble():
    layers = [GRU((8, 8), dropout=0.4, recurrent_dropout=0.3, return_sequences=True)]
    network = Network(layers, (6, 3), seed=1)
    X = np.repeat(np.random.default_rng(0).standard_normal((1, 6, 3)), 4, axis=0)
    found = network.forward(X, Run(training=True, seed=2))
    assert_array_equal(found, network.forward(X, Run(training=True, seed=2)))
    assert np.abs(found[0] - found[1]).max() > 1e-3
    member = network.forward(X, Run(masks=True, seed=2))
    assert_array_equal(member, np.repeat(member[:1], 4, axis=0))
    plain = network.forward(X)
    assert np.abs(plain - member).max() > 1e-3
    assert_array_equal(plain, network.forward(X))


def test_embedding():
    table = np.arange(12.0).reshape(6, 2)
    assert_array_equal(F.embedding([[5, 0]], table), [[[10, 11], [0, 1]]])
    network = Network([Embedding(6, 2), LSTM(3)], 4, dtype="float64")
    tokens = np.array([[0, 5, 5, 2], [1, 1, 1, 5]])
    assert network.forward(tokens).shape == (2, 3)
    for bad, message in (
        ([6], "from 0 to 5"), ([-1], "from 0 to 5"), ([0.5], "fraction"), ([np.nan], "from 0 to 5"),
        (["a"], "integers"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            F.embedding(np.array(bad), table)
    assert F.embedding(np.empty((0, 3), int), table).shape == (0, 3, 2)
    with pytest.raises(ValueError, match="weight must have shape"):
        F.embedding([0], table[0])
