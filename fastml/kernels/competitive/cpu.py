"""Competitive learning on the CPU: rows one by one against packed centers."""

import numpy as np

from fastml._jit import njit_parallel, njit_serial, prange
from fastml._jit.philox import inlined, philox4x32
from fastml._jit.simd import TILE_COLS
from fastml.kernels.competitive.panels import decide, no_bias, packed, set_bias, unpack, visit

_philox = inlined(philox4x32)

# Rows of one task of a batch.
TASK_ROWS = 16
# Keys of one task.
TASK_KEYS = 4096


def _batch_work(X, order, offset, sample_weight, rates, by_count, batch_size, *rest):
    """A share of the vector operations of one batch, as each of them starts the threads anew."""
    n_clusters = next(a for a in rest if np.ndim(a) == 2).shape[0]
    return min(order.shape[0], batch_size) * X.shape[1] * (n_clusters / TILE_COLS + 1) / 8


@njit_serial
def compete(
    X,  # IN (n_samples, n_features)
    order,  # IN (n_visits,)
    offset,  # IN (n_features,)
    sample_weight,  # IN (n_samples,)
    rates,  # IN (n_visits,)
    by_count,  # IN scalar
    leak,  # IN scalar
    conscience,  # IN scalar
    conscience_rate,  # IN scalar
    unit_length,  # IN scalar
    centers,  # INOUT (n_clusters, n_features)
    counts,  # INOUT (n_clusters,)
    frequency,  # INOUT (n_clusters,)
    scale,  # INOUT (2,)
    winners,  # OUT (n_visits,)
):
    """Let centers compete for rows, one row after the other.

    The winner w moves by ``w += rate * (x - w)``. A row of weight s moves it as far as s visits
    would.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    order : (n_visits,) int64 array
        Rows to visit, in order.
    offset : (n_features,) float array
        Subtracted from every row; `centers` are relative to it.
    sample_weight : (n_samples,) float array
        Weight of each row, above 0.
    rates : (n_visits,) float64 array
        Learning rate at each visit.
    by_count : bool
        Take ``1 / (2 + counts)`` of the center for its rate in place of `rates`: centers are then
        means of their start and the rows they won.
    leak : float
        Rate of the losers, in units of the winner's; 0 leaves them where they are.
    conscience : float
        C of DeSieno's bias C (1/n_clusters - p), which is taken from the squared distances; in
        units of the mean squared distance between rows and centers so far.
    conscience_rate : float
        B of p += B (y - p), where y is 1 for the nearest center, bias aside, and else 0.
    unit_length : bool
        Scale centers that moved to length one.
    centers : (n_clusters, n_features) float array
        Centers less the offset.
    counts : (n_clusters,) float64 array
        Weight that each center has won.
    frequency : (n_clusters,) float array
        p of each center.
    scale : (2,) float64 array
        Sum over visits of weight times the mean squared distance to all centers; sum of weights.
        Left alone without conscience, as `frequency` is.
    winners : (n_visits,) int32 array
        Written: the winner of each visit, the lowest one where distances tie.
    """
    panels = packed(centers)
    bias = no_bias(panels.shape[0], centers)
    pulls = np.zeros(bias.shape[0], X.dtype)
    undecided = np.empty(0, np.int32), np.empty(0)
    visit(
        X, order, offset, sample_weight, rates, by_count, leak, conscience, conscience_rate,
        unit_length, 0, order.shape[0], False, panels, counts, frequency, scale, bias, pulls,
        winners, undecided[0], undecided[1],
    )  # fmt: skip
    unpack(panels, centers)


@njit_parallel(work=_batch_work)
def compete_in_batches(
    X,  # IN (n_samples, n_features)
    order,  # IN (n_visits,)
    offset,  # IN (n_features,)
    sample_weight,  # IN (n_samples,)
    rates,  # IN (n_visits,)
    by_count,  # IN scalar
    batch_size,  # IN scalar
    leak,  # IN scalar
    conscience,  # IN scalar
    conscience_rate,  # IN scalar
    unit_length,  # IN scalar
    centers,  # INOUT (n_clusters, n_features)
    counts,  # INOUT (n_clusters,)
    frequency,  # INOUT (n_clusters,)
    scale,  # INOUT (2,)
    winners,  # OUT (n_visits,)
):
    """Let centers compete for rows; those of a batch are won by the centers at its start.

    Winners of a batch are found in parallel, then centers move in the order of the rows.

    Parameters
    ----------
    X, order, offset, sample_weight, rates, by_count, leak, conscience, conscience_rate, unit_length
        Shapes and meaning as for `compete`.
    batch_size : int
        Rows of a batch.
    centers, counts, frequency, scale, winners
        Shapes and meaning as for `compete`.
    """
    n_visits = order.shape[0]
    panels = packed(centers)
    bias = no_bias(panels.shape[0], centers)
    pulls = np.zeros(bias.shape[0], X.dtype)
    nearest = np.empty(batch_size, np.int32)
    spreads = np.empty(batch_size)
    for first in range(0, n_visits, batch_size):
        stop = min(first + batch_size, n_visits)
        if conscience > 0:
            set_bias(conscience, scale, frequency, bias)
        for task in prange(-(-(stop - first) // TASK_ROWS)):
            start = first + task * TASK_ROWS
            decide(
                X, order, offset, conscience, first, start, min(stop, start + TASK_ROWS),
                panels, bias, winners, nearest, spreads,
            )  # fmt: skip
        visit(
            X, order, offset, sample_weight, rates, by_count, leak, conscience, conscience_rate,
            unit_length, first, stop, True, panels, counts, frequency, scale, bias, pulls,
            winners, nearest, spreads,
        )  # fmt: skip
    unpack(panels, centers)


@njit_parallel(work=lambda keys, *rest: 20 * keys.size)
def _shuffle_keys(keys, seed, stream, step, bits, out):
    n = keys.shape[0]
    for task in prange(-(-n // TASK_KEYS)):
        for i in range(task * TASK_KEYS, min(n, (task + 1) * TASK_KEYS)):
            low, high, _, _ = _philox(keys[i], step, stream, seed)
            hashed = high << np.uint64(32) | low
            out[i] = (hashed >> bits << bits) | np.uint64(i)


def shuffle_keys(
    keys,  # IN (n,)
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    out,  # OUT (n,)
):
    """Hash keys of rows; the low bits hold the row's index, so that sorting gives an order.

    Parameters
    ----------
    keys : (n,) uint64 array
        A key of each row, a function of its values: the order depends on these alone.
    seed : scalar int
        Key of the generator, below 2**64.
    stream : scalar int
        Tells apart the draws of different purposes; below 2**32.
    step : scalar int
        Number of the shuffle; below 2**32.
    out : (n,) uint64 array
        Written: hashes, whose low ``n.bit_length()`` bits are the index.
    """
    words = (np.uint64(word) for word in (seed, stream, step, len(keys).bit_length()))
    _shuffle_keys(keys, *words, out)
