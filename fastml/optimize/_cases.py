"""The table of KKT cases that is written by hand: one for each set of active inequalities."""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from fastml.kernels.factorize.blas import one_blas_thread
from fastml.optimize._explain import symbols
from fastml.optimize._polyhedron import solved
from fastml.optimize._problem import dense
from fastml.optimize._text import number, point, quadratic

if TYPE_CHECKING:
    from fastml.optimize._quadratic_program import QuadraticProgram

__all__ = ["KKTCase", "KKTCases", "kkt_cases"]

LONGEST_TEXT = 30
# Of more cases than this, only those are printed that hold.
MOST_PRINTED = 64


@dataclass(frozen=True, eq=False)
class KKTCase:
    """What comes of taking a set of inequalities for active.

    Attributes
    ----------
    active : tuple of int
        Which inequalities are taken as equations; rows of A first, then lower, then upper bounds.
    x : ndarray of shape (n,) or None
        Where the gradient of the Lagrangian is 0 and these hold with equality; None if nowhere.
    lam : ndarray of shape (n_inequalities,) or None
        Multipliers of all inequalities, bounds among them; 0 for those that are not active.
    nu : ndarray of shape (n_eq,) or None
        Multipliers of the equalities.
    value : float
        The objective at x.
    holds : bool
        Whether all KKT conditions hold.
    unique : bool
        Whether the equations have one solution only.
    reasons : tuple of str
        Which conditions fail, and why; where they hold, what is special.
    """

    active: tuple[int, ...]
    x: Any
    lam: Any
    nu: Any
    value: float
    holds: bool
    unique: bool
    reasons: tuple[str, ...]


