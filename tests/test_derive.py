"""Closed forms of derivatives against the graph's and against numerical derivatives."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastml.matrix_calculus as mc
from fastml import autodiff as ad
from fastml.matrix_calculus import Eye, Matrix, Ones, Scalar, Vector, derive

n, m, k = "n", "m", "k"
X, Y, B, D = Matrix("X", n, m), Matrix("Y", n, n), Matrix("B", n, n), Matrix("D", n, n)
A, C, S = Matrix("A", k, n), Matrix("C", m, k), Matrix("S", n, n, symmetric=True)
E, F = Matrix("E", n, m), Matrix("F", m, n)
a, c, d, x = (Vector(name, n) for name in "acdx")
b, e = (Vector(name, m) for name in "be")
s, t = Scalar("s"), Scalar("t")

SIZES = ({"n": 3, "m": 4, "k": 2}, {"n": 1, "m": 1, "k": 3}, {"n": 4, "m": 2, "k": 1})


def numbers(symbols, sizes, seed=0):
    """Return random arrays for symbols: square matrices are invertible, of positive determinant."""
    rng, out = np.random.default_rng(seed), {}
    for symbol in symbols:
        shape = tuple(sizes.get(str(z), z.factor) for z in symbol.shape if str(z) != "1")
        value = rng.uniform(0.3, 1.3, shape)
        if len(shape) == 2 and shape[0] == shape[1]:
            value = value + 3 * np.eye(shape[0])
            value = value + value.T if symbol.data[2] else value
        out[symbol.data[0]] = value
    return out


def columns_first(jacobian, n_out):
    """Turn an array of the result's shape, then the input's, to rows and columns of vec."""
    axes = [*range(n_out)[::-1], *range(n_out, jacobian.ndim)[::-1]]
    return np.transpose(jacobian, axes).reshape(int(np.prod(jacobian.shape[:n_out])), -1)


def check(expression, wrt, sizes, seed=0):
    """Compare the closed form with the graph and with numerical derivatives, in both layouts."""
    name = wrt.data[0]
    symbols = tuple(dict.fromkeys((*expression.symbols(), wrt)))
    at = numbers(symbols, sizes, seed)
    function = expression.compile()

    def f(value):
        return function(**{s.data[0]: value if s == wrt else at[s.data[0]]
                           for s in expression.symbols()})  # fmt: skip

    by_graph = np.asarray(ad.jacobian(f)(at[name]))
    n_out = np.ndim(ad.variable(at[name]).value if expression == wrt else f(at[name]))
    flat = by_graph.reshape(-1, *np.shape(at[name]))
    weights = np.random.default_rng(1).standard_normal(len(flat))

    def weighed(value):
        out = f(value)
        return ad.sum(ad.reshape(out, shape=(-1,)) * weights)

    numerical = ad.numerical_gradient(weighed, [at[name]], 0)
    close(np.tensordot(weights, flat, 1), numerical, 1e-7)
    denominator, numerator = (
        derive(expression, wrt, layout=layout) for layout in ("denominator", "numerator")
    )
    ours, turned = denominator.compile()(**at), numerator.compile()(**at)
    if denominator.kind == "jacobian":
        expected = columns_first(by_graph, n_out)
        if "1" in map(str, denominator.result.shape):
            close(turned, expected.reshape(-1), 1e-9)
        else:
            close(turned, expected, 1e-9)
        close(ours, np.asarray(turned).T, 1e-12)
    elif denominator.kind == "gradient":
        close(ours, by_graph, 1e-9)
        close(turned, np.asarray(by_graph).T, 1e-9)
    else:
        close(ours, by_graph, 1e-9)
        close(turned, by_graph, 1e-9)
    if denominator.by_entry is not None:
        entry = denominator.compile_entry()
        for i, j in np.ndindex(at[name].shape):
            close(entry(**at, i=i, j=j), by_graph[..., i, j], 1e-9)
    return denominator


def close(found, expected, rtol):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    scale = max(np.max(np.abs(expected), initial=0), 1e-3)
    assert np.max(np.abs(found - expected), initial=0) <= rtol * scale


FAMILIES = [
    # Linear and bilinear forms.
    (x.T @ a, x), (a.T @ X @ b, X), (b.T @ X.T @ a, X), (a.T @ Y @ a, Y), (A @ x + A @ a, x),
    (X @ b, X), (X @ b, b), (X, X), (A @ X @ C, X), (X.T @ D, X), (2 * X - 3 * E, X), (s * X, s), (s * X, X),
    # Quadratic forms.
    (x.T @ B @ x, x), (x.T @ S @ x, x), (b.T @ X.T @ X @ e, X), (b.T @ X.T @ D @ X @ e, X),
    ((X @ b + c).T @ D @ (X @ b + c), X), ((X @ b + c).T @ D @ (X @ b + c), b),
    ((B @ x + c).T @ D @ (Y @ x + d), x), (X.T @ B @ X, X), (x @ x.T, x), (x @ x.T @ a, x), (mc.sum(X) ** 2, X),
    ((x.T @ x) * (a.T @ x), x), (mc.sqrt(x.T @ x), x), (x / (1 + x.T @ x), x),
    # Trace, determinant, inverse.
    (mc.trace(Y), Y), (mc.trace(A @ X @ C), X), (mc.trace(X.T @ B @ X), X), (mc.trace(Y.inv @ B), Y),
    (mc.trace(Y) * Y @ x, Y), (mc.det(Y), Y), (mc.det(Y @ B), Y), (mc.det(Y) ** 2, Y), (mc.logdet(Y), Y),
    (mc.logdet(B @ Y), Y), (mc.logdet(X.T @ X + Eye(m)), X), (Y.inv, Y), (a.T @ Y.inv @ d, Y),
    (B @ Y.inv @ x, Y), (mc.logdet(Y.T @ Y + s * Eye(n)), s), (1 / mc.trace(Y), Y),
    # Hadamard and Kronecker products.
    (X * E, X), (X * X, X), (mc.trace(F @ (X * E)), X), ((X * E) @ b, X), (mc.sum(X * X * E), X),
    (mc.kron(A, X), X), (mc.kron(X, A), X), (mc.trace(mc.kron(Y, B)), Y), (mc.trace(mc.kron(B, Y)), Y),
    (mc.trace(mc.kron(Y, B) @ mc.kron(D, Y)), Y), (mc.trace(mc.kron(X, A) @ mc.kron(F, A.T)), X),
    (mc.sum(mc.kron(X, A)), X), (mc.sum(mc.kron(A, X) * mc.kron(A, E)), X), (mc.kron(x, a), x),
    (mc.kron(x.T, a), x), (mc.kron(a, X) @ b, X),
    # Functions of elements; where SymPy 1.14 is wrong: log det above, log-sum-exp, softmax.
    (mc.sum(mc.exp(X)), X), (mc.tanh(X @ b), X), (mc.sigmoid(x).T @ a, x), (mc.sum(mc.log(X)), X),
    (mc.sin(x) + mc.cos(x), x), (mc.log(mc.sum(mc.exp(x))), x), (mc.logsumexp(x), x), (mc.logsumexp(X @ b), X),
    (mc.softmax(x), x), (mc.softmax(X @ b), b), (mc.softmax(x).T @ B @ mc.softmax(x), x), (X**3, X),
    (mc.exp(s * t), s), (a.T @ x, b), (X.T, b),
]  # fmt: skip


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("expression, wrt", FAMILIES, ids=lambda e: e.text)
def test_agrees_with_the_graph_and_with_differences(expression, wrt, sizes):
    check(expression, wrt, sizes)
