"""Identities of differentials."""

from typing import Any

import numpy as np

from fastml.autodiff import primitives as p
from fastml.matrix_calculus._identity import Identity, change
from fastml.matrix_calculus._proof import adjugate

__all__ = ["differential_identities"]

_inv, _det = np.linalg.inv, np.linalg.det


def _trace_of_solved(X: Any, dX: Any) -> Any:
    return np.trace(np.linalg.solve(X, dX))


def differential_identities() -> list[Identity]:
    """Return them."""
    return [
        change(
            "differential of a constant", "dA = 0", "dA = 0", "A n m, X n m",
            lambda A, X: A, lambda A, X, dX: np.zeros_like(A),
        ),
        change(
            "differential of a multiple", "d(a X) = a dX", r"d(\alpha X) = \alpha\, dX", "a, X n m",
            lambda a, X: a * X, lambda a, X, dX: a * dX,
        ),
        change(
            "differential of a sum", "d(X + Y) = dX + dY", "d(X + Y) = dX + dY", "X n m, Y n m",
            lambda X, Y: X + Y, lambda X, Y, dX, dY: dX + dY, wrt="XY",
        ),
        change(
            "differential of a trace", "d(Tr(X)) = Tr(dX)", r"d(\mathrm{Tr}\,X) = \mathrm{Tr}(dX)",
            "X n n", lambda X: np.trace(X), lambda X, dX: np.trace(dX),
        ),
        change(
            "differential of a product", "d(X Y) = dX Y + X dY", "d(XY) = dX\\,Y + X\\,dY",
            "X n m, Y m k", lambda X, Y: X @ Y, lambda X, Y, dX, dY: dX @ Y + X @ dY, wrt="XY",
        ),
        change(
            "differential of a Hadamard product", "d(X o Y) = dX o Y + X o dY",
            r"d(X \circ Y) = dX \circ Y + X \circ dY", "X n m, Y n m",
            lambda X, Y: X * Y, lambda X, Y, dX, dY: dX * Y + X * dY, wrt="XY",
        ),
        change(
            "differential of a Kronecker product", "d(X kron Y) = dX kron Y + X kron dY",
            r"d(X \otimes Y) = dX \otimes Y + X \otimes dY", "X n m, Y k l",
            lambda X, Y: np.kron(X, Y), lambda X, Y, dX, dY: np.kron(dX, Y) + np.kron(X, dY),
            wrt="XY",
        ),
        change(
            "differential of an inverse", "d(X^-1) = -X^-1 dX X^-1",
            r"d(X^{-1}) = -X^{-1}\, dX\, X^{-1}", "X n n",
            lambda X: _inv(X), lambda X, dX: -_inv(X) @ dX @ _inv(X), regular="X",
        ),
        change(
            "differential of a determinant",
            "d(det(X)) = Tr(adj(X) dX) = det(X) Tr(X^-1 dX)",
            r"d(\det X) = \mathrm{Tr}(\mathrm{adj}(X)\, dX) = \det(X)\, \mathrm{Tr}(X^{-1} dX)",
            "X n n", lambda X: _det(X), lambda X, dX: np.trace(adjugate(X) @ dX),
            second_form=lambda X, dX: _det(X) * _trace_of_solved(X, dX),
            regular="X", domain="X invertible in the second form",
        ),
        change(
            "differential of a log determinant", "d(ln det(X)) = Tr(X^-1 dX)",
            r"d(\ln\det X) = \mathrm{Tr}(X^{-1} dX)", "X n n",
            # The logarithm that slogdet takes is real; a complex determinant has a complex one.
            lambda X: np.log(_det(X)), _trace_of_solved, graph=lambda X: p.log(p.det(X)),
            regular="X", domain="det X off the negative half-axis and not 0",
        ),
        change(
            "differential of a transpose", "d(X') = (dX)'", "d(X^T) = (dX)^T", "X n m",
            lambda X: X.T, lambda X, dX: dX.T,
        ),
        change(
            "differential of a Hermitian transpose", "d(X^H) = (dX)^H", "d(X^H) = (dX)^H", "X n m",
            lambda X: X.conj().T, lambda X, dX: dX.conj().T,
        ),
    ]  # fmt: skip
