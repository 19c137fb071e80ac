"""Identities of algebra: inverses, transposes, conjugate transposes of sums and products."""

from typing import Any

import numpy as np

from fastml.matrix_calculus._identity import Identity, algebra

__all__ = ["algebra_identities"]

_inv = np.linalg.inv


def _h(x: Any) -> Any:
    return x.conj().T


def algebra_identities() -> list[Identity]:
    """Return them."""
    square2, square3 = "A n n, B n n", "A n n, B n n, C n n"
    product3 = "A n m, B m k, C k l"
    return [
        algebra(
            "inverse of a product", "(A B)^-1 = B^-1 A^-1", "(AB)^{-1} = B^{-1} A^{-1}", square2,
            lambda A, B: _inv(A @ B), lambda A, B: _inv(B) @ _inv(A), regular="AB",
        ),
        algebra(
            "inverse of a product of several", "(A B C ...)^-1 = ... C^-1 B^-1 A^-1",
            r"(ABC\cdots)^{-1} = \cdots C^{-1} B^{-1} A^{-1}", square3,
            lambda A, B, C: _inv(A @ B @ C), lambda A, B, C: _inv(C) @ _inv(B) @ _inv(A),
            regular="ABC",
        ),
        algebra(
            "inverse of a transpose", "(A')^-1 = (A^-1)'", "(A^T)^{-1} = (A^{-1})^T", "A n n",
            lambda A: _inv(A.T), lambda A: _inv(A).T, regular="A",
        ),
        algebra(
            "transpose of a sum", "(A + B)' = A' + B'", "(A + B)^T = A^T + B^T", "A n m, B n m",
            lambda A, B: (A + B).T, lambda A, B: A.T + B.T,
        ),
        algebra(
            "transpose of a product", "(A B)' = B' A'", "(AB)^T = B^T A^T", "A n m, B m k",
            lambda A, B: (A @ B).T, lambda A, B: B.T @ A.T,
        ),
        algebra(
            "transpose of a product of several", "(A B C ...)' = ... C' B' A'",
            r"(ABC\cdots)^T = \cdots C^T B^T A^T", product3,
            lambda A, B, C: (A @ B @ C).T, lambda A, B, C: C.T @ B.T @ A.T,
        ),
        algebra(
            "inverse of a Hermitian transpose", "(A^H)^-1 = (A^-1)^H", "(A^H)^{-1} = (A^{-1})^H",
            "A n n", lambda A: _inv(_h(A)), lambda A: _h(_inv(A)), regular="A",
        ),
        algebra(
            "Hermitian transpose of a sum", "(A + B)^H = A^H + B^H", "(A + B)^H = A^H + B^H",
            "A n m, B n m", lambda A, B: _h(A + B), lambda A, B: _h(A) + _h(B),
        ),
        algebra(
            "Hermitian transpose of a product", "(A B)^H = B^H A^H", "(AB)^H = B^H A^H",
            "A n m, B m k", lambda A, B: _h(A @ B), lambda A, B: _h(B) @ _h(A),
        ),
        algebra(
            "Hermitian transpose of a product of several", "(A B C ...)^H = ... C^H B^H A^H",
            r"(ABC\cdots)^H = \cdots C^H B^H A^H", product3,
            lambda A, B, C: _h(A @ B @ C), lambda A, B, C: _h(C) @ _h(B) @ _h(A),
        ),
    ]  # fmt: skip
