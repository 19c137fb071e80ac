"""Sums, products, transposes, inverses and traces of expressions, in their simplest form."""

from fastml.matrix_calculus._expression import ONE, Expression, Size
from fastml.matrix_calculus._leaves import commutation, entry, identity, is_zero, number, ones, zero

__all__ = [
    "add", "all_ones", "hadamard", "inverse", "kron", "multiply", "parts_of", "power", "trace",
    "transpose",
]  # fmt: skip

Shape = tuple[Size, Size]
Parts = tuple[float, tuple[Expression, ...], tuple[Expression, ...]]


def all_ones(shape: Shape) -> Expression:
    """Return the matrix of ones, as a product of a column and a row."""
    return multiply(ones(shape[0]), transpose(ones(shape[1])))


def parts_of(e: Expression) -> Parts:
    """Return coefficient, scalars and chain of matrices whose product an expression is."""
    if e.op == "number":
        return e.data[0], (), ()
    if e.op == "product":
        n_scalars = e.data[1]
        return e.data[0], e.args[:n_scalars], e.args[n_scalars:]
    return (1, (e,), ()) if e.is_scalar else (1, (), (e,))


def _assembled(
    coefficient: float, scalars: tuple[Expression, ...], chain: tuple[Expression, ...]
) -> Expression:
    if not chain and len(scalars) == 1 and scalars[0].op == "product":
        inner, scalars, chain = parts_of(scalars[0])
        coefficient *= inner
    args = scalars + chain
    if not args:
        return number(coefficient)
    if coefficient == 1 and len(args) == 1:
        return args[0]
    shape = (chain[0].shape[0], chain[-1].shape[1]) if chain else (ONE, ONE)
    return Expression("product", args, (coefficient, len(scalars)), shape)


def multiply(*factors: Expression) -> Expression:
    """Return the matrix product; scalars may stand anywhere in it."""
    coefficient: float = 1
    scalars: list[Expression] = []
    chain: list[Expression] = []
    matrices = [f for f in factors if not f.is_scalar]
    shape = (matrices[0].shape[0], matrices[-1].shape[1]) if matrices else (ONE, ONE)
    for factor in factors:
        if is_zero(factor):
            return zero(shape)
        c, s, f = parts_of(factor)
        coefficient *= c
        scalars += s
        if f and factor.is_scalar:
            scalars.append(_assembled(1, (), f))
        else:
            for matrix in f:
                extra = _push(chain, matrix)
                coefficient *= extra[0]
                scalars += extra[1]
    if not chain and shape != (ONE, ONE):
        chain = [identity(shape[0])]
    return _assembled(coefficient, *_cut(scalars, chain))


def _push(chain: list[Expression], matrix: Expression) -> Parts:
    """Put a matrix at the end of a chain; return what came out of it as numbers and scalars."""
    if matrix.op == "identity":
        return 1, (), ()
    last = chain[-1] if chain else None
    if last is not None and last.is_square and _cancel(last, matrix):
        chain.pop()
        return 1, (), ()
    if last is not None and last.op == matrix.op == "kron":
        (a, b), (c, d) = last.args, matrix.args
        if a.shape[1] == c.shape[0] and b.shape[1] == d.shape[0]:
            chain.pop()
            coefficient, scalars, f = parts_of(kron(multiply(a, c), multiply(b, d)))
            for each in f:
                # No further factors come out: what meets here did not fit together before.
                _push(chain, each)
            return coefficient, scalars, ()
    chain.append(matrix)
    return 1, (), ()


def _cancel(one: Expression, other: Expression) -> bool:
    """Whether two square matrices are inverses; looks at their operations first, which is quick."""
    ops = {one.op, other.op, *(e.args[0].op for e in (one, other) if e.op == "transpose")}
    return "inverse" in ops and inverse(one) == other


def _cut(
    scalars: list[Expression], chain: list[Expression]
) -> tuple[tuple[Expression, ...], tuple[Expression, ...]]:
    """Take out of a chain what is itself a scalar, as a'y in x a'y b'; gather powers."""
    pieces: list[list[Expression]] = [[]]
    for k, matrix in enumerate(chain):
        pieces[-1].append(matrix)
        if matrix.shape[1] == ONE and k < len(chain) - 1:
            pieces.append([])
    kept: list[Expression] = []
    for piece in pieces:
        if len(pieces) > 1 and piece[0].shape[0] == ONE == piece[-1].shape[1]:
            scalars = [*scalars, _assembled(1, (), tuple(piece))]
        else:
            kept += piece
    if len(kept) > 1 and kept[0].shape[0] == ONE == kept[-1].shape[1] and scalars:
        scalars, kept = [*scalars, _assembled(1, (), tuple(kept))], []
    powers: dict[Expression, float] = {}
    for scalar in scalars:
        base, exponent = (scalar.args[0], scalar.data[0]) if scalar.op == "power" else (scalar, 1)
        powers[base] = powers.get(base, 0) + exponent
    gathered = [power(base, p) for base, p in powers.items() if p]
    return tuple(sorted(gathered, key=_place)), tuple(kept)


def _place(scalar: Expression) -> tuple[bool, str, str]:
    """Order scalars in a product: symbols, then the rest by name, so that equal ones are found."""
    return scalar.op != "symbol", scalar.text.casefold(), scalar.text


