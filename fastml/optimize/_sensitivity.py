"""How far right sides and costs may move before a solution of a linear program changes."""

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from fastml.optimize._polyhedron import solved
from fastml.optimize._problem import dense
from fastml.optimize._solution import Solution
from fastml.optimize._text import number

if TYPE_CHECKING:
    from fastml.optimize._linear_program import LinearProgram

__all__ = ["CostRange", "RightSideRange", "Sensitivity", "sensitivity"]

# A multiplier above this is not zero; a slack below it (relative to its side) is none.
ACTIVE = 1e-9


class RightSideRange(NamedTuple):
    """How far one element of b or b_eq may move.

    Attributes
    ----------
    constraint : str
        The row as text.
    b : float
        Its right side.
    low, high : float
        Between these the multipliers stay optimal, and the value changes linearly.
    marginal : float
        Change of the program's value per unit of b.
    left, right : float
        The same just below and just above b: other than `marginal` only where multipliers are not
        unique.
    """

    constraint: str
    b: float
    low: float
    high: float
    marginal: float
    left: float
    right: float


class CostRange(NamedTuple):
    """How far one element of c may move.

    Attributes
    ----------
    variable : str
        Its name.
    c : float
        Its cost.
    low, high : float
        Between these the solution stays optimal.
    x : float
        The variable in the solution: change of the value per unit of c.
    reduced : float
        Change of the value per unit of the variable's bound.
    """

    variable: str
    c: float
    low: float
    high: float
    x: float
    reduced: float


