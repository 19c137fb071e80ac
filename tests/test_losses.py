"""Losses and penalties beside PyTorch and scikit-learn, in every reduction and layout."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import ElasticNet
from sklearn.metrics import hinge_loss, log_loss

import fastml
from fastml import autodiff as ad
from fastml import losses

torch = pytest.importorskip("torch")
F = torch.nn.functional

# Ours, and PyTorch's of every output.
ELEMENTWISE = {
    "squared": (losses.squared, lambda o, t: 0.5 * F.mse_loss(o, t, reduction="none")),
    "cross_entropy": (losses.cross_entropy, lambda o, t: -t * torch.log(o)),
    "binary_cross_entropy": (
        losses.binary_cross_entropy,
        lambda o, t: F.binary_cross_entropy_with_logits(o, t, reduction="none"),
    ),
    "hinge": (losses.hinge, lambda o, t: torch.relu(1 - t * o)),
    "squared_hinge": (losses.squared_hinge, lambda o, t: torch.relu(1 - t * o) ** 2),
    "poisson": (losses.poisson, lambda o, t: F.poisson_nll_loss(o, t, reduction="none")),
}
RTOL = {np.float32: 1e-4, np.float64: 1e-10}


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


def samples(name, shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    outputs, targets = rng.normal(0, 2, shape), rng.uniform(0, 1, shape)
    if name == "cross_entropy":
        outputs = rng.uniform(0.05, 1, shape)
    elif "hinge" in name:
        targets = rng.choice([-1.0, 1.0], shape)
    return outputs.astype(dtype), targets.astype(dtype)


def reduced(found, reduction, weight):
    """Reduce PyTorch's losses of the samples."""
    w = torch.ones(found.shape, dtype=found.dtype) if weight is None else torch.tensor(weight)
    found = found * w.to(found.dtype)
    return found if reduction == "none" else found.sum() / (w.sum() if reduction == "mean" else 1)


