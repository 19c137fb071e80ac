"""What users put expressions together with: operators, functions; shapes are checked here."""

from collections.abc import Callable
from numbers import Real
from typing import Any

from fastml.matrix_calculus import _build as b
from fastml.matrix_calculus._expression import ONE, Expression, shape_text

__all__ = [
    "cos", "det", "exp", "hadamard", "inv", "kron", "log", "logdet", "logsumexp", "outer",
    "sigmoid", "sin", "softmax", "sqrt", "sum", "tanh", "trace",
]  # fmt: skip


def _is_number(given: Any) -> bool:
    return isinstance(given, Real) and given is not True and given is not False


def _expression(given: Any) -> Expression:
    if isinstance(given, Expression):
        return given
    if _is_number(given):
        value = float(given)
        return b.number(int(value) if value.is_integer() else value)
    raise TypeError(
        f"Expressions are made of symbols and real numbers, got {type(given).__name__}; give "
        "arrays a symbol, and pass them to what compile() returns."
    )


def _refused(what: str, sign: str, *operands: Expression) -> ValueError:
    shapes = " and ".join(shape_text(e.shape) for e in operands)
    written = sign.join(f"({e.text})" if e.op in ("add", "product") else e.text for e in operands)
    return ValueError(f"{what}, got shapes {shapes} in {written}.")


def _add(left: Any, right: Any) -> Expression:
    return _sum_of(left, right, " + ")


def _subtract(left: Any, right: Any) -> Expression:
    return _sum_of(left, right, " - ")


def _sum_of(left: Any, right: Any, sign: str) -> Expression:
    left, right = _expression(left), _expression(right)
    if left.shape != right.shape:
        raise _refused("A sum takes expressions of one shape", sign, left, right)
    return b.add(left, right if sign == " + " else _negative(right))


def _negative(e: Expression) -> Expression:
    return b.multiply(b.number(-1), e)


def _times(left: Any, right: Any) -> Expression:
    left, right = _expression(left), _expression(right)
    if left.is_scalar or right.is_scalar:
        return b.multiply(left, right)
    if left.shape != right.shape:
        raise _refused(
            "* takes a scalar, or two expressions of one shape (@ is the matrix product)", " * ",
            left, right,
        )  # fmt: skip
    return b.hadamard(left, right)


def _matmul(left: Any, right: Any) -> Expression:
    left, right = _expression(left), _expression(right)
    if left.shape[1] != right.shape[0]:
        raise _refused(
            "A matrix product takes as many columns on the left as rows on the right",
            " @ ",
            left,
            right,
        )
    return b.multiply(left, right)


def _divide(left: Any, right: Any) -> Expression:
    left, right = _expression(left), _expression(right)
    if not right.is_scalar:
        raise _refused("Only scalars divide (X.inv is an inverse)", " / ", left, right)
    if right == b.number(0):
        raise ZeroDivisionError(f"Division by zero in {left.text} / 0.")
    return b.multiply(left, b.power(right, -1))


def _power(e: Expression, exponent: Any) -> Expression:
    if not _is_number(exponent):
        raise TypeError(f"An exponent must be a real number, got {exponent!r}.")
    p = float(exponent)
    if p == 0:
        return b.all_ones(e.shape)
    return b.power(e, int(p) if p.is_integer() else p)


def _turned(function: Callable[[Any, Any], Expression]) -> Callable[[Any, Any], Expression]:
    return lambda self, other: function(other, self)


for _name, _function in {
    "add": _add, "sub": _subtract, "mul": _times, "matmul": _matmul, "truediv": _divide,
}.items():  # fmt: skip
    setattr(Expression, f"__{_name}__", _function)
    setattr(Expression, f"__r{_name}__", _turned(_function))
for _name, _method in {"neg": _negative, "pos": lambda e: e, "pow": _power}.items():
    setattr(Expression, f"__{_name}__", _method)


def _square(what: str, e: Any) -> Expression:
    e = _expression(e)
    if not e.is_square:
        raise ValueError(
            f"{what} takes a square matrix, got shape {shape_text(e.shape)} of {e.text}."
        )
    return e


def trace(e: Expression) -> Expression:
    """Return the trace of a square matrix."""
    return b.trace(_square("trace", e))


def det(e: Expression) -> Expression:
    """Return the determinant of a square matrix."""
    return b.det(_square("det", e))


def logdet(e: Expression) -> Expression:
    """Return the logarithm of the determinant of a square matrix, which must be positive."""
    return b.logdet(_square("logdet", e))


def inv(e: Expression) -> Expression:
    """Return the inverse of a square matrix."""
    return b.inverse(_square("inv", e))


def hadamard(left: Expression, right: Expression) -> Expression:
    """Return the product, element by element, of two expressions of one shape."""
    left, right = _expression(left), _expression(right)
    if left.shape != right.shape:
        raise _refused("Hadamard's product takes expressions of one shape", " o ", left, right)
    return b.hadamard(left, right)


def kron(left: Expression, right: Expression) -> Expression:
    """Return the Kronecker product."""
    return b.kron(_expression(left), _expression(right))


def outer(left: Expression, right: Expression) -> Expression:
    """Return the outer product of two vectors."""
    left, right = _expression(left), _expression(right)
    if left.shape[1] != ONE or right.shape[1] != ONE:
        raise _refused("An outer product takes two vectors", " and ", left, right)
    return b.multiply(left, b.transpose(right))


def sum(e: Expression) -> Expression:
    """Return the sum of all elements, 1' X 1."""
    e = _expression(e)
    return b.multiply(b.transpose(b.ones(e.shape[0])), e, b.ones(e.shape[1]))


def _column(what: str, e: Any) -> Expression:
    e = _expression(e)
    if e.shape[1] != ONE:
        raise ValueError(f"{what} takes a vector, got shape {shape_text(e.shape)} of {e.text}.")
    return e


def logsumexp(e: Expression) -> Expression:
    """Return the logarithm of the sum of the exponentials of a vector's elements."""
    return b.logsumexp(_column("logsumexp", e))


def softmax(e: Expression) -> Expression:
    """Return the softmax of a vector: exponentials divided by their sum."""
    return b.softmax(_column("softmax", e))


def exp(e: Expression) -> Expression:
    """Return the exponential of every element."""
    return b.apply("exp", _expression(e))


def log(e: Expression) -> Expression:
    """Return the natural logarithm of every element."""
    return b.apply("log", _expression(e))


def sin(e: Expression) -> Expression:
    """Return the sine of every element."""
    return b.apply("sin", _expression(e))


def cos(e: Expression) -> Expression:
    """Return the cosine of every element."""
    return b.apply("cos", _expression(e))


def tanh(e: Expression) -> Expression:
    """Return the hyperbolic tangent of every element."""
    return b.apply("tanh", _expression(e))


def sigmoid(e: Expression) -> Expression:
    """Return ``1 / (1 + exp(-x))`` of every element."""
    return b.apply("sigmoid", _expression(e))


def sqrt(e: Expression) -> Expression:
    """Return the square root of every element."""
    return b.power(_expression(e), 0.5)


Expression.T = property(b.transpose)  # type: ignore[assignment]
Expression.inv = property(inv)  # type: ignore[assignment]
