"""Competitive learning as a driver over kernels: visits of rows in order, run by run."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from fastml.cluster._rows import Array, CsrRows, DenseRows, Rows

# Stream of the counter-based generator that orders of visits are drawn from.
STREAM_SHUFFLE = 7
# Visits of one call of a kernel, and elements of the sparse rows that are made dense for it.
RUN_VISITS = 1 << 17
RUN_ELEMENTS = 1 << 20
# The adaptive schedule ends when the learning rate falls below this, as scikit-learn's does.
LEAST_RATE = 1e-6


@dataclass
class State:
    """What a visit changes.

    Attributes
    ----------
    centers : ndarray of shape (n_clusters, n_features)
        Centers less the offset.
    counts : ndarray of shape (n_clusters,)
        Weight that each center has won, in float64.
    frequency : ndarray of shape (n_clusters,)
        Running share of the rows that each center was nearest to, in the dtype of the centers.
    scale : ndarray of shape (2,)
        Weighted sum of the mean squared distances between rows and centers; sum of the weights.
    n_steps : int
        Visits so far.
    """

    centers: Array
    counts: Array
    frequency: Array
    scale: Array
    n_steps: int = 0


@dataclass(frozen=True)
class Schedule:
    """The learning rate as a function of the number of visits.

    Attributes
    ----------
    kind : {"constant", "invscaling", "adaptive", "optimal", "cosine"}
        "optimal" goes by the wins of each center, which the kernels count.
    eta0, power_t : float
        As for `WinnerTakeAll`.
    n_before, n_total : int
        Visits before the fit and in all of it, for "cosine".
    """

    kind: str
    eta0: float
    power_t: float
    n_before: int = 0
    n_total: int = 0

    @property
    def by_count(self) -> bool:
        """Whether each center has a rate of its own."""
        return self.kind == "optimal"

    def rates(self, first: int, n_visits: int) -> Array:
        """Return the rates of some visits."""
        step = np.arange(first, first + n_visits, dtype=np.float64)
        if self.kind == "invscaling":
            return self.eta0 / (1.0 + step) ** self.power_t
        if self.kind == "cosine":
            return self.eta0 * 0.5 * (1.0 + np.cos(np.pi * (step - self.n_before) / self.n_total))
        return np.full(n_visits, self.eta0)


@dataclass(frozen=True)
class Rules:
    """How centers compete, whatever the learning rate.

    Attributes
    ----------
    batch_size : int
        Rows whose winners are found with the same centers.
    leak : float
        Rate of one loser in units of the winner's.
    conscience, conscience_rate : float
        DeSieno's C and B; 0 for none.
    unit_length : bool
        Whether centers are of length one.
    """

    batch_size: int
    leak: float
    conscience: float
    conscience_rate: float
    unit_length: bool


def order_of_visits(rows: Rows, seed: int, epoch: int, shuffle: bool) -> Array:
    """Return the rows that have weight, in the order of an epoch.

    A shuffled order depends on the seed and the values of the rows alone, neither on the order in
    which they come nor on how often they are repeated.
    """
    backend = rows.backend
    order = np.arange(rows.n_rows)
    if shuffle:
        hashed = backend.empty(rows.n_rows, np.uint64)
        keys = backend.asarray(rows.keys())
        kernels = backend.kernels("competitive")
        kernels.shuffle_keys(keys, seed, STREAM_SHUFFLE, epoch, hashed)
        index_bits = (1 << rows.n_rows.bit_length()) - 1
        hashed = backend.to_host(hashed)
        hashed.sort()
        order = (hashed & np.uint64(index_bits)).astype(np.int64)
    if rows.host_weight.all():
        return order
    return order[rows.host_weight[order] > 0]


def _visited(rows: Rows, order: Array) -> tuple[Any, Any, Any]:
    """Return dense rows on the backend, their weights, and where among them the visits are."""
    if isinstance(rows, DenseRows):
        return rows.X, rows.sample_weight, rows.backend.asarray(order)
    assert isinstance(rows, CsrRows)
    asarray = rows.backend.asarray
    here = np.arange(len(order))
    return asarray(rows.take(order)), asarray(rows.host_weight[order]), asarray(here)


def _run_length(rows: Rows, batch_size: int) -> int:
    """Return how many visits a kernel makes in one call: whole batches."""
    length = RUN_VISITS
    if isinstance(rows, CsrRows):
        length = min(length, max(1, RUN_ELEMENTS // rows.n_features))
    return max(1, length // batch_size) * batch_size


def compete(rows: Rows, order: Array, schedule: Schedule, rules: Rules, state: State) -> None:
    """Visit rows in order; bring `state` up to date."""
    backend, kernels = rows.backend, rows.backend.kernels("competitive")
    offset = backend.asarray(rows.host_offset)
    arrays = [backend.asarray(a) for a in (state.centers, state.counts, state.frequency)]
    scale = backend.asarray(state.scale)
    length = _run_length(rows, rules.batch_size)
    for start in range(0, len(order), length):
        X, weight, visits = _visited(rows, order[start : start + length])
        rates = backend.asarray(schedule.rates(state.n_steps, len(visits)))
        winners = backend.empty(len(visits), np.int32)
        what = (X, visits, offset, weight, rates, schedule.by_count)
        how = (rules.leak, rules.conscience, rules.conscience_rate, rules.unit_length)
        if rules.batch_size == 1:
            kernels.compete(*what, *how, *arrays, scale, winners)
        else:
            kernels.compete_in_batches(*what, rules.batch_size, *how, *arrays, scale, winners)
        state.n_steps += len(visits)
    state.centers, state.counts, state.frequency = (backend.to_host(a) for a in arrays)
    state.scale = backend.to_host(scale)


def assigned(rows: Rows, state: State) -> tuple[Array, float]:
    """Return label of each row and inertia with the centers of a state."""
    backend = rows.backend
    centers = backend.asarray(state.centers)
    labels = backend.empty(rows.n_rows, np.int32)
    rows.assign(centers, labels)
    return backend.to_host(labels), rows.inertia(centers, labels)


class Result(NamedTuple):
    """What a fit leaves besides its state."""

    labels: Array
    inertia: float
    n_epochs: int
    converged: bool


def learn(
    rows: Rows,
    state: State,
    schedule: Schedule,
    rules: Rules,
    *,
    seed: int,
    shuffle: bool,
    max_iter: int,
    tol: float,
    patience: int | None,
    verbose: bool = False,
    on_epoch: Callable[[Array], bool] | None = None,
) -> Result:
    """Run epochs until the inertia stays, or `max_iter` is reached; bring `state` up to date.

    Parameters
    ----------
    rows, state, schedule, rules
        The data, and how to learn from it.
    seed : int
        64-bit key of the orders.
    shuffle, max_iter, tol, verbose
        As for `WinnerTakeAll`.
    patience : int or None
        Epochs without improvement after which to stop, or to lower an adaptive rate; None to run
        all.
    on_epoch : callable, optional
        Called with the centers after each epoch; True ends the fit.

    Returns
    -------
    Result
        Labels and inertia match the centers of `state`.
    """
    best, n_waited = np.inf, 0
    for epoch in range(max_iter):
        compete(rows, order_of_visits(rows, seed, epoch, shuffle), schedule, rules, state)
        stop = on_epoch is not None and on_epoch(state.centers)
        last = stop or epoch + 1 == max_iter
        if patience is None and not verbose and not last:
            continue
        labels, inertia = assigned(rows, state)
        if verbose:
            print(f"Epoch {epoch}, inertia {inertia}.")
        if patience is not None:
            n_waited = 0 if inertia < best * (1 - tol) else n_waited + 1
            best = min(best, inertia)
            if n_waited >= patience and schedule.kind == "adaptive":
                schedule, n_waited = replace(schedule, eta0=schedule.eta0 / 5), 0
            if n_waited >= patience or schedule.eta0 < LEAST_RATE:
                return Result(labels, inertia, epoch + 1, True)
        if last:
            break
    return Result(labels, inertia, epoch + 1, stop or patience is None)
