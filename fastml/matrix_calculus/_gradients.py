"""Identities of gradients, and of derivatives entry by entry."""

from functools import partial
from typing import Any

import numpy as np

from fastml.matrix_calculus._identity import Identity, gradient, tensor
from fastml.matrix_calculus._proof import units

__all__ = ["gradient_identities"]


def _entries(form: Any, x: Any) -> Any:
    """Return ``form(J^ij)`` for all i and j, these indices last."""
    found = {entry: form(unit) for entry, unit in units(x)}
    out = np.empty((*next(iter(found.values())).shape, *x.shape), np.result_type(*found.values()))
    for entry, value in found.items():
        out[(..., *entry)] = value
    return out


def _eye(n: int) -> Any:
    return np.eye(n)


def gradient_identities(layout: str) -> list[Identity]:
    """Return them, in a layout."""
    return [
        *_linear(partial(gradient, layout)),
        *_by_entries(),
        *_quadratic(partial(gradient, layout)),
    ]


def _linear(gradient: Any) -> list[Identity]:
    return [
        gradient(
            "gradient of x'a", "x' a", "x", ("a", "a'"), ("a", "a^T"), "x n, a n",
            lambda x, a: x @ a, lambda x, a: a,
        ),
        gradient(
            "gradient of a'x", "a' x", "x", ("a", "a'"), ("a", "a^T"), "x n, a n",
            lambda x, a: a @ x, lambda x, a: a,
        ),
        gradient(
            "gradient of a'Xb", "a' X b", "X", ("a b'", "b a'"), ("a b^T", "b a^T"),
            "a n, X n m, b m", lambda a, X, b: a @ X @ b, lambda a, X, b: np.outer(a, b),
        ),
        gradient(
            "gradient of a'X'b", "a' X' b", "X", ("b a'", "a b'"), ("b a^T", "a b^T"),
            "a m, X n m, b n", lambda a, X, b: a @ X.T @ b, lambda a, X, b: np.outer(b, a),
        ),
        gradient(
            "gradient of a'Xa", "a' X a", "X", ("a a'", "a a'"), ("a a^T", "a a^T"), "a n, X n n",
            lambda a, X: a @ X @ a, lambda a, X: np.outer(a, a),
        ),
        gradient(
            "gradient of a'X'a", "a' X' a", "X", ("a a'", "a a'"), ("a a^T", "a a^T"), "a n, X n n",
            lambda a, X: a @ X.T @ a, lambda a, X: np.outer(a, a),
        ),
    ]  # fmt: skip


def _by_entries() -> list[Identity]:
    return [
        tensor(
            "derivative by one entry", "dX/dX_ij = J^ij",
            r"\frac{\partial X}{\partial X_{ij}} = J^{ij}", "X n m",
            lambda X: X + 0, lambda X: _entries(lambda J: J, X),
        ),
        tensor(
            "derivative of XA by one entry", "d(X A)_ij/dX_mn = d_im A_nj = (J^mn A)_ij",
            r"\frac{\partial (XA)_{ij}}{\partial X_{mn}} = \delta_{im} A_{nj} = (J^{mn} A)_{ij}",
            "X p q, A q r", lambda X, A: X @ A,
            lambda X, A: np.einsum("im,nj->ijmn", _eye(len(X)), A),
            second_form=lambda X, A: _entries(lambda J: J @ A, X),
        ),
        tensor(
            "derivative of X'A by one entry", "d(X' A)_ij/dX_mn = d_in A_mj = (J^nm A)_ij",
            r"\frac{\partial (X^T A)_{ij}}{\partial X_{mn}} = \delta_{in} A_{mj} = (J^{nm} A)_{ij}",
            "X p q, A p r", lambda X, A: X.T @ A,
            lambda X, A: np.einsum("in,mj->ijmn", _eye(X.shape[1]), A),
            second_form=lambda X, A: _entries(lambda J: J.T @ A, X),
        ),
        tensor(
            "derivative of a sum of products of entries",
            "d/dX_ij sum_klmn X_kl X_mn = 2 sum_kl X_kl",
            r"\frac{\partial}{\partial X_{ij}} \sum_{klmn} X_{kl} X_{mn} = 2 \sum_{kl} X_{kl}",
            "X p q", lambda X: np.einsum("kl,mn->", X, X),
            lambda X: np.full_like(X, 2 * np.sum(X)),
        ),
    ]  # fmt: skip