@dataclass(frozen=True)
class Sensitivity:
    """Ranging of a linear program's right sides and costs; made by `LinearProgram.sensitivity`.

    Ranges hold for one number moving alone. They do not depend on a basis: each is the answer of
    two small linear programs, so that at degenerate vertices too they are the true ones.

    Attributes
    ----------
    right_sides : tuple of RightSideRange
        First those of the inequalities, then those of the equalities.
    costs : tuple of CostRange
        One for each variable.
    degenerate : bool
        Whether more constraints are active at the solution than are independent: multipliers may
        not be unique.
    several_solutions : bool
        Whether the multipliers let the solution move: there may be others as good.
    """

    right_sides: tuple[RightSideRange, ...]
    costs: tuple[CostRange, ...]
    degenerate: bool
    several_solutions: bool

    @property
    def notes(self) -> list[str]:
        """What there is to know beside the ranges."""
        notes = []
        if self.degenerate:
            notes.append(
                "Degenerate: more constraints are active than are independent. Marginals may "
                "differ to the left and to the right of b."
            )
        if self.several_solutions:
            notes.append("Other solutions may be as good as this one.")
        return notes

    def _tables(self) -> tuple[list[list[str]], list[list[str]]]:
        rows = [["constraint", "b", "from", "to", "marginal"]]
        rows[0] += ["left", "right"] * self.degenerate
        for r in self.right_sides:
            line = [r.constraint, *map(number, (r.b, r.low, r.high, r.marginal))]
            rows.append(line + [number(r.left), number(r.right)] * self.degenerate)
        columns = [["variable", "c", "from", "to", "x", "reduced cost"]]
        for v in self.costs:
            columns.append([v.variable, *map(number, (v.c, v.low, v.high, v.x, v.reduced))])
        return rows, columns

    def __str__(self) -> str:
        parts = [*map(_as_text, self._tables())]
        return "\n\n".join([*parts, "\n".join(self.notes)] if self.notes else parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = []
        for table in self._tables():
            body = [
                "".join(f"<{tag}>{html.escape(cell, quote=False)}</{tag}>" for cell in line)
                for tag, line in zip(["th"] + ["td"] * len(table), table, strict=False)
            ]
            parts.append("<table>" + "".join(f"<tr>{row}</tr>" for row in body) + "</table>")
        return f"<div>{''.join(parts)}{''.join(f'<p>{note}</p>' for note in self.notes)}</div>"


def sensitivity(lp: "LinearProgram", solution: Solution) -> Sensitivity:
    """Compute the ranges; see `LinearProgram.sensitivity`."""
    if solution.status != "optimal" or solution.multipliers is None:
        raise ValueError(f"Only an optimal solution has ranges; this one is {solution.status}.")
    x, given = solution.x, solution.multipliers
    active = lp.stacked(x) >= -ACTIVE * lp.stacked_scale()
    positive = lp.stack(given) > ACTIVE * max(1.0, float(np.max(np.abs(lp.c), initial=0.0)))
    gradients = np.vstack([lp.stacked_jacobian(x), dense(lp.eq_jacobian(x))])
    is_eq = np.arange(len(gradients)) >= len(active)
    binding, forced = np.append(active, is_eq[is_eq]), np.append(positive, is_eq[is_eq])
    degenerate = _rank(gradients[binding]) < int(np.sum(binding))
    several = _rank(gradients[forced]) < lp.n
    rows = _right_sides(lp, solution, gradients, forced, is_eq, binding if degenerate else None)
    costs = _costs(lp, solution, gradients[binding], is_eq[binding])
    return Sensitivity(tuple(rows), tuple(costs), degenerate, several)


def _right_sides(
    lp: "LinearProgram", solution: Solution, gradients: Any, forced: Any, is_eq: Any, face: Any
) -> list[RightSideRange]:
    """Move one right side while the multipliers stay: those above zero keep their rows active."""
    multipliers = solution.multipliers
    assert multipliers is not None
    stacked = lp.stacked(solution.x)
    sides = np.append(gradients[: len(stacked)] @ solution.x - stacked, lp.b_eq)
    places = [*range(lp.n_ineq), *range(len(stacked), len(gradients))]
    texts = [*lp.ineq_texts(), *lp.eq_texts()]
    found = []
    for place, text, y in zip(places, texts, [*multipliers.ineq, *multipliers.eq], strict=True):
        column = np.zeros((len(gradients), 1))
        column[place] = -1
        rows = np.hstack([gradients, column])
        low, high = _extremes(
            rows[~forced], sides[~forced], rows[forced], sides[forced], lp.n,
            [(None, None)] * (lp.n + 1),
        )  # fmt: skip
        right = left = y
        if face is not None:
            # Of all optimal multipliers, the least and the greatest.
            index = int(np.sum(face[:place]))
            right, left = (y, y) if not face[place] else _extremes(
                None, None, gradients[face].T, -lp.gradient(solution.x), index,
                [(None, None) if free else (0, None) for free in is_eq[face]],
            )  # fmt: skip
        b = float(sides[place])
        slopes = (float(-lp.sign * value) + 0.0 for value in (y, left, right))
        found.append(RightSideRange(text, b, b + low, b + high, *slopes))
    return found


def _costs(lp: "LinearProgram", solution: Solution, gradients: Any, is_eq: Any) -> list[CostRange]:
    """Move one cost while the solution stays: active constraints must balance the gradient."""
    assert solution.multipliers is not None
    bounds = [(None, None) if free else (0, None) for free in is_eq] + [(None, None)]
    reduced = lp.sign * (solution.multipliers.lower - solution.multipliers.upper)
    found = []
    for j in range(lp.n):
        column = np.zeros((lp.n, 1))
        column[j] = lp.sign
        rows = np.hstack([gradients.T, column])
        low, high = _extremes(None, None, rows, -lp.gradient(solution.x), rows.shape[1] - 1, bounds)
        c = float(lp.c[j])
        found.append(CostRange(lp.names[j], c, c + low, c + high,
                               float(solution.x[j]), float(reduced[j])))  # fmt: skip
    return found


def _extremes(A: Any, b: Any, A_eq: Any, b_eq: Any, index: int, bounds: Any) -> tuple[float, float]:
    """Return the least and the greatest value of one variable."""
    c = np.zeros(len(bounds))
    ends = []
    for sign in (1.0, -1.0):
        c[index] = sign
        made = solved(
            c, None if A is None else sp.csr_array(A), b, sp.csr_array(A_eq), b_eq, bounds
        )
        ends.append(sign * made.fun if made.status == 0 else -sign * np.inf)
    return float(ends[0]), float(ends[1])


def _rank(rows: Any) -> int:
    return int(np.linalg.matrix_rank(rows)) if rows.size else 0


def _as_text(table: list[list[str]]) -> str:
    widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    lines = [
        "  ".join([f"{line[0]:{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(line[1:], widths[1:],
                                                                         strict=True))])
        for line in table
    ]  # fmt: skip
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)
