"""Smooth problems with constraints, given as functions."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import NonlinearConstraint

from fastml import autodiff as ad
from fastml.autodiff import primitives
from fastml.kernels.factorize.blas import one_blas_thread
from fastml.optimize._functions import Function
from fastml.optimize._multipliers import Multipliers
from fastml.optimize._problem import Problem
from fastml.optimize._smooth import minimised
from fastml.optimize._solution import Solution

if TYPE_CHECKING:
    from fastml.optimize._duality import Duality
    from fastml.optimize._explanation import Explanation

__all__ = ["ConstrainedProblem"]


class ConstrainedProblem(Problem):
    """min f0(x) subject to f_i(x) <= 0, h_j(x) = 0 and lower <= x <= upper.

    Signs of multipliers are those of `fastml.optimize.Multipliers`. All is computed in float64.

    Parameters
    ----------
    f0 : callable, or pair of callables
        The objective, a function of an array x of shape (n,), smooth. It is differentiated by
        `fastml.autodiff`, if it is written with operators, NumPy's functions or autodiff's; else
        by its gradient, given as the second of a pair; else by differences.
    ineq : sequence of callables or pairs, default=()
        The f_i. Each may return a vector, for several constraints.
    eq : sequence of callables or pairs, default=()
        The h_j, likewise.
    n : int, optional
        Number of variables; by default that of `names`, or of pairs in `bounds`.
    bounds : None, pair, sequence of n pairs, or scipy.optimize.Bounds, default=None
        As for `LinearProgram`.
    names : sequence of n str, optional
        What the variables are called.

    Attributes
    ----------
    differentiated_by : dict
        For f0, each f_i and each h_j, how it is differentiated: "autodiff", "given" or
        "differences"; None before the first gradient.

    Raises
    ------
    TypeError
        For what is no function.
    ValueError
        If the number of variables is not told.

    Examples
    --------
    >>> from fastml.optimize import ConstrainedProblem
    >>> problem = ConstrainedProblem(
    ...     lambda x: x[0] ** 2 + x[1] ** 2, ineq=[lambda x: x[1] + 2], names=["x", "y"]
    ... )
    >>> solution = problem.solve([1.0, 1.0])
    >>> bool(abs(solution.multipliers.ineq[0] - 4) < 1e-10)
    True
    >>> problem.dual_function([4.0])
    4.0
    """

    def __init__(
        self,
        f0: Any,
        ineq: Sequence[Any] = (),
        eq: Sequence[Any] = (),
        *,
        n: int | None = None,
        bounds: Any = None,
        names: Sequence[str] | None = None,
    ) -> None:
        if n is None:
            if names is not None:
                n = len(names)
            elif bounds is not None and np.ndim(bounds) == 2:
                n = len(bounds)
            else:
                raise ValueError("n must be given, where names or bounds do not tell it.")
        if n < 1:
            raise ValueError(f"n must be 1 or more, got {n}.")
        super().__init__(n, bounds, names)
        self.f0 = Function(f0, "f0")
        self.inequalities = [Function(f, f"ineq[{i}]") for i, f in enumerate(ineq)]
        self.equalities = [Function(h, f"eq[{j}]") for j, h in enumerate(eq)]
        self._sizes: tuple[list[int], list[int]] | None = None
        # Points worth starting from when the Lagrangian is minimised.
        self.known: list[Any] = []

    @property
    def differentiated_by(self) -> dict[str, str | None]:
        """How each function is differentiated."""
        return {f.name: f.by for f in (self.f0, *self.inequalities, *self.equalities)}

    @property
    def sizes(self) -> tuple[list[int], list[int]]:
        """How many values each of the f_i and of the h_j has."""
        if self._sizes is None:
            x = self.inside(np.zeros(self.n))
            with np.errstate(all="ignore"):
                groups = (self.inequalities, self.equalities)
                made = [[len(f(x)) for f in group] for group in groups]
            self._sizes = made[0], made[1]
        return self._sizes

    @property
    def n_ineq(self) -> int:
        return sum(self.sizes[0])

    @property
    def n_eq(self) -> int:
        return sum(self.sizes[1])

    def inside(self, x: Any) -> Any:
        """Return the nearest point within the bounds."""
        return np.clip(x, self.lower, self.upper)

    def objective(self, x: Any) -> float:
        value = self.f0(x)
        if len(value) != 1:
            raise ValueError(f"f0 must return one number, got {len(value)}.")
        return float(value[0])

    def gradient(self, x: Any) -> Any:
        return self.f0.jacobian(x)[0]

    def ineq(self, x: Any) -> Any:
        return np.concatenate([np.zeros(0), *(f(x) for f in self.inequalities)])

    def eq(self, x: Any) -> Any:
        return np.concatenate([np.zeros(0), *(h(x) for h in self.equalities)])

    def ineq_jacobian(self, x: Any) -> Any:
        return np.vstack([np.zeros((0, self.n)), *(f.jacobian(x) for f in self.inequalities)])

    def eq_jacobian(self, x: Any) -> Any:
        return np.vstack([np.zeros((0, self.n)), *(h.jacobian(x) for h in self.equalities)])

    def hessian(self, x: Any, multipliers: Multipliers) -> Any:
        self.lagrangian_gradient(x, multipliers)
        if set(self.differentiated_by.values()) == {"autodiff"}:
            made = ad.hessian(lambda v: self._graph(v, multipliers))(x)
            return (made + made.T) / 2
        step = 1e-5 * max(1.0, float(np.max(np.abs(x))))
        slope = partial(self.lagrangian_gradient, multipliers=multipliers)
        columns = [slope(x + d) - slope(x - d) for d in step * np.eye(self.n)]
        made = np.array(columns) / (2 * step)
        return (made + made.T) / 2

    def _graph(self, x: Any, multipliers: Multipliers) -> Any:
        """Return the Lagrangian without the terms of bounds, which have no curvature."""
        out = primitives.reshape(self.f0.function(x), ())
        groups = (self.inequalities, multipliers.ineq), (self.equalities, multipliers.eq)
        for functions, values in groups:
            start = 0
            for f in functions:
                made = f.graph(x)
                out = out + primitives.sum(made * values[start : start + made.size])
                start += made.size
        return out

    def ineq_texts(self) -> list[str]:
        return [f"{name} <= 0" for name in _labels("f", self.sizes[0])]

    def eq_texts(self) -> list[str]:
        return [f"{name} = 0" for name in _labels("h", self.sizes[1])]

    def dual_function(
        self, lam: Any = None, nu: Any = None, *, starts: int = 4, random_state: int = 0
    ) -> float:
        """Return the infimum of the Lagrangian over x within the bounds, found numerically.

        Where the Lagrangian is not convex in x, what is found from several starts is an upper
        bound of it.

        Parameters
        ----------
        lam : array-like of shape (n_ineq,), optional
        nu : array-like of shape (n_eq,), optional
            Multipliers; 0 by default.
        starts : int, default=4
            Number of random points to start from, beside solutions known already.
        random_state : int, default=0
            Seed of these.

        Returns
        -------
        float
            -inf where the Lagrangian falls below any limit.
        """
        from fastml.optimize._dual import infimum

        return infimum(self, self.multipliers(lam, nu), starts, random_state)[0]

    def constraints(self) -> list[NonlinearConstraint]:
        """Return the constraints as `scipy.optimize.minimize` takes them, without bounds."""
        made = []
        if self.inequalities:
            made.append(NonlinearConstraint(self.ineq, -np.inf, 0.0, jac=self.ineq_jacobian))
        if self.equalities:
            made.append(NonlinearConstraint(self.eq, 0.0, 0.0, jac=self.eq_jacobian))
        return made

    @one_blas_thread()
    def solve(
        self,
        x0: Any = None,
        *,
        method: str | None = None,
        tol: float = 1e-6,
        callback: Callable[[Any], None] | None = None,
    ) -> Solution:
        """Solve by `scipy.optimize.minimize`; then make solution and multipliers exact.

        Parameters
        ----------
        x0 : array-like of shape (n,), optional
            Where to start; 0, or the nearest point within the bounds, by default.
        method : {"SLSQP", "trust-constr"}, optional
            By default SLSQP, and trust-constr where that does not arrive.
        tol : float, default=1e-6
            Up to which residual the KKT conditions must hold.
        callback : callable, optional
            Called with each iterate.

        Returns
        -------
        Solution
            "optimal" where the KKT conditions hold (for a problem that is not convex: perhaps no
            more than a local minimum); "infeasible" where no feasible point was found;
            "unbounded" where the objective fell below -1e15; "not solved" where the conditions
            do not hold, with the report of how.

        Raises
        ------
        ValueError
            For another method, or a start of another shape.
        """
        methods = ("SLSQP", "trust-constr") if method is None else (method,)
        if not set(methods) <= {"SLSQP", "trust-constr"}:
            raise ValueError(f"method must be 'SLSQP' or 'trust-constr', got {method!r}.")
        start = self.inside(np.zeros(self.n) if x0 is None else self.point(x0))
        made = []
        for each in methods:
            made.append(minimised(self, start, each, tol, callback))
            if made[-1].status in ("optimal", "unbounded"):
                break
        order = ("optimal", "unbounded", "not solved", "infeasible")
        best = min(made, key=lambda solution: order.index(solution.status))
        if best.x is not None:
            self.known = [best.x]
        return best

    def duality(self, x0: Any = None, *, tol: float = 1e-6) -> "Duality":
        """Compare the values of the problem and its dual; see `fastml.optimize.Duality`.

        Parameters
        ----------
        x0 : array-like of shape (n,), optional
            Where `solve` starts.
        tol : float, default=1e-6
            Up to which relative difference two values are equal.

        Returns
        -------
        Duality
        """
        from fastml.optimize._dual import constrained_duality

        return constrained_duality(self, x0, tol)

    def explain(self, x: Any = None) -> "Explanation":
        """Write out the KKT conditions; with numbers at a solution.

        Parameters
        ----------
        x : array-like of shape (n,), optional
            A point; the solution from a start at 0 by default.
        """
        from fastml.optimize._explain_kkt import explain_constrained

        return explain_constrained(self, x)

    def __repr__(self) -> str:
        return (
            f"ConstrainedProblem({self.n} variables, {len(self.inequalities)} inequalities, "
            f"{len(self.equalities)} equalities)"
        )


def _labels(letter: str, sizes: list[int]) -> list[str]:
    """Return f1(x), f2(x), ...; f1(x)[0], ... for functions of several values."""
    return [
        f"{letter}{i + 1}(x)" + (f"[{k}]" if size > 1 else "")
        for i, size in enumerate(sizes)
        for k in range(size)
    ]
