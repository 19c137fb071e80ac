"""The KKT conditions of a support vector classifier, as its fit leaves them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastml.optimize import Condition, KKTReport, Multipliers
from fastml.optimize._text import number
from fastml.svm._solutions import Solutions

__all__ = ["Optimality", "optimality", "report_of"]


@dataclass(frozen=True)
class Optimality:
    """How nearly problems of two classes are solved; numbers, or arrays of one for each problem.

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

    primal: Any
    dual: Any
    balance: Any
    outside: Any
    too_far: Any
    too_near: Any
    n_support: Any
    n_bound: Any
    n_rows: Any

    @property
    def gap(self) -> Any:
        """Primal value less dual value."""
        return self.primal - self.dual

    def of(self, pair: int) -> "Optimality":
        """Return the numbers of one problem."""
        return Optimality(**{name: values[pair].item() for name, values in vars(self).items()})


def optimality(found: Solutions, intercept: Any) -> Optimality:
    """Return how nearly the KKT conditions hold at solutions with their intercepts."""
    of, solution = found.problems, found.solution
    limits, alpha = of.limits, of.signs * solution
    # Margins: y f(x), less 1.
    beyond = of.signs * (found.gradient + intercept[of.sides // 2])
    within = np.maximum(-beyond, 0.0)
    squared_norm = of.by_pair(np.add, solution * (found.gradient + of.signs))
    # Infinity times 0 would be no number.
    penalty = np.where(within > 0, limits, 0.0) * within
    positive, room = alpha > 0, alpha < limits
    return Optimality(
        primal=0.5 * squared_norm + of.by_pair(np.add, penalty),
        dual=of.by_pair(np.add, alpha) - 0.5 * squared_norm,
        balance=of.by_pair(np.add, solution),
        outside=of.by_pair(np.maximum, np.maximum(np.maximum(-alpha, alpha - limits), 0.0)),
        too_far=of.by_pair(np.maximum, np.where(positive, np.maximum(beyond, 0.0), 0.0)),
        too_near=of.by_pair(np.maximum, np.where(room, within, 0.0)),
        n_support=of.by_pair(np.add, positive.astype(np.int64), 0),
        n_bound=of.by_pair(np.add, (positive & ~room).astype(np.int64), 0),
        n_rows=np.diff(of.starts),
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
