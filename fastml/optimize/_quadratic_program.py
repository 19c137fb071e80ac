"""Quadratic programs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import LinearConstraint, minimize

from fastml.kernels.factorize.blas import one_blas_thread
from fastml.optimize._checks import checked_matrix, checked_vector
from fastml.optimize._kkt import kkt_report
from fastml.optimize._multipliers import Multipliers
from fastml.optimize._polish import estimated, kkt_residual, polished
from fastml.optimize._polyhedron import Polyhedral
from fastml.optimize._problem import dense
from fastml.optimize._smooth import quiet
from fastml.optimize._solution import Ray, Solution

if TYPE_CHECKING:
    from fastml.optimize._cases import KKTCases
    from fastml.optimize._duality import Duality
    from fastml.optimize._explanation import Explanation

__all__ = ["QuadraticProgram"]

# Eigenvalues below this, relative to the largest, are zero.
FLAT = 1e-11
# A point whose residual is below this, relative to the gradient, is a solution.
SOLVED = 1e-6
MOST_INEQUALITIES = 15
OPTIONS = {
    "SLSQP": {"maxiter": 1000, "ftol": 1e-15},
    "trust-constr": {"maxiter": 1000, "gtol": 1e-10, "xtol": 1e-14},
}


class QuadraticProgram(Polyhedral):
    """min x'Q x / 2 + c'x + offset subject to A x <= b, A_eq x = b_eq and lower <= x <= upper.

    Signs of multipliers are those of `fastml.optimize.Multipliers`. All is computed in float64.

    Parameters
    ----------
    Q : array-like of shape (n, n)
        Its symmetric part (Q + Q') / 2 is what counts.
    c : array-like of shape (n,), optional
        0 by default.
    A, b, A_eq, b_eq, bounds, names
        As for `LinearProgram`.
    offset : float, default=0.0
        A constant in the objective.

    Attributes
    ----------
    is_convex : bool
        Whether the objective is convex along the equalities: x'Q x >= 0 wherever A_eq x = 0.

    Raises
    ------
    ValueError
        For arrays whose shapes do not fit, or that hold NaN or infinity.

    Examples
    --------
    >>> from fastml.optimize import QuadraticProgram
    >>> qp = QuadraticProgram([[2, 0], [0, 2]], A=[[0, 1]], b=[-2], names=["x", "y"])
    >>> solution = qp.solve()
    >>> solution.x.tolist(), solution.multipliers.ineq.tolist()
    ([0.0, -2.0], [4.0])
    >>> qp.kkt_cases()
    min x^2 + y^2 subject to y <= -2
    <BLANKLINE>
    case  active   solution       multipliers  KKT
    --------------------------------------------------------------------------
    1     none     x = 0, y = 0   lam = 0      fails: y <= -2 is violated by 2
    2     y <= -2  x = 0, y = -2  lam = 4      holds
    <BLANKLINE>
    Solution: x = 0, y = -2, where f0 = 4 (case 2).
    """

    def __init__(
        self,
        Q: Any,
        c: Any = None,
        A: Any = None,
        b: Any = None,
        A_eq: Any = None,
        b_eq: Any = None,
        bounds: Any = None,
        *,
        offset: float = 0.0,
        names: Sequence[str] | None = None,
    ) -> None:
        Q = np.atleast_2d(dense(Q))
        Q = checked_matrix(Q, "Q", len(Q))
        self.Q = (Q + Q.T) / 2
        n = len(Q)
        self.c = np.zeros(n) if c is None else checked_vector(c, "c", n)
        super().__init__(n, A, b, A_eq, b_eq, bounds, names)
        self.offset = float(checked_vector(offset, "offset", 1)[0])
        self.negative = _negative_curvature(self.Q, dense(self.A_eq))
        self.is_convex = self.negative is None

    def objective(self, x: Any) -> float:
        return float(x @ self.Q @ x / 2 + self.c @ x + self.offset)

    def gradient(self, x: Any) -> Any:
        return self.Q @ x + self.c

    def hessian(self, x: Any, multipliers: Multipliers) -> Any:
        return self.Q

    def dual_function(self, lam: Any = None, nu: Any = None, *, tol: float = 1e-9) -> float:
        """Return the infimum of the Lagrangian over x within the bounds.

        Without bounds that is -r'Q^+ r / 2 - b'lam - b_eq'nu, with r = c + A'lam + A_eq'nu, where
        r is in the range of Q, else -inf. With bounds the infimum is a quadratic program itself.

        Parameters
        ----------
        lam : array-like of shape (n_ineq,), optional
        nu : array-like of shape (n_eq,), optional
            Multipliers; 0 by default.
        tol : float, default=1e-9
            What counts as zero: elements of r outside the range of Q, relative to the largest of
            c, and eigenvalues of Q, relative to the largest.

        Returns
        -------
        float
            NaN where the objective is not convex, and bounds neither leave it without a limit nor
            close a box of up to 7 dimensions.
        """
        given = self.multipliers(lam, nu)
        slope = self.lagrangian_gradient(np.zeros(self.n), given)
        constant = self.offset - self.b @ given.ineq - self.b_eq @ given.eq
        if self.at_lower.size or self.at_upper.size:
            inner = QuadraticProgram(self.Q, slope, bounds=list(self.pairs()))
            return float(inner._least() + constant)
        values, vectors = np.linalg.eigh(self.Q)
        along = vectors.T @ slope
        size = float(np.max(np.abs(values), initial=0.0))
        curved = values > tol * size
        tiny = tol * max(1.0, float(np.max(np.abs(self.c), initial=0.0)))
        if np.any(values < -tol * size) or np.any(np.abs(along[~curved]) > tiny):
            return -np.inf
        return float(constant - np.sum(along[curved] ** 2 / values[curved]) / 2)

    @one_blas_thread()
    def solve(self, x0: Any = None) -> Solution:
        """Solve by SciPy's SLSQP, and trust-constr where that fails; then make it exact.

        Parameters
        ----------
        x0 : array-like of shape (n,), optional
            Where to start; a feasible point by default.

        Returns
        -------
        Solution
            "optimal" with multipliers and a KKT report; "infeasible" with a certificate of Farkas;
            "unbounded" with a feasible point and a ray; "non-convex" with a direction of negative
            curvature, for which see `kkt_cases`; or "not solved".
        """
        start = self.feasible_point()
        if start is None and (certificate := self.farkas()) is not None:
            message = "The constraints contradict each other."
            return Solution(
                "infeasible", message, self.names, value=np.inf, certificate=certificate
            )
        if self.negative is not None:
            return self._not_convex(start, self.negative)
        ray = self.recession(self.c, self.Q)
        if ray is not None:
            message = "The objective has no limit along the ray."
            return Solution("unbounded", message, self.names, start, value=-np.inf, ray=ray)
        start = (np.zeros(self.n) if start is None else start) if x0 is None else self.point(x0)
        return self._minimised(start)

    def _least(self) -> float:
        """Return the least value within bounds; NaN where it is not known."""
        is_box = len(self.at_lower) == len(self.at_upper) == self.n
        if self.negative is not None and is_box and 2 * self.n <= MOST_INEQUALITIES:
            # In a closed box there is a minimum, and it is the best of the KKT points.
            best = self.kkt_cases().solution
            return np.nan if best is None else best.value
        return self.solve().value

    def _not_convex(self, start: Any, d: Any) -> Solution:
        slope = float(self.c @ d) if start is None else float(self.gradient(start) @ d)
        d = -d if slope > 0 else d
        for way in (d, -d):
            directions = np.concatenate([
                self.A @ way, np.abs(self.A_eq @ way), -way[self.at_lower], way[self.at_upper]
            ])  # fmt: skip
            violation = float(np.max(directions, initial=0.0))
            if start is not None and violation <= 1e-9:
                ray = Ray(way, float(self.c @ way), float(way @ self.Q @ way), violation)
                message = "The objective has negative curvature along the ray, and no limit."
                return Solution("unbounded", message, self.names, start, value=-np.inf, ray=ray)
        ray = Ray(d, float(self.c @ d), float(d @ self.Q @ d), np.inf)
        message = (
            "The objective has negative curvature along the ray; a point that satisfies the KKT "
            "conditions need not be a minimum. kkt_cases() finds them all."
        )
        return Solution("non-convex", message, self.names, ray=ray)

    def _minimised(self, start: Any) -> Solution:
        rows = []
        if self.n_ineq:
            rows.append(LinearConstraint(dense(self.A), -np.inf, self.b))
        if self.n_eq:
            rows.append(LinearConstraint(dense(self.A_eq), self.b_eq, self.b_eq))
        best, message = None, ""
        for method in ("SLSQP", "trust-constr"):
            hess = {"hess": lambda x: self.Q} if method == "trust-constr" else {}
            with quiet():
                found = minimize(
                    lambda x: x @ self.Q @ x / 2 + self.c @ x, start, jac=self.gradient, **hess,
                    method=method, bounds=self.pairs(), constraints=rows, options=OPTIONS[method],
                )  # fmt: skip
            message = str(found.message)
            if not np.all(np.isfinite(found.x)):
                continue
            x, given = polished(self, found.x, estimated(self, found.x))
            residual = kkt_residual(self, x, given)
            if best is None or residual < best[0]:
                best = residual, x, given
            if residual <= SOLVED * max(1.0, float(np.max(np.abs(self.gradient(x))))):
                break
        if best is None:
            return Solution("not solved", message, self.names)
        _, x, given = best
        report = kkt_report(
            self, x, given.ineq, given.eq, lower=given.lower, upper=given.upper, gap=False
        )
        if not report.holds:
            return Solution("not solved", message, self.names, x, report=report)
        message = "The KKT conditions hold, which for a convex problem makes it a minimum."
        return Solution("optimal", message, self.names, x, self.objective(x), given, report)

    def kkt_cases(self, tol: float = 1e-9) -> "KKTCases":
        """Return the table of KKT cases, one for each set of active inequalities.

        Parameters
        ----------
        tol : float, default=1e-9
            What counts as zero, relative to the sizes of the numbers.

        Returns
        -------
        KKTCases

        Raises
        ------
        ValueError
            For more than 15 inequalities, bounds counted among them: 2^15 cases are enough.
        """
        from fastml.optimize._cases import kkt_cases

        n_ineq = self.n_ineq + len(self.at_lower) + len(self.at_upper)
        if n_ineq > MOST_INEQUALITIES:
            raise ValueError(
                f"kkt_cases takes up to {MOST_INEQUALITIES} inequalities, bounds among them, got "
                f"{n_ineq}."
            )
        return kkt_cases(self, tol)

    def with_rows(self) -> "QuadraticProgram":
        """Return the same program with its bounds as rows of A: first lower, then upper ones."""
        eye = np.eye(self.n)
        A = np.vstack([dense(self.A), -eye[self.at_lower], eye[self.at_upper]])
        b = np.concatenate([self.b, -self.lower[self.at_lower], self.upper[self.at_upper]])
        return QuadraticProgram(
            self.Q, self.c, A, b, self.A_eq, self.b_eq, offset=self.offset, names=self.names
        )

    def duality(self) -> "Duality":
        """Compare the values of the program and its dual; see `fastml.optimize.Duality`."""
        from fastml.optimize._duality import quadratic_duality

        return quadratic_duality(self)

    def explain(self) -> "Explanation":
        """Derive the dual, step by step, in text, LaTeX and HTML."""
        from fastml.optimize._explain import explain_quadratic

        return explain_quadratic(self)

    def __repr__(self) -> str:
        return (
            f"QuadraticProgram({self.n} variables, {self.n_ineq} inequalities, "
            f"{self.n_eq} equalities)"
        )


def _negative_curvature(Q: Any, A_eq: Any) -> Any:
    """Return a direction d with A_eq d = 0 and d'Qd < 0, of largest element 1; or None."""
    basis = np.eye(len(Q))
    if len(A_eq):
        _, values, rows = np.linalg.svd(A_eq)
        rank = int(np.sum(values > FLAT * np.max(values, initial=0.0)))
        basis = rows[rank:].T
    if not basis.shape[1]:
        return None
    values, vectors = np.linalg.eigh(basis.T @ Q @ basis)
    if values[0] >= -FLAT * max(float(np.max(np.abs(Q))), np.finfo(float).tiny):
        return None
    d = basis @ vectors[:, 0]
    d = d / d[np.argmax(np.abs(d))]
    d[np.abs(d) < 1e-14] = 0
    return d