def _quadratic(gradient: Any) -> list[Identity]:
    return [
        gradient(
            "gradient of b'X'Xc", "b' X' X c", "X", ("X (b c' + c b')", "(b c' + c b') X'"),
            ("X (b c^T + c b^T)", "(b c^T + c b^T) X^T"), "b m, X n m, c m",
            lambda b, X, c: b @ X.T @ X @ c,
            lambda b, X, c: X @ (np.outer(b, c) + np.outer(c, b)),
        ),
        gradient(
            "gradient of (Bx+b)'C(Dx+d)", "(B x + b)' C (D x + d)", "x",
            ("B' C (D x + d) + D' C' (B x + b)", "(B x + b)' C D + (D x + d)' C' B"),
            ("B^T C (D x + d) + D^T C^T (B x + b)", "(B x + b)^T C D + (D x + d)^T C^T B"),
            "B p n, x n, b p, C p q, D q n, d q",
            lambda B, x, b, C, D, d: (B @ x + b) @ C @ (D @ x + d),
            lambda B, x, b, C, D, d: B.T @ C @ (D @ x + d) + D.T @ C.T @ (B @ x + b),
        ),
        tensor(
            "derivative of X'BX by one entry, in elements",
            "d(X' B X)_kl/dX_ij = d_lj (X' B)_ki + d_kj (B X)_il",
            r"\frac{\partial (X^T B X)_{kl}}{\partial X_{ij}} = \delta_{lj} (X^T B)_{ki}"
            r" + \delta_{kj} (B X)_{il}",
            "X n m, B n n", lambda X, B: X.T @ B @ X,
            lambda X, B: (
                np.einsum("lj,ki->klij", _eye(X.shape[1]), X.T @ B)
                + np.einsum("kj,il->klij", _eye(X.shape[1]), B @ X)
            ),
        ),
        tensor(
            "derivative of X'BX by one entry", "d(X' B X)/dX_ij = X' B J^ij + J^ji B X",
            r"\frac{\partial (X^T B X)}{\partial X_{ij}} = X^T B J^{ij} + J^{ji} B X",
            "X n m, B n n", lambda X, B: X.T @ B @ X,
            lambda X, B: _entries(lambda J: X.T @ B @ J + J.T @ B @ X, X),
        ),
        gradient(
            "gradient of x'Bx", "x' B x", "x", ("(B + B') x", "x' (B + B')"),
            ("(B + B^T) x", "x^T (B + B^T)"), "x n, B n n",
            lambda x, B: x @ B @ x, lambda x, B: (B + B.T) @ x,
        ),
        gradient(
            "gradient of b'X'DXc", "b' X' D X c", "X",
            ("D' X b c' + D X c b'", "b c' X' D' + c b' X' D"),
            ("D^T X b c^T + D X c b^T", "b c^T X^T D^T + c b^T X^T D"), "b m, X n m, D n n, c m",
            lambda b, X, D, c: b @ X.T @ D @ X @ c,
            lambda b, X, D, c: D.T @ X @ np.outer(b, c) + D @ X @ np.outer(c, b),
        ),
        gradient(
            "gradient of (Xb+c)'D(Xb+c)", "(X b + c)' D (X b + c)", "X",
            ("(D + D') (X b + c) b'", "b (X b + c)' (D + D')"),
            ("(D + D^T)(X b + c) b^T", "b (X b + c)^T (D + D^T)"), "X n m, b m, c n, D n n",
            lambda X, b, c, D: (X @ b + c) @ D @ (X @ b + c),
            lambda X, b, c, D: np.outer((D + D.T) @ (X @ b + c), b),
        ),
    ]  # fmt: skip
