"""The catalogue of identities, and its proof by numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastml.matrix_calculus._algebra import algebra_identities
from fastml.matrix_calculus._differentials import differential_identities
from fastml.matrix_calculus._gradients import gradient_identities
from fastml.matrix_calculus._identity import Identity, draw
from fastml.matrix_calculus._layout import checked_layout
from fastml.matrix_calculus._rules import rule_identities
from fastml.matrix_calculus._table import Table

__all__ = ["GROUPS", "Verification", "Verified", "catalogue", "verify"]

GROUPS = ("algebra", "differentials", "gradients", "rules")
# Sizes are drawn from 1 to this, or to as many as there are shapes where that is more.
LARGEST_SIZE = 4


def catalogue(group: str | None = None, *, layout: str = "denominator") -> Table[Identity]:
    """Return the identities of matrix calculus, as a table.

    Parameters
    ----------
    group : {"algebra", "differentials", "gradients", "rules"}, optional
        Only those of a group; "rules" are what `derive` uses besides the other three.
    layout : {"denominator", "numerator"}, default="denominator"
        Whether the gradient of a scalar by X has the shape of X, or is transposed. Formulas and
        functions follow it.

    Returns
    -------
    Table
        Iterates over named tuples with name, formula in text and LaTeX, domain, shapes, and
        functions `closed_form`, `by_autodiff`, `by_numbers`; rows can be taken by number and by
        name. Prints as text, and in notebooks as HTML.

    Raises
    ------
    ValueError
        For a group or layout that there is not.

    Examples
    --------
    >>> from fastml.matrix_calculus import catalogue
    >>> catalogue("gradients")["gradient of x'Bx"].text
    "d(x' B x)/dx = (B + B') x"
    """
    layout = checked_layout(layout)
    if group is not None and group not in GROUPS:
        raise ValueError(f"group must be one of {', '.join(GROUPS)}, got {group!r}.")
    rows = [
        *algebra_identities(),
        *differential_identities(),
        *gradient_identities(layout),
        *rule_identities(layout),
    ]
    kept = [row for row in rows if group in (None, row.group)]
    return Table(kept, ("group", "name", "text", "domain", "shapes"))


class Verified(NamedTuple):
    """How an identity fared.

    Attributes
    ----------
    group, name, text, latex : str
        Of the identity.
    n_shapes : int
        How many shapes it was tried on.
    complex : bool
        Whether complex matrices were tried as well.
    error : float
        Largest difference of the closed form from the numerical one, and of that by autodiff from
        it, relative to the largest element of the numerical one.
    ok : bool
        Whether that is within `rtol`.
    """

    group: str
    name: str
    text: str
    latex: str
    n_shapes: int
    complex: bool
    error: float
    ok: bool


class Verification(Table[Verified]):
    """Table of what `verify` found.

    Attributes
    ----------
    largest_error : float
        Over all identities.
    failed : tuple of Verified
        Those whose error is too large.
    """

    def __init__(self, rows: Sequence[Verified]) -> None:
        super().__init__(rows, ("group", "name", "text", "n_shapes", "complex", "error", "ok"))
        self.largest_error = float(np.max([row.error for row in rows], initial=0.0))
        self.failed = tuple(row for row in rows if not row.ok)


def verify(
    n_shapes: int = 5,
    seed: int = 0,
    rtol: float = 1e-6,
    *,
    group: str | None = None,
    layout: str = "denominator",
) -> Verification:
    """Try every identity on random matrices, real and, where it holds, complex.

    Parameters
    ----------
    n_shapes : int, default=5
        On how many shapes, no two the same.
    seed : int, default=0
        Of the random numbers.
    rtol : float, default=1e-6
        Largest relative error let pass.
    group, layout
        See `catalogue`.

    Returns
    -------
    Verification
        A table with the largest error of each identity, marked where it is above `rtol`.

    Raises
    ------
    ValueError
        For parameters out of range.
    """
    if not isinstance(n_shapes, int) or n_shapes < 1:
        raise ValueError(f"n_shapes must be a positive int, got {n_shapes!r}.")
    if not rtol > 0:
        raise ValueError(f"rtol must be positive, got {rtol!r}.")
    rows = []
    for identity in catalogue(group, layout=layout):
        # Of its own, so that one identity's result does not depend on which others are tried.
        rng = np.random.default_rng([seed, *identity.name.encode()])
        error = 0.0
        for sizes in _shapes(identity, n_shapes, rng):
            for is_complex in (False, True) if identity.holds_complex else (False,):
                # NaN counts as the largest.
                error = float(
                    np.maximum(error, _error(identity, draw(identity, sizes, rng, is_complex)))
                )
        rows.append(
            Verified(
                *identity[:4], n_shapes, identity.holds_complex, error, bool(error <= rtol)
            )
        )  # fmt: skip
    return Verification(rows)


def _shapes(identity: Identity, n_shapes: int, rng: np.random.Generator) -> list[dict[str, int]]:
    """Draw lengths for an identity's sizes, no two times the same."""
    names = sorted({n for shape in identity.sizes.values() for n in shape})
    largest = max(LARGEST_SIZE, n_shapes)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < n_shapes:
        found[tuple(int(n) for n in rng.integers(1, largest + 1, len(names)))] = None
    return [dict(zip(names, lengths, strict=True)) for lengths in found]


def _error(identity: Identity, inputs: dict[str, Any]) -> float:
    expected = np.asarray(identity.by_numbers(**inputs))
    forms = [identity.closed_form, identity.by_autodiff]
    if identity.second_form is not None:
        forms.append(identity.second_form)
    scale = float(np.max(np.abs(expected), initial=0.0)) or 1.0
    worst = 0.0
    for form in forms:
        found = np.asarray(form(**inputs))
        if found.shape != expected.shape:
            return np.inf
        worst = float(np.maximum(worst, np.max(np.abs(found - expected), initial=0.0) / scale))
    return worst
