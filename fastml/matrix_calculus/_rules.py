"""Identities that derivations use besides: under the trace, of vec, of Kronecker products."""

from typing import Any

import numpy as np

from fastml.autodiff import primitives as p
from fastml.matrix_calculus._identity import Identity, algebra, change, gradient, tensor, transposed
from fastml.matrix_calculus._proof import vec

__all__ = ["rule_identities"]


def rule_identities(layout: str) -> list[Identity]:
    """Return them, in a layout."""
    return [*_differentials(), *_under_the_trace(), *_of_vec(), *_read_off(layout)]


def _softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def _lse(x: Any) -> Any:
    return np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))


def _differentials() -> list[Identity]:
    return [
        change(
            "differential of a function of elements", "d f(X) = f'(X) o dX",
            r"d f(X) = f'(X) \circ dX", "X n m", lambda X: np.tanh(X),
            lambda X, dX: (1 - np.tanh(X) ** 2) * dX, group="rules", real=True,
            domain="f differentiable; proved for tanh",
        ),
        change(
            "differential of a log-sum-exp", "d(lse(x)) = softmax(x)' dx",
            r"d(\mathrm{lse}(x)) = \mathrm{softmax}(x)^T dx", "x n", _lse,
            lambda x, dx: _softmax(x) @ dx, graph=lambda x: p.logsumexp(x), wrt="x",
            group="rules", real=True,
        ),
        change(
            "differential of a softmax", "d(softmax(x)) = (diag(p) - p p') dx, p = softmax(x)",
            r"d(\mathrm{softmax}(x)) = (\mathrm{diag}(p) - p p^T)\, dx, \; p = \mathrm{softmax}(x)",
            "x n", _softmax, lambda x, dx: _softmax(x) * (dx - _softmax(x) @ dx),
            graph=lambda x: p.softmax(x), wrt="x", group="rules", real=True,
        ),
        change(
            "differential of a diagonal matrix", "d(diag(x)) = diag(dx)",
            r"d(\mathrm{diag}(x)) = \mathrm{diag}(dx)", "x n", lambda x: x * np.eye(x.shape[0]),
            lambda x, dx: np.diag(dx), wrt="x", group="rules",
        ),
    ]  # fmt: skip


def _under_the_trace() -> list[Identity]:
    def rule(*args: Any, **more: Any) -> Identity:
        return algebra(*args, group="rules", **more)

    return [
        rule(
            "trace of a scalar", "a' X b = Tr(b a' X)", r"a^T X b = \mathrm{Tr}(b a^T X)",
            "a n, X n m, b m", lambda a, X, b: a @ X @ b,
            lambda a, X, b: np.trace(np.outer(b, a) @ X),
        ),
        rule(
            "transposition under the trace", "Tr(A') = Tr(A)",
            r"\mathrm{Tr}(A^T) = \mathrm{Tr}(A)", "A n n",
            lambda A: np.trace(A.T), lambda A: np.trace(A),
        ),
        rule(
            "cyclic permutation under the trace", "Tr(A B) = Tr(B A)",
            r"\mathrm{Tr}(AB) = \mathrm{Tr}(BA)", "A n m, B m n",
            lambda A, B: np.trace(A @ B), lambda A, B: np.trace(B @ A),
        ),
        rule(
            "Hadamard product under the trace", "Tr(A (B o C)) = Tr((A o B') C)",
            r"\mathrm{Tr}(A (B \circ C)) = \mathrm{Tr}((A \circ B^T) C)", "A m n, B n m, C n m",
            lambda A, B, C: np.trace(A @ (B * C)), lambda A, B, C: np.trace((A * B.T) @ C),
        ),
        rule(
            "left factor of a Kronecker product under the trace",
            "Tr((P kron Q) (X kron B)) = Tr(Tr(Q B) P X)",
            r"\mathrm{Tr}((P \otimes Q)(X \otimes B)) = \mathrm{Tr}(\mathrm{Tr}(QB) P X)",
            "P m n, Q q p, X n m, B p q",
            lambda P, Q, X, B: np.trace(np.kron(P, Q) @ np.kron(X, B)),
            lambda P, Q, X, B: np.trace(np.trace(Q @ B) * P @ X),
        ),
        rule(
            "right factor of a Kronecker product under the trace",
            "Tr((P kron Q) (A kron X)) = Tr(Tr(P A) Q X)",
            r"\mathrm{Tr}((P \otimes Q)(A \otimes X)) = \mathrm{Tr}(\mathrm{Tr}(PA) Q X)",
            "P m n, Q q p, A n m, X p q",
            lambda P, Q, A, X: np.trace(np.kron(P, Q) @ np.kron(A, X)),
            lambda P, Q, A, X: np.trace(np.trace(P @ A) * Q @ X),
        ),
        rule(
            "trace of a Kronecker product", "Tr(A kron B) = Tr(A) Tr(B)",
            r"\mathrm{Tr}(A \otimes B) = \mathrm{Tr}(A)\, \mathrm{Tr}(B)", "A n n, B m m",
            lambda A, B: np.trace(np.kron(A, B)), lambda A, B: np.trace(A) * np.trace(B),
        ),
        rule(
            "product of Kronecker products", "(A kron B) (C kron D) = (A C) kron (B D)",
            r"(A \otimes B)(C \otimes D) = (AC) \otimes (BD)", "A n m, B p q, C m k, D q l",
            lambda A, B, C, D: np.kron(A, B) @ np.kron(C, D),
            lambda A, B, C, D: np.kron(A @ C, B @ D),
        ),
        rule(
            "distributive law", "A C + B C = (A + B) C", "AC + BC = (A + B) C",
            "A n m, B n m, C m k", lambda A, B, C: A @ C + B @ C, lambda A, B, C: (A + B) @ C,
        ),
    ]  # fmt: skip


