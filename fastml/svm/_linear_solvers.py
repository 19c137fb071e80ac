"""Loops over the kernels' epochs and steps, one solver each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastml.svm._linear_problem import Joint, Linear, Solution
from fastml.svm._linear_rows import LinearRows

__all__ = ["Settings", "solve_dual", "solve_joint", "solve_lasso", "solve_primal"]


@dataclass(frozen=True)
class Settings:
    """When to stop, and who is told.

    Attributes
    ----------
    tol : float
    max_iter : int
        Epochs or steps of each problem, at the most.
    seed : int
        Of the random order of rows or columns.
    on_round : callable or None
        ``on_round(coefs, intercepts)`` is called after every epoch or step, where somebody wants to
        know; returns whether to stop.
    """

    tol: float
    max_iter: int
    seed: int
    on_round: Callable[[Any, Any], bool] | None = None


class _Rounds:
    """Epochs or steps of all problems, until they are solved, or as many as there may be."""

    def __init__(self, rows: LinearRows, settings: Settings, coefs: Any, bias: float) -> None:
        self.to_host, self.settings = rows.backend.to_host, settings
        self.coefs, self.bias = coefs, bias
        self.offsets: Any = 0.0
        self.stopped = False

    def split(self) -> tuple[Any, Any]:
        """Return coefficients and intercepts."""
        coefs = self.to_host(self.coefs)
        return coefs[:, :-1].copy(), coefs[:, -1] * self.bias + self.offsets

    def run(self, step: Callable[[int], None], progress: Any) -> None:
        """Call ``step(n)``, which takes n steps of each problem not solved."""

        def left() -> int:
            host = np.atleast_2d(self.to_host(progress))
            still = self.settings.max_iter - host[host[:, -1] == 0, 0]
            return int(still.min()) if still.size else 0

        while not self.stopped and (n := left()) > 0:
            step(n if self.settings.on_round is None else 1)
            if self.settings.on_round is not None:
                self.stopped = self.settings.on_round(*self.split())

    def over(self, progress: Any) -> bool:
        """Return whether there is nothing left to spend."""
        host = np.atleast_2d(self.to_host(progress))
        return self.stopped or bool((host[:, 0] >= self.settings.max_iter).any())

    def n_iter(self, progress: Any) -> int:
        """Return the most steps of any problem."""
        return int(np.atleast_2d(self.to_host(progress))[:, 0].max(initial=0))


def solve_dual(problem: Linear, settings: Settings, beta: Any, coefs: Any) -> Solution:
    """Dual coordinate descent.

    An intercept without penalty makes the dual coefficients add up to 0. That constraint is met by
    the method of multipliers, whose multiplier is the intercept: each round has a penalised
    intercept beside it, which it then takes over.

    Parameters
    ----------
    problem : Linear
    settings : Settings
    beta : ndarray of shape (n_problems, n_rows)
        Where to start.
    coefs : ndarray of shape (n_problems, n_features + 1)
        The sums of rows that belong to it.
    """
    rows = problem.rows
    n_problems, n = problem.targets.shape
    place = rows.place
    beta, coefs = place(beta), place(coefs)
    offsets = place(np.zeros(n_problems))
    fresh = [0.0, n, np.inf, -np.inf, -1.0, 0.0]
    progress = place(np.tile(fresh, (n_problems, 1)))
    order = place(np.tile(np.arange(n), (n_problems, 1)), np.int32)
    rounds = _Rounds(rows, settings, coefs, problem.bias)
    given = (
        *(*rows.parts, rows.norms(problem.bias), place(problem.targets), offsets),
        *(place(problem.weights), place(problem.costs), problem.bias, problem.epsilon),
        *(problem.symmetric, problem.squared, settings.tol, np.uint64(settings.seed)),
    )
    small = settings.tol * (max(1.0, abs(problem.targets).max()) if problem.symmetric else 1.0)

    def step(n_epochs: int) -> None:
        rows.kernels.dual_epochs(*given, n_epochs, beta, coefs, order, progress)

    if problem.symmetric and bool((beta != 0).any()):
        # What tolerances are shares of is the first epoch's from 0, wherever the start is.
        scratch = [place(np.zeros(a.shape)) for a in (beta, coefs)]
        scratch += [place(rows.backend.to_host(a), a.dtype) for a in (order, progress)]
        rows.kernels.dual_epochs(*given, 1, *scratch)
        progress[:, 4] = scratch[-1][:, 4]

    while True:
        rounds.run(step, progress)
        moved = rows.backend.to_host(coefs[:, -1]) * problem.bias
        if problem.penalised or rounds.over(progress) or abs(moved).max() <= small:
            break
        offsets += place(moved)
        rounds.offsets = rows.backend.to_host(offsets)
        progress[:, 1:4] = place(fresh[1:4])
        progress[:, 5] = 0.0
    w, intercepts = rounds.split()
    host = rows.backend.to_host
    return Solution(w, intercepts, host(beta), host(coefs), rounds.n_iter(progress))


def solve_joint(problem: Joint, settings: Settings, beta: Any, coefs: Any) -> Solution:
    """Dual coordinate descent on Crammer and Singer's problem; see `solve_dual`."""
    rows = problem.rows
    n, place = len(problem.labels), rows.place
    alpha, coefs = place(np.transpose(beta)), place(coefs)
    offsets = place(np.zeros(problem.n_classes))
    shrunk = place(np.zeros(alpha.shape), np.uint8)
    order = place(np.arange(n), np.int32)
    progress = place([0.0, n, max(10 * settings.tol, 1.0), 1.0, 0.0])
    rounds = _Rounds(rows, settings, coefs, problem.bias)
    given = (
        *(*rows.parts, rows.norms(problem.bias), place(problem.labels, np.int32)),
        *(place(problem.uppers), offsets, problem.bias, settings.tol, np.uint64(settings.seed)),
    )

    def step(n_epochs: int) -> None:
        rows.kernels.joint_epochs(*given, n_epochs, alpha, coefs, order, shrunk, progress)

    while True:
        rounds.run(step, progress)
        moved = rows.backend.to_host(coefs[:, -1]) * problem.bias
        if problem.penalised or rounds.over(progress) or abs(moved).max() <= settings.tol:
            break
        offsets += place(moved)
        rounds.offsets = rows.backend.to_host(offsets)
        progress[1:] = place([n, settings.tol, 1.0, 0.0])
        shrunk[:] = 0
    w, intercepts = rounds.split()
    host = rows.backend.to_host
    beta = np.ascontiguousarray(host(alpha).T)
    return Solution(w, intercepts, beta, host(coefs), rounds.n_iter(progress))


