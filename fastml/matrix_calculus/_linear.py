"""Expressions linear in dX: brought to Tr(M dX), to M vec(dX), or to one element at a time."""

from fastml.matrix_calculus import _build as b
from fastml.matrix_calculus._expression import ONE, Expression

__all__ = ["replaced", "terms_of", "to_trace", "to_vec"]

TRANSPOSED = "transposition under the trace"
CYCLIC = "cyclic permutation under the trace"
HADAMARD = "Hadamard product under the trace"
KRONECKER = (
    "left factor of a Kronecker product under the trace",
    "right factor of a Kronecker product under the trace",
)


def terms_of(e: Expression) -> tuple[Expression, ...]:
    """Return what a sum is made of."""
    return e.args if e.op == "add" else (e,)


def replaced(e: Expression, old: Expression, new: Expression) -> Expression:
    """Return an expression with another in place of a part of it."""
    if e == old:
        return new
    if not e.args:
        return e
    return b.rebuild(e, tuple(replaced(arg, old, new) for arg in e.args))


def to_trace(e: Expression, dx: Expression, rules: dict[str, None]) -> Expression:
    """Return M such that a scalar linear in dX is Tr(M dX).

    Parameters
    ----------
    e : Expression
        A scalar, linear in `dx`.
    dx : Expression
        The differential dX.
    rules : dict
        Its keys: names of the catalogue's identities; those used are put in.
    """
    return _pulled(b.number(1), e, dx, rules)


def _pulled(m: Expression, e: Expression, dx: Expression, rules: dict[str, None]) -> Expression:
    """Return N such that Tr(m e) = Tr(N dX)."""
    if e == dx:
        return m
    if e.op == "add":
        return b.add(*(_pulled(m, term, dx, rules) for term in e.args))
    if e.op == "product":
        return _pulled_product(m, e, dx, rules)
    inner = next(arg for arg in e.args if arg.contains(dx))
    if e.op == "transpose":
        if m.shape != (ONE, ONE) or inner.shape != (ONE, ONE):
            rules[TRANSPOSED] = None
        return _pulled(b.transpose(m), inner, dx, rules)
    if e.op == "trace":
        return _pulled(b.multiply(m, b.identity(inner.shape[0])), inner, dx, rules)
    if e.op == "hadamard":
        rules[HADAMARD] = None
        others = [b.transpose(arg) for arg in e.args if arg != inner]
        return _pulled(b.hadamard(m, *others), inner, dx, rules)
    if e.op == "kron":
        rules[KRONECKER[e.args[1] == inner]] = None
        return _pulled(_through_kron(m, e, inner), inner, dx, rules)
    raise _no_rule(e)


def _no_rule(e: Expression) -> ValueError:
    return ValueError(f"There is no rule to take the derivative out of {e.text}.")


def _pulled_product(
    m: Expression, e: Expression, dx: Expression, rules: dict[str, None]
) -> Expression:
    coefficient, scalars, chain = b.parts_of(e)
    for k, scalar in enumerate(scalars):
        if scalar.contains(dx):
            rest = b.multiply(b.number(coefficient), *scalars[:k], *scalars[k + 1 :], *chain)
            return _pulled(b.trace(b.multiply(m, rest)), scalar, dx, rules)
    k = next(k for k, matrix in enumerate(chain) if matrix.contains(dx))
    if k < len(chain) - 1 or (k and m.op != "number"):
        rules[CYCLIC] = None
    around = (b.number(coefficient), *scalars, *chain[k + 1 :], m, *chain[:k])
    return _pulled(b.multiply(*around), chain[k], dx, rules)


def _through_kron(m: Expression, e: Expression, inner: Expression) -> Expression:
    """Return N such that Tr(m (A kron Y)) = Tr(N Y), or with Y on the left."""
    if m.op == "add":
        return b.add(*(_through_kron(term, e, inner) for term in m.args))
    coefficient, scalars, chain = b.parts_of(m)
    core = b.multiply(*chain) if chain else m
    shape = (inner.shape[1], inner.shape[0])
    if e.args[1] == inner:
        through = b.block_sum(b.transpose(e.args[0]), core, shape)
    else:
        through = b.block_trace(core, e.args[1], shape)
    return b.multiply(b.number(coefficient), *scalars, through)


def to_vec(e: Expression, dx: Expression, rules: dict[str, None]) -> Expression:
    """Return J such that vec of a matrix linear in dX is J vec(dX).

    Parameters
    ----------
    e, dx, rules
        As for `to_trace`; `e` may be of any shape.
    """
    rows, columns = e.shape
    if e == dx:
        return b.identity(rows * columns)
    if e.is_scalar:
        return b.transpose(b.vec(b.transpose(to_trace(e, dx, rules))))
    if e.op == "add":
        return b.add(*(to_vec(term, dx, rules) for term in e.args))
    if e.op == "product":
        return _product_to_vec(e, dx, rules)
    inner = next(arg for arg in e.args if arg.contains(dx))
    deep = to_vec(inner, dx, rules)
    if e.op == "transpose":
        if ONE not in e.shape:
            rules["vec of a transpose"] = None
        return b.multiply(b.commutation(columns, rows), deep)
    if e.op == "hadamard":
        rules["vec of a Hadamard product"] = None
        others = b.hadamard(*(arg for arg in e.args if arg != inner))
        return b.multiply(b.diag(b.vec(others)), deep)
    if e.op == "kron":
        rules["vec of a Kronecker product"] = None
        return b.multiply(_kron_to_vec(e, inner), deep)
    raise _no_rule(e)


def _product_to_vec(e: Expression, dx: Expression, rules: dict[str, None]) -> Expression:
    coefficient, scalars, chain = b.parts_of(e)
    for k, scalar in enumerate(scalars):
        if scalar.contains(dx):
            rest = b.multiply(b.number(coefficient), *scalars[:k], *scalars[k + 1 :], *chain)
            return b.multiply(b.vec(rest), to_vec(scalar, dx, rules))
    k = next(k for k, matrix in enumerate(chain) if matrix.contains(dx))
    inner = chain[k]
    left = b.multiply(*chain[:k]) if k else b.identity(inner.shape[0])
    after = chain[k + 1 :]
    right = b.multiply(*after) if after else b.identity(inner.shape[1])
    if inner.shape[1] != ONE or after:
        rules["vec of a product"] = None
    around = b.kron(b.transpose(right), left)
    deep = to_vec(inner, dx, rules)
    return b.multiply(b.number(coefficient), *scalars, around, deep)


def _kron_to_vec(e: Expression, inner: Expression) -> Expression:
    """Return J such that vec(A kron Y) = J vec(Y), or with Y on the left."""
    (m, n), (p, q) = (arg.shape for arg in e.args)
    apart = b.kron(b.kron(b.identity(n), b.commutation(q, m)), b.identity(p))
    if e.args[1] == inner:
        return b.multiply(apart, b.kron(b.vec(e.args[0]), b.identity(p * q)))
    return b.multiply(apart, b.kron(b.identity(m * n), b.vec(e.args[1])))
