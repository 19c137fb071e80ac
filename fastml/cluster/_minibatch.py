"""Mini-batch k-means as a driver over kernels: batches, centers that move, when to stop."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastml.cluster._rows import Array, Rows
from fastml.cluster._seeding import uniforms

# Streams of the counter-based generator, beside those of the seeding.
STREAM_SUBSET = 3
STREAM_VALIDATION = 4
STREAM_BATCH = 5
STREAM_REASSIGN = 6
# Rows drawn in one call: a call costs more than the draws of a batch.
DRAWN_AHEAD = 8192


@dataclass
class State:
    """What a batch changes.

    Attributes
    ----------
    centers : array of shape (n_clusters, n_features)
        On the backend, not less the offset: in float64, as a float32 would lose the small moves
        that single rows make after very many.
    weights : array of shape (n_clusters,)
        On the backend, in float64: what the rows that each center got weigh.
    unchecked : int
        Rows since light centers were last looked for.
    """

    centers: Any
    weights: Any
    unchecked: int = 0


class Rules(NamedTuple):
    """How batches are learned; the parameters of `MiniBatchKMeans` of these names.

    `seed` is the key of the draws; `normalise` is applied to new centers (spherical k-means).
    """

    seed: int
    batch_size: int
    reassignment_ratio: float
    verbose: bool
    normalise: Callable[[Any], Any] | None


class Result(NamedTuple):
    """What a fit ends with: its state, its steps, and the smoothed inertia of a row."""

    state: State
    n_steps: int
    smoothed: float


class Batches:
    """Rows of each batch: drawn with replacement, with probability proportional to weight."""

    def __init__(self, rows: Rows, seed: int, size: int) -> None:
        self.backend, self.n_rows = rows.backend, rows.n_rows
        self.seed, self.size = seed, size
        self.ahead = max(1, DRAWN_AHEAD // size)
        weight = rows.host_weight
        self.ends: Any = None
        if weight.min() != weight.max():
            self.ends = self.backend.asarray(np.cumsum(weight, dtype=np.float64))

    def __iter__(self) -> Iterator[Any]:
        """Yield the numbers of each batch's rows, on the backend, without end."""
        places = self.backend.empty(self.ahead * self.size, np.float64)
        for start in itertools.count(0, len(places)):
            self.backend.kernels("rng").uniform(self.seed, STREAM_BATCH, 0, places, start)
            if self.ends is None:
                drawn = (places * self.n_rows).astype(np.int64)
            else:
                along = places * self.ends[-1]
                drawn = self.backend.xp.searchsorted(self.ends, along, side="right")
            yield from drawn.reshape(self.ahead, self.size)


def learn(
    rows: Rows, picked: Any, sample_weight: Any, state: State, step: int, rules: Rules
) -> float:
    """Move the centers by one batch.

    Parameters
    ----------
    rows : Rows
        The data.
    picked : array of shape (n_batch,)
        On the backend: which rows make the batch.
    sample_weight : array of shape (n_batch,)
        On the backend.
    state : State
        Changed in place.
    step : int
        Number of the batch, for the draws.
    rules : Rules
        How.

    Returns
    -------
    float
        Weighted sum of squared distances of the batch's rows to the centers as they were.
    """
    backend = rows.backend
    state.unchecked += rules.batch_size
    check = state.unchecked >= 10 * len(state.weights) or not state.weights.all()
    inertia = backend.empty(1, np.float64)
    labels = backend.empty(len(picked), np.int32)
    rows.assign_and_move(picked, sample_weight, state.centers, state.weights, labels, inertia)
    if rules.normalise is not None:
        state.centers = rules.normalise(state.centers)
    if check:
        state.unchecked = 0
        if rules.reassignment_ratio > 0:
            reassign_light(rows, picked, sample_weight, state, step, rules)
    return float(inertia[0])


