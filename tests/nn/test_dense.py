"""Dense layers as nodes: against PyTorch, with every kind of input, for any number of threads."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import fastml
from fastml import autodiff as ad
from fastml.nn.functional import dense, linear

torch = pytest.importorskip("torch")
TF = torch.nn.functional

TORCH = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": TF.leaky_relu,
    "elu": TF.elu,
    "gelu": TF.gelu,
    "gelu_tanh": lambda x: TF.gelu(x, approximate="tanh"),
    "softplus": lambda x: TF.softplus(x, threshold=1000),
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
}


def arrays(shape, dtype=np.float64, seed=0):
    n, k, m = shape
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(k, m)) / np.sqrt(max(k, 1))
    return [a.astype(dtype) for a in (rng.normal(size=(n, k)), W, rng.normal(size=m))]


def gradients(function, inputs, g):
    """Return value and gradients of a function of arrays by all of them."""
    leaves = [ad.variable(a) for a in inputs]
    out = function(*leaves)
    out.backward(g)
    return out.value, [leaf.grad for leaf in leaves]


def torch_gradients(function, inputs, g):
    leaves = [torch.tensor(a, requires_grad=True) for a in inputs]
    out = function(*leaves)
    out.backward(torch.tensor(g))
    return out.detach().numpy(), [leaf.grad.numpy() for leaf in leaves]


def compare(ours, theirs, dtype, n_terms):
    eps = float(np.finfo(dtype).eps)
    for a, b in zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=40 * eps, atol=10 * eps * (1 + n_terms**0.5))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 40),
    k=st.integers(1, 40),
    m=st.integers(1, 70),
    activation=st.sampled_from(sorted(TORCH)),
    dtype=st.sampled_from([np.float32, np.float64]),
    bias=st.booleans(),
)
def test_dense_and_its_gradients(n, k, m, activation, dtype, bias):
    inputs = arrays((n, k, m), dtype)[: 2 + bias]
    g = np.random.default_rng(1).normal(size=(n, m)).astype(dtype)
    ours = gradients(lambda X, W, b=None: dense(X, W, b, activation), inputs, g)

    def theirs(X, W, b=0):
        return TORCH[activation](X @ W + b)

    compare(ours, torch_gradients(theirs, inputs, g), dtype, n + k + m)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
def test_linear_and_its_gradients(lead):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(*lead, 5)), rng.normal(size=(4, 5)), rng.normal(size=4)
    if not lead:
        np.testing.assert_allclose(linear(*inputs), inputs[1] @ inputs[0] + inputs[2], rtol=1e-13)
        return
    g = rng.normal(size=(*lead, 4))
    compare(gradients(linear, inputs, g), torch_gradients(TF.linear, inputs, g), np.float64, 6)


def test_a_full_batch_of_several_blocks():
    X, W, b = arrays((20_000, 6, 3), np.float32)
    g = np.random.default_rng(1).normal(size=(20_000, 3)).astype(np.float32)
    _, found = gradients(lambda W, b: dense(X, W, b), (W, b), g)
    wide = X.astype(np.float64).T @ g, g.sum(axis=0, dtype=np.float64)
    for a, expected in zip(found, wide, strict=True):
        np.testing.assert_allclose(a, expected, rtol=1e-5, atol=2e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(130, 300, 70), (9000, 40, 33), (40, 600, 600)])
def test_same_bits_for_any_number_of_threads(shape, dtype):
    inputs = arrays(shape, dtype)
    g = np.random.default_rng(1).normal(size=(shape[0], shape[2])).astype(dtype)
    seen = set()
    for n_threads in (1, 2):
        with fastml.config_context(num_threads=n_threads):
            value, found = gradients(lambda *a: dense(*a, "gelu"), inputs, g)
        seen.add(b"".join(a.tobytes() for a in (value, *found)))
    assert len(seen) == 1


def test_no_gradient_by_constants(monkeypatch):
    from fastml.kernels.dense import cpu

    def refused(*args):
        raise AssertionError("the gradient by a constant was computed")

    monkeypatch.setattr(cpu, "data_gradient", refused)
    X, W, b = arrays((5, 4, 3))
    gradients(lambda W, b: dense(X, W, b, "relu"), (W, b), np.ones((5, 3)))


def test_a_graph_that_is_walked_twice():
    X, W, b = (ad.variable(a) for a in arrays((5, 4, 3)))
    out = dense(X, W, b, "gelu")
    found = []
    for g in (np.ones((5, 3)), 2 * np.ones((5, 3))):
        out.backward(g)
        found.append([leaf.grad.copy() for leaf in (X, W, b)])
    for once, twice in zip(*found, strict=True):
        np.testing.assert_allclose(2 * once, twice, rtol=1e-14)


def test_shared_weights_add_up():
    X, W, _ = arrays((5, 4, 4))
    _, (twice,) = gradients(lambda W: dense(dense(X, W), W), (W,), np.ones((5, 4)))
    _, (expected,) = torch_gradients(lambda W: torch.tensor(X) @ W @ W, (W,), np.ones((5, 4)))
    np.testing.assert_allclose(twice, expected, rtol=1e-12)


@pytest.mark.parametrize("activation", ["identity", "relu", "gelu", "softmax"])
@pytest.mark.parametrize("made", [sp.csr_matrix, sp.csc_array])
def test_sparse_rows(made, activation):
    X, W, b = arrays((30, 20, 3))
    X[np.random.default_rng(1).uniform(size=X.shape) < 0.7] = 0
    g = np.random.default_rng(2).normal(size=(30, 3))
    ours = gradients(lambda W, b: dense(made(X), W, b, activation), (W, b), g)
    compare(ours, gradients(lambda W, b: dense(X, W, b, activation), (W, b), g), np.float64, 30)


@pytest.mark.parametrize("change", ["read-only", "Fortran", "strided", "big-endian", "list"])
def test_arrays_of_any_layout(change):
    X, W, b = arrays((7, 5, 3))
    expected = np.tanh(X @ W + b)
    if change == "read-only":
        for a in (X, W, b):
            a.flags.writeable = False
    elif change == "Fortran":
        X, W = np.asfortranarray(X), np.asfortranarray(W)
    elif change == "strided":
        X, W = np.repeat(X, 2, axis=1)[:, ::2], np.repeat(W, 2, axis=0)[::2]
    elif change == "big-endian":
        X, W, b = (a.astype(">f8") for a in (X, W, b))
    else:
        X, W, b = X.tolist(), W.tolist(), b.tolist()
    np.testing.assert_allclose(dense(X, W, b, "tanh"), expected, rtol=1e-13)


def test_dtypes():
    X, W, b = arrays((4, 3, 2), np.float32)
    assert dense(X, W, b).dtype == np.float32
    assert dense(X.astype(np.float16), W).dtype == np.float32
    assert dense(X, W.astype(np.float64)).dtype == np.float64
    assert dense([[1, 2]], [[1], [2]]).dtype == np.float64
    assert dense(X[:0], W, b).shape == (0, 2)
    assert dense(X[:, :0], W[:0], b).tolist() == [b.tolist()] * 4
    np.testing.assert_array_equal(dense(np.array([[np.nan, 1.0]]), np.ones((2, 1))), [[np.nan]])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: dense(np.ones((2, 3)), np.ones((4, 2))), "W must have shape"),
        (lambda: dense(np.ones((2, 3)), np.ones(3)), "W must have shape"),
        (lambda: dense(np.ones((2, 3)), np.ones((3, 2)), np.ones(3)), r"b must have shape \(2,\)"),
        (lambda: dense(np.ones((2, 3)), np.ones((3, 2)), activation="rel"), "activation must be"),
        (lambda: dense(np.ones((2, 3)) * 1j, np.ones((3, 2))), "Complex data not supported"),
        (lambda: dense(sp.eye_array(3).tocsr(), np.ones((2, 2))), "W must have shape"),
        (lambda: linear(np.ones((2, 3)), np.ones((2, 4))), "weight must have shape"),
        (lambda: linear(np.ones((2, 3)), np.ones((2, 3)), np.ones(3)), "bias must have shape"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