def add(*terms: Expression) -> Expression:
    """Return the sum of expressions of one shape, like terms taken together."""
    shape = terms[0].shape
    found: dict[Expression, float] = {}
    for term in terms:
        for part in term.args if term.op == "add" else (term,):
            if not is_zero(part):
                coefficient, scalars, chain = parts_of(part)
                core = _assembled(1, scalars, chain)
                found[core] = found.get(core, 0) + coefficient
    kept = [multiply(number(c), core) for core, c in found.items() if c]
    if not kept:
        return zero(shape)
    return kept[0] if len(kept) == 1 else Expression("add", tuple(kept), (), shape)


def transpose(e: Expression) -> Expression:
    """Return the transpose, moved inwards through products."""
    flipped = (e.shape[1], e.shape[0])
    if e.is_scalar or e.op in ("identity", "diag") or (e.op == "symbol" and e.data[2]):
        return e
    if e.op == "transpose":
        return e.args[0]
    if e.op == "zero":
        return zero(flipped)
    if e.op == "entry":
        return entry(e.data[1], e.data[0], flipped)
    if e.op == "commutation":
        return commutation(e.data[1], e.data[0])
    if e.op == "product":
        coefficient, scalars, chain = parts_of(e)
        return multiply(number(coefficient), *scalars, *map(transpose, reversed(chain)))
    if e.op in ("hadamard", "kron"):
        return (hadamard if e.op == "hadamard" else kron)(*map(transpose, e.args))
    if e.op == "inverse" and transpose(e.args[0]) == e.args[0]:
        return e
    return Expression("transpose", (e,), (), flipped)


def inverse(e: Expression) -> Expression:
    """Return the inverse of a square matrix; of a product of such, that of its factors."""
    if e.is_scalar:
        return power(e, -1)
    if e.op == "identity":
        return e
    if e.op == "inverse":
        return e.args[0]
    if e.op == "transpose":
        return transpose(inverse(e.args[0]))
    if e.op == "commutation":
        return transpose(e)
    coefficient, scalars, chain = parts_of(e)
    if e.op == "product" and all(f.is_square for f in chain):
        outside = [power(s, -1) for s in (number(coefficient), *scalars)]
        return multiply(*outside, *map(inverse, reversed(chain)))
    if e.op == "kron" and all(f.is_square for f in e.args):
        return kron(*map(inverse, e.args))
    return Expression("inverse", (e,), (), e.shape)


def trace(e: Expression) -> Expression:
    """Return the trace."""
    coefficient, scalars, chain = parts_of(e)
    if e.is_scalar:
        return e
    if is_zero(e):
        return number(0)
    if e.op == "transpose":
        return trace(e.args[0])
    if e.op == "kron" and all(f.is_square for f in e.args):
        return multiply(*map(trace, e.args))
    if len(chain) != 1 or coefficient != 1 or scalars:
        # Of a column times a row, the trace is the row times the column.
        at = next((k for k, f in enumerate(chain[:-1], 1) if f.shape[1] == ONE), 0)
        rest = multiply(*chain[at:], *chain[:at]) if at else _assembled(1, (), chain)
        inside = rest if at else _trace_of(rest)
        return multiply(number(coefficient), *scalars, inside)
    return _trace_of(e)


def _trace_of(e: Expression) -> Expression:
    if e.op == "transpose" or (e.op == "kron" and all(f.is_square for f in e.args)):
        return trace(e)
    return Expression("trace", (e,), (), (ONE, ONE))


def hadamard(*factors: Expression) -> Expression:
    """Return the product element by element of expressions of one shape."""
    shape = factors[0].shape
    if shape == (ONE, ONE):
        return multiply(*factors)
    outside: list[Expression] = []
    inside: list[Expression] = []
    for factor in factors:
        if is_zero(factor):
            return zero(shape)
        coefficient, scalars, chain = parts_of(factor)
        outside += [number(coefficient), *scalars]
        core = _assembled(1, (), chain)
        if core != all_ones(shape):
            inside += core.args if core.op == "hadamard" else (core,)
    if not inside:
        return multiply(*outside, all_ones(shape))
    if len(inside) == 1:
        return multiply(*outside, inside[0])
    return multiply(*outside, Expression("hadamard", tuple(inside), (), shape))


def kron(a: Expression, b: Expression) -> Expression:
    """Return the Kronecker product."""
    shape = (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1])
    if a.is_scalar or b.is_scalar:
        return multiply(a, b)
    if is_zero(a) or is_zero(b):
        return zero(shape)
    if a.op == b.op == "identity":
        return identity(shape[0])
    (c, s, left), (d, t, right) = parts_of(a), parts_of(b)
    inside = (_assembled(1, (), left), _assembled(1, (), right))
    if inside[0].shape[1] == ONE == inside[1].shape[0]:
        # A column and a row: the outer product.
        return multiply(number(c * d), *s, *t, *inside)
    return multiply(number(c * d), *s, *t, Expression("kron", inside, (), shape))


def power(e: Expression, exponent: float) -> Expression:
    """Return every element to a power."""
    if exponent == 1:
        return e
    if e.op == "number" and (e.data[0] >= 0 or exponent == int(exponent)):
        value = e.data[0] ** exponent
        return number(int(value) if value == int(value) else value)
    if e.op == "power" and exponent == int(exponent) and e.data[0] == int(e.data[0]):
        return power(e.args[0], e.data[0] * exponent)
    coefficient, scalars, chain = parts_of(e)
    if (
        e.op == "product"
        and e.is_scalar
        and exponent == int(exponent)
        and (coefficient != 1 or scalars)
    ):
        inside = [_assembled(1, (), chain)] if chain else []
        return multiply(*(power(f, exponent) for f in (number(coefficient), *scalars, *inside)))
    return Expression("power", (e,), (exponent,), e.shape)
