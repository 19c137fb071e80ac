"""Linear programs, their duals, and what solutions say about them."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from fastml.kernels.factorize.blas import one_blas_thread
from fastml.optimize._checks import checked_vector
from fastml.optimize._kkt import kkt_report
from fastml.optimize._multipliers import Multipliers
from fastml.optimize._polish import polished
from fastml.optimize._polyhedron import Polyhedral, solved
from fastml.optimize._problem import dense
from fastml.optimize._solution import Solution

if TYPE_CHECKING:
    from fastml.optimize._duality import Duality
    from fastml.optimize._explanation import Explanation
    from fastml.optimize._sensitivity import Sensitivity

__all__ = ["LinearProgram"]


class LinearProgram(Polyhedral):
    """min c'x + offset subject to A x <= b, A_eq x = b_eq and lower <= x <= upper.

    Unlike in `scipy.optimize.linprog`, variables are free unless bounds are given. Signs of
    multipliers are those of `fastml.optimize.Multipliers`. All is computed in float64.

    Parameters
    ----------
    c : array-like of shape (n,)
        The objective.
    A : array-like or sparse matrix of shape (n_ineq, n), optional
        Rows of the inequalities.
    b : array-like of shape (n_ineq,), optional
        Their right sides.
    A_eq : array-like or sparse matrix of shape (n_eq, n), optional
        Rows of the equalities.
    b_eq : array-like of shape (n_eq,), optional
        Their right sides.
    bounds : None, pair, sequence of n pairs, or scipy.optimize.Bounds, default=None
        Lower and upper bounds, for all variables or for each; None or infinite where there is
        none.
    maximize : bool, default=False
        Whether to maximise; multipliers are then those of minimising -c'x.
    offset : float, default=0.0
        A constant in the objective.
    names : sequence of n str, optional
        What the variables are called; x1, x2, ... by default.

    Raises
    ------
    ValueError
        For arrays whose shapes do not fit, or that hold NaN or infinity.

    Examples
    --------
    >>> from fastml.optimize import LinearProgram
    >>> lp = LinearProgram([-3, -5], [[1, 0], [0, 2], [3, 2]], [4, 12, 18], bounds=(0, None))
    >>> solution = lp.solve()
    >>> solution.x.tolist(), solution.value
    ([2.0, 6.0], -36.0)
    >>> solution.multipliers.ineq.tolist()
    [0.0, 1.5, 1.0]
    >>> lp.dual().solve().value
    -36.0
    """

    def __init__(
        self,
        c: Any,
        A: Any = None,
        b: Any = None,
        A_eq: Any = None,
        b_eq: Any = None,
        bounds: Any = None,
        *,
        maximize: bool = False,
        offset: float = 0.0,
        names: Sequence[str] | None = None,
    ) -> None:
        self.c = checked_vector(c, "c")
        super().__init__(len(self.c), A, b, A_eq, b_eq, bounds, names)
        self.maximize = bool(maximize)
        self.offset = float(checked_vector(offset, "offset", 1)[0])
        self.sign = -1.0 if maximize else 1.0

    @classmethod
    def from_file(cls, path: "str | os.PathLike[str]") -> "LinearProgram":
        """Read a linear program in MPS or LP format, which HiGHS parses.

        Parameters
        ----------
        path : path
            Its name ends in .mps or .lp.

        Returns
        -------
        LinearProgram
            A row with two finite sides becomes two inequalities; rows a'x >= b become
            -a'x <= -b.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If HiGHS cannot read it, or variables are to be integers.
        ImportError
            Without highspy, where SciPy is older than 1.15.
        """
        from fastml.optimize._files import read

        return cls(**read(path))

    def objective(self, x: Any) -> float:
        return float(self.sign * (self.c @ x + self.offset))

    def gradient(self, x: Any) -> Any:
        return self.sign * self.c

    def hessian(self, x: Any, multipliers: Multipliers) -> Any:
        return np.zeros((self.n, self.n))

    def dual_function(self, lam: Any = None, nu: Any = None, *, tol: float = 1e-9) -> float:
        """Return the infimum of the Lagrangian over x within the bounds.

        Without bounds that is -b'lam - b_eq'nu where c + A'lam + A_eq'nu = 0, else -inf. The
        objective is the one that is minimised: -c'x, if the program maximises.

        Parameters
        ----------
        lam : array-like of shape (n_ineq,), optional
        nu : array-like of shape (n_eq,), optional
            Multipliers; 0 by default.
        tol : float, default=1e-9
            What counts as zero in the equation, relative to the largest element of c.

        Returns
        -------
        float
        """
        given = self.multipliers(lam, nu)
        slope = self.lagrangian_gradient(np.zeros(self.n), given)
        tiny = tol * max(1.0, float(np.max(np.abs(self.c), initial=0.0)))
        sides = np.where(slope > 0, self.lower, self.upper)
        if np.any(np.abs(slope[~np.isfinite(sides)]) > tiny):
            return -np.inf
        inside = np.isfinite(sides)
        least = slope[inside] @ sides[inside]
        return float(least - self.b @ given.ineq - self.b_eq @ given.eq + self.sign * self.offset)

    @one_blas_thread()
    def solve(self) -> Solution:
        """Solve by HiGHS, through `scipy.optimize.linprog`.

        Returns
        -------
        Solution
            "optimal" with multipliers and a KKT report; "infeasible" with a certificate of Farkas;
            "unbounded" with a feasible point and a ray; or "not solved" with SciPy's message.
        """
        found = solved(self.sign * self.c, self.A, self.b, self.A_eq, self.b_eq, self.pairs())
        if found.status == 0:
            return self._optimal(found)
        # HiGHS may stop at "infeasible or unbounded": the proofs decide.
        certificate = self.farkas()
        if certificate is not None:
            message = "The constraints contradict each other."
            value = self.sign * np.inf
            return Solution("infeasible", message, self.names, value=value, certificate=certificate)
        ray, x = self.recession(self.sign * self.c), self.feasible_point()
        if ray is not None and x is not None:
            message = "The objective has no limit along the ray."
            return Solution("unbounded", message, self.names, x, value=-self.sign * np.inf, ray=ray)
        return Solution("not solved", str(found.message), self.names)

    def _optimal(self, found: Any) -> Solution:
        multipliers = Multipliers(
            np.maximum(-found.ineqlin.marginals, 0), -found.eqlin.marginals,
            np.maximum(found.lower.marginals, 0), np.maximum(-found.upper.marginals, 0),
        )  # fmt: skip
        x, multipliers = polished(self, found.x, multipliers)
        report = kkt_report(
            self, x, multipliers.ineq, multipliers.eq, lower=multipliers.lower,
            upper=multipliers.upper,
        )  # fmt: skip
        value = self.sign * self.objective(x)
        message = "A vertex, or a point between vertices, where no objective is better."
        return Solution("optimal", message, self.names, x, value, multipliers, report)

    def canonical(self) -> "LinearProgram":
        """Return the same program with no other bounds than x_j >= 0.

        Other bounds become rows of A: first x_j >= l_j as -x_j <= -l_j, then x_j <= u_j.
        """
        positive = self.lower == 0
        low = np.flatnonzero(np.isfinite(self.lower) & ~positive)
        eye = sp.eye_array(self.n, format="csr") if sp.issparse(self.A) else np.eye(self.n)
        A = _stack(self.A, -eye[low], eye[self.at_upper])
        b = np.concatenate([self.b, -self.lower[low], self.upper[self.at_upper]])
        bounds = [(0, None) if yes else (None, None) for yes in positive]
        return LinearProgram(
            self.c, A, b, self.A_eq, self.b_eq, bounds,
            maximize=self.maximize, offset=self.offset, names=self.names,
        )  # fmt: skip

    def dual(self) -> "LinearProgram":
        """Return the dual program, again a `LinearProgram`.

        Of min c'x, with A x <= b and A_eq x = b_eq, where x = (x_P, x_F) with x_P >= 0 and x_F
        free, the dual is

            max -b'lam - b_eq'nu   subject to  -(A'lam + A_eq'nu)_P <= c_P,
                                               -(A'lam + A_eq'nu)_F = c_F,  lam >= 0, nu free;

        its variables are (lam, nu). The dual of a program that maximises minimises. Other bounds
        are made rows of A before (see `canonical`), whose multipliers stand behind those of A.

        The dual of the dual is the canonical primal: the same arrays, with the columns of
        non-negative variables before those of free ones, both in their order, and no signs
        changed.

        Returns
        -------
        LinearProgram
            Its value is the primal's, if one of them has a solution.
        """
        p = self.canonical()
        positive = p.lower == 0
        columns = _stack(p.A, p.A_eq).T
        lam, nu = _dual_names(p.n_ineq, p.n_eq)
        slope = self.sign * p.c
        c = -self.sign * np.concatenate([p.b, p.b_eq])
        return LinearProgram(
            c, -columns[positive], slope[positive], -columns[~positive], slope[~positive],
            [(0, None)] * p.n_ineq + [(None, None)] * p.n_eq,
            maximize=not self.maximize, offset=self.offset, names=[*lam, *nu],
        )  # fmt: skip

    def duality(self) -> "Duality":
        """Compare the values of the program and its dual; see `fastml.optimize.Duality`."""
        from fastml.optimize._duality import linear_duality

        return linear_duality(self)

    @one_blas_thread()
    def sensitivity(self, solution: Solution | None = None) -> "Sensitivity":
        """Return how far b and c may move; see `fastml.optimize.Sensitivity`.

        It takes two linear programs for each row and each variable, with dense rows: seconds for
        a hundred of them.

        Parameters
        ----------
        solution : Solution, optional
            What `solve` returned; solved again by default.

        Raises
        ------
        ValueError
            If there is no optimal solution.
        """
        from fastml.optimize._sensitivity import sensitivity

        return sensitivity(self, self.solve() if solution is None else solution)

    def explain(self) -> "Explanation":
        """Derive the dual, step by step, in text, LaTeX and HTML."""
        from fastml.optimize._explain import explain_linear

        return explain_linear(self)

    def __repr__(self) -> str:
        kind = "max" if self.maximize else "min"
        return (
            f"LinearProgram({kind}, {self.n} variables, {self.n_ineq} inequalities, "
            f"{self.n_eq} equalities)"
        )


def _stack(*blocks: Any) -> Any:
    if any(sp.issparse(block) for block in blocks):
        return sp.vstack([sp.csr_array(block) for block in blocks], format="csr")
    return np.vstack([dense(block) for block in blocks])


def _dual_names(n_ineq: int, n_eq: int) -> tuple[list[str], list[str]]:
    return [f"lam{i + 1}" for i in range(n_ineq)], [f"nu{j + 1}" for j in range(n_eq)]