def _commutation(m: int, n: int) -> Any:
    """Return K with vec(X') = K vec(X) for m x n matrices, from its definition by J^ij."""
    out = np.zeros((m * n, m * n))
    for i in range(m):
        for j in range(n):
            unit = np.zeros((m, n))
            unit[i, j] = 1
            out += np.kron(unit, unit.T)
    return out


def _kron_apart(A: Any, X: Any) -> Any:
    (m, n), (p, q) = A.shape, X.shape
    apart = np.kron(np.kron(np.eye(n), _commutation(q, m)), np.eye(p))
    return apart @ np.kron(vec(A)[:, None], np.eye(p * q)) @ vec(X)


def _of_vec() -> list[Identity]:
    def rule(*args: Any, **more: Any) -> Identity:
        return algebra(*args, group="rules", **more)

    return [
        rule(
            "vec of a product", "vec(A X B) = (B' kron A) vec(X)",
            r"\mathrm{vec}(AXB) = (B^T \otimes A)\, \mathrm{vec}(X)", "A n m, X m k, B k l",
            lambda A, X, B: vec(A @ X @ B), lambda A, X, B: np.kron(B.T, A) @ vec(X),
        ),
        rule(
            "vec of a transpose", "vec(X') = K_(n,m) vec(X)",
            r"\mathrm{vec}(X^T) = K_{n,m}\, \mathrm{vec}(X)", "X n m",
            lambda X: vec(X.T), lambda X: _commutation(*X.shape) @ vec(X),
        ),
        rule(
            "vec of a Hadamard product", "vec(A o X) = diag(vec(A)) vec(X)",
            r"\mathrm{vec}(A \circ X) = \mathrm{diag}(\mathrm{vec}(A))\, \mathrm{vec}(X)",
            "A n m, X n m", lambda A, X: vec(A * X), lambda A, X: np.diag(vec(A)) @ vec(X),
        ),
        rule(
            "vec of a Kronecker product",
            "vec(A kron X) = (I_m kron K_(l,n) kron I_k) (vec(A) kron I_(k l)) vec(X)",
            r"\mathrm{vec}(A \otimes X) = (I_m \otimes K_{l,n} \otimes I_k)"
            r"(\mathrm{vec}(A) \otimes I_{kl})\, \mathrm{vec}(X)",
            "A n m, X k l", lambda A, X: vec(np.kron(A, X)), _kron_apart,
        ),
    ]  # fmt: skip


def _read_off(layout: str) -> list[Identity]:
    turned = layout == "numerator"
    jacobian = "J" if turned else "J'"
    return [
        gradient(
            layout, "gradient from the trace form", "Tr(G' X)", "X", ("G", "G'"), ("G", "G^T"),
            "G n m, X n m", lambda G, X: np.trace(G.T @ X), lambda G, X: G, group="rules",
        ),
        transposed(
            tensor(
                "Jacobian from the vec form", f"d(J x)/dx = {jacobian}",
                rf"\frac{{\partial\, J x}}{{\partial x}} = {jacobian.replace(chr(39), '^T')}",
                "J m n, x n", lambda J, x: J @ x, lambda J, x: J, wrt="x", group="rules",
            ),
            when=not turned,
        ),
        tensor(
            "derivative by a scalar", "d(t M)/dt = M", r"\frac{\partial\, t M}{\partial t} = M",
            "t, M n m", lambda t, M: t * M, lambda t, M: M, wrt="t", group="rules",
        ),
    ]  # fmt: skip
