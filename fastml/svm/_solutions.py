"""The dual problems of a support vector classifier, one for every two classes, and solutions."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

__all__ = ["Problems", "Solutions", "class_pairs"]


def class_pairs(n_classes: int) -> list[tuple[int, int]]:
    """Return all pairs of classes in the order of their problems."""
    return list(combinations(range(n_classes), 2))


class Problems:
    """Problems ``min 1/2 b'K b - s'b``, where s is 1 for rows of the first class, else -1.

    Bounds are ``0 <= s b <= C``, and b adds up to 0: b are the dual variables times s. The
    variables of all problems follow each other.

    Parameters
    ----------
    edges : (n_classes + 1,) int64 array
        Where the rows of a class begin.
    limits : (n,) float64 array
        C of each row.

    Attributes
    ----------
    pairs : list of tuple of int
        First class and other of each problem.
    parts : (n_pairs, 4) int64 array
        Where rows of the two begin and end.
    starts : (n_pairs + 1,) int64 array
        Where the variables of a problem begin.
    rows : (n_variables,) int64 array
        The row of each variable.
    sides : (n_variables,) int64 array
        Twice the number of its problem, and 1 more for the other class.
    signs, limits, lower, upper : (n_variables,) float64 array
        s and C, and the bounds of b.
    """

    def __init__(self, edges: Any, limits: Any) -> None:
        self.pairs = class_pairs(len(edges) - 1)
        self.parts = np.array([[*edges[i : i + 2], *edges[j : j + 2]] for i, j in self.pairs])
        sizes = self.parts[:, 1::2] - self.parts[:, ::2]
        flat = sizes.ravel()
        self.starts = np.concatenate([[0], np.cumsum(sizes.sum(axis=1))])
        self.sides = np.repeat(np.arange(len(flat)), flat)
        shift = self.parts[:, ::2].ravel() - (np.cumsum(flat) - flat)
        self.rows = np.arange(len(self.sides)) + shift[self.sides]
        self.signs = 1.0 - 2.0 * (self.sides & 1)
        self.limits = limits[self.rows]
        # Infinity times 0 would be no number.
        self.lower = np.where(self.signs < 0, -self.limits, 0.0)
        self.upper = np.where(self.signs > 0, self.limits, 0.0)

    @property
    def largest(self) -> int:
        """Variables of the largest problem."""
        return int(np.diff(self.starts).max())

    def by_pair(self, reduction: np.ufunc, values: Any, neutral: float = 0.0) -> Any:
        """Reduce the values of each problem to one, `neutral` where it has no variables."""
        starts, stops = self.starts[:-1], self.starts[1:]
        # A start behind the last variable is an error otherwise.
        reduced = reduction.reduceat(np.append(values, neutral), starts)
        return np.where(starts < stops, reduced, neutral)


@dataclass(frozen=True)
class Solutions:
    """What was found.

    Parameters
    ----------
    problems : Problems
        The problems.
    solution, gradient : (n_variables,) float64 array
        b and ``K b - s``.
    n_iter : (n_pairs,) int64 array
        Steps.
    gap : (n_pairs,) float64 array
        The largest slopes that are left, see `fastml.kernels.smo.cpu.solve`.
    """

    problems: Problems
    solution: Any
    gradient: Any
    n_iter: Any
    gap: Any

    @property
    def is_finite(self) -> bool:
        """Whether all values of the kernel that were met are."""
        return not np.isnan(self.gap).any() and bool(np.isfinite(self.gradient).all())

    @property
    def intercept(self) -> Any:
        """What is added to ``K b`` so that free variables are on the margin on average."""
        of, slopes = self.problems, -self.gradient
        raisable, lowerable = self.solution < of.upper, self.solution > of.lower
        free = raisable & lowerable
        count = of.by_pair(np.add, free.astype(float))
        mean = of.by_pair(np.add, np.where(free, slopes, 0.0)) / np.maximum(count, 1)
        # Else any number between these will do; of one class, what is its margin.
        top = of.by_pair(np.maximum, np.where(raisable, slopes, -np.inf), -np.inf)
        bottom = of.by_pair(np.minimum, np.where(lowerable, slopes, np.inf), np.inf)
        there = np.isfinite([top, bottom])
        edges = np.where(there, [top, bottom], 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
        return np.where(count > 0, mean, edges)
