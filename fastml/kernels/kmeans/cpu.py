"""k-means steps on the CPU: one fused pass over X each, no n x k matrix."""

import numpy as np

from fastml._jit import njit_parallel, prange
from fastml._jit.simd import TILE_COLS
from fastml.kernels.kmeans.bounds import assign_bounded_rows
from fastml.kernels.kmeans.panels import (
    BATCH,
    column_moments_of_block,
    move_row,
    nearest_labels,
    pack_centers,
    scratch_for,
    squared_distance,
    thread_span,
)

# Rows of one task where tasks need not follow the canonical blocks.
TASK_ROWS = 10 * BATCH


def _assignment_work(X, *rest):
    """Vector operations of the tile and those around it, for one assignment of all rows."""
    centers = next(a for a in rest if a.ndim == 2)
    return X.size * (4 + centers.shape[0] / TILE_COLS)


@njit_parallel(work=_assignment_work)
def assign(
    X,  # IN (n_samples, n_features)
    offset,  # IN (n_features,)
    centers,  # IN (n_clusters, n_features)
    labels,  # OUT (n_samples,)
):
    """Give every row the label of its nearest center.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    offset : (n_features,) float array
        Subtracted from every row; `centers` are relative to it.
    centers : (n_clusters, n_features) float array
        Centers less the offset.
    labels : (n_samples,) int32 array
        Written: index of the nearest center, the lowest one where distances tie.
    """
    n, d = X.shape
    n_panels = -(-centers.shape[0] // TILE_COLS)
    panels = np.empty((n_panels, d, TILE_COLS), X.dtype)
    bias = np.empty(n_panels * TILE_COLS, X.dtype)
    pack_centers(centers, np.arange(centers.shape[0]), panels, bias)
    for task in prange(-(-n // TASK_ROWS)):
        scratch = scratch_for(X, centers)
        found = np.empty(BATCH, np.int32)
        stop = min(n, (task + 1) * TASK_ROWS)
        for first in range(task * TASK_ROWS, stop, BATCH):
            n_rows = min(BATCH, stop - first)
            nearest_labels(X, first, n_rows, offset, centers, panels, bias, scratch, found)
            for p in range(n_rows):
                labels[first + p] = found[p]


@njit_parallel(work=_assignment_work)
def assign_and_sum(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_samples,)
    offset,  # IN (n_features,)
    centers,  # IN (n_clusters, n_features)
    scales,  # IN (n_features + 1,)
    labels,  # INOUT (n_samples,)
    sums,  # INOUT (n_workers, n_limbs, n_clusters, n_features + 1)
    counts,  # OUT (n_workers, 2)
):
    """Assign every row and bring the cluster sums up to date, in one pass.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    sample_weight : (n_samples,) float array
        Weight of each row.
    offset : (n_features,) float array
        Subtracted from every row before it meets the centers.
    centers : (n_clusters, n_features) float array
        Centers less the offset.
    scales : (n_features + 1,) float64 array
        Powers of two: units of the fixed-point sums per unit of weight * X in each column and,
        last, of weight.
    labels : (n_samples,) int32 array
        Labels whose rows `sums` holds already (-1: not held), overwritten by the new labels.
    sums : (n_workers, n_limbs, n_clusters, n_features + 1) int64 array
        Fixed-point sums of weight * X (not less the offset) and, last, of the weights. Every
        worker adds what its rows change to its own share; their total is the sum.
    counts : (n_workers, 2) int64 array
        Written: rows whose label changed; pairs of row and panel of centers evaluated.
    """
    n, d = X.shape
    n_panels = -(-centers.shape[0] // TILE_COLS)
    panels = np.empty((n_panels, d, TILE_COLS), X.dtype)
    bias = np.empty(n_panels * TILE_COLS, X.dtype)
    pack_centers(centers, np.arange(centers.shape[0]), panels, bias)
    n_workers = sums.shape[0]
    for worker in prange(n_workers):
        scratch = scratch_for(X, centers)
        found = np.empty(BATCH, np.int32)
        share = sums[worker]
        start, stop = thread_span(worker, n_workers, n, BATCH)
        changed = 0
        for first in range(start, stop, BATCH):
            n_rows = min(BATCH, stop - first)
            nearest_labels(X, first, n_rows, offset, centers, panels, bias, scratch, found)
            for p in range(n_rows):
                row = first + p
                old = labels[row]
                if found[p] != old:
                    move_row(X, row, sample_weight[row], scales, old, found[p], share)
                    labels[row] = found[p]
                    changed += 1
        counts[worker, 0] = changed
        counts[worker, 1] = max(0, stop - start) * n_panels


@njit_parallel(work=_assignment_work)
def assign_bounded_and_sum(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_samples,)
    offset,  # IN (n_features,)
    centers,  # IN (n_clusters, n_features)
    scales,  # IN (n_features + 1,)
    labels,  # INOUT (n_samples,)
    sums,  # INOUT (n_workers, n_limbs, n_clusters, n_features + 1)
    counts,  # OUT (n_workers, 2)
    order,  # IN (n_clusters,)
    center_reach,  # IN (n_clusters,)
    panel_reach,  # IN (n_panels,)
    row_norms,  # IN (n_samples,)
    upper,  # INOUT (n_samples,)
    lower,  # INOUT (n_samples, n_panels)
    rounding,  # IN scalar
    fresh,  # IN scalar
):
    """Assign like `assign_and_sum`, skipping panels of centers that bounds rule out.

    Centers are taken in panels of `TILE_COLS`. A row keeps an upper bound on the distance to its
    own center and per panel a lower bound on the distance to every other center in it; after the
    centers moved, the triangle inequality says which panels can hold a nearer one (Ding et al.,
    "Yinyang k-means", ICML 2015; with one panel it is Hamerly's rule, SDM 2010). Bounds allow for
    rounding, so that labels are those of the full computation.

    Parameters
    ----------
    X, sample_weight, offset, centers, scales, labels, sums, counts
        Shapes and meaning as for `assign_and_sum`.
    order : (n_clusters,) int64 array
        Centers in the order in which they fill the panels.
    center_reach : (n_clusters,) float64 array
        How far each center has moved since `fresh`, all moves added up.
    panel_reach : (n_panels,) float64 array
        The largest move in each panel, added up likewise.
    row_norms : (n_samples,) float array
        |x - offset|^2.
    upper : (n_samples,) float array
        Upper bound less the reach of the row's center.
    lower : (n_samples, n_panels) float array
        Lower bounds plus the reach of the panel.
    rounding : float
        Relative error of a product of `n_features` terms, with margin.
    fresh : bool
        Evaluate everything and start the bounds anew.
    """
    n, d = X.shape
    n_panels = -(-centers.shape[0] // TILE_COLS)
    panels = np.empty((n_panels, d, TILE_COLS), X.dtype)
    bias = np.empty(n_panels * TILE_COLS, X.dtype)
    pack_centers(centers, order, panels, bias)
    place = np.empty(centers.shape[0], np.int64)
    for column in range(centers.shape[0]):
        place[order[column]] = column
    n_workers = sums.shape[0]
    for worker in prange(n_workers):
        start, stop = thread_span(worker, n_workers, n, BATCH)
        assign_bounded_rows(
            X, sample_weight, offset, centers, scales, labels, sums[worker], counts[worker],
            order, place, center_reach, panel_reach, row_norms, upper, lower, rounding, fresh,
            panels, bias, start, stop,
        )  # fmt: skip


@njit_parallel(work=lambda X, *rest: X.size)
def assigned_distances(
    X,  # IN (n_samples, n_features)
    offset,  # IN (n_features,)
    centers,  # IN (n_clusters, n_features)
    labels,  # IN (n_samples,)
    distances,  # OUT (n_samples,)
):
    """Compute each row's squared distance to its own center, by differences.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    offset : (n_features,) float array
        Subtracted from every row; `centers` are relative to it.
    centers : (n_clusters, n_features) float array
        Centers less the offset.
    labels : (n_samples,) int32 array
        Center of each row.
    distances : (n_samples,) float64 array
        Written: |(x - offset) - c|^2, accumulated in float64.
    """
    n = X.shape[0]
    for task in prange(-(-n // TASK_ROWS)):
        for row in range(task * TASK_ROWS, min(n, (task + 1) * TASK_ROWS)):
            distances[row] = squared_distance(X, row, offset, centers, labels[row])


@njit_parallel(work=lambda X, *rest: 4 * X.size)
def inertia(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_samples,)
    offset,  # IN (n_features,)
    centers,  # IN (n_clusters, n_features)
    labels,  # IN (n_samples,)
    block_rows,  # IN scalar
    partials,  # OUT (n_blocks,)
):
    """Add up weight times squared distance to the own center, block by block.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    sample_weight : (n_samples,) float array
        Weights.
    offset : (n_features,) float array
        Subtracted from every row; `centers` are relative to it.
    centers : (n_clusters, n_features) float array
        Centers less the offset.
    labels : (n_samples,) int32 array
        Center of each row.
    block_rows : int
        Rows of a canonical block.
    partials : (n_blocks,) float64 array
        Written: the sum over each block.
    """
    n = X.shape[0]
    for block in prange(partials.shape[0]):
        total = 0.0
        for row in range(block * block_rows, min(n, (block + 1) * block_rows)):
            squared = squared_distance(X, row, offset, centers, labels[row])
            total += np.float64(sample_weight[row]) * squared
        partials[block] = total


@njit_parallel(work=lambda X, *rest: 4 * X.size)
def column_moments(
    X,  # IN (n_samples, n_features)
    block_rows,  # IN scalar
    means,  # OUT (n_blocks, n_features)
    deviations,  # OUT (n_blocks, n_features)
    peaks,  # OUT (n_blocks, n_features)
):
    """Compute mean, sum of squared deviations and largest magnitude, block by block.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    block_rows : int
        Rows of a canonical block.
    means : (n_blocks, n_features) float64 array
        Written: column means of the block; NaN or inf where X holds any.
    deviations : (n_blocks, n_features) float64 array
        Written: sums of squared deviations from the block's own mean.
    peaks : (n_blocks, n_features) float64 array
        Written: largest absolute value of each column in the block.
    """
    n = X.shape[0]
    for block in prange(means.shape[0]):
        start, stop = block * block_rows, min(n, (block + 1) * block_rows)
        column_moments_of_block(X, start, stop, means[block], deviations[block], peaks[block])
