"""What a linear support vector machine minimises, and by how much a solution misses the minimum."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastml.svm._linear_rows import LinearRows

__all__ = ["Joint", "Linear", "Solution", "excess"]


def excess(scores: Any, targets: Any, epsilon: float, symmetric: bool) -> Any:
    """Return by how much scores miss their targets beyond what is free, with its sign."""
    apart = scores - targets
    if symmetric:
        return np.maximum(apart - epsilon, 0) + np.minimum(apart + epsilon, 0)
    return np.where(targets > 0, np.minimum(apart, 0), np.maximum(apart, 0))


@dataclass(frozen=True)
class Solution:
    """Coefficients of all problems, in float64, and how they were come by.

    Attributes
    ----------
    coefs : ndarray of shape (n_problems, n_features)
    intercepts : ndarray of shape (n_problems,)
    beta : ndarray of shape (n_problems, n_rows)
        Dual coefficients, with the sign of the target.
    sums : ndarray of shape (n_problems, n_features + 1)
        Sums of rows times dual coefficients, the last one that of the intercept's column.
    n_iter : int
        Epochs or steps, the most of any problem.
    """

    coefs: Any
    intercepts: Any
    beta: Any
    sums: Any
    n_iter: int

    @property
    def values(self) -> Any:
        """Coefficients with the intercepts, as kernels take them beside a bias of 1."""
        return np.column_stack([self.coefs, self.intercepts])


@dataclass(frozen=True)
class Linear:
    """Problems on the same rows, each min R(w) + sum of C_i times a loss of x_i'w + b - t_i.

    Attributes
    ----------
    rows : LinearRows
    targets : ndarray of shape (n_problems, n_rows)
        t. Classes are 1 and -1.
    weights : ndarray of shape (n_rows,)
    costs : ndarray of shape (n_problems, 2)
        C_i is the weight of the row times the first where t <= 0, the second where t > 0.
    bias : float
        Value of the column whose coefficient the intercept is; 0 for no intercept.
    penalised : bool
        Whether R counts that coefficient.
    squared : bool
        Whether the loss is the square of what misses the target.
    lasso : bool
        Whether R is the l1 norm, in place of half the square of the l2 norm.
    epsilon : float
        How far from its target a score may be for nothing.
    symmetric : bool
        Whether scores beyond their targets have a price too (regression).
    """

    rows: LinearRows
    targets: Any
    weights: Any
    costs: Any
    bias: float
    penalised: bool
    squared: bool
    lasso: bool = False
    epsilon: float = 0.0
    symmetric: bool = False

    @property
    def prices(self) -> Any:
        """C_i of every problem."""
        positive = self.targets > 0
        return self.weights * np.where(positive, self.costs[:, 1:], self.costs[:, :1])

    def excess(self, scores: Any) -> Any:
        """Return by how much scores miss their targets beyond what is free, with its sign."""
        return excess(scores, self.targets, self.epsilon, self.symmetric)

    def forces(self, over: Any) -> Any:
        """Return the dual coefficients that belong to what misses the targets, squared losses."""
        return -2.0 * self.prices * over

    def feasible(self, beta: Any) -> Any:
        """Return dual coefficients with those that are out of bounds brought back."""
        if not self.symmetric:
            beta = np.where(beta * self.targets > 0, beta, 0.0)
        return beta if self.squared else np.clip(beta, -self.prices, self.prices)

    def values(self, solution: Solution, scores: Any) -> tuple[Any, Any]:
        """Return the objective of each problem and its dual's."""
        over, prices, beta = self.excess(scores), self.prices, solution.beta
        losses = prices * (over * over if self.squared else abs(over))
        primal = self._penalty(solution) + losses.sum(axis=1)
        sums, scale = solution.sums, np.ones(len(beta))
        if self.lasso:
            # The nearest dual coefficients, on the line to 0, that are feasible.
            pull = abs(sums if self.penalised else sums[:, :-1]).max(axis=1, initial=0.0)
            scale = 1 / np.maximum(pull, 1.0)
        beta = scale[:, None] * beta
        dual = (self.targets * beta - self.epsilon * abs(beta)).sum(axis=1)
        if self.squared:
            dual -= (beta * beta / (4 * prices)).sum(axis=1)
        if not self.lasso:
            dual -= 0.5 * (sums[:, :-1] ** 2).sum(axis=1)
            dual -= 0.5 * sums[:, -1] ** 2 * self.penalised
        if not self.penalised:
            dual -= solution.intercepts * beta.sum(axis=1)
        return primal, dual

    def _penalty(self, solution: Solution) -> Any:
        own = solution.intercepts / self.bias if self.bias and self.penalised else 0.0
        if self.lasso:
            return abs(solution.coefs).sum(axis=1) + abs(own)
        return 0.5 * ((solution.coefs**2).sum(axis=1) + own**2 * np.ones(len(solution.coefs)))


@dataclass(frozen=True)
class Joint:
    """Crammer and Singer's problem: min R(w) + sum of C_i max_m (x_i'(w_m - w_y) + [m != y]).

    Attributes
    ----------
    rows : LinearRows
    labels : ndarray of shape (n_rows,)
        y.
    uppers : ndarray of shape (n_rows,)
        C_i.
    n_classes : int
    bias : float
        As for `Linear`.
    penalised : bool
        As for `Linear`.
    """

    rows: LinearRows
    labels: Any
    uppers: Any
    n_classes: int
    bias: float
    penalised: bool

    @property
    def own(self) -> Any:
        """Which class each row has: ndarray of shape (n_classes, n_rows)."""
        return np.arange(self.n_classes)[:, None] == self.labels

    def slack(self, scores: Any) -> Any:
        """Return the loss of each row."""
        margins = scores + ~self.own
        return margins.max(axis=0) - scores[self.labels, np.arange(len(self.labels))]

    def feasible(self, beta: Any) -> Any:
        """Return dual coefficients with rows that are out of bounds scaled back."""
        own = self.own
        right = ((beta >= 0) | ~own).all(axis=0) & ((beta <= 0) | own).all(axis=0)
        sizes = np.where(own, beta, 0.0).sum(axis=0)
        scale = self.uppers / np.maximum(sizes, self.uppers)
        return beta * (right * scale)

    def values(self, solution: Solution, scores: Any) -> tuple[Any, Any]:
        """Return the objective and the dual's."""
        inner = solution.intercepts / self.bias if self.bias and self.penalised else 0.0
        penalty = 0.5 * float((solution.coefs**2).sum() + (inner**2 * np.ones(1)).sum())
        primal = penalty + float(self.uppers @ self.slack(scores))
        dual = -0.5 * float((solution.sums[:, : -1 if not self.penalised else None] ** 2).sum())
        dual -= float(solution.beta[~self.own].sum())
        if not self.penalised:
            dual -= float(solution.intercepts @ solution.beta.sum(axis=1))
        return np.array([primal]), np.array([dual])
