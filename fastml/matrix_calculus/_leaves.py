"""Expressions that are made of nothing else: numbers, constant matrices."""

from fastml.matrix_calculus._expression import ONE, Expression, Size

__all__ = ["commutation", "entry", "identity", "is_zero", "number", "ones", "zero"]


def number(value: float) -> Expression:
    """Return a number as an expression."""
    return Expression("number", (), (value,), (ONE, ONE))


def zero(shape: tuple[Size, Size]) -> Expression:
    """Return a matrix of zeros."""
    return number(0) if shape == (ONE, ONE) else Expression("zero", (), (), shape)


def identity(n: Size) -> Expression:
    """Return the identity matrix."""
    return number(1) if n == ONE else Expression("identity", (), (), (n, n))


def ones(n: Size) -> Expression:
    """Return the column of ones."""
    return number(1) if n == ONE else Expression("ones", (), (), (n, ONE))


def entry(i: str, j: str, shape: tuple[Size, Size]) -> Expression:
    """Return J^ij: one in row i and column j, zeros elsewhere."""
    return Expression("entry", (), (i, j), shape)


def commutation(m: Size, n: Size) -> Expression:
    """Return K with vec(A') = K vec(A) for matrices A of m rows and n columns."""
    if ONE in (m, n):
        return identity(m * n)
    return Expression("commutation", (), (m, n), (m * n, m * n))


def is_zero(e: Expression) -> bool:
    """Whether it is the number or the matrix zero."""
    return e.op == "zero" or (e.op == "number" and e.data[0] == 0)