def solve_primal(problem: Linear, settings: Settings, coefs: Any, tols: Any) -> Solution:
    """Take steps of the trust-region Newton method, from coefficients given.

    Tolerances are shares of the gradient's length at 0, wherever the start is.
    """
    rows = problem.rows
    place, empty = rows.place, rows.backend.empty
    start = place(coefs)
    coefs = place(np.zeros(start.shape))
    gradients = empty(start.shape, np.float64)
    progress = place(np.tile([0.0, 0.0, -1.0, 0.0], (len(start), 1)))
    rounds = _Rounds(rows, settings, coefs, problem.bias)
    given = (
        *(*rows.parts, place(problem.targets), place(problem.weights), place(problem.costs)),
        *(problem.bias, problem.epsilon, problem.symmetric, problem.penalised, place(tols)),
    )

    def step(n_steps: int) -> None:
        rows.kernels.newton_steps(*given, n_steps, coefs, gradients, progress)

    if bool((start != 0).any()):
        step(0)
        coefs[:] = start
        progress[:, 3] = 0.0
    rounds.run(step, progress)
    w, intercepts = rounds.split()
    scores = rows.scores(coefs, problem.bias)
    beta = problem.forces(problem.excess(scores))
    host = rows.backend.to_host
    kept = np.ones(w.shape[1] + 1)
    kept[-1] = problem.penalised
    sums = kept * host(coefs) - host(gradients)
    return Solution(w, intercepts, beta, sums, rounds.n_iter(progress))


def solve_lasso(
    problem: Linear, columns: LinearRows, settings: Settings, coefs: Any, tols: Any
) -> Solution:
    """Coordinate descent over features under the l1 penalty, from coefficients given."""
    rows, place = problem.rows, problem.rows.place
    n_problems, width = np.shape(coefs)
    residuals = place(problem.targets - rows.scores(coefs, problem.bias))
    coefs = place(coefs)
    order = place(np.tile(np.arange(width), (n_problems, 1)), np.int32)
    progress = place(np.tile([0.0, width, np.inf, -1.0, 0.0], (n_problems, 1)))
    rounds = _Rounds(rows, settings, coefs, problem.bias)
    given = (
        *(*columns.parts, place(problem.targets), place(problem.weights), place(problem.costs)),
        *(problem.penalised, place(tols), np.uint64(settings.seed)),
    )

    def step(n_epochs: int) -> None:
        rows.kernels.lasso_epochs(*given, n_epochs, coefs, residuals, order, progress)

    if bool((coefs != 0).any()):
        scratch = [place(np.zeros(coefs.shape)), place(problem.targets)]
        scratch += [place(rows.backend.to_host(a), a.dtype) for a in (order, progress)]
        rows.kernels.lasso_epochs(*given, 1, *scratch)
        progress[:, 3] = scratch[-1][:, 3]
    rounds.run(step, progress)
    w, intercepts = rounds.split()
    scores = problem.targets - rows.backend.to_host(residuals)
    beta = problem.forces(problem.excess(scores))
    sums = columns.scores(np.column_stack([beta, np.zeros(n_problems)]), 0.0)
    return Solution(w, intercepts, beta, sums, rounds.n_iter(progress))
