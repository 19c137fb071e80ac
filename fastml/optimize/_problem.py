"""What all constrained problems have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastml.optimize._checks import checked_bounds, checked_names, checked_vector
from fastml.optimize._multipliers import Multipliers
from fastml.optimize._text import number

if TYPE_CHECKING:
    from fastml.optimize._explanation import Explanation
    from fastml.optimize._kkt import KKTReport
    from fastml.optimize._solution import Solution

__all__ = ["Problem"]


class Problem(ABC):
    """min f0(x) subject to f_i(x) <= 0, h_j(x) = 0 and lower <= x <= upper.

    Attributes
    ----------
    n : int
        Number of variables.
    names : tuple of str
        What they are called.
    lower, upper : ndarray of shape (n,)
        Bounds, infinite where there are none.
    """

    def __init__(self, n: int, bounds: Any, names: Sequence[str] | None) -> None:
        self.n = n
        self.lower, self.upper = checked_bounds(bounds, n)
        self.names = checked_names(names, n)
        self.at_lower = np.flatnonzero(np.isfinite(self.lower))
        self.at_upper = np.flatnonzero(np.isfinite(self.upper))

    # What a kind of problem says about itself.

    @abstractmethod
    def objective(self, x: Any) -> float:
        """Return f0(x), the function that is minimised."""

    @abstractmethod
    def gradient(self, x: Any) -> Any:
        """Return the gradient of f0, of shape (n,)."""

    @abstractmethod
    def ineq(self, x: Any) -> Any:
        """Return all f_i(x), which ought to be <= 0."""

    @abstractmethod
    def eq(self, x: Any) -> Any:
        """Return all h_j(x), which ought to be 0."""

    @abstractmethod
    def ineq_jacobian(self, x: Any) -> Any:
        """Return the gradients of the f_i as rows."""

    @abstractmethod
    def eq_jacobian(self, x: Any) -> Any:
        """Return the gradients of the h_j as rows."""

    @abstractmethod
    def hessian(self, x: Any, multipliers: Multipliers) -> Any:
        """Return the Hessian of the Lagrangian by x."""

    @abstractmethod
    def dual_function(self, lam: Any = None, nu: Any = None) -> float:
        """Return the infimum of the Lagrangian over x within the bounds."""

    @abstractmethod
    def solve(self) -> "Solution":
        """Solve the problem."""

    @abstractmethod
    def explain(self) -> "Explanation":
        """Derive the dual problem, step by step."""

    @abstractmethod
    def ineq_texts(self) -> list[str]:
        """Return the inequalities as a person writes them."""

    @abstractmethod
    def eq_texts(self) -> list[str]:
        """Return the equalities as a person writes them."""

    @property
    @abstractmethod
    def n_ineq(self) -> int:
        """Number of inequalities, without bounds."""

    @property
    @abstractmethod
    def n_eq(self) -> int:
        """Number of equalities."""

    # Sizes that residuals are relative to.

    def ineq_scale(self) -> Any:
        """Return the size of each inequality."""
        return np.ones(self.n_ineq)

    def eq_scale(self) -> Any:
        """Return the size of each equality."""
        return np.ones(self.n_eq)

    # Inequalities and bounds in one stack.

    def stacked(self, x: Any) -> Any:
        """Return the inequalities, then l - x, then x - u where these bounds are finite."""
        low, high = self.at_lower, self.at_upper
        return np.concatenate([self.ineq(x), self.lower[low] - x[low], x[high] - self.upper[high]])

    def stacked_jacobian(self, x: Any) -> Any:
        """Return the gradients of `stacked` as rows of a dense matrix."""
        eye = np.eye(self.n)
        return np.vstack([dense(self.ineq_jacobian(x)), -eye[self.at_lower], eye[self.at_upper]])

    def stacked_scale(self) -> Any:
        """Return the size of each element of `stacked`."""
        bounds = [self.lower[self.at_lower], self.upper[self.at_upper]]
        return np.concatenate([self.ineq_scale(), *(np.maximum(1, np.abs(b)) for b in bounds)])

    def stacked_texts(self) -> list[str]:
        """Return what is in `stacked` as a person writes it."""
        low = [f"{self.names[j]} >= {number(self.lower[j])}" for j in self.at_lower]
        high = [f"{self.names[j]} <= {number(self.upper[j])}" for j in self.at_upper]
        return [*self.ineq_texts(), *low, *high]

    def stack(self, multipliers: Multipliers) -> Any:
        """Return the multipliers of what is in `stacked`."""
        lower, upper = multipliers.lower[self.at_lower], multipliers.upper[self.at_upper]
        return np.concatenate([multipliers.ineq, lower, upper])

    def unstack(self, stacked: Any, eq: Any) -> Multipliers:
        """Undo `stack`."""
        m, k = self.n_ineq, self.n_ineq + len(self.at_lower)
        lower, upper = np.zeros(self.n), np.zeros(self.n)
        lower[self.at_lower], upper[self.at_upper] = stacked[m:k], stacked[k:]
        return Multipliers(stacked[:m].copy(), np.array(eq, dtype=float), lower, upper)

    # The Lagrangian.

    def multipliers(
        self, lam: Any = None, nu: Any = None, lower: Any = None, upper: Any = None
    ) -> Multipliers:
        """Check multipliers; those left out are 0."""
        sizes = self.n_ineq, self.n_eq, self.n, self.n
        parts = [
            np.zeros(size) if given is None else checked_vector(given, name, size)
            for given, name, size in zip(
                (lam, nu, lower, upper), ("lam", "nu", "lower", "upper"), sizes, strict=True
            )
        ]
        for part, bound, name in ((parts[2], self.lower, "lower"), (parts[3], self.upper, "upper")):
            if np.any(part[~np.isfinite(bound)] != 0):
                raise ValueError(f"{name} must be 0 for variables without that bound.")
        return Multipliers(*parts)

    def point(self, x: Any) -> Any:
        """Check a point."""
        return checked_vector(x, "x", self.n)

    def lagrangian(
        self, x: Any, lam: Any = None, nu: Any = None, *, lower: Any = None, upper: Any = None
    ) -> float:
        """Return L = f0 + sum lam_i f_i + sum nu_j h_j, and the terms of bounds if asked for.

        Parameters
        ----------
        x : array-like of shape (n,)
        lam : array-like of shape (n_ineq,), optional
            Multipliers of the inequalities; 0 by default.
        nu : array-like of shape (n_eq,), optional
            Multipliers of the equalities; 0 by default.
        lower, upper : array-like of shape (n,), optional
            Multipliers of the bounds l - x <= 0 and x - u <= 0; 0 by default.

        Returns
        -------
        float
        """
        x, given = self.point(x), self.multipliers(lam, nu, lower, upper)
        stacked = self.stack(given) @ self.stacked(x)
        return float(self.objective(x) + stacked + given.eq @ self.eq(x))

    def lagrangian_gradient(self, x: Any, multipliers: Multipliers) -> Any:
        """Return the gradient of the Lagrangian by x, the terms of bounds included."""
        lam, nu, lower, upper = multipliers.parts
        by_rows = self.ineq_jacobian(x).T @ lam + self.eq_jacobian(x).T @ nu
        return self.gradient(x) + by_rows - lower + upper

    def completed(self, x: Any, multipliers: Multipliers) -> Multipliers:
        """Return the multipliers with those of bounds that stationarity asks for."""
        lam, nu, _, _ = multipliers.parts
        none = Multipliers(lam, nu, np.zeros(self.n), np.zeros(self.n))
        slope = self.lagrangian_gradient(x, none)
        lower = np.where(np.isfinite(self.lower), np.maximum(slope, 0), 0)
        upper = np.where(np.isfinite(self.upper), np.maximum(-slope, 0), 0)
        return Multipliers(lam, nu, lower, upper)

    def kkt_report(self, x: Any, lam: Any = None, nu: Any = None, **options: Any) -> "KKTReport":
        """Check the KKT conditions; see `fastml.optimize.kkt_report`."""
        from fastml.optimize._kkt import kkt_report

        return kkt_report(self, x, lam, nu, **options)

    def draw(self, ax: Any = None, **options: Any) -> Any:
        """Draw a problem in two variables; see `fastml.optimize.draw`."""
        from fastml.optimize._draw import draw

        return draw(self, ax, **options)

    def draw_dual(self, ax: Any = None, **options: Any) -> Any:
        """Draw the dual function against one multiplier; see `fastml.optimize.draw_dual`."""
        from fastml.optimize._draw import draw_dual

        return draw_dual(self, ax, **options)


def dense(A: Any) -> Any:
    """Return a matrix as an ndarray."""
    return A.toarray() if hasattr(A, "toarray") else A
