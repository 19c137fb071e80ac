"""What solving a problem came to."""

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastml.optimize._multipliers import Multipliers
from fastml.optimize._text import number, point

if TYPE_CHECKING:
    from fastml.optimize._kkt import KKTReport

__all__ = ["Farkas", "Ray", "Solution"]


@dataclass(frozen=True, eq=False)
class Farkas:
    """A proof that linear constraints contradict each other.

    With multipliers lam, lower, upper >= 0 and any nu, the sum of the constraints reads
    0 <= `right_side`, which is negative.

    Attributes
    ----------
    multipliers : Multipliers
        The largest of them is 1.
    left_side : ndarray of shape (n,)
        A'lam + A_eq'nu - lower + upper; 0 but for rounding.
    right_side : float
        b'lam + b_eq'nu - l'lower + u'upper.
    """

    multipliers: Multipliers
    left_side: Any
    right_side: float

    def holds(self, tol: float = 1e-8) -> bool:
        """Return whether signs and left side are right up to `tol`, and the right side below it."""
        zero = float(np.max(np.abs(self.left_side), initial=0.0))
        return self.multipliers.smallest >= -tol and zero <= tol and self.right_side < -tol


@dataclass(frozen=True, eq=False)
class Ray:
    """A direction along which the objective falls.

    Attributes
    ----------
    direction : ndarray of shape (n,)
        Its largest element is 1 or -1.
    slope : float
        Change of the objective's linear part per unit of length; negative where it is unbounded.
    curvature : float
        d'Qd; 0 for a linear objective, negative where a quadratic one is not convex.
    violation : float
        By how much going along it would in the long run violate constraints; 0 but for rounding.
        Infinite for a direction that only shows negative curvature.
    """

    direction: Any
    slope: float
    curvature: float
    violation: float

    def holds(self, tol: float = 1e-8) -> bool:
        """Return whether feasible points stay feasible along it while the objective falls."""
        return self.violation <= tol and (self.slope < -tol or self.curvature < -tol)


@dataclass(frozen=True, eq=False)
class Solution:
    """What solving a problem came to.

    Attributes
    ----------
    status : {"optimal", "infeasible", "unbounded", "non-convex", "not solved"}
    message : str
        A sentence about it.
    names : tuple of str
        The variables' names.
    x : ndarray of shape (n,) or None
        The solution; for an unbounded problem a feasible point.
    value : float
        The objective: inf for an infeasible minimisation, -inf for an unbounded one (with the
        other sign where it is maximised); NaN where it is not known.
    multipliers : Multipliers or None
        Of an optimal solution.
    report : KKTReport or None
        The KKT conditions at an optimal solution.
    certificate : Farkas or None
        Of an infeasible problem with linear constraints.
    ray : Ray or None
        Of an unbounded or non-convex problem.
    """

    status: str
    message: str
    names: tuple[str, ...]
    x: Any = None
    value: float = np.nan
    multipliers: Multipliers | None = None
    report: "KKTReport | None" = None
    certificate: Farkas | None = None
    ray: Ray | None = None

    def __str__(self) -> str:
        lines = [f"{self.status}: {self.message}", f"value  {number(self.value)}"]
        if self.x is not None:
            lines.append(f"x      {point(self.names, self.x)}")
        if self.ray is not None:
            lines.append(f"ray    {point(self.names, self.ray.direction)}")
        if self.certificate is not None:
            lines.append(f"proof  0 <= {number(self.certificate.right_side)}")
        if self.multipliers is not None:
            for name, part in zip(("lam", "nu"), self.multipliers.parts, strict=False):
                if part.size:
                    lines.append(f"{name:6} {np.array2string(part, precision=6, threshold=20)}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        report = self.report._repr_html_() if self.report is not None else ""
        return f"<pre>{html.escape(str(self), quote=False)}</pre>{report}"