def reassign_light(
    rows: Rows, picked: Any, sample_weight: Any, state: State, step: int, rules: Rules
) -> None:
    """Put centers that got little weight where rows of the batch are.

    Their weight becomes the least of the others', so that they are not moved again at once.
    """
    backend = rows.backend
    weights = backend.to_host(state.weights)
    light = weights < rules.reassignment_ratio * weights.max()
    if not light.any():
        return
    # A ratio above one would leave no center in its place.
    light[np.argmax(weights)] = False
    chosen = backend.to_host(picked)[backend.to_host(sample_weight) > 0]
    most = len(chosen) // 2
    if np.count_nonzero(light) > most:
        light[np.argsort(weights, kind="stable")[most:]] = False
    n_light = np.count_nonzero(light)
    if n_light:
        if rules.verbose:
            print(f"[MiniBatchKMeans] Reassigning {n_light} cluster centers.")
        keys = uniforms(rows, rules.seed, STREAM_REASSIGN, step, len(chosen))
        moved = rows.values(chosen[np.argsort(keys, kind="stable")[:n_light]])
        state.centers[backend.asarray(light)] = backend.asarray(moved, np.float64)
        weights = np.where(light, weights[~light].min(), weights)
        state.weights = backend.asarray(weights)


class Convergence:
    """When to stop: centers that hardly move, or a smoothed inertia that does not fall."""

    def __init__(
        self, share: float, tol: float, patience: int | None, n_steps: int, verbose: bool
    ) -> None:
        self.share, self.tol, self.patience = share, tol, patience
        self.n_steps, self.verbose = n_steps, verbose
        self.smoothed: float | None = None
        self.least = np.inf
        self.waited = 0

    def reached(self, step: int, inertia: float, moved: float) -> bool:
        """Return whether to stop after a step, numbered from 1.

        Parameters
        ----------
        step : int
            The first one is passed over: its inertia is that of the initial centers.
        inertia : float
            Mean over the rows of the batch.
        moved : float
            Sum of the squared moves of the centers.
        """
        where = f"{step}/{self.n_steps}"
        if step == 1:
            self._say(f"Minibatch step {where}: mean batch inertia: {inertia}")
            return False
        if self.smoothed is None:
            self.smoothed = inertia
        else:
            self.smoothed = self.smoothed * (1 - self.share) + inertia * self.share
        self._say(
            f"Minibatch step {where}: mean batch inertia: {inertia}, ewa inertia: {self.smoothed}"
        )
        if self.tol > 0 and moved <= self.tol:
            self._say(f"Converged (small centers change) at step {where}")
            return True
        if self.smoothed < self.least:
            self.waited = 0
            self.least = self.smoothed
        else:
            self.waited += 1
        if self.patience is not None and self.waited >= self.patience:
            self._say(f"Converged (lack of improvement in inertia) at step {where}")
            return True
        return False

    def _say(self, text: str) -> None:
        if self.verbose:
            print(text)


def minibatch(
    rows: Rows,
    centers: Array,
    *,
    rules: Rules,
    n_steps: int,
    tol: float,
    max_no_improvement: int | None,
    on_step: Callable[[State], bool] | None = None,
) -> Result:
    """Learn batches until the centers have settled, or `n_steps` are done.

    Parameters
    ----------
    rows : Rows
        The data.
    centers : ndarray of shape (n_clusters, n_features)
        Initial centers in float64, not less the offset.
    rules, max_no_improvement
        As for `MiniBatchKMeans`.
    n_steps : int
        Most batches.
    tol : float
        Absolute.
    on_step : callable, optional
        Called with the state after each step; True ends the fit.

    Returns
    -------
    Result
    """
    backend, size = rows.backend, rules.batch_size
    state = State(backend.asarray(centers), backend.zeros(len(centers), np.float64))
    batches = Batches(rows, rules.seed, size)
    # Weights have their say in the draws.
    ones = backend.asarray(np.ones(size, rows.dtype))
    share = min(1.0, 2.0 * size / (rows.n_rows + 1))
    convergence = Convergence(share, tol, max_no_improvement, n_steps, rules.verbose)
    for step, picked in zip(range(n_steps), batches, strict=False):
        before = state.centers.copy() if tol > 0 else None
        inertia = learn(rows, picked, ones, state, step, rules) / size
        moved = 0.0 if before is None else float(((state.centers - before) ** 2).sum())
        stop = on_step is not None and on_step(state)
        if convergence.reached(step + 1, inertia, moved) or stop:
            break
    smoothed = inertia if convergence.smoothed is None else convergence.smoothed
    return Result(state, step + 1, smoothed)
