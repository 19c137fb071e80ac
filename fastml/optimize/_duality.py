"""Weak and strong duality, and Slater's condition."""

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastml.optimize._solution import Solution
from fastml.optimize._text import number, point

if TYPE_CHECKING:
    from fastml.optimize._linear_program import LinearProgram
    from fastml.optimize._quadratic_program import QuadraticProgram

__all__ = ["Duality", "linear_duality"]


@dataclass(frozen=True, eq=False)
class Duality:
    """The values of a problem and its dual, side by side; made by `duality`.

    Attributes
    ----------
    primal, dual : float
        The least value of the problem and the greatest of its dual (the other way round where the
        problem maximises).
    weak : bool
        Whether the dual's value bounds the primal's, as it always must.
    strong : bool
        Whether the two are equal.
    slater : bool or None
        Whether Slater's condition holds: the problem is convex, and a point satisfies all
        constraints, those that are not linear strictly. None if that is not known.
    reason : str
        A sentence about Slater's condition.
    slater_point : ndarray of shape (n,) or None
        Such a point.
    solution : Solution
        Of the problem.
    """

    primal: float
    dual: float
    weak: bool
    strong: bool
    slater: bool | None
    reason: str
    slater_point: Any
    solution: Solution

    @property
    def gap(self) -> float:
        """Distance of the two values; 0 where both are the same infinity."""
        return 0.0 if self.primal == self.dual else abs(self.primal - self.dual)

    def _rows(self) -> list[tuple[str, str]]:
        words = {True: "yes", False: "no", None: "not known"}
        rows = [
            ("primal value", number(self.primal)),
            ("dual value", number(self.dual)),
            ("weak duality", words[self.weak]),
            ("strong duality", f"{words[self.strong]} (gap {self.gap:.1e})"),
            ("Slater's condition", f"{words[self.slater]}: {self.reason}"),
        ]
        if self.slater_point is not None:
            rows.append(("Slater's point", point(self.solution.names, self.slater_point)))
        return rows

    def __str__(self) -> str:
        return "\n".join(f"{name:19} {text}" for name, text in self._rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th>{name}</th><td>{html.escape(text, quote=False)}</td></tr>"
            for name, text in self._rows()
        )
        return f"<table>{''.join(rows)}</table>"


def compared(
    solution: Solution,
    primal: float,
    dual: float,
    slater: bool | None,
    reason: str,
    slater_point: Any,
    tol: float,
    sign: float = 1.0,
) -> Duality:
    """Return the comparison of two values."""
    scale = max(1.0, abs(primal) if np.isfinite(primal) else 1.0)
    same = primal == dual
    with np.errstate(invalid="ignore"):
        weak = same or sign * (primal - dual) >= -tol * scale
        strong = same or abs(primal - dual) <= tol * scale
    return Duality(primal, dual, bool(weak), bool(strong), slater, reason, slater_point, solution)


def linear_duality(lp: "LinearProgram", tol: float = 1e-8) -> Duality:
    """Solve a linear program and its dual, apart from each other."""
    solution, dual = lp.solve(), lp.dual().solve()
    x = lp.feasible_point()
    reason = (
        "all constraints are linear, so that any feasible point will do."
        if x is not None
        else "no point is feasible."
    )
    return compared(solution, solution.value, dual.value, x is not None, reason, x, tol, lp.sign)


def quadratic_duality(qp: "QuadraticProgram", tol: float = 1e-8) -> Duality:
    """Solve a quadratic program; take its dual function at the multipliers."""
    solution = qp.solve()
    x = qp.feasible_point()
    if not qp.is_convex:
        slater, reason = False, "the objective is not convex."
    elif x is None:
        slater, reason = False, "no point is feasible."
    else:
        slater, reason = True, "all constraints are linear, so that any feasible point will do."
    dual = -np.inf
    if solution.multipliers is not None:
        dual = qp.dual_function(solution.multipliers.ineq, solution.multipliers.eq)
    elif solution.status == "infeasible":
        # Along the certificate, from any point where it is finite, the dual function has no limit.
        dual = np.inf if qp.is_convex else np.nan
    return compared(solution, solution.value, dual, slater, reason, x, tol)
