"""The KKT conditions of linear support vector machines, as reports of `fastml.optimize`."""

from typing import Any

import numpy as np

from fastml.optimize import Condition, KKTReport, Multipliers
from fastml.optimize._text import number
from fastml.svm._linear_problem import Joint, Linear, Solution

__all__ = ["joint_report", "linear_reports"]


def linear_reports(
    problem: Linear, solution: Solution, names: Any, kept: Any, tol: float
) -> list[KKTReport]:
    """Return the report of each problem.

    Parameters
    ----------
    problem : Linear
    solution : Solution
    names : sequence of str
        Of the features.
    kept : ndarray of shape (n_rows,)
        Numbers that sentences call rows by.
    tol : float
        Up to which residual a condition holds.
    """
    scores = problem.rows.scores(solution.values, 1.0)
    values = problem.values(solution, scores)
    over, prices = problem.excess(scores), problem.prices
    reports = []
    for k, (primal, dual) in enumerate(zip(*values, strict=True)):
        beta, slack, price, target = solution.beta[k], abs(over[k]), prices[k], problem.targets[k]
        size = abs(beta)
        side = np.where(problem.symmetric, np.sign(beta), np.sign(target))
        unmet = side * (target - scores[k]) - problem.epsilon
        wrong = np.zeros(len(beta)) if problem.symmetric else np.maximum(-side * beta, 0)
        slackness = size * abs(slack - unmet)
        slope_of_slack = np.zeros(len(beta))
        if problem.squared:
            slope_of_slack = abs(2 * price * slack - size)
        else:
            wrong = np.maximum(wrong, size - price)
            slackness = np.maximum(slackness, abs(price - size) * slack)
        slopes = _slopes(problem, solution, k)
        scale = max(1.0, abs(solution.coefs[k]).max(initial=0.0), price.max(initial=0.0))
        conditions = (
            # The slack of each row is what its score leaves open.
            Condition("primal feasibility", 0.0, True, "All constraints are satisfied."),
            _dual_feasibility(wrong / scale, beta, kept, tol),
            _slackness(slackness / max(1.0, abs(primal)), size, slack, unmet, kept, tol),
            _stationarity(slopes / scale, slope_of_slack / scale, (*names, "intercept"), kept, tol),
            _gap(primal, dual, tol),
        )
        reports.append(_report(solution, k, primal, dual, size, conditions, names, tol))
    return reports


def joint_report(
    problem: Joint, solution: Solution, names: Any, classes: Any, kept: Any, tol: float
) -> KKTReport:
    """Return the report of Crammer and Singer's problem; see `linear_reports`."""
    scores = problem.rows.scores(solution.values, 1.0)
    (primal,), (dual,) = problem.values(solution, scores)
    own, alpha = problem.own, solution.beta
    bounds = np.where(own, problem.uppers, 0.0)
    scale = max(1.0, abs(solution.coefs).max(initial=0.0), problem.uppers.max(initial=0.0))
    wrong = np.maximum(alpha - bounds, 0).max(axis=0)
    sums = abs(alpha.sum(axis=0))
    # The multiplier of a class is its distance from the bound; its constraint, how far its score
    # stays below the one that decides.
    unmet = (scores + ~own).max(axis=0) - (scores + ~own)
    slackness = ((bounds - alpha) * unmet).max(axis=0)
    inner = (
        solution.intercepts / problem.bias
        if problem.bias and problem.penalised
        else np.zeros(problem.n_classes)
    )
    slopes = abs(np.column_stack([solution.coefs, inner]) - solution.sums)
    pairs = [f"{name} of class {label}" for label in classes for name in (*names, "intercept")]
    shown = np.column_stack([solution.coefs, solution.intercepts]).ravel()
    conditions = (
        Condition("primal feasibility", 0.0, True, "All constraints are satisfied."),
        _dual_feasibility(wrong / scale, alpha.max(axis=0), kept, tol),
        _slackness(
            slackness / max(1.0, abs(primal)), abs(alpha).max(axis=0), problem.slack(scores),
            unmet.min(axis=0), kept, tol,
        ),
        _stationarity(slopes.ravel() / scale, sums / scale, pairs, kept, tol),
        _gap(primal, dual, tol),
    )  # fmt: skip
    multipliers = Multipliers(alpha.ravel(), np.empty(0), 0 * shown, 0 * shown)
    value, gap = float(primal), float(primal - dual)
    return KKTReport(shown, value, multipliers, conditions, gap, tol, tuple(pairs))


def _slopes(problem: Linear, solution: Solution, k: int) -> Any:
    """Return the sizes of the Lagrangian's derivatives by the coefficients of a problem."""
    own = solution.intercepts[k] / problem.bias if problem.bias and problem.penalised else 0.0
    coefs, sums = np.append(solution.coefs[k], own), solution.sums[k]
    if not problem.lasso:
        return abs(coefs - sums)
    slopes = np.where(coefs != 0, abs(sums - np.sign(coefs)), np.maximum(abs(sums) - 1, 0))
    if not problem.penalised:
        slopes[-1] = abs(sums[-1])
    return slopes


def _report(
    solution: Solution, k: int, primal: Any, dual: Any, size: Any, conditions: Any, names: Any,
    tol: float,
) -> KKTReport:  # fmt: skip
    x = solution.values[k]
    multipliers = Multipliers(size, np.empty(0), 0 * x, 0 * x)
    every = (*names, "intercept")
    return KKTReport(x, float(primal), multipliers, conditions, float(primal - dual), tol, every)


def _dual_feasibility(wrong: Any, beta: Any, kept: Any, tol: float) -> Condition:
    worst, residual = _worst(wrong)
    sentence = "Every multiplier is within its bounds."
    if residual > tol:
        sentence = f"The multiplier of row {kept[worst]} is out of bounds: {number(beta[worst])}."
    return Condition("dual feasibility", residual, residual <= tol, sentence)


def _slackness(
    residuals: Any, size: Any, slack: Any, unmet: Any, kept: Any, tol: float
) -> Condition:
    worst, residual = _worst(residuals)
    sentence = "Rows beyond their margin have multiplier 0, rows inside it the largest."
    if residual > tol:
        sentence = (
            f"Row {kept[worst]} has the multiplier {number(size[worst])}, but its slack is "
            f"{number(slack[worst])} where its score leaves {number(unmet[worst])}."
        )
    return Condition("complementary slackness", residual, residual <= tol, sentence)


def _stationarity(slopes: Any, by_slack: Any, names: Any, kept: Any, tol: float) -> Condition:
    worst, residual = _worst(slopes)
    row, other = _worst(by_slack)
    sentence = "The coefficients are the sum of the rows times their multipliers."
    if residual > tol:
        sentence = f"The derivative of the Lagrangian by {names[worst]} is not 0."
    elif other > tol:
        sentence = f"The multiplier of row {kept[row]} is not the slope of its loss."
    residual = max(residual, other)
    return Condition("stationarity", residual, residual <= tol, sentence)


def _gap(primal: Any, dual: Any, tol: float) -> Condition:
    residual = abs(float(primal - dual)) / max(1.0, abs(float(primal)))
    sentence = f"The dual function has the same value, {number(float(dual))}."
    if residual > tol:
        sentence = f"f0 is {number(float(primal))}, the dual function {number(float(dual))}."
    return Condition("duality gap", residual, residual <= tol, sentence)


def _worst(residuals: Any) -> tuple[int, float]:
    worst = int(np.argmax(residuals))
    return worst, float(residuals[worst])
