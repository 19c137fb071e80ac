"""The Karush-Kuhn-Tucker conditions, each with its residual and a sentence."""

import html
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastml.optimize._multipliers import Multipliers
from fastml.optimize._polish import estimated
from fastml.optimize._problem import Problem
from fastml.optimize._readers import is_result, read_result
from fastml.optimize._text import number, point

__all__ = ["Condition", "KKTReport", "kkt_report"]


class Condition(NamedTuple):
    """One of the conditions.

    Attributes
    ----------
    name : str
        "primal feasibility", "dual feasibility", "complementary slackness", "stationarity" or
        "duality gap".
    residual : float
        How far it is from holding; 0 where it holds exactly.
    holds : bool
        Whether the residual is at most the report's tolerance.
    sentence : str
        What is so, or the worst that is not so.
    """

    name: str
    residual: float
    holds: bool
    sentence: str


@dataclass(frozen=True, eq=False)
class KKTReport:
    """The KKT conditions at a point; made by `kkt_report`.

    Attributes
    ----------
    x : ndarray of shape (n,)
        The point.
    value : float
        f0 there.
    multipliers : Multipliers
        Those that were checked.
    conditions : tuple of Condition
        In the order of their names there.
    gap : float or None
        f0(x) minus the dual function at the multipliers, where that was computed.
    tol : float
        What residuals are compared with.
    names : tuple of str
        The variables' names.
    """

    x: Any
    value: float
    multipliers: Multipliers
    conditions: tuple[Condition, ...]
    gap: float | None
    tol: float
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> Condition:
        """Return a condition by its name."""
        for condition in self.conditions:
            if condition.name == name:
                return condition
        raise KeyError(f"No condition is called {name!r}.")

    @property
    def residual(self) -> float:
        """The largest residual."""
        return max(condition.residual for condition in self.conditions)

    @property
    def holds(self) -> bool:
        """Whether all conditions hold."""
        return all(condition.holds for condition in self.conditions)

    @property
    def title(self) -> str:
        """What it comes to."""
        failing = [condition.name for condition in self.conditions if not condition.holds]
        if not failing:
            return f"KKT conditions: all hold (tolerance {self.tol:g})"
        return f"KKT conditions: {len(failing)} fail (tolerance {self.tol:g}): {', '.join(failing)}"

    def __str__(self) -> str:
        lines = [self.title, f"at {point(self.names, self.x)}, where f0 = {number(self.value)}", ""]
        width = max(len(condition.name) for condition in self.conditions)
        for c in self.conditions:
            sign = "ok   " if c.holds else "FAILS"
            lines.append(f"{c.name:{width}}  {c.residual:8.1e}  {sign}  {c.sentence}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{c.name}</td><td>{c.residual:.1e}</td>"
            f"<td>{'&#10003;' if c.holds else '<b>&#10007;</b>'}</td>"
            f"<td>{html.escape(c.sentence, quote=False)}</td></tr>"
            for c in self.conditions
        )
        at = html.escape(f"at {point(self.names, self.x)}, where f0 = {number(self.value)}")
        titles = "<tr><th>condition</th><th>residual</th><th>holds</th><th></th></tr>"
        return (
            f"<div><p><b>{html.escape(self.title)}</b><br>{at}</p>"
            f"<table>{titles}{rows}</table></div>"
        )


