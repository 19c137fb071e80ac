"""Random composite expressions: gradients beside PyTorch's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastml import autodiff as ad

# Smooth functions with bounded results, so that depth does not blow numbers up.
UNARY = {
    "tanh": (ad.tanh, lambda t, a: t.tanh(a)),
    "sin": (ad.sin, lambda t, a: t.sin(a)),
    "sigmoid": (ad.sigmoid, lambda t, a: t.sigmoid(a)),
    "log1p of square": (lambda a: ad.log1p(a**2), lambda t, a: t.log1p(a**2)),
    "softmax": (ad.softmax, lambda t, a: t.softmax(a, -1)),
    "logsumexp": (
        lambda a: a - ad.logsumexp(a, axis=0, keepdims=True),
        lambda t, a: a - t.logsumexp(a, 0, True),
    ),
    "transpose": (lambda a: a.T, lambda t, a: a.T),
    "rows": (lambda a: a[::-1] * 0.5, lambda t, a: a.flip(0) * 0.5),
    "mean": (lambda a: a - a.mean(axis=1, keepdims=True), lambda t, a: a - a.mean(1, keepdim=True)),
    "norm": (
        lambda a: a / (1 + ad.norm(a)),
        lambda t, a: a / (1 + t.sqrt((a**2).sum())),
    ),
    "inverse": (
        lambda a: ad.inv(a @ a.T + 2 * np.eye(3)),
        lambda t, a: t.linalg.inv(a @ a.T + 2 * t.eye(3, dtype=a.dtype)),
    ),
}
BINARY = {
    "add": (lambda a, b: a + b, lambda t, a, b: a + b),
    "multiply": (lambda a, b: a * b, lambda t, a, b: a * b),
    "divide": (lambda a, b: a / (1.5 + ad.sin(b)), lambda t, a, b: a / (1.5 + t.sin(b))),
    "matmul": (lambda a, b: a @ b * 0.3, lambda t, a, b: a @ b * 0.3),
    "first row": (lambda a, b: a - b[0], lambda t, a, b: a - b[0]),
    "einsum": (
        lambda a, b: ad.einsum("ij,kj->ik", a, b) * 0.3,
        lambda t, a, b: t.einsum("ij,kj->ik", a, b) * 0.3,
    ),
    "solve": (
        lambda a, b: ad.solve(a @ a.T + 2 * np.eye(3), b),
        lambda t, a, b: t.linalg.solve(a @ a.T + 2 * t.eye(3, dtype=a.dtype), b),
    ),
}
# A program: each step applies a function to results so far, counted from the last.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(sorted(UNARY) + sorted(BINARY)), st.integers(0, 4), st.integers(0, 4)
    ),
    min_size=3,
    max_size=12,
)


def run(torch, steps, inputs):
    """Return the sum of the last results of a program, by the graph or by PyTorch."""
    made = list(inputs)
    for name, i, j in steps:
        left, right = made[-1 - i % len(made)], made[-1 - j % len(made)]
        if name in UNARY:
            ours, theirs = UNARY[name]
            made.append(ours(left) if torch is None else theirs(torch, left))
        else:
            ours, theirs = BINARY[name]
            made.append(ours(left, right) if torch is None else theirs(torch, left, right))
    total = made[-1] * made[0]
    return total.sum()


@settings(max_examples=1000, deadline=None)
@given(STEPS, st.integers(0, 2**32 - 1))
def test_gradients_of_random_expressions_are_pytorchs(steps, seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal((3, 3)) for _ in range(2)]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    theirs = torch.autograd.grad(run(torch, steps, tensors), tensors, allow_unused=True)
    ours = ad.grad(lambda *xs: run(None, steps, xs), argnums=(0, 1))(*arrays)
    for got, expected in zip(ours, theirs, strict=True):
        expected = np.zeros((3, 3)) if expected is None else expected.numpy()
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10 * scale)
