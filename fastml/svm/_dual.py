"""The dual problems of a support vector classifier, one for every two classes."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from fastml.svm._decomposition import Decomposition
from fastml.svm._kernel_blocks import Blocks, whole_matrix

__all__ = ["PairSolution", "class_pairs", "solve_pairs"]

# Up to so many rows the kernel matrix of a problem is computed at once: solving it by parts would
# take longer than what is computed in vain.
WHOLE_ROWS = 2000
# More steps than any fit takes.
UNLIMITED = 1 << 62


@dataclass(frozen=True)
class PairSolution:
    """The solution of ``min 1/2 b'K b - s'b`` over b, where s is 1 for the first class, else -1.

    Bounds are ``0 <= s b <= C``, and b adds up to 0: b are the dual variables times s.

    Parameters
    ----------
    classes : tuple of int
        The first class and the other.
    signs, limits, solution, gradient : (n,) float64 array
        s, C, b and ``K b - s`` for all rows of the first class, then those of the other.
    n_iter : int
        Steps.
    gap : float
        The largest slope that is left, see `fastml.kernels.smo.cpu.solve`.
    """

    classes: tuple[int, int]
    signs: Any
    limits: Any
    solution: Any
    gradient: Any
    n_iter: int
    gap: float

    @property
    def is_finite(self) -> bool:
        """Whether all values of the kernel that were met are."""
        return not np.isnan(self.gap) and bool(np.isfinite(self.gradient).all())

    @property
    def intercept(self) -> float:
        """What is added to ``K b``, so that free variables are on the margin on average."""
        size = self.signs * self.solution
        raisable = np.where(self.signs > 0, size < self.limits, size > 0)
        lowerable = np.where(self.signs > 0, size > 0, size < self.limits)
        slopes = -self.gradient
        free = raisable & lowerable
        if free.any():
            return float(slopes[free].mean())
        edges = [
            edge
            for edge in (
                slopes[raisable].max(initial=-np.inf),
                slopes[lowerable].min(initial=np.inf),
            )
            if np.isfinite(edge)
        ]
        return float(np.mean(edges)) if edges else 0.0


def class_pairs(n_classes: int) -> list[tuple[int, int]]:
    """Return all pairs of classes in the order of their problems."""
    return list(combinations(range(n_classes), 2))


def solve_pairs(
    blocks: Blocks,
    edges: Any,
    limits: Any,
    *,
    tol: float,
    max_iter: int,
    shrinking: bool,
    cache_bytes: float,
) -> list[PairSolution]:
    """Solve the problem of every two classes.

    Parameters
    ----------
    blocks : Blocks
        Kernel matrix of the rows, class by class.
    edges : (n_classes + 1,) int64 array
        Where the classes begin.
    limits : (n,) float64 array
        Upper bounds of the dual variables.
    tol : float
        Largest slope that is left.
    max_iter : int
        Most steps of a problem; -1 for no limit.
    shrinking : bool
        Whether variables are left out for a while, where there are very many.
    cache_bytes : float
        What parts of the kernel matrix may take.

    Returns
    -------
    list of PairSolution
        In the order of `class_pairs`.
    """
    max_iter = UNLIMITED if max_iter < 0 else max_iter
    sizes = np.diff(edges)
    pairs = class_pairs(len(sizes))

    def fits(n: int) -> bool:
        return 4 * n * n <= cache_bytes

    largest = max(int(sizes[i] + sizes[j]) for i, j in pairs)
    if largest <= WHOLE_ROWS and fits(blocks.n):
        parts = np.array([[*edges[i : i + 2], *edges[j : j + 2]] for i, j in pairs])
        return _solve_whole(blocks, pairs, parts, limits, tol, max_iter)
    solutions = []
    for i, j in pairs:
        index = np.r_[edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
        some = blocks if len(pairs) == 1 else blocks.take(index)
        if some.n <= WHOLE_ROWS and fits(some.n):
            parts = np.array([[0, sizes[i], sizes[i], some.n]])
            solutions += _solve_whole(some, [(i, j)], parts, limits[index], tol, max_iter)
            continue
        signs = np.repeat([1.0, -1.0], [sizes[i], sizes[j]])
        backend = blocks.backend
        lower, upper = (backend.asarray(a) for a in _bounds(signs, limits[index]))
        solution, gradient = backend.zeros(some.n, np.float64), backend.asarray(-signs)
        search = Decomposition(some, lower, upper, solution, gradient, cache_bytes)
        n_iter, gap = search.solve(tol, max_iter, shrinking)
        found = backend.to_host(solution), backend.to_host(gradient)
        solutions.append(PairSolution((i, j), signs, limits[index], *found, n_iter, gap))
    return solutions


def _bounds(signs: Any, limits: Any) -> tuple[Any, Any]:
    # Infinity times 0 would be no number.
    return np.where(signs < 0, -limits, 0.0), np.where(signs > 0, limits, 0.0)


def _solve_whole(
    blocks: Blocks,
    pairs: list[tuple[int, int]],
    parts: Any,
    limits: Any,
    tol: float,
    max_iter: int,
) -> list[PairSolution]:
    """Solve problems over parts of one kernel matrix that is computed at once."""
    backend = blocks.backend
    index = np.concatenate([np.r_[a:b, c:d] for a, b, c, d in parts])
    sizes = parts[:, 1::2] - parts[:, ::2]
    signs = np.repeat(np.tile([1.0, -1.0], len(parts)), sizes.ravel())
    starts = np.concatenate([[0], np.cumsum(sizes.sum(axis=1))])
    limits = limits[index]
    solution, gradient = backend.zeros(len(index), np.float64), backend.asarray(-signs)
    n_iter, gap = backend.zeros(len(parts), np.int64), backend.zeros(len(parts), np.float64)
    backend.kernels("smo").solve(
        whole_matrix(blocks), *(backend.asarray(a) for a in (parts, starts, *_bounds(signs, limits))),
        solution, gradient, float(tol), int(max_iter), n_iter, gap,
    )  # fmt: skip
    solution, gradient = backend.to_host(solution), backend.to_host(gradient)
    steps, gaps = backend.to_host(n_iter), backend.to_host(gap)
    found = []
    for p, pair in enumerate(pairs):
        here = slice(starts[p], starts[p + 1])
        found.append(
            PairSolution(
                pair, signs[here], limits[here], solution[here], gradient[here],
                int(steps[p]), float(gaps[p]),
            )
        )  # fmt: skip
    return found
