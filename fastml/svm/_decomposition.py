"""A dual problem too large for its kernel matrix, solved by parts of some hundred variables."""

from typing import Any

import numpy as np

from fastml.svm._kernel_blocks import Blocks
from fastml.svm._row_cache import RowCache

__all__ = ["Decomposition"]

# Variables of a part.
PART = 512
# A part is solved until its slopes are this share of the largest there was, or this share of tol;
# by no more than so many steps a variable.
PART_GAP, PART_TOL, PART_STEPS = 0.1, 0.5, 100
# Rounds between searches for variables to leave out, and the share of them that makes it worth it.
SHRINK_ROUNDS, SHRINK_SHARE = 5, 0.2


class Decomposition:
    """Sequential minimal optimisation of a part of the variables at a time.

    A part holds the variables with the largest slopes up and down, as many of each, besides those
    of the last part that are between their bounds: the problem in these alone is solved, then the
    gradient in all follows from their kernel rows, of which a cache keeps those used last.
    Variables at bounds that slopes press them against are left out until the rest is solved [1]_.

    Parameters
    ----------
    blocks : Blocks
        The kernel matrix.
    lower, upper : (n,) float64 array
        Bounds, on the backend.
    solution, gradient : (n,) float64 array
        A point and the gradient there; changed in place.
    cache_bytes : float
        What kernel rows may take.

    References
    ----------
    .. [1] T. Joachims, "Making large-scale SVM learning practical", 1998.
    """

    def __init__(
        self, blocks: Blocks, lower: Any, upper: Any, solution: Any, gradient: Any,
        cache_bytes: float,
    ) -> None:  # fmt: skip
        self.blocks, self.backend = blocks, blocks.backend
        self._all = (lower, upper, solution, gradient)
        self._start = solution.copy()
        self._linear = gradient.copy()
        self.lower, self.upper, self.solution, self.gradient = self._all
        self.active: Any = None
        self.cache = RowCache(blocks, cache_bytes)
        self._previous = np.empty(0, np.int64)

    def solve(self, tol: float, max_iter: int, shrinking: bool) -> tuple[int, float]:
        """Solve the problem.

        Parameters
        ----------
        tol : float
            Largest slope along a pair of variables that is left.
        max_iter : int
            Most steps.
        shrinking : bool
            Whether to leave variables out, if not all kernel rows have room in the cache.

        Returns
        -------
        n_iter : int
            Steps.
        gap : float
            The largest slope that is left; NaN if values of the kernel are not finite.
        """
        n_iter, rounds, stuck = 0, 0, False
        # Where all rows have room, to take variables back costs more than to leave them out saves.
        shrinking = shrinking and self.cache.n_slots < self.blocks.n
        while True:
            rising, falling = self._slopes()
            gap = float(rising.max()) + float(falling.max())
            if not gap >= tol or n_iter >= max_iter or stuck:
                if self.active is None:
                    return n_iter, gap
                shrinking = stuck = False
                self._restore()
                continue
            if shrinking and rounds and rounds % SHRINK_ROUNDS == 0:
                self._shrink(rising, falling)
                rising, falling = self._slopes()
            n_new, left = self._solve_part(rising, falling, gap, tol, max_iter - n_iter)
            if np.isnan(left):
                return n_iter, left
            rounds += 1
            n_iter += n_new
            stuck = n_new == 0

    def _slopes(self) -> tuple[Any, Any]:
        """Return the slopes down which variables can be raised and lowered, -inf for none."""
        xp = self.backend.xp
        rising = xp.where(self.solution < self.upper, -self.gradient, -np.inf)
        falling = xp.where(self.solution > self.lower, self.gradient, -np.inf)
        return rising, falling

    def _solve_part(
        self, rising: Any, falling: Any, gap: float, tol: float, max_iter: int
    ) -> tuple[int, float]:
        backend = self.backend
        part = self._choose(rising, falling)
        slots = backend.asarray(self.cache.fetch(part))
        self._previous = part
        chosen, m = backend.asarray(part), len(part)
        kernels, rows = backend.kernels("smo"), self.cache.rows
        K = backend.empty((m, m), np.float32)
        kernels.gather(rows, slots, chosen, K)
        before = self.solution[chosen]
        solution, gradient = before.copy(), self.gradient[chosen]
        n_iter, left = backend.zeros(1, np.int64), backend.zeros(1, np.float64)
        kernels.solve(
            K, backend.asarray(np.array([[0, m, m, m]])), backend.asarray(np.array([0, m])),
            self.lower[chosen], self.upper[chosen], solution, gradient,
            max(PART_TOL * tol, PART_GAP * gap), min(max_iter, PART_STEPS * m), n_iter, left,
        )  # fmt: skip
        self.solution[chosen] = solution
        change = solution - before
        moved = backend.xp.flatnonzero(change)
        kernels.add_rows(rows, slots[moved], change[moved], self.gradient)
        return int(n_iter[0]), float(left[0])

    def _choose(self, rising: Any, falling: Any) -> Any:
        """Return the variables of the next part, in order, in host memory."""
        xp, n = self.backend.xp, rising.shape[0]
        room = min(PART, self.cache.n_slots)
        if n <= room:
            return np.arange(n)
        previous = self._previous
        if previous.size and room == PART:
            chosen = self.backend.asarray(previous)
            between = (rising[chosen] > -np.inf) & (falling[chosen] > -np.inf)
            previous = previous[self.backend.to_host(between)][: room // 2]
            chosen = self.backend.asarray(previous)
            rising[chosen] = falling[chosen] = -np.inf
        else:
            previous = previous[:0]
        half = max(1, (room - len(previous)) // 2)
        found = [previous]
        for slopes in (rising, falling):
            largest = xp.argpartition(-slopes, half)[:half]
            largest = largest[slopes[largest] > -np.inf]
            falling[largest] = -np.inf
            found.append(self.backend.to_host(largest))
        return np.sort(np.concatenate(found))

    def _shrink(self, rising: Any, falling: Any) -> None:
        """Leave out variables at bounds that they are pressed against by more than any pair."""
        steepest, shallowest = rising.max(), -falling.max()
        pressed = ((self.solution >= self.upper) & (-self.gradient > steepest)) | (
            (self.solution <= self.lower) & (-self.gradient < shallowest)
        )
        kept = np.flatnonzero(~self.backend.to_host(pressed))
        if len(kept) > (1 - SHRINK_SHARE) * pressed.shape[0]:
            return
        self._write_back()
        self.active = kept if self.active is None else self.active[kept]
        chosen = self.backend.asarray(self.active)
        self.lower, self.upper, self.solution, self.gradient = (a[chosen] for a in self._all)
        place = np.full(pressed.shape[0], -1)
        place[kept] = np.arange(len(kept))
        previous = place[self._previous]
        self._previous = previous[previous >= 0]
        self.cache.restrict(kept)

    def _write_back(self) -> None:
        if self.active is None:
            return
        chosen = self.backend.asarray(self.active)
        _, _, solution, gradient = self._all
        solution[chosen], gradient[chosen] = self.solution, self.gradient

    def _restore(self) -> None:
        """Take all variables in again, with the gradient of those that were left out."""
        self._write_back()
        self.lower, self.upper, solution, gradient = self._all
        change = self.backend.to_host(solution - self._start)
        moved = np.flatnonzero(change)
        left_out = np.ones(len(change), bool)
        left_out[self.active] = False
        left_out = np.flatnonzero(left_out)
        chosen = self.backend.asarray(left_out)
        product = self.blocks.product(left_out, moved, self.backend.asarray(change[moved]))
        gradient[chosen] = self._linear[chosen] + product
        self._previous = self.active[self._previous]
        self.solution, self.gradient, self.active = solution, gradient, None
        self.cache.widen(self.blocks)
