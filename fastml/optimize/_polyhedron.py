"""Problems with linear constraints: A x <= b, A_eq x = b_eq and bounds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import OptimizeResult, linprog

from fastml.optimize._checks import checked_rows
from fastml.optimize._multipliers import Multipliers
from fastml.optimize._problem import Problem
from fastml.optimize._solution import Farkas, Ray
from fastml.optimize._text import MOST_TERMS, linear, number

__all__ = ["Polyhedral", "solved"]

# What HiGHS is asked for; a vertex is exact but for rounding whatever its tolerance.
HIGHS = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
# Slopes closer to zero than this, in directions of largest element 1, prove nothing.
TINY = 1e-9


class Polyhedral(Problem):
    """A problem with linear constraints.

    Attributes
    ----------
    A, A_eq : ndarray, or CSR array if given sparse
        Rows of the inequalities and of the equalities.
    b, b_eq : ndarray
        Their right sides.
    """

    def __init__(
        self,
        n: int,
        A: Any,
        b: Any,
        A_eq: Any,
        b_eq: Any,
        bounds: Any,
        names: Sequence[str] | None,
    ) -> None:
        super().__init__(n, bounds, names)
        self.A, self.b = checked_rows(A, b, ("A", "b"), n)
        self.A_eq, self.b_eq = checked_rows(A_eq, b_eq, ("A_eq", "b_eq"), n)

    @property
    def n_ineq(self) -> int:
        return len(self.b)

    @property
    def n_eq(self) -> int:
        return len(self.b_eq)

    def ineq(self, x: Any) -> Any:
        return self.A @ x - self.b

    def eq(self, x: Any) -> Any:
        return self.A_eq @ x - self.b_eq

    def ineq_jacobian(self, x: Any) -> Any:
        return self.A

    def eq_jacobian(self, x: Any) -> Any:
        return self.A_eq

    def ineq_scale(self) -> Any:
        return np.maximum(1, np.abs(self.b))

    def eq_scale(self) -> Any:
        return np.maximum(1, np.abs(self.b_eq))

    def ineq_texts(self) -> list[str]:
        return _row_texts(self.A, self.b, "<=", "row", self.names)

    def eq_texts(self) -> list[str]:
        return _row_texts(self.A_eq, self.b_eq, "=", "equality", self.names)

    def farkas(self) -> Farkas | None:
        """Return a proof that no point satisfies the constraints; None if there is none.

        References
        ----------
        J. Farkas, "Theorie der einfachen Ungleichungen", Journal fuer die reine und angewandte
        Mathematik 124, 1902.
        """
        low, high = self.at_lower, self.at_upper
        p, n = self.n_eq, self.n
        eye = sp.eye_array(n, format="csc")
        rows = sp.hstack([sp.csr_array(self.A).T, -eye[:, low], eye[:, high],
                          sp.csr_array(self.A_eq).T], format="csr")  # fmt: skip
        right = np.concatenate([self.b, -self.lower[low], self.upper[high], self.b_eq])
        k = len(right) - p
        if not len(right):
            return None
        bounds = [(0, 1)] * k + [(-1, 1)] * p
        found = solved(right, None, None, rows, np.zeros(n), bounds)
        if found.status != 0 or not found.fun < -TINY:
            return None
        y = found.x / np.max(np.abs(found.x))
        # Zero but for rounding is zero; what bounds contribute then closes the sum.
        y[np.abs(y) < 1e-12] = 0
        made = self.unstack(y[:k], y[k:])
        left = self.A.T @ made.ineq + self.A_eq.T @ made.eq
        lower = np.where(np.isfinite(self.lower), np.maximum(left, 0), 0)
        upper = np.where(np.isfinite(self.upper), np.maximum(-left, 0), 0)
        if not np.any(made.ineq) and not np.any(made.eq):
            lower, upper = made.lower, made.upper
        exact = Multipliers(made.ineq, made.eq, lower, upper)
        value = self.b @ exact.ineq + self.b_eq @ exact.eq
        value += self.upper[high] @ upper[high] - self.lower[low] @ lower[low]
        return Farkas(exact, left - lower + upper, float(value))

    def recession(self, slope: Any, flat: Any = None) -> Ray | None:
        """Return a direction that keeps feasible points feasible while slope'x falls.

        Parameters
        ----------
        slope : ndarray of shape (n,)
        flat : matrix of n columns, optional
            The direction d must have ``flat @ d = 0``.

        Returns
        -------
        Ray or None
        """
        zero = (
            self.A_eq if flat is None else sp.vstack([sp.csr_array(self.A_eq), sp.csr_array(flat)])
        )
        bounds = np.column_stack([
            np.where(np.isfinite(self.lower), 0, -1), np.where(np.isfinite(self.upper), 0, 1)
        ])  # fmt: skip
        found = solved(slope, self.A, np.zeros(self.n_ineq), zero, np.zeros(zero.shape[0]), bounds)
        if found.status != 0 or not found.fun < -TINY:
            return None
        d = found.x / np.max(np.abs(found.x))
        violation = np.concatenate([self.A @ d, np.abs(zero @ d)])
        return Ray(d, float(slope @ d), 0.0, float(np.max(violation, initial=0.0)))

    def feasible_point(self) -> Any:
        """Return a point that satisfies the constraints, or None."""
        found = solved(np.zeros(self.n), self.A, self.b, self.A_eq, self.b_eq, self.pairs())
        return found.x if found.status == 0 else None

    def pairs(self) -> Any:
        """Return the bounds as linprog takes them."""
        return np.column_stack([self.lower, self.upper])


def solved(c: Any, A: Any, b: Any, A_eq: Any, b_eq: Any, bounds: Any) -> OptimizeResult:
    """Solve a linear program by HiGHS."""
    if not len(c):
        return _without_variables(b, b_eq)
    A, b = (None, None) if A is None or A.shape[0] == 0 else (A, b)
    A_eq, b_eq = (None, None) if A_eq is None or A_eq.shape[0] == 0 else (A_eq, b_eq)
    return linprog(c, A, b, A_eq, b_eq, bounds, method="highs", options=HIGHS)


def _without_variables(b: Any, b_eq: Any) -> OptimizeResult:
    """Return what linprog does not take: duals of programs without rows have no variables."""
    b, b_eq, none = (np.zeros(0) if v is None else v for v in (b, b_eq, None))
    holds = np.all(b >= -TINY) and np.all(np.abs(b_eq) <= TINY)
    marginals = {
        name: OptimizeResult(marginals=np.zeros(len(v)))
        for name, v in (("ineqlin", b), ("eqlin", b_eq), ("lower", none), ("upper", none))
    }
    return OptimizeResult(
        x=none, fun=0.0, status=0 if holds else 2, message="There are no variables.", **marginals
    )


def _row_texts(A: Any, b: Any, sign: str, kind: str, names: Sequence[str]) -> list[str]:
    texts = []
    for i in range(len(b)):
        row = A[[i]].toarray()[0] if sp.issparse(A) else A[i]
        if np.count_nonzero(row) > MOST_TERMS:
            texts.append(f"{kind} {i + 1}")
        else:
            texts.append(f"{linear(row, names)} {sign} {number(b[i])}")
    return texts
