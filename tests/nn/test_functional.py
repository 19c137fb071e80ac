"""Activations and losses under PyTorch's names, against PyTorch."""

import numpy as np
import pytest

from fastml import autodiff as ad
from fastml.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional


def both(ours, theirs, x, **tolerance):
    """Compare values and gradients of a function of one array, in float64."""
    leaf, tensor = ad.variable(x), torch.tensor(x, requires_grad=True)
    out, expected = ours(leaf), theirs(tensor)
    np.testing.assert_allclose(out.value, expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    out.backward(np.ones_like(out.value))
    expected.backward(torch.ones_like(expected))
    np.testing.assert_allclose(leaf.grad, tensor.grad.numpy(), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(ours(x), out.value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: f.relu(x),
        lambda f, x: f.leaky_relu(x, 0.2),
        lambda f, x: f.leaky_relu(x),
        lambda f, x: f.elu(x, 0.7),
        lambda f, x: f.gelu(x),
        lambda f, x: f.gelu(x, approximate="tanh"),
        lambda f, x: f.sigmoid(x),
        lambda f, x: f.tanh(x),
        lambda f, x: f.softplus(x),
        lambda f, x: f.softplus(x, 3.0, 2.0),
        lambda f, x: f.softmax(x, 0),
        lambda f, x: f.log_softmax(x, dim=1),
    ],
)
def test_activations(call):
    x = np.random.default_rng(0).normal(0, 3, (5, 7))
    both(lambda a: call(F, a), lambda a: call(TF, a), x)


REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


@REDUCTIONS
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["labels", "ignored", "shares"])
@pytest.mark.parametrize("shape", [(4,), (5, 4), (3, 4, 2)])
def test_cross_entropy(shape, kind, weighted, smoothing, reduction):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 2, shape)
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    if kind == "shares":
        target = np.moveaxis(rng.dirichlet(np.ones(4), places), -1, min(1, len(shape) - 1))
    else:
        target = rng.integers(0, 4, places)
        if kind == "ignored" and places:
            target.reshape(-1)[0] = -100
    weight = rng.uniform(0.5, 2, 4) if weighted else None
    how = {"reduction": reduction, "label_smoothing": smoothing}
    given = None if weight is None else torch.tensor(weight)
    both(
        lambda a: F.cross_entropy(a, target, weight, **how),
        lambda a: TF.cross_entropy(a, torch.tensor(target), given, **how),
        x,
    )


@REDUCTIONS
@pytest.mark.parametrize("weighted", [False, True])
def test_nll_loss(weighted, reduction):
    rng = np.random.default_rng(2)
    x, labels = np.log(rng.dirichlet(np.ones(4), 6)), np.array([0, 3, 1, -100, 2, 2])
    weight = rng.uniform(0.5, 2, 4) if weighted else None
    given = None if weight is None else torch.tensor(weight)
    both(
        lambda a: F.nll_loss(a, labels, weight, reduction=reduction),
        lambda a: TF.nll_loss(a, torch.tensor(labels), given, reduction=reduction),
        x,
    )


@REDUCTIONS
def test_mse_loss(reduction):
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(2, 4, 3))
    both(
        lambda a: F.mse_loss(a, t, reduction=reduction),
        lambda a: TF.mse_loss(a, torch.tensor(t), reduction=reduction),
        x,
    )


@REDUCTIONS
@pytest.mark.parametrize("pos_weight", [None, np.array([2.0, 0.5, 1.0])])
@pytest.mark.parametrize("weight", [None, np.array([[0.5], [1.0], [2.0], [0.0]])])
def test_binary_cross_entropy_with_logits(weight, pos_weight, reduction):
    rng = np.random.default_rng(4)
    x, t = rng.normal(0, 4, (4, 3)), rng.uniform(size=(4, 3))
    w, pw = (None if a is None else torch.tensor(a) for a in (weight, pos_weight))
    both(
        lambda a: F.binary_cross_entropy_with_logits(
            a, t, weight, reduction=reduction, pos_weight=pos_weight
        ),
        lambda a: TF.binary_cross_entropy_with_logits(
            a, torch.tensor(t), w, reduction=reduction, pos_weight=pw
        ),
        x,
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: F.mse_loss([1.0], [1.0, 2.0]), "target must have the shape of input"),
        (lambda: F.mse_loss([1.0], [1.0], reduction="max"), "reduction must be one of"),
        (lambda: F.cross_entropy([[1.0, 2.0]], [2]), "Labels must be from 0 to 1"),
        (lambda: F.cross_entropy([[1.0, 2.0]], [0], [1.0]), "weight must have shape"),
        (lambda: F.cross_entropy([[1.0, 2.0]], [0], label_smoothing=2), "label_smoothing must"),
        (lambda: F.nll_loss([[1.0, 2.0]], [3]), "target must be labels from 0 to 1"),
        (lambda: F.nll_loss([[1.0, 2.0]], [[0.5, 0.5]]), "target must be labels, integers"),
        (lambda: F.softplus(1.0, beta=0), "beta must not be 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
