"""Gradients of autoencoders beside PyTorch's: tied weights, penalties on codes, exact Jacobians."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import rel_entr
from sklearn.datasets import load_digits

from fastml import autodiff as ad
from fastml.neural_network import Autoencoder
from fastml.neural_network._contraction import _of_any, contraction
from fastml.neural_network._reconstruction import Reconstruction, relative_entropy
from fastml.neural_network._unrolled import Unrolled
from fastml.nn import Conv2D, Dense, Flatten, Network, Run
from fastml.nn.training import Batch

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5)) + 1
UNIT = RNG.random((60, 5))
WEIGHT = RNG.uniform(0, 2, len(X))


def gradient_of(layers, tied, loss, rows, weight=None, contractive=False, seed=0):
    """Return loss and gradient of a network, by name, and its parameters."""
    layer = Unrolled(*layers, tied, contractive)
    network = Network(layer, rows.shape[1:], dtype="float64", seed=seed)
    network.flat += np.random.default_rng(seed).uniform(-0.3, 0.3, network.flat.shape)
    total = float(len(rows) if weight is None else weight.sum())
    batch = Batch(rows, np.zeros(len(rows)), weight, slice(0, len(rows)), total)
    out = np.empty_like(network.flat)
    value = network.loss_and_gradient(rows, batch, loss, Run(True), out)
    return value, network.split(out), network.views


def in_torch(torch, views):
    return {n: torch.tensor(a.copy(), requires_grad=True) for n, a in views.items()}


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
@pytest.mark.parametrize("tied", [False, True])
def test_gradients_are_those_of_pytorch(tied, weight):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    layers = [Dense(4, "tanh"), Dense(3, "logistic")], [Dense(4, "tanh"), Dense(5)]
    loss = Reconstruction("log_loss", "logistic", 0.2, 0.7, 0.3)
    value, gradient, views = gradient_of(layers, tied, loss, UNIT, weight, True)
    assert ("0.decoder.0.weight" in views) != tied
    p = in_torch(torch, views)
    x = torch.tensor(UNIT)

    def encode(x):
        h = torch.tanh(x @ p["0.encoder.0.weight"] + p["0.encoder.0.bias"])
        return torch.sigmoid(h @ p["0.encoder.1.weight"] + p["0.encoder.1.bias"])

    back = [p["0.encoder.1.weight"].T, p["0.encoder.0.weight"].T]
    if not tied:
        back = [p["0.decoder.0.weight"], p["0.decoder.1.weight"]]
    code = encode(x)
    h = torch.tanh(code @ back[0] + p["0.decoder.0.bias"])
    sums = h @ back[1] + p["0.decoder.1.bias"]
    shares = torch.tensor(np.full(len(X), 1 / len(X)) if weight is None else weight / weight.sum())
    each = F.binary_cross_entropy_with_logits(sums, x, reduction="none").sum(dim=1)
    rho = (shares[:, None] * code).sum(dim=0)
    entropy = (0.2 * torch.log(0.2 / rho) + 0.8 * torch.log(0.8 / (1 - rho))).sum()
    jacobians = torch.vmap(torch.func.jacrev(encode))(x)
    norms = jacobians.square().sum(dim=(1, 2))
    whole = (shares * each).sum() + 0.7 * entropy + 0.3 * (shares * norms).sum()
    whole.backward()
    assert_allclose(value, whole.item(), rtol=1e-12)
    for name, found in gradient.items():
        assert_allclose(found, p[name].grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "elu", "softplus", "identity"])
def test_contraction_of_one_layer_is_pytorchs(activation):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    function = getattr(F, activation, lambda s: s)
    layers = [Dense(4, activation)], [Dense(5)]
    loss = Reconstruction("squared_error", "identity", contractive=0.5)
    value, gradient, views = gradient_of(layers, False, loss, X, None, True)
    p = in_torch(torch, views)
    x = torch.tensor(X)

    def encode(x):
        return function(x @ p["0.encoder.0.weight"] + p["0.encoder.0.bias"])

    outputs = encode(x) @ p["0.decoder.0.weight"] + p["0.decoder.0.bias"]
    norms = torch.vmap(torch.func.jacrev(encode))(x).square().sum(dim=(1, 2))
    whole = 0.5 * (outputs - x).square().sum(dim=1).mean() + 0.5 * norms.mean()
    whole.backward()
    assert_allclose(value, whole.item(), rtol=1e-12)
    for name, found in gradient.items():
        assert_allclose(found, p[name].grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


def test_contraction_of_convolutions_is_pytorchs():
    torch = pytest.importorskip("torch")
    images = load_digits().images[:6].reshape(-1, 8, 8, 1) / 16
    layers = (
        [Conv2D(3, 3, "tanh", stride=2, padding=1), Flatten(), Dense(2, "softmax")],
        [Dense(64)],
    )
    loss = Reconstruction("squared_error", "identity", contractive=2.0)
    value, gradient, views = gradient_of(layers, False, loss, images, None, True)
    p = in_torch(torch, views)
    x = torch.tensor(images)

    def encode(x):
        s = torch.nn.functional.conv2d(
            x.movedim(-1, 0)[None], p["0.encoder.0.weight"], p["0.encoder.0.bias"], 2, 1
        )
        h = torch.tanh(s)[0].movedim(0, -1).reshape(-1)
        return torch.softmax(h @ p["0.encoder.2.weight"] + p["0.encoder.2.bias"], dim=0)

    code = torch.stack([encode(image) for image in x])
    outputs = code @ p["0.decoder.0.weight"] + p["0.decoder.0.bias"]
    norms = torch.vmap(torch.func.jacrev(encode))(x).square().sum(dim=(1, 2, 3, 4))
    whole = 0.5 * (outputs - x.reshape(6, -1)).square().sum(dim=1).mean() + 2 * norms.mean()
    whole.backward()
    assert_allclose(value, whole.item(), rtol=1e-12)
    for name, found in gradient.items():
        assert_allclose(found, p[name].grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.sampled_from(["tanh", "gelu", "leaky_relu", "identity"]),
    st.integers(1, 5),
    st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_both_ways_to_the_contraction_agree(sizes, activation, n, seed):
    rng = np.random.default_rng(seed)
    layers = [Dense(size, activation) for size in sizes]
    network = Network(layers, 4, dtype="float64", seed=seed)
    rows = rng.standard_normal((n, 4))
    results = []
    for way in (contraction, _of_any):
        tree = {}
        for name, view in network.views.items():
            place, _, kind = name.partition(".")
            tree.setdefault(place, {})[kind] = ad.variable(view.copy())
        code, found = way(layers, rows, tree, {})
        assert_allclose(code.value, network.forward(rows), rtol=1e-12)
        leaves = [given["weight"] for given in tree.values()]
        results.append([found.value, *ad.gradients(ad.sum(found), leaves)])
    for a, b in zip(*results, strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@given(st.floats(0.01, 0.99), st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_relative_entropy_is_scipys(target, means):
    means = np.array(means)
    expected = (rel_entr(target, means) + rel_entr(1 - target, 1 - means)).sum()
    assert_allclose(relative_entropy(target, means), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relative_entropy_of_dead_units_is_finite(dtype):
    mean = ad.variable(np.array([0, 1, 0.5], dtype))
    found = relative_entropy(0.1, mean)
    (gradient,) = ad.gradients(found, [mean])
    assert found.dtype == gradient.dtype == dtype
    assert np.isfinite(gradient).all()
    assert 1 < found.value < 1e3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_penalty_counts_tied_weights_once():
    fits = {}
    for tied in (False, True):
        for alpha in (0.0, 3.0):
            model = Autoencoder((4, 3), "tanh", tied=tied, alpha=alpha, loss="squared_error")
            model.set_params(batch_size="full", learning_rate_init=1e-12, max_iter=1, max_norm=1.0)
            fits[tied, alpha] = model.set_params(random_state=0).fit(X)
        first, second = (fits[tied, alpha].loss_ for alpha in (0.0, 3.0))
        weights = fits[tied, 3.0].coefs_[: 2 if tied else 4]
        squares = sum(np.square(W).sum() for W in weights)
        assert_allclose(second - first, 3 / 2 * squares / len(X), rtol=1e-7)
