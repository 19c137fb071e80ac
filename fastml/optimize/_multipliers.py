"""Lagrange multipliers, and the one sign convention of this package."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Multipliers"]


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Multipliers of a problem's constraints.

    The convention: the problem is min f0(x) subject to f_i(x) <= 0, h_j(x) = 0 and
    lower <= x <= upper, its Lagrangian

        L = f0 + sum lam_i f_i + sum nu_j h_j + sum lower_k (l_k - x_k) + sum upper_k (x_k - u_k),

    and at a minimum lam, lower and upper are >= 0. Rows A x <= b are f = A x - b, rows
    A_eq x = b_eq are h = A_eq x - b_eq. A problem that maximises is the one that minimises -f0.

    Attributes
    ----------
    ineq : ndarray of shape (n_inequalities,)
        lam.
    eq : ndarray of shape (n_equalities,)
        nu.
    lower, upper : ndarray of shape (n_variables,)
        Those of the bounds; 0 where there is none.
    """

    ineq: Any
    eq: Any
    lower: Any
    upper: Any

    def plus(self, other: "Multipliers", factor: float = 1.0) -> "Multipliers":
        """Return the sum with a multiple of others."""
        return Multipliers(*(a + factor * b for a, b in zip(self.parts, other.parts, strict=True)))

    @property
    def parts(self) -> tuple[Any, Any, Any, Any]:
        """The four arrays."""
        return self.ineq, self.eq, self.lower, self.upper

    @property
    def smallest(self) -> float:
        """The least multiplier that ought not to be negative; 0 if there are none."""
        signed = np.concatenate([self.ineq, self.lower, self.upper])
        return float(np.min(signed, initial=0.0))
