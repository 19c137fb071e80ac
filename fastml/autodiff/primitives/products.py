"""Products of vectors and matrices."""

import builtins
import string
from typing import Any

import numpy as np

from fastml.autodiff._primitive import Each, primitive
from fastml.autodiff._variable import value_of
from fastml.autodiff.primitives.elementwise import conj_of
from fastml.autodiff.primitives.shapes import expand_dims, reshape, swapaxes

__all__ = ["dot", "einsum", "kron", "matmul", "outer"]


def _by_left(g: Any, out: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return expand_dims(g, -1) * conj_of(b) if a.ndim > 1 else g * conj_of(b)
    back = conj_of(swapaxes(b, -1, -2))
    if a.ndim == 1:
        # A row before a stack of matrices: the backward pass adds up over the stack.
        return reshape(expand_dims(g, -2) @ back, shape=(*g.shape[:-1], a.shape[0]))
    return g @ back


def _by_right(g: Any, out: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return conj_of(expand_dims(a, -1)) * expand_dims(g, -2) if b.ndim > 1 else g * conj_of(a)
    back = conj_of(swapaxes(a, -1, -2))
    if b.ndim == 1:
        column = back @ expand_dims(g, -1)
        return reshape(column, shape=column.shape[:-1])
    return back @ g


def _pairs(rng: np.random.Generator) -> Any:
    shapes = [
        ((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 2)),
        ((4,), (2, 4, 3)), ((2, 3, 4), (4,)), ((5, 1, 3, 4), (2, 4, 2)),
    ]  # fmt: skip
    return [(tuple(rng.standard_normal(shape) for shape in pair), {}) for pair in shapes]


matmul = primitive(
    "matmul", np.matmul, _by_left, _by_right,
    text="{0} {1}", latex="{0} {1}", partials=(("{1}'", "{1}^T"), ("{0}'", "{0}^T")),
    example=_pairs,
)  # fmt: skip


def dot(a: Any, b: Any) -> Any:
    """Return the inner product of two vectors, without conjugation."""
    if value_of(a).ndim != 1 or value_of(b).ndim != 1:
        raise ValueError(
            f"dot takes two vectors, got shapes {value_of(a).shape} and {value_of(b).shape}."
        )
    return a @ b


def outer(a: Any, b: Any) -> Any:
    """Return the outer product of two vectors."""
    return expand_dims(a, -1) * expand_dims(b, -2)


def _einsum(*arrays: Any, subscripts: str) -> Any:
    """Sum products of elements as the subscripts say (Einstein's convention)."""
    return np.einsum(subscripts, *arrays, optimize=len(arrays) > 2)


def _explicit(subscripts: str, arrays: Any) -> tuple[list[str], str]:
    """Return the subscripts of the inputs and of the output, a letter for every axis."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(arrays):
        raise ValueError(
            f"subscripts {subscripts!r} are for {len(terms)} arrays, got {len(arrays)}."
        )
    letters = left.replace(",", "").replace("...", "")
    if not arrow:
        right = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
        right = "..." + right if "..." in left else right
    spare = [c for c in string.ascii_letters if c not in letters]
    extra = [
        value_of(a).ndim - len(term.replace("...", "")) if "..." in term else 0
        for term, a in zip(terms, arrays, strict=True)
    ]
    # Axes that an ellipsis stands for line up at their end.
    longest = "".join(spare[: builtins.max(extra)])
    full = [
        term.replace("...", longest[len(longest) - n :])
        for term, n in zip(terms, extra, strict=True)
    ]
    return full, right.replace("...", longest)


def _einsum_adjoint(i: int, g: Any, out: Any, *arrays: Any, subscripts: str) -> Any:
    left, _, result = subscripts.partition("->")
    terms = left.split(",")
    mine, array = terms[i], value_of(arrays[i])
    if len(set(mine)) < len(mine):
        return _diagonal_adjoint(i, g, arrays, terms, result)
    others = [(t, conj_of(a)) for j, (t, a) in enumerate(zip(terms, arrays, strict=True)) if j != i]
    known = set(result).union(*(term for term, _ in others))
    for c in set(mine) - known:
        # Summed over alone: every element along it gets the same.
        others.append((c, np.ones(array.shape[mine.index(c)], g.dtype)))
    listed = ",".join([result, *(term for term, _ in others)])
    return _summed(g, *(a for _, a in others), subscripts=f"{listed}->{mine}")


def _diagonal_adjoint(i: int, g: Any, arrays: Any, terms: list[str], result: str) -> Any:
    """Handle a letter repeated in one term (a diagonal): give repetitions letters of their own."""
    spare = [c for c in string.ascii_letters if c not in "".join(terms) + result]
    letters, deltas = "", []
    for position, c in enumerate(terms[i]):
        if c in letters:
            fresh = spare.pop()
            length = value_of(arrays[i]).shape[position]
            deltas.append((c + fresh, np.eye(length, dtype=g.dtype)))
            c = fresh
        letters += c
    widened = [*terms[:i], letters, *terms[i + 1 :], *(term for term, _ in deltas)]
    return _einsum_adjoint(
        i, g, None, *arrays, *(delta for _, delta in deltas),
        subscripts=f"{','.join(widened)}->{result}",
    )  # fmt: skip


def _sums(rng: np.random.Generator) -> Any:
    def case(subscripts: str, *shapes: tuple[int, ...]) -> Any:
        arrays = tuple(rng.standard_normal(shape) for shape in shapes)
        terms, result = _explicit(subscripts, arrays)
        return arrays, {"subscripts": f"{','.join(terms)}->{result}"}

    return [
        case("ij,jk->ik", (2, 3), (3, 4)), case("ij->", (2, 3)), case("ii->i", (3, 3)),
        case("ii", (3, 3)), case("...ij,...jk", (2, 2, 3), (2, 3, 2)),
        case("i,j,ij->", (2,), (3,), (2, 3)), case("ab...,b->a...", (2, 3, 4), (3,)),
    ]  # fmt: skip


_summed = primitive(
    "einsum", _einsum, Each(_einsum_adjoint), text="einsum({0}, {1})", latex=r"\sum {0}{1}",
    example=_sums,
)  # fmt: skip


def einsum(subscripts: str, *arrays: Any) -> Any:
    """Sum products of elements as subscripts say; see `numpy.einsum`.

    Parameters
    ----------
    subscripts : str
        Such as "ij,jk->ik", with or without "...".
    *arrays
        As many as the subscripts say.
    """
    terms, result = _explicit(subscripts, arrays)
    return _summed(*arrays, subscripts=f"{','.join(terms)}->{result}")


def kron(a: Any, b: Any) -> Any:
    """Return the Kronecker product of two matrices."""
    if value_of(a).ndim != 2 or value_of(b).ndim != 2:
        raise ValueError(
            f"kron takes two matrices, got shapes {value_of(a).shape} and {value_of(b).shape}."
        )
    (m, n), (p, q) = a.shape, b.shape
    blocks = reshape(a, shape=(m, 1, n, 1)) * reshape(b, shape=(1, p, 1, q))
    return reshape(blocks, shape=(m * p, n * q))
