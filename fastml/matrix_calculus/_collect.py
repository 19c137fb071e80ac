"""Sums in the form that textbooks give them: common factors taken out, terms in order."""

from fastml.matrix_calculus import _build as b
from fastml.matrix_calculus._expression import Expression
from fastml.matrix_calculus._linear import terms_of

__all__ = ["collected"]


def collected(e: Expression) -> Expression:
    """Return a sum of products with the longest common factors taken out, and sorted.

    Bx + B'x becomes (B + B')x; of several ways the one with the longest common factor is taken.
    """
    terms = list(terms_of(e))
    while len(terms) > 1:
        length, side, first = max(
            ((n, side, i) for i, one in enumerate(terms) for other in terms[i + 1 :]
             for side in (1, 0) for n in [_common(one, other, side)]),
            key=lambda found: found[0],
        )  # fmt: skip
        if not length:
            break
        sharing = [
            t for t in terms if t is terms[first] or _common(terms[first], t, side) >= length
        ]
        chain = _chain(terms[first])
        shared = chain[-length:] if side else chain[:length]
        inner = collected(b.add(*(_without(t, length, side) for t in sharing)))
        whole = b.multiply(inner, *shared) if side else b.multiply(*shared, inner)
        position = terms.index(sharing[0])
        terms = [t for t in terms if t not in sharing]
        terms.insert(position, whole)
    return _in_order(terms)


def _in_order(terms: list[Expression]) -> Expression:
    def key(term: Expression) -> tuple[bool, str]:
        coefficient, scalars, chain = b.parts_of(term)
        core = b.multiply(*scalars, *chain)
        return coefficient < 0, core.text.replace(" ", "")

    return b.add(*sorted(terms, key=key))


def _chain(e: Expression) -> tuple[Expression, ...]:
    return b.parts_of(e)[2]


def _common(one: Expression, other: Expression, side: int) -> int:
    """Return how many factors at the end (side 1) or the start (0) two products share."""
    a, c = _chain(one), _chain(other)
    if side:
        a, c = a[::-1], c[::-1]
    # A factor is left on each side: B + I is no simpler than what it came from.
    most = min(len(a), len(c)) - 1
    return next((k for k in range(max(most, 0)) if a[k] != c[k]), max(most, 0))


def _without(e: Expression, length: int, side: int) -> Expression:
    coefficient, scalars, chain = b.parts_of(e)
    rest = chain[:-length] if side else chain[length:]
    return b.multiply(b.number(coefficient), *scalars, *rest)