class KKTCases:
    """All cases of a quadratic program; made by `QuadraticProgram.kkt_cases`.

    Attributes
    ----------
    title : str
        The problem.
    cases : tuple of KKTCase
        Few active inequalities before many.
    solution : KKTCase or None
        The one with the least objective of those that hold: a global minimum, if there is any.
    conclusion : str
        A sentence about it.
    """

    def __init__(self, problem: "QuadraticProgram", cases: list[KKTCase]) -> None:
        objective = quadratic(problem.Q, problem.c, problem.names, problem.offset)
        self._texts, eq_texts = _texts(problem)
        rows = [*self._texts, *eq_texts]
        self.title = f"min {objective}" + f" subject to {', '.join(rows)}" * bool(rows)
        self.cases = tuple(cases)
        holding = [case for case in cases if case.holds]
        self.solution = min(holding, key=lambda case: case.value, default=None)
        self._names = problem.names
        self._lam, self._nu = symbols(problem.with_rows())
        self.conclusion = self._concluded(problem)

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[KKTCase]:
        return iter(self.cases)

    def __getitem__(self, which: int) -> KKTCase:
        return self.cases[which]

    def _concluded(self, problem: "QuadraticProgram") -> str:
        best = self.solution
        if best is None:
            return "No case holds: there is no minimum."
        same = [
            str(i + 1) for i, case in enumerate(self.cases)
            if case.holds and np.allclose(case.x, best.x, rtol=1e-8, atol=1e-8)
        ]  # fmt: skip
        text = f"{point(self._names, best.x)}, where f0 = {number(best.value)}"
        where = f"(case{'s' * (len(same) > 1)} {', '.join(same)})"
        if problem.is_convex:
            return f"Solution: {text} {where}."
        return (
            f"The least of the cases that hold: {text} {where}. The objective is not convex: this "
            "is the minimum only if there is one."
        )

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for i, case in enumerate(self.cases):
            if len(self.cases) > MOST_PRINTED and not case.holds:
                continue
            active = " and ".join(self._texts[k] for k in case.active) or "none"
            found = "none" if case.x is None else point(self._names, case.x)
            multipliers = "" if case.x is None else point(
                [*self._lam, *self._nu], [*case.lam, *case.nu]
            )  # fmt: skip
            verdict = "holds" if case.holds else "fails"
            verdict += ": " * bool(case.reasons) + "; ".join(case.reasons)
            rows.append((str(i + 1), active, found, multipliers, verdict))
        return rows

    def _lines(self) -> tuple[tuple[str, ...], list[tuple[str, ...]], str]:
        rows = self._rows()
        note = f"Shown are {len(rows)} of {len(self)} cases, those that hold."
        titles = ("case", "active", "solution", "multipliers", "KKT")
        return titles, rows, note * (len(rows) < len(self))

    def __str__(self) -> str:
        titles, rows, note = self._lines()
        table = [titles, *rows]
        widths = [max(map(len, cells)) for cells in zip(*table, strict=True)]
        lines = [
            "  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        lines.insert(1, "-" * max(map(len, lines)))
        return "\n".join([self.title, "", *lines, *[note] * bool(note), "", self.conclusion])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        titles, rows, note = self._lines()

        def line(cells: tuple[str, ...], tag: str) -> str:
            made = (f"<{tag}>{html.escape(cell, quote=False)}</{tag}>" for cell in cells)
            return f"<tr>{''.join(made)}</tr>"

        parts = [html.escape(self.title, quote=False)]
        parts.append(f"<table>{line(titles, 'th')}{''.join(line(r, 'td') for r in rows)}</table>")
        parts += [note] * bool(note)
        parts.append(html.escape(self.conclusion, quote=False))
        return f"<div>{''.join(f'<p>{part}</p>' for part in parts)}</div>"


@one_blas_thread()
def kkt_cases(problem: "QuadraticProgram", tol: float) -> KKTCases:
    """Solve the case of each set of active inequalities; see `QuadraticProgram.kkt_cases`."""
    rows = problem.with_rows()
    m = rows.n_ineq
    subsets = (s for size in range(m + 1) for s in combinations(range(m), size))
    texts, _ = _texts(problem)
    return KKTCases(problem, [_case(rows, active, texts, tol) for active in subsets])


def _texts(problem: "QuadraticProgram") -> tuple[list[str], list[str]]:
    """Return the inequalities and the equalities as texts, long ones by their number."""
    groups = ((problem.stacked_texts(), "row"), (problem.eq_texts(), "equality"))
    return tuple(
        [text if len(text) <= LONGEST_TEXT else f"{kind} {i + 1}" for i, text in enumerate(texts)]
        for texts, kind in groups
    )  # type: ignore[return-value]


def _case(qp: "QuadraticProgram", active: tuple[int, ...], texts: list[str], tol: float) -> KKTCase:
    n, k = qp.n, len(active)
    equations = np.vstack([qp.A[list(active)], dense(qp.A_eq)])
    sides = np.concatenate([qp.b[list(active)], qp.b_eq])
    size = float(np.max(np.abs(np.concatenate([qp.c, sides])), initial=1.0))
    if len(sides) and _miss(equations, sides, tol) > 1e3 * tol * size:
        return _without_solution(active, "these cannot all hold with equality")
    system = np.block([[qp.Q, equations.T], [equations, np.zeros((len(equations),) * 2)]])
    right = np.concatenate([-qp.c, sides])
    try:
        found = np.linalg.solve(system, right)
        unique = bool(np.linalg.cond(system, 1) < 1 / tol)
    except np.linalg.LinAlgError:
        unique = False
    if not unique:
        found = np.linalg.lstsq(system, right, rcond=tol)[0]
        if np.max(np.abs(system @ found - right), initial=0.0) > 1e3 * tol * size:
            return _without_solution(active, "nowhere is the gradient of the Lagrangian 0")
        found = _chosen(qp, system, right, k, found)
    found[np.abs(found) < 1e-13 * size] = 0
    x, lam = found[:n], np.zeros(qp.n_ineq)
    lam[list(active)] = found[n : n + k]
    reasons = []
    for i, excess in enumerate(qp.A @ x - qp.b):
        if i not in active and excess > tol * size:
            reasons.append(f"{texts[i]} is violated by {number(excess)}")
    names, _ = symbols(qp)
    for i in active:
        if lam[i] < -tol * size:
            reasons.append(f"{names[i]} = {number(lam[i])} is negative")
    holds = not reasons
    if holds:
        weak = [texts[i] for i in active if abs(lam[i]) <= tol * size]
        if weak:
            reasons.append(f"{' and '.join(weak)} active with multiplier 0")
        if not unique:
            reasons.append("not the only solution of its equations")
    return KKTCase(
        active, x, lam, found[n + k :], qp.objective(x), holds, unique, tuple(reasons)
    )  # fmt: skip


def _without_solution(active: tuple[int, ...], reason: str) -> KKTCase:
    return KKTCase(active, None, None, None, np.nan, False, False, (reason,))


def _miss(rows: Any, right: Any, tol: float) -> float:
    """Return how far equations are from having a solution; 0 if they are not too many."""
    if len(rows) == 1 and np.any(rows):
        return 0.0
    nearest = np.linalg.lstsq(rows, right, rcond=tol)[0]
    return float(np.max(np.abs(rows @ nearest - right)))


def _chosen(qp: "QuadraticProgram", system: Any, right: Any, k: int, found: Any) -> Any:
    """Of many solutions return one that satisfies the inequalities, if one does."""
    n, p = qp.n, qp.n_eq
    rows = np.hstack([qp.A, np.zeros((qp.n_ineq, k + p))])
    bounds = [(None, None)] * n + [(0, None)] * k + [(None, None)] * p
    fits = solved(np.zeros(n + k + p), rows, qp.b, system, right, bounds)
    return fits.x if fits.status == 0 else found
