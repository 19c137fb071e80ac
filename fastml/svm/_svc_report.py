"""The KKT conditions of a support vector classifier, as its fit leaves them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastml.optimize import Condition, KKTReport, Multipliers
from fastml.optimize._text import number
from fastml.svm._dual import PairSolution

__all__ = ["Optimality", "optimality", "report_of"]


@dataclass(frozen=True)
class Optimality:
    """How nearly the problem of two classes is solved.

    Parameters
    ----------
    primal, dual : float
        Values of ``|w|^2 / 2 + sum C_i xi_i`` and of the dual function.
    balance : float
        The sum of the dual variables of the first class less that of the other; 0 at the solution.
    outside : float
        By how much a dual variable leaves its bounds, at most.
    too_far, too_near : float
        By how much a support vector, at most, is beyond the margin, and a row with room for a
        larger dual variable within it.
    n_support, n_bound, n_rows : int
        Support vectors, those of them at their upper bounds, and rows.
    """

    primal: float
    dual: float
    balance: float
    outside: float
    too_far: float
    too_near: float
    n_support: int
    n_bound: int
    n_rows: int

    @property
    def gap(self) -> float:
        """Primal value less dual value."""
        return self.primal - self.dual


def optimality(found: PairSolution, intercept: float) -> Optimality:
    """Return how nearly the KKT conditions hold at a solution with an intercept."""
    signs, limits, solution = found.signs, found.limits, found.solution
    alpha = signs * solution
    # Margins: y f(x), less 1.
    beyond = signs * (found.gradient + intercept)
    slack = np.maximum(-beyond, 0.0)
    squared_norm = float(solution @ (found.gradient + signs))
    penalty = float((limits[slack > 0] * slack[slack > 0]).sum())
    room = alpha < limits
    return Optimality(
        primal=0.5 * squared_norm + penalty,
        dual=float(alpha.sum()) - 0.5 * squared_norm,
        balance=float(solution.sum()),
        outside=float(np.maximum(-alpha, alpha - limits).max(initial=0.0)),
        too_far=float(beyond[alpha > 0].max(initial=0.0)),
        too_near=float(slack[room].max(initial=0.0)),
        n_support=int(np.count_nonzero(alpha)),
        n_bound=int(np.count_nonzero(alpha[~room])),
        n_rows=len(alpha),
    )


def report_of(facts: Optimality, dual_variables: Any, tol: float) -> KKTReport:
    """Return the report on the problem of two classes.

    Parameters
    ----------
    facts : Optimality
        What the fit found.
    dual_variables : (n_support,) array
        Those that are not 0, with the sign of their class.
    tol : float
        Up to which residual a condition holds.
    """
    scale = max(1.0, float(np.abs(dual_variables).sum()))

    def condition(name: str, residual: float, good: str, bad: str) -> Condition:
        return Condition(name, residual, residual <= tol, good if residual <= tol else bad)

    slackness = max(facts.too_far, facts.too_near)
    conditions = (
        condition(
            "primal feasibility", 0.0,
            "Slacks are what the margins ask for: xi = max(0, 1 - y f).", "",
        ),
        condition(
            "dual feasibility", facts.outside,
            f"0 <= alpha <= C; of {facts.n_rows}, {facts.n_support} are not 0, {facts.n_bound} C.",
            f"A dual variable is outside of its bounds by {number(facts.outside)}.",
        ),
        condition(
            "complementary slackness", slackness,
            "Rows beyond the margin have alpha = 0, those within it alpha = C.",
            f"A support vector is {number(facts.too_far)} beyond the margin, and a row with "
            f"alpha < C {number(facts.too_near)} within it.",
        ),
        condition(
            "stationarity", abs(facts.balance) / scale,
            "w = sum alpha_i y_i phi(x_i) by definition, and sum alpha_i y_i = 0.",
            f"sum alpha_i y_i is {number(facts.balance)}, not 0.",
        ),
        condition(
            "duality gap", abs(facts.gap) / max(1.0, abs(facts.primal)),
            f"The dual function has the same value, {number(facts.dual)}.",
            f"f0 is {number(facts.primal)}, the dual function {number(facts.dual)}.",
        ),
    )  # fmt: skip
    nothing = np.empty(0)
    return KKTReport(
        x=dual_variables,
        value=facts.primal,
        multipliers=Multipliers(np.abs(dual_variables), nothing, nothing, nothing),
        conditions=conditions,
        gap=facts.gap,
        tol=tol,
        names=tuple(f"alpha{k} y{k}" for k in range(len(dual_variables))),
    )
