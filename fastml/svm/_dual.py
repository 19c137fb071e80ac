"""The dual problems of all pairs of classes, solved together or one after the other."""

from typing import Any

import numpy as np

from fastml.svm._decomposition import Decomposition
from fastml.svm._kernel_blocks import Blocks, whole_matrix
from fastml.svm._solutions import Problems, Solutions

__all__ = ["solve_pairs"]

# Up to so many rows the kernel matrix of a problem is computed at once: solving it by parts would
# take longer than what is computed in vain.
WHOLE_ROWS = 2000
# More steps than any fit takes.
UNLIMITED = 1 << 62


def solve_pairs(
    blocks: Blocks,
    edges: Any,
    limits: Any,
    *,
    tol: float,
    max_iter: int,
    shrinking: bool,
    cache_bytes: float,
) -> Solutions:
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
    """
    limit = UNLIMITED if max_iter < 0 else int(max_iter)
    problems = Problems(edges, limits)

    def whole(n: int, largest: int) -> bool:
        return largest <= WHOLE_ROWS and 4 * n * n <= cache_bytes

    if whole(blocks.n, problems.largest):
        given = problems.lower, problems.upper
        found = _solve_whole(blocks, problems.parts, problems.starts, *given, tol, limit)
        return Solutions(problems, *found)
    results: list[Any] = []
    for p, (start, stop) in enumerate(zip(problems.starts[:-1], problems.starts[1:], strict=True)):
        here = slice(start, stop)
        given = problems.lower[here], problems.upper[here]
        some = blocks if len(problems.pairs) == 1 else blocks.take(problems.rows[here])
        if whole(some.n, some.n):
            first = np.count_nonzero(problems.sides[here] == 2 * p)
            parts, starts = np.array([[0, first, first, some.n]]), np.array([0, some.n])
            results.append(_solve_whole(some, parts, starts, *given, tol, limit))
        else:
            results.append(_solve_by_parts(some, *given, tol, limit, shrinking, cache_bytes))
    return Solutions(problems, *(np.concatenate(column) for column in zip(*results, strict=True)))


def _solve_whole(
    blocks: Blocks, parts: Any, starts: Any, lower: Any, upper: Any, tol: float, max_iter: int
) -> tuple[Any, ...]:
    """Solve problems over parts of one kernel matrix that is computed at once."""
    backend = blocks.backend
    solution, gradient = _start(blocks, lower, upper)
    n_iter, gap = backend.zeros(len(parts), np.int64), backend.zeros(len(parts), np.float64)
    backend.kernels("smo").solve(
        whole_matrix(blocks), *(backend.asarray(a) for a in (parts, starts, lower, upper)),
        solution, gradient, float(tol), max_iter, n_iter, gap,
    )  # fmt: skip
    return tuple(backend.to_host(a) for a in (solution, gradient, n_iter, gap))


def _solve_by_parts(
    blocks: Blocks, lower: Any, upper: Any, tol: float, max_iter: int, shrinking: bool,
    cache_bytes: float,
) -> tuple[Any, ...]:  # fmt: skip
    """Solve one problem by parts of some hundred variables."""
    backend = blocks.backend
    solution, gradient = _start(blocks, lower, upper)
    bounds = backend.asarray(lower), backend.asarray(upper)
    search = Decomposition(blocks, *bounds, solution, gradient, cache_bytes)
    n_iter, gap = search.solve(float(tol), max_iter, shrinking)
    found = backend.to_host(solution), backend.to_host(gradient)
    return *found, np.array([n_iter]), np.array([gap])


def _start(blocks: Blocks, lower: Any, upper: Any) -> tuple[Any, Any]:
    """Return the point 0 and the gradient there."""
    signs = np.where(upper > 0, 1.0, -1.0)
    return blocks.backend.zeros(len(signs), np.float64), blocks.backend.asarray(-signs)
