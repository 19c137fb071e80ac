"""Expressions put together in their simplest form: one function for each operation."""

from collections.abc import Callable

from fastml.matrix_calculus._expression import ONE, Expression, Size
from fastml.matrix_calculus._leaves import commutation, entry, identity, is_zero, number, ones, zero
from fastml.matrix_calculus._products import (
    add,
    all_ones,
    hadamard,
    inverse,
    kron,
    multiply,
    parts_of,
    power,
    trace,
    transpose,
)  # fmt: skip

__all__ = [
    "add", "all_ones", "apply", "block_sum", "block_trace", "commutation", "det", "diag",
    "differential", "entry", "hadamard", "identity", "inverse", "is_zero", "kron", "logdet",
    "logsumexp", "multiply", "number", "ones", "parts_of", "power", "rebuild", "softmax", "trace",
    "transpose", "vec", "zero",
]  # fmt: skip

Shape = tuple[Size, Size]


def apply(name: str, e: Expression) -> Expression:
    """Return a function of every element."""
    return Expression("apply", (e,), (name,), e.shape)


def det(e: Expression) -> Expression:
    """Return the determinant."""
    return e if e.is_scalar else Expression("det", (e,), (), (ONE, ONE))


def logdet(e: Expression) -> Expression:
    """Return the logarithm of the determinant."""
    return apply("log", e) if e.is_scalar else Expression("logdet", (e,), (), (ONE, ONE))


def diag(e: Expression) -> Expression:
    """Return the diagonal matrix with a column on its diagonal."""
    return e if e.is_scalar else Expression("diag", (e,), (), (e.shape[0], e.shape[0]))


def vec(e: Expression) -> Expression:
    """Return the columns below one another."""
    if e.shape[1] == ONE:
        return e
    if e.shape[0] == ONE:
        return transpose(e)
    return Expression("vec", (e,), (), (e.shape[0] * e.shape[1], ONE))


def logsumexp(e: Expression) -> Expression:
    """Return the logarithm of the sum of exponentials of a column."""
    return e if e.is_scalar else Expression("logsumexp", (e,), (), (ONE, ONE))


def softmax(e: Expression) -> Expression:
    """Return the softmax of a column."""
    return number(1) if e.is_scalar else Expression("softmax", (e,), (), e.shape)


def block_sum(weights: Expression, e: Expression, shape: Shape) -> Expression:
    """Return the sum of the blocks of `e`, of a shape, each times its weight."""
    if e.op == "kron" and e.args[1].shape == shape:
        return multiply(trace(multiply(transpose(weights), e.args[0])), e.args[1])
    if e.op == "identity" and weights.is_square:
        return multiply(trace(weights), identity(shape[0]))
    return Expression("block_sum", (weights, e), (), shape)


def block_trace(e: Expression, weight: Expression, shape: Shape) -> Expression:
    """Return the matrix, of a shape, of the traces of every block of `e` times `weight`."""
    if e.op == "kron" and e.args[0].shape == shape:
        return multiply(trace(multiply(e.args[1], weight)), e.args[0])
    if e.op == "identity" and weight.is_square:
        return multiply(trace(weight), identity(shape[0]))
    return Expression("block_trace", (e, weight), (), shape)


def differential(e: Expression) -> Expression:
    """Return d(e), not worked out."""
    return Expression("d", (e,), (), e.shape)


_BUILDERS: dict[str, Callable[..., Expression]] = {
    "add": add, "transpose": transpose, "inverse": inverse, "trace": trace, "det": det,
    "logdet": logdet, "hadamard": hadamard, "kron": kron, "diag": diag, "vec": vec,
    "logsumexp": logsumexp, "softmax": softmax, "d": differential,
}  # fmt: skip


def rebuild(e: Expression, args: tuple[Expression, ...]) -> Expression:
    """Return the same operation on other arguments, in its simplest form."""
    if e.op == "product":
        return multiply(number(e.data[0]), *args)
    if e.op == "power":
        return power(args[0], e.data[0])
    if e.op == "apply":
        return apply(e.data[0], args[0])
    if e.op in _BUILDERS:
        return _BUILDERS[e.op](*args)
    return Expression(e.op, args, e.data, e.shape)