def kkt_report(
    problem: Problem,
    x: Any,
    lam: Any = None,
    nu: Any = None,
    *,
    lower: Any = None,
    upper: Any = None,
    tol: float = 1e-6,
    gap: bool | None = None,
) -> KKTReport:
    """Check the Karush-Kuhn-Tucker conditions of a problem at a point.

    Parameters
    ----------
    problem : LinearProgram, QuadraticProgram or ConstrainedProblem
    x : array-like of shape (n,), or a result
        The point; or what `solve`, `scipy.optimize.linprog` or `scipy.optimize.minimize` returned,
        or a CVXPY problem that was solved. These may come with multipliers.
    lam : array-like of shape (n_ineq,), optional
        Multipliers of the inequalities.
    nu : array-like of shape (n_eq,), optional
        Multipliers of the equalities. If neither `lam` nor `nu` is given or comes with the result,
        those that fit the point best are taken.
    lower, upper : array-like of shape (n,), optional
        Multipliers of the bounds; by default those that stationarity asks for.
    tol : float, default=1e-6
        Up to which residual a condition holds.
    gap : bool, optional
        Whether to compute the duality gap; by default for linear and convex quadratic programs,
        which have their dual function in closed form.

    Returns
    -------
    KKTReport

    Raises
    ------
    ValueError
        For shapes that do not fit, NaN, infinity, or a result without a solution.

    Notes
    -----
    Residuals are relative where sizes are above 1: feasibility to the right side of a linear row or
    bound, dual feasibility and stationarity to the largest element of the gradient of f0,
    complementary slackness and gap to f0. Signs are those of `fastml.optimize.Multipliers`.

    References
    ----------
    W. Karush, master's thesis, University of Chicago, 1939. H. W. Kuhn, A. W. Tucker, "Nonlinear
    programming", 2nd Berkeley Symposium, 1951.

    Examples
    --------
    >>> from fastml.optimize import QuadraticProgram, kkt_report
    >>> qp = QuadraticProgram([[2, 0], [0, 2]], A=[[0, 1]], b=[-1], names=["x", "y"])
    >>> print(kkt_report(qp, [0, -1], [2]))
    KKT conditions: all hold (tolerance 1e-06)
    at x = 0, y = -1, where f0 = 1
    <BLANKLINE>
    primal feasibility        0.0e+00  ok     All constraints are satisfied.
    dual feasibility          0.0e+00  ok     No multiplier of an inequality is negative.
    complementary slackness   0.0e+00  ok     Every inequality is active or has multiplier 0.
    stationarity              0.0e+00  ok     The gradient of the Lagrangian is 0.
    duality gap               0.0e+00  ok     The dual function has the same value, 1.
    """
    given = None
    if is_result(x):
        x, given = read_result(problem, x)
    x = problem.point(x)
    if lam is not None or nu is not None:
        given = problem.multipliers(lam, nu)
    elif given is None:
        given = (
            problem.multipliers() if problem.n_ineq + problem.n_eq == 0 else estimated(problem, x)
        )
        given = problem.multipliers(given.ineq, given.eq)
    if lower is not None or upper is not None:
        given = problem.multipliers(given.ineq, given.eq, lower, upper)
    elif not (np.any(given.lower) or np.any(given.upper)):
        given = problem.completed(x, given)
    value = problem.objective(x)
    conditions = [
        _primal(problem, x, tol),
        _dual(problem, x, given, tol),
        _slackness(problem, x, given, value, tol),
        _stationarity(problem, x, given, tol),
    ]
    if gap is None:
        gap = getattr(problem, "is_convex", None) is True
    difference = None
    if gap:
        dual = problem.dual_function(given.ineq, given.eq)
        difference = value - dual
        residual = abs(difference) / max(1.0, abs(value))
        sentence = (
            f"The dual function has the same value, {number(dual)}."
            if residual <= tol
            else f"f0 is {number(value)}, the dual function {number(dual)}."
        )
        conditions.append(Condition("duality gap", residual, residual <= tol, sentence))
    return KKTReport(x, value, given, tuple(conditions), difference, tol, problem.names)


def _primal(problem: Problem, x: Any, tol: float) -> Condition:
    values = np.concatenate([np.maximum(problem.stacked(x), 0), np.abs(problem.eq(x))])
    scale = np.concatenate([problem.stacked_scale(), problem.eq_scale()])
    worst, residual = _worst(values / scale)
    sentence = "All constraints are satisfied."
    if residual > tol:
        text = [*problem.stacked_texts(), *problem.eq_texts()][worst]
        sentence = f"{text} is violated by {number(values[worst])}."
    return Condition("primal feasibility", residual, residual <= tol, sentence)


def _dual(problem: Problem, x: Any, given: Multipliers, tol: float) -> Condition:
    stacked = problem.stack(given)
    worst, residual = _worst(np.maximum(-stacked, 0) / _slope_scale(problem, x))
    sentence = "No multiplier of an inequality is negative."
    if residual > tol:
        text = problem.stacked_texts()[worst]
        sentence = f"The multiplier of {text} is negative: {number(stacked[worst])}."
    return Condition("dual feasibility", residual, residual <= tol, sentence)


def _slackness(problem: Problem, x: Any, given: Multipliers, value: float, tol: float) -> Condition:
    stacked, values = problem.stack(given), problem.stacked(x)
    worst, residual = _worst(np.abs(stacked * values) / max(1.0, abs(value)))
    sentence = "Every inequality is active or has multiplier 0."
    if residual > tol:
        text = problem.stacked_texts()[worst]
        sentence = (
            f"{text} has the multiplier {number(stacked[worst])} but is not active: "
            f"its two sides differ by {number(abs(values[worst]))}."
        )
    return Condition("complementary slackness", residual, residual <= tol, sentence)


def _stationarity(problem: Problem, x: Any, given: Multipliers, tol: float) -> Condition:
    slope = problem.lagrangian_gradient(x, given)
    worst, residual = _worst(np.abs(slope) / _slope_scale(problem, x))
    sentence = "The gradient of the Lagrangian is 0."
    if residual > tol:
        sentence = (
            f"The derivative of the Lagrangian by {problem.names[worst]} is "
            f"{number(slope[worst])}, not 0."
        )
    return Condition("stationarity", residual, residual <= tol, sentence)


def _slope_scale(problem: Problem, x: Any) -> float:
    return max(1.0, float(np.max(np.abs(problem.gradient(x)), initial=0.0)))


def _worst(residuals: Any) -> tuple[int, float]:
    if not residuals.size:
        return 0, 0.0
    # NaN counts as the largest of all.
    residuals = np.where(np.isnan(residuals), np.inf, residuals)
    worst = int(np.argmax(residuals))
    return worst, float(residuals[worst])
