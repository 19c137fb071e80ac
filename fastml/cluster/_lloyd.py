"""Lloyd's iterations as a driver over kernels: partial, merge, finish."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastml.cluster._bounds import PANEL, Bounds
from fastml.cluster._rows import Array, DenseRows, Rows
from fastml.kernels.kmeans.scalar import LOW_SCALE


class Result(NamedTuple):
    """One run of k-means: labels, inertia, centers less the offset, iterations."""

    labels: Array
    inertia: float
    centers: Array
    n_iter: int


@dataclass(frozen=True)
class State:
    """What an iteration starts from.

    Attributes
    ----------
    centers : ndarray of shape (n_clusters, n_features)
        Centers less the offset.
    scales : ndarray of shape (n_features + 1,)
        Units of the fixed-point sums per unit of weight * X in each column and, last, of weight:
        powers of two chosen so that no sum over all rows overflows.
    ratios : ndarray of shape (n_features,)
        The last of the scales over the others.
    offset : ndarray of shape (n_features,)
        In float64.
    """

    centers: Array
    scales: Array
    ratios: Array
    offset: Array


class Memory:
    """Labels of the rows at hand and the sums they make: only changes are computed anew.

    The sums are integers, so they are a function of the labels alone, however they were reached.
    """

    def __init__(self, rows: Rows, state: State) -> None:
        backend, n_clusters = rows.backend, len(state.centers)
        limbs = n_limbs(rows, float(rows.host_weight.max()))
        shape = (backend.n_workers, limbs, n_clusters, rows.n_features + 1)
        self.labels = backend.asarray(np.full(rows.n_rows, -1, np.int32))
        self.sums = backend.zeros(shape, np.int64)
        self.counts = backend.zeros((shape[0], 2), np.int64)
        self.scales = backend.asarray(state.scales)


def fixed_point_scales(n_rows: int, peaks: Array, heaviest: float) -> Array:
    """Return the units for sums over `n_rows` rows: a power of two for each column and the weight.

    Parameters
    ----------
    n_rows : int
        Rows of the whole data set.
    peaks : ndarray of shape (n_features,)
        Largest magnitude of each column.
    heaviest : float
        Largest weight.
    """

    def exponent(value: Any) -> Any:
        # Of the power of two above; exponents are added where a product could overflow.
        return np.where(np.asarray(value) > 0, np.frexp(value)[1], 0)

    room = 62 - exponent(float(n_rows)) - exponent(heaviest)
    exponents = np.append(room - exponent(peaks), room)
    return np.ldexp(1.0, np.clip(exponents, -1000, 1000))


def n_limbs(rows: Rows, heaviest: float) -> int:
    """Return how many integers make a sum: one gives float32 all its digits and some twenty more.

    Unless there are so many rows, or weights so unequal, that little of them would be left.
    """
    lightest = float(rows.host_weight.min(where=rows.host_weight > 0, initial=heaviest))
    roomy = rows.n_rows * (heaviest / max(lightest, np.finfo(np.float64).tiny)) <= 2.0**22
    return 1 if rows.dtype == np.float32 and roomy else 2


def partial(state: State, rows: Rows, memory: Memory, bounds: Bounds | None) -> Array:
    """Assign the rows at hand; return their fixed-point sums, (n_limbs, n_clusters, d + 1)."""
    backend = rows.backend
    centers = backend.asarray(state.centers)
    step = (centers, memory.scales, memory.labels, memory.sums, memory.counts)
    if bounds is None:
        rows.assign_and_sum(*step)
    else:
        bounds.rows.assign_bounded_and_sum(*step, *bounds.arguments())
    return functools.reduce(merge, backend.to_host(memory.sums))


def merge(left: Array, right: Array) -> Array:
    """Merge the sums of two workers, or of two sets of rows; integers, so in any order."""
    return left + right


def totals(sums: Array) -> Array:
    """Return fixed-point sums as float64, still in their units."""
    total = sums[0].astype(np.float64)
    if len(sums) > 1:
        total += sums[1] / LOW_SCALE
    return total


def finish(state: State, total: Array) -> Array:
    """Return the new centers, less the offset, from the sums of all rows in float64.

    A cluster without weight is put where the heaviest one is.
    """
    weight = total[:, -1:]
    without = weight <= 0
    some = without.any()
    # Units are divided last: weights times their unit could overflow where the means do not.
    means = total[:, :-1] / (np.where(without, 1.0, weight) if some else weight)
    means *= state.ratios
    means -= state.offset
    if some:
        means[without[:, 0]] = means[np.argmax(weight)]
    return means.astype(state.centers.dtype)


def relocate_empty(rows: Rows, memory: Memory, state: State, total: Array) -> None:
    """Give every cluster without weight the row farthest from its center, in `total`."""
    empty = np.flatnonzero(total[:, -1] == 0)
    labels = rows.backend.to_host(memory.labels)
    distances = rows.distances_to(rows.backend.asarray(state.centers), memory.labels)
    distances = np.where(rows.host_weight > 0, distances, 0.0)
    if not distances.max() > 0:
        # More clusters than distinct rows: moving centers about would not help.
        return
    farthest = np.argsort(-distances, kind="stable")[: len(empty)]
    moved = rows.take(farthest).astype(np.float64) + rows.host_offset
    left = np.bincount(labels[rows.host_weight > 0], minlength=len(total))
    for cluster, row, x in zip(empty, farthest, moved, strict=True):
        weight = float(rows.host_weight[row])
        share = np.append(x, 1.0) * (weight * state.scales)
        total[labels[row]] -= share
        left[labels[row]] -= 1
        if left[labels[row]] == 0:
            # What the subtraction leaves of no row is rounding, not weight.
            total[labels[row]] = 0.0
        total[cluster] = share


def lloyd(
    rows: Rows,
    centers: Array,
    peaks: Array,
    *,
    max_iter: int,
    tol: float,
    algorithm: str,
    normalise: Callable[[Array], Array] | None = None,
    verbose: bool = False,
    on_iteration: Callable[[Array], bool] | None = None,
) -> Result:
    """Iterate until labels stay, centers move less than `tol`, or `max_iter` is reached.

    Parameters
    ----------
    rows : Rows
        The data.
    centers : ndarray of shape (n_clusters, n_features)
        Initial centers less the offset.
    peaks : ndarray of shape (n_features,)
        Largest magnitude of each column.
    max_iter, tol, algorithm, verbose
        As for `KMeans`; `tol` is absolute.
    normalise : callable, optional
        Applied to new centers (spherical k-means).
    on_iteration : callable, optional
        Called with the centers after each iteration; True ends the run.

    Returns
    -------
    Result
        Labels that match the centers, as a further assignment would give.
    """
    backend, n_clusters = rows.backend, len(centers)
    heaviest = float(rows.host_weight.max(initial=0.0))
    scales = fixed_point_scales(rows.n_rows, peaks, heaviest)
    ratios, offset = scales[-1] / scales[:-1], rows.host_offset.astype(np.float64)
    state = State(centers, scales, ratios, offset)
    memory = Memory(rows, state)
    few_enough = Bounds.start_below(rows, n_clusters) if isinstance(rows, DenseRows) else 0.0
    bounds = None
    if algorithm == "elkan" and isinstance(rows, DenseRows):
        bounds = Bounds(rows, state.centers)
    strict = False
    for iteration in range(max_iter):
        total = totals(partial(state, rows, memory, bounds))
        if not total[:, -1].all():
            relocate_empty(rows, memory, state, total)
        new = finish(state, total)
        if normalise is not None:
            new = normalise(new)
        n_changed, n_met = backend.to_host(memory.counts).sum(axis=0).tolist()
        if verbose:
            inertia = rows.inertia(backend.asarray(state.centers), memory.labels)
            share = n_met / (rows.n_rows * -(-n_clusters // PANEL))
            print(
                f"Iteration {iteration}, inertia {inertia}, {share:.0%} of the distances computed."
            )
        steps = new.astype(np.float64)
        steps -= state.centers
        steps *= steps
        moves = steps.sum(axis=1)
        state = State(new, scales, ratios, offset)
        if bounds is not None:
            bounds.centers_moved(np.sqrt(moves))
        stop = on_iteration is not None and on_iteration(new)
        if n_changed == 0:
            strict = True
            if verbose:
                print(f"Converged at iteration {iteration}: strict convergence.")
            break
        shift = float(moves.sum())
        if shift <= tol:
            if verbose:
                print(
                    f"Converged at iteration {iteration}: center shift {shift} within "
                    f"tolerance {tol}."
                )
            break
        if stop:
            break
        if bounds is None and n_changed < few_enough * rows.n_rows:
            assert isinstance(rows, DenseRows)
            bounds = Bounds(rows, new)
    if not strict:
        # The centers moved after the last assignment: labels have to match them.
        partial(state, rows, memory, bounds)
    final = backend.asarray(state.centers)
    inertia = rows.inertia(final, memory.labels)
    return Result(backend.to_host(memory.labels), inertia, state.centers, iteration + 1)