def compare(ours, theirs, o, t, reduction, weight, dtype):
    """Compare values, first and second gradients by the outputs."""
    rtol = RTOL[dtype]
    x, y = ad.variable(o), torch.tensor(o, requires_grad=True)
    value = ours(x, t, reduction=reduction, sample_weight=weight)
    target = torch.tensor(t, dtype=torch.long if t.dtype.kind == "i" else y.dtype)
    expected = reduced(theirs(y, target), reduction, weight)
    assert value.dtype == dtype
    assert value.shape == tuple(expected.shape)
    assert_allclose(value.value, expected.detach().numpy(), rtol=rtol, atol=rtol)
    plain = ours(o, t, reduction=reduction, sample_weight=weight)
    assert_array_equal(plain, value.value)
    seed = np.random.default_rng(9).uniform(0.5, 2, value.shape).astype(dtype)
    (g,) = ad.gradients(value, [x], seed)
    (h,) = torch.autograd.grad(expected, y, torch.tensor(seed), create_graph=True)
    assert g.dtype == dtype
    assert_allclose(g, h.detach().numpy(), rtol=rtol, atol=rtol)
    (g,) = ad.gradients(value, [x], seed, create_graph=True)
    second = None
    if h.requires_grad:
        (second,) = torch.autograd.grad((h**2).sum(), y, allow_unused=True)
    if not isinstance(g, ad.Variable):
        assert second is None or not second.any()
        return
    (ours_second,) = ad.gradients(ad.sum(g * g), [x])
    expected = np.zeros_like(o) if second is None else second.numpy()
    assert_allclose(ours_second, expected, rtol=10 * rtol, atol=10 * rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_losses_are_pytorchs(backend, name, reduction, dtype):
    ours, theirs = ELEMENTWISE[name]

    def of_samples(o, t):
        return theirs(o, t).reshape(len(o), -1).sum(1)

    for shape in ((5, 3), (400,), (3, 2, 4), (2, 1500), (1, 1)):
        o, t = samples(name, shape, dtype)
        for weight in (None, np.linspace(0, 2, shape[0]) + 0.1):
            compare(ours, of_samples, o, t, reduction, weight, dtype)


def of_classes(logits, targets):
    flat = logits.reshape(-1, logits.shape[-1])
    labels = not targets.is_floating_point()
    found = F.cross_entropy(
        flat, targets.reshape(-1) if labels else targets.reshape(flat.shape), reduction="none"
    )
    return found.reshape(logits.shape[:-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("labels", [True, False])
def test_softmax_cross_entropy_is_pytorchs(backend, labels, reduction, dtype):
    rng = np.random.default_rng(0)
    for shape in ((5, 3), (300, 10), (3, 1500), (4, 6, 7), (3,), (2, 1)):
        y = rng.normal(0, 3, shape).astype(dtype)
        t = rng.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(dtype)
        if labels:
            t = t.argmax(axis=-1)
        for weight in (None, rng.uniform(0.1, 2, shape[:-1])):
            compare(losses.softmax_cross_entropy, of_classes, y, t, reduction, weight, dtype)


def test_the_worked_example():
    scores = np.array([3.2, 5.1, -1.7])
    assert_array_equal(np.exp(scores).round(2), [24.53, 164.02, 0.18])
    assert_array_equal(fastml.activations.softmax(scores).round(2), [0.13, 0.87, 0.0])
    loss = losses.softmax_cross_entropy(scores, 0)
    assert round(float(loss), 2) == 2.04
    # A logarithm to base 10 would give what the notes print.
    assert round(float(loss) / np.log(10), 2) == 0.89
    x = ad.variable(scores)
    losses.softmax_cross_entropy(x, 0).backward()
    assert_array_equal(x.grad.round(2), [-0.87, 0.87, 0.0])


def test_scikit_learns_losses():
    rng = np.random.default_rng(0)
    y, scores = rng.integers(0, 3, 50), rng.normal(size=(50, 3))
    weight = rng.uniform(0, 2, 50)
    p = fastml.activations.softmax(scores)
    ours = losses.softmax_cross_entropy(scores, y, sample_weight=weight)
    assert_allclose(ours, log_loss(y, p, sample_weight=weight), rtol=1e-12)
    assert_allclose(losses.cross_entropy(p, np.eye(3)[y], sample_weight=weight), ours, rtol=1e-12)
    signs = rng.choice([-1, 1], 50)
    ours = losses.hinge(scores[:, 0], signs, sample_weight=weight)
    assert_allclose(ours, hinge_loss(signs, scores[:, 0], sample_weight=weight), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_scores_have_finite_losses(backend, dtype):
    y = np.array([[1e4, -1e4, 0], [-np.inf, 0, 0]], dtype)
    compare(losses.softmax_cross_entropy, of_classes, y[:1], np.array([1]), "none", None, dtype)
    x = ad.variable(y)
    loss = losses.softmax_cross_entropy(x, [0, 1], reduction="none")
    assert_allclose(loss.value, [0, np.log(2)], rtol=1e-6)
    assert_allclose(ad.gradients(loss, [x], [1, 1])[0], [[0, 0, 0], [0, -0.5, 0.5]], atol=1e-6)
    # Impossible, and so it was: nothing is lost.
    loss = losses.softmax_cross_entropy(y[1], np.array([0, 0.5, 0.5]))
    assert_allclose(loss, np.log(2), rtol=1e-6)
    assert losses.softmax_cross_entropy(y[1], 0) == np.inf

    o = np.array([1e4, -1e4, np.inf, -np.inf, 1e4, -np.inf], dtype)
    t = np.array([1, 0, 1, 0, 0, 1], dtype)
    x = ad.variable(o)
    loss = losses.binary_cross_entropy(x, t, reduction="none")
    assert_array_equal(loss.value, [0, 0, 0, 0, 1e4, np.inf])
    assert_array_equal(ad.gradients(loss, [x], np.ones_like(o))[0], [0, 0, 0, 0, 1, -1])

    o, t = np.array([0, 0, 1], dtype), np.array([0, 1, 1], dtype)
    x = ad.variable(o)
    loss = losses.cross_entropy(x, t, reduction="none")
    assert_array_equal(loss.value, [0, np.inf, 0])
    assert_array_equal(ad.gradients(loss, [x], np.ones_like(o))[0], [0, -np.inf, -1])


def test_gradients_by_targets():
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=(4, 3)), rng.dirichlet(np.ones(3), 4)
    for loss in (losses.softmax_cross_entropy, losses.binary_cross_entropy, losses.squared):
        assert ad.check_grad(loss, y, t).error < 1e-7


def test_bits_do_not_depend_on_threads():
    y, t = samples("squared", (3001, 17), np.float32)
    found = []
    for n in (1, 2):
        with fastml.config_context(num_threads=n):
            x = ad.variable(y)
            for loss in (
                losses.squared(x, t), losses.poisson(x, abs(t), sample_weight=abs(t[:, 0])),
                losses.softmax_cross_entropy(x, np.arange(3001) % 17), losses.elastic_net(x),
            ):  # fmt: skip
                (g,) = ad.gradients(loss, [x])
                found.append((loss.value.tobytes(), g.tobytes()))
    assert found[:4] == found[4:]


def test_float32_losses_add_up_in_float64():
    o = np.full(3_000_000, 0.1, np.float32)
    expected = 0.5 * np.float64(np.float32(0.1)) ** 2
    assert_allclose(losses.squared(o, 0 * o), expected, rtol=2e-7)
    assert_allclose(losses.l1(o), 3e6 * np.float64(o[0]), rtol=1e-7)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(
    n=st.sampled_from([1, 2, 255, 4097]),
    k=st.sampled_from([0, 1, 3, 16, 17]),
    name=st.sampled_from(sorted(ELEMENTWISE)),
    dtype=st.sampled_from([np.float32, np.float64, ">f4", np.float16]),
    step=st.sampled_from([1, -2]),
)
def test_any_array(n, k, name, dtype, step):
    ours = ELEMENTWISE[name][0]
    o, t = (a[::step][:n] for a in samples(name, (2 * n, k), dtype))
    t.flags.writeable = False
    with fastml.config_context(backend="reference"):
        expected = ours(o.astype(float), t.astype(float), reduction="none")
    found = ours(np.asfortranarray(o), t, reduction="none")
    assert found.dtype == (np.float64 if o.dtype.itemsize == 8 else np.float32)
    assert_allclose(found, expected, rtol=2e-5 if found.dtype == np.float32 else 1e-12, atol=1e-5)
    total = ours(o, t, reduction="sum")
    assert_allclose(total, expected.sum(), rtol=2e-5, atol=1e-5 * n)
    lists = ours(o.tolist(), t.tolist(), reduction="none") if k else expected
    assert_allclose(lists, expected, rtol=1e-12)


def test_no_samples():
    empty = np.empty((0, 3))
    assert losses.squared(empty, empty, reduction="sum") == 0
    assert losses.softmax_cross_entropy(empty, np.empty(0, int), reduction="none").shape == (0,)
    x = ad.variable(empty)
    losses.squared(x, empty, reduction="sum").backward()
    assert x.grad.shape == (0, 3)
    assert losses.l2(empty) == 0


def test_penalties():
    W = np.random.default_rng(0).normal(size=(40, 30))
    W[::3] = 0
    assert_allclose(losses.l2(W), (W**2).sum(), rtol=1e-12)
    assert_allclose(losses.l1(W), abs(W).sum(), rtol=1e-12)
    x, t = ad.variable(W), torch.tensor(W, requires_grad=True)
    value = losses.elastic_net(x, alpha=0.3, l1_ratio=0.2)
    expected = 0.3 * (0.2 * t.abs().sum() + 0.4 * (t**2).sum())
    assert_allclose(value.value, expected.item(), rtol=1e-12)
    expected.backward()
    value.backward()
    assert_allclose(x.grad, t.grad.numpy(), rtol=1e-12)
    assert_allclose(ad.hessian(losses.l2)(W[1]), 2 * np.eye(30), atol=1e-12)
    # sum(beta W^2 + |W|)
    beta = 0.7
    alpha = 1 + 2 * beta
    assert_allclose(losses.elastic_net(W, alpha, 1 / alpha), (beta * W**2 + abs(W)).sum())


def test_scikit_learns_elastic_net_is_the_least():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), rng.normal(size=60)
    w = ElasticNet(0.1, l1_ratio=0.3, fit_intercept=False, tol=1e-12).fit(X, y).coef_

    def objective(v):
        return losses.squared(X @ v, y) + losses.elastic_net(v, 0.1, 0.3)

    g = ad.grad(objective)(w)
    assert w.any()
    assert_allclose(g[w != 0], 0, atol=1e-8)


A = np.ones((4, 3))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: losses.squared(A, A[:, 0]), ValueError,
         r"targets must have the shape of outputs, \(4, 3\), got \(4,\)"),
        (lambda: losses.squared(A, A, reduction="avg"), ValueError,
         "reduction must be one of 'mean', 'sum', 'none', got 'avg'"),
        (lambda: losses.squared(A[:0], A[:0]), ValueError, "needs at least one sample"),
        (lambda: losses.squared(A * 1j, A), ValueError, "Complex data not supported: outputs"),
        (lambda: losses.squared(A, A * 1j), ValueError, "Complex data not supported: targets"),
        (lambda: losses.squared(A, A, sample_weight=[1, 2]), ValueError,
         r"sample_weight must have shape \(4,\), got \(2,\)"),
        (lambda: losses.squared(A, A, sample_weight=[1, 2, -1, 0]), ValueError,
         "sample_weight must be finite and not negative"),
        (lambda: losses.squared(A, A, sample_weight=[1, 2, np.nan, 0]), ValueError, "finite"),
        (lambda: losses.squared(A, A, sample_weight=np.zeros(4)), ValueError, "zeros only"),
        (lambda: losses.squared(A, A, sample_weight=ad.variable(A[:, 0])), TypeError,
         "sample_weight must be an array"),
        (lambda: losses.squared(sp.csr_matrix(A), A), TypeError,
         "Sparse data was passed for outputs"),
        (lambda: losses.cross_entropy(A, 2 * A), ValueError,
         r"targets must be in the range \[0, 1\], got values from 2 to 2"),
        (lambda: losses.cross_entropy(-A, A), ValueError, r"outputs must be in the range \[0, 1\]"),
        (lambda: losses.cross_entropy(A, A * np.nan), ValueError, "targets must be in the range"),
        (lambda: losses.binary_cross_entropy(A, -A), ValueError, r"range \[0, 1\]"),
        (lambda: losses.binary_cross_entropy(A, A[0]), ValueError, "shape of logits"),
        (lambda: losses.hinge(A, 0 * A), ValueError, "targets must be -1 or 1"),
        (lambda: losses.squared_hinge(A, 2 * A), ValueError, "targets must be -1 or 1"),
        (lambda: losses.poisson(A, -A), ValueError, r"range \[0, inf\)"),
        (lambda: losses.softmax_cross_entropy(A, [0, 1, 2, 3]), ValueError,
         "Labels must be from 0 to 2, as there are 3 scores .* from 0 to 3"),
        (lambda: losses.softmax_cross_entropy(A, [0, 1, 2, -1]), ValueError, "from -1 to 2"),
        (lambda: losses.softmax_cross_entropy(A, [0, 1.5, 2, 1]), ValueError,
         "Labels must be integers, got dtype float64"),
        (lambda: losses.softmax_cross_entropy(A, [0, 1]), ValueError,
         r"labels of shape \(4,\), or probabilities .* \(4, 3\); got shape \(2,\)"),
        (lambda: losses.softmax_cross_entropy(A, 2 * A), ValueError, r"range \[0, 1\]"),
        (lambda: losses.softmax_cross_entropy(A[:, :0], [0] * 4), ValueError, "at least one class"),
        (lambda: losses.softmax_cross_entropy(1.0, 0), ValueError, "at least one class"),
        (lambda: losses.elastic_net(A, -1), ValueError, r"alpha must be .* \[0, inf\), got -1"),
        (lambda: losses.elastic_net(A, 1, 1.5), ValueError, r"l1_ratio must be .* \[0, 1\]"),
        (lambda: losses.elastic_net(A, "a"), ValueError, "alpha must be a number"),
        (lambda: losses.l1(A * 1j), ValueError, "Complex data not supported: W"),
        (lambda: losses.l2([["a"]]), ValueError, "could not convert string to float"),
    ],
)  # fmt: skip
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
