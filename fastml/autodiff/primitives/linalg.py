"""Functions of square matrices, and of stacks of them."""

from typing import Any

import numpy as np

from fastml.autodiff._primitive import Operation, primitive
from fastml.autodiff._variable import value_of
from fastml.autodiff.primitives.elementwise import conj_of
from fastml.autodiff.primitives.products import einsum
from fastml.autodiff.primitives.shapes import expand_dims, stack, swapaxes

__all__ = ["cholesky", "det", "hermitian", "inv", "logdet", "slogdet", "solve", "trace"]


def hermitian(a: Any) -> Any:
    """Return the conjugate transpose of the last two axes."""
    return conj_of(swapaxes(a, -1, -2))


def trace(a: Any) -> Any:
    """Return the sum of the diagonal of the last two axes."""
    _refuse_not_square("trace", value_of(a))
    return einsum("...ii->...", a)


def _refuse_not_square(name: str, a: Any) -> None:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"{name} takes square matrices, got shape {a.shape}.")


def _regular(rng: np.random.Generator) -> Any:
    return [((rng.standard_normal((*stack, 3, 3)) + 3 * np.eye(3),), {}) for stack in ((), (2,))]


def _inv(a: Any) -> Any:
    """Inverse of a square matrix."""
    _refuse_not_square("inv", a)
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        raise ValueError("inv of a singular matrix.") from None


def _inv_adjoint(g: Any, out: Any, a: Any) -> Any:
    back = hermitian(out)
    return -(back @ g @ back)


inv = primitive(
    "inv", _inv, _inv_adjoint, text="inv({0})", latex="{0}^{{-1}}",
    # The point stands for the gradient between the two.
    partials=(("-inv({0})' . inv({0})'", r"-{0}^{{-T}} \cdot {0}^{{-T}}"),), example=_regular,
)  # fmt: skip


def _det(a: Any) -> Any:
    """Determinant of a square matrix."""
    _refuse_not_square("det", a)
    return np.linalg.det(a)


def _cofactors(a: Any) -> Any:
    """Return the matrix of cofactors, also of a singular matrix, by its minors."""
    n = a.shape[-1]
    if n == 1:
        return np.ones_like(value_of(a))
    keep = [[j for j in range(n) if j != i] for i in range(n)]
    rows = []
    for i in range(n):
        minors = [
            det(a[(Ellipsis, np.array(keep[i])[:, None], np.array(keep[j]))]) for j in range(n)
        ]
        rows.append([minor * (-1.0) ** (i + j) for j, minor in enumerate(minors)])
    return stack([stack(row, axis=-1) for row in rows], axis=-2)


def _det_adjoint(g: Any, out: Any, a: Any) -> Any:
    size = np.abs(value_of(out))
    scale = np.prod(np.linalg.norm(value_of(a), axis=-1), axis=-1)
    seed = expand_dims(expand_dims(g, -1), -1)
    if np.any(size <= 1e3 * np.finfo(size.dtype).eps * scale):
        # Of a singular matrix the inverse does not exist; the adjugate does.
        return seed * conj_of(_cofactors(a))
    return expand_dims(expand_dims(g * conj_of(out), -1), -1) * hermitian(inv(a))


det = primitive(
    "det", _det, _det_adjoint, text="det {0}", latex=r"\det {0}",
    partials=(("det({0}) inv({0})'", r"\det({0})\,{0}^{{-T}}"),), example=_regular,
)  # fmt: skip


def _logabsdet(a: Any) -> Any:
    """Logarithm of the magnitude of the determinant."""
    _refuse_not_square("slogdet", a)
    return np.linalg.slogdet(a)[1]


logabsdet = primitive(
    "logabsdet", _logabsdet,
    lambda g, out, a: expand_dims(expand_dims(g, -1), -1) * hermitian(inv(a)),
    text="ln |det {0}|", latex=r"\ln|\det {0}|",
    partials=(("inv({0})'", "{0}^{{-T}}"),), example=_regular,
)  # fmt: skip


def slogdet(a: Any) -> tuple[Any, Any]:
    """Return the sign of the determinant, a constant array, and the logarithm of its magnitude."""
    _refuse_not_square("slogdet", value_of(a))
    return np.linalg.slogdet(value_of(a))[0], logabsdet(a)


def logdet(a: Any) -> Any:
    """Return the logarithm of the determinant of real matrices.

    Raises
    ------
    ValueError
        For a matrix that is singular, or whose determinant is negative.
    """
    sign, size = slogdet(a)
    if np.iscomplexobj(value_of(a)):
        raise ValueError("logdet takes real matrices; slogdet takes complex ones too.")
    if not np.all(sign > 0):
        raise ValueError(
            "logdet of a matrix whose determinant is zero or negative; slogdet gives sign and "
            "logarithm of the magnitude."
        )
    return size


def _solve(a: Any, b: Any) -> Any:
    """Solve ``a x = b``; `b` is a vector, or has the solutions' right sides in its columns."""
    _refuse_not_square("solve", a)
    try:
        return np.linalg.solve(a, b) if b.ndim != 1 else np.linalg.solve(a, b[:, None])[..., 0]
    except np.linalg.LinAlgError:
        raise ValueError("solve with a singular matrix.") from None


def _solve_by_matrix(g: Any, out: Any, a: Any, b: Any) -> Any:
    right = solve(hermitian(a), g)
    if b.ndim == 1:
        return -(expand_dims(right, -1) * conj_of(expand_dims(out, -2)))
    return -(right @ hermitian(out))


solve: Operation = primitive(
    "solve", _solve, _solve_by_matrix, lambda g, out, a, b: solve(hermitian(a), g),
    text="solve({0}, {1})", latex="{0}^{{-1}} {1}",
    partials=(("-inv({0})' . solve({0}, {1})'", r"-{0}^{{-T}} \cdot ({0}^{{-1}} {1})^T"),
              ("inv({0})'", "{0}^{{-T}}")),
    example=lambda rng: [
        ((rng.standard_normal((3, 3)) + 3 * np.eye(3), rng.standard_normal(shape)), {})
        for shape in ((3,), (3, 2))
    ],
)  # fmt: skip


def _lower(x: Any) -> Any:
    """Return the lower triangle with half the diagonal."""
    half = np.tril(np.ones(x.shape[-2:])) - 0.5 * np.eye(x.shape[-1])
    return x * half.astype(value_of(x).real.dtype)


def _cholesky(a: Any) -> Any:
    """Lower factor L of a positive definite matrix, ``a = L L^H``; its lower triangle is read."""
    _refuse_not_square("cholesky", a)
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        raise ValueError("cholesky of a matrix that is not positive definite.") from None


def _cholesky_adjoint(g: Any, out: Any, a: Any) -> Any:
    # Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527, equation 10.
    inside = _lower(hermitian(out) @ g)
    back = hermitian(inv(out))
    whole = back @ inside @ hermitian(back)
    return 0.5 * (whole + hermitian(whole))


cholesky = primitive(
    "cholesky", _cholesky, _cholesky_adjoint, text="chol({0})", latex=r"\mathrm{{chol}}({0})",
    # Of a symmetric matrix: made so inside, as a gradient by its elements one by one is not.
    example=lambda rng: [((_definite(rng),), {})],
)  # fmt: skip


def _definite(rng: np.random.Generator) -> Any:
    a = rng.standard_normal((3, 3))
    return a @ a.T + 3 * np.eye(3)
