"""Differentials: d(expression) worked out rule by rule, until only dX is left."""

from collections.abc import Callable, Iterator

from fastml.matrix_calculus import _build as b
from fastml.matrix_calculus._expression import Expression

__all__ = ["expand", "is_constant"]

# The names are those of the catalogue.
CONSTANT = "differential of a constant"
MULTIPLE = "differential of a multiple"
PRODUCT = "differential of a product"
FUNCTION = "differential of a function of elements"

Rule = Callable[[Expression, Expression], Expression]


def is_constant(e: Expression, wrt: Expression) -> bool:
    """Whether an expression does not depend on a symbol."""
    return not e.contains(wrt)


def expand(e: Expression, wrt: Expression) -> Iterator[tuple[tuple[str, ...], Expression]]:
    """Work out the differentials in an expression, one rule at a time.

    Parameters
    ----------
    e : Expression
        With differentials in it.
    wrt : Expression
        The symbol that varies; its own differential is left.

    Yields
    ------
    rules : tuple of str
        Names of the catalogue's identities that were used.
    e : Expression
        What the expression has become.
    """
    while pending := list(_pending(e, wrt)):
        rule = _rule_of(pending[0], wrt)
        names = [rule]
        e = _applied(e, wrt, rule, names)
        yield tuple(dict.fromkeys(names)), e


def _pending(e: Expression, wrt: Expression) -> Iterator[Expression]:
    """Yield what differentials are of, from left to right; but for the symbol itself."""
    if e.op == "d":
        if e.args[0] != wrt:
            yield e.args[0]
        return
    for arg in e.args:
        yield from _pending(arg, wrt)


def _rule_of(e: Expression, wrt: Expression) -> str:
    if is_constant(e, wrt):
        return CONSTANT
    if e.op == "product":
        return MULTIPLE if _outside(e, wrt) else PRODUCT
    return _RULES[e.op][0] if e.op in _RULES else _refuse(e)


def _refuse(e: Expression) -> str:
    raise ValueError(
        f"There is no rule for the differential of {e.text}, which holds {e.op.replace('_', ' ')}."
    )


def _applied(e: Expression, wrt: Expression, rule: str, names: list[str]) -> Expression:
    if e.op == "d" and e.args[0] != wrt:
        inner = e.args[0]
        if _rule_of(inner, wrt) != rule:
            return e
        if rule == CONSTANT:
            return b.zero(e.shape)
        if rule == MULTIPLE:
            outside = _outside(inner, wrt)
            rest = [arg for arg in _factors(inner) if arg not in outside]
            return b.multiply(*outside, b.differential(b.multiply(*rest)))
        if rule == PRODUCT and any(is_constant(arg, wrt) for arg in inner.args):
            names.append(CONSTANT)
        return _RULES[inner.op][1](inner, wrt)
    if not e.args or e.op == "d":
        return e
    return b.rebuild(e, tuple(_applied(arg, wrt, rule, names) for arg in e.args))


def _factors(e: Expression) -> list[Expression]:
    coefficient, scalars, chain = b.parts_of(e)
    return [*([] if coefficient == 1 else [b.number(coefficient)]), *scalars, *chain]


def _outside(e: Expression, wrt: Expression) -> list[Expression]:
    """Return the numbers and scalars of a product that do not vary."""
    constant = [f for f in _factors(e) if f.is_scalar and is_constant(f, wrt)]
    return constant if len(constant) < len(_factors(e)) else []


def _each(e: Expression, wrt: Expression) -> Expression:
    """Differentiate each factor in its place, the others staying; constants give nothing."""
    terms = []
    for k, arg in enumerate(e.args):
        if not is_constant(arg, wrt):
            args = (*e.args[:k], b.differential(arg), *e.args[k + 1 :])
            terms.append(b.rebuild(e, args))
    return b.add(*terms)


def _inside(e: Expression, wrt: Expression) -> Expression:
    """Exchange the differential with a linear operation."""
    return b.rebuild(e, tuple(map(b.differential, e.args)))


def _by_elements(e: Expression, wrt: Expression) -> Expression:
    inner = e.args[0]
    if e.op == "power":
        p = e.data[0]
        slope = b.multiply(b.number(p), b.power(inner, p - 1) if p != 1 else b.all_ones(e.shape))
    else:
        slope = _SLOPES[e.data[0]](inner)
    return b.hadamard(slope, b.differential(inner))


_SLOPES: dict[str, Callable[[Expression], Expression]] = {
    "exp": lambda u: b.apply("exp", u),
    "log": lambda u: b.power(u, -1),
    "sin": lambda u: b.apply("cos", u),
    "cos": lambda u: b.multiply(b.number(-1), b.apply("sin", u)),
    "tanh": lambda u: _one_minus(u, b.power(b.apply("tanh", u), 2)),
    "sigmoid": lambda u: b.hadamard(
        b.apply("sigmoid", u), _one_minus(u, b.apply("sigmoid", u))
    ),
}  # fmt: skip


def _one_minus(u: Expression, e: Expression) -> Expression:
    return b.add(b.all_ones(u.shape), b.multiply(b.number(-1), e))


def _of_inverse(e: Expression, wrt: Expression) -> Expression:
    return b.multiply(b.number(-1), e, b.differential(e.args[0]), e)


def _of_logdet(e: Expression, wrt: Expression) -> Expression:
    return b.trace(b.multiply(b.inverse(e.args[0]), b.differential(e.args[0])))


def _of_det(e: Expression, wrt: Expression) -> Expression:
    return b.multiply(e, _of_logdet(e, wrt))


def _of_logsumexp(e: Expression, wrt: Expression) -> Expression:
    return b.multiply(b.transpose(b.softmax(e.args[0])), b.differential(e.args[0]))


def _of_softmax(e: Expression, wrt: Expression) -> Expression:
    spread = b.add(b.diag(e), b.multiply(b.number(-1), e, b.transpose(e)))
    return b.multiply(spread, b.differential(e.args[0]))


_RULES: dict[str, tuple[str, Rule]] = {
    "add": ("differential of a sum", _inside),
    "product": (PRODUCT, _each),
    "transpose": ("differential of a transpose", _inside),
    "trace": ("differential of a trace", _inside),
    "inverse": ("differential of an inverse", _of_inverse),
    "det": ("differential of a determinant", _of_det),
    "logdet": ("differential of a log determinant", _of_logdet),
    "hadamard": ("differential of a Hadamard product", _each),
    "kron": ("differential of a Kronecker product", _each),
    "power": (FUNCTION, _by_elements),
    "apply": (FUNCTION, _by_elements),
    "diag": ("differential of a diagonal matrix", _inside),
    "logsumexp": ("differential of a log-sum-exp", _of_logsumexp),
    "softmax": ("differential of a softmax", _of_softmax),
}
