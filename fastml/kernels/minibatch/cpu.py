"""Steps of mini-batch k-means on the CPU: labels, sums and new centers in one call."""

import numpy as np

from fastml._jit import njit_parallel, prange
from fastml._jit.simd import TILE_COLS
from fastml.kernels.kmeans.panels import (
    BATCH,
    nearest_labels,
    pack_centers,
    scratch_for,
    squared_distance,
)
from fastml.kernels.kmeans_csr import rows as csr
from fastml.kernels.minibatch.rows import gather, less_offset, move_center, sorted_by_cluster

# Stretches of `BATCH` rows that make one task: batches are small, and threads should share them.
TASK_STRETCHES = 2
TASK_CLUSTERS = 4


def _dense_work(X, picked, sample_weight, offset, centers, *rest):
    """Vector operations of the tile and those around it."""
    return picked.size * X.shape[1] * (4 + centers.shape[0] / TILE_COLS)


@njit_parallel(work=_dense_work)
def assign_and_move(
    X,  # IN (n_samples, n_features)
    picked,  # IN (n_batch,)
    sample_weight,  # IN (n_batch,)
    offset,  # IN (n_features,)
    centers,  # INOUT (n_clusters, n_features)
    weights,  # INOUT (n_clusters,)
    labels,  # OUT (n_batch,)
    inertia,  # OUT (1,)
):
    """Assign the rows of a batch, then move each center to the mean of all rows it ever got.

    Rows are added to their cluster in the order of the batch, in float64, so that the result does
    not depend on the number of threads, and late rows still count after very many.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    picked : (n_batch,) int64 array
        Which of them make the batch; a row may come more than once.
    sample_weight : (n_batch,) float array
        Weight of each row of the batch.
    offset : (n_features,) float array
        Subtracted from rows and centers before they meet; close to the rows' mean.
    centers : (n_clusters, n_features) float64 array
        Centers (not less the offset), overwritten by the new ones.
    weights : (n_clusters,) float64 array
        What the rows of each cluster weigh, those of the batch are added.
    labels : (n_batch,) int32 array
        Written: the nearest of the centers as they were.
    inertia : (1,) float64 array
        Written: weighted sum of squared distances to these.

    References
    ----------
    D. Sculley, "Web-scale k-means clustering", WWW 2010.
    """
    m, d = picked.shape[0], X.shape[1]
    k = centers.shape[0]
    before = less_offset(centers, offset)
    n_panels = -(-k // TILE_COLS)
    panels = np.empty((n_panels, d, TILE_COLS), X.dtype)
    bias = np.empty(n_panels * TILE_COLS, X.dtype)
    pack_centers(before, np.arange(k), panels, bias)
    n_stretches = -(-m // BATCH)
    losses = np.empty(n_stretches)
    for task in prange(-(-n_stretches // TASK_STRETCHES)):
        scratch = scratch_for(X, before)
        found = np.empty(BATCH, np.int32)
        rows = np.empty((BATCH, d), X.dtype)
        last = min(n_stretches, (task + 1) * TASK_STRETCHES)
        for stretch in range(task * TASK_STRETCHES, last):
            first = stretch * BATCH
            n_rows = min(BATCH, m - first)
            gather(X, picked, first, n_rows, rows)
            nearest_labels(rows, 0, n_rows, offset, before, panels, bias, scratch, found)
            loss = 0.0
            for p in range(n_rows):
                labels[first + p] = found[p]
                squared = squared_distance(rows, p, offset, before, found[p])
                loss += np.float64(sample_weight[first + p]) * squared
            losses[stretch] = loss
    loss = 0.0
    for stretch in range(n_stretches):
        loss += losses[stretch]
    inertia[0] = loss
    order, starts = sorted_by_cluster(labels, k)
    for task in prange(-(-k // TASK_CLUSTERS)):
        total = np.empty(d)
        for j in range(task * TASK_CLUSTERS, min(k, (task + 1) * TASK_CLUSTERS)):
            total[:] = 0.0
            added = 0.0
            for at in range(starts[j], starts[j + 1]):
                weight, row = np.float64(sample_weight[order[at]]), picked[order[at]]
                added += weight
                for t in range(d):
                    total[t] += weight * np.float64(X[row, t])
            weights[j] = move_center(centers[j], weights[j], total, added)


def _sparse_work(data, indices, indptr, picked, sample_weight, centers, *rest):
    """Multiplications of one assignment, taking rows to be of average length."""
    entries = data.size / max(1, indptr.size - 1)
    return picked.size * (entries + 1) * centers.shape[0]


@njit_parallel(work=_sparse_work)
def assign_and_move_csr(
    data,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    picked,  # IN (n_batch,)
    sample_weight,  # IN (n_batch,)
    centers,  # INOUT (n_clusters, n_features)
    weights,  # INOUT (n_clusters,)
    labels,  # OUT (n_batch,)
    inertia,  # OUT (1,)
):
    """Do what `assign_and_move` does to rows in compressed sparse row form.

    Parameters
    ----------
    data, indices, indptr : (n_entries,), (n_entries,), (n_samples + 1,) arrays
        Rows in compressed sparse row form, indices int32.
    picked, sample_weight, centers, weights, labels, inertia
        Shapes and meaning as for `assign_and_move`.
    """
    m, k, d = picked.shape[0], centers.shape[0], centers.shape[1]
    before = centers.astype(data.dtype)
    norms = csr.squared_norms(before)
    half_norms = (0.5 * norms).astype(data.dtype)
    columns = csr.transposed(before)
    n_stretches = -(-m // BATCH)
    losses = np.empty(n_stretches)
    for stretch in prange(n_stretches):
        scores = np.empty(k, data.dtype)
        loss = 0.0
        for i in range(stretch * BATCH, min(m, (stretch + 1) * BATCH)):
            first, last = indptr[picked[i]], indptr[picked[i] + 1]
            label = csr.nearest(data, indices, first, last, columns, half_norms, scores)
            labels[i] = label
            squared = csr.squared_distance(data, indices, first, last, before, norms, label)
            loss += np.float64(sample_weight[i]) * squared
        losses[stretch] = loss
    loss = 0.0
    for stretch in range(n_stretches):
        loss += losses[stretch]
    inertia[0] = loss
    order, starts = sorted_by_cluster(labels, k)
    for task in prange(-(-k // TASK_CLUSTERS)):
        total = np.empty(d)
        for j in range(task * TASK_CLUSTERS, min(k, (task + 1) * TASK_CLUSTERS)):
            total[:] = 0.0
            added = 0.0
            for at in range(starts[j], starts[j + 1]):
                weight, row = np.float64(sample_weight[order[at]]), picked[order[at]]
                added += weight
                for e in range(indptr[row], indptr[row + 1]):
                    total[indices[e]] += weight * np.float64(data[e])
            weights[j] = move_center(centers[j], weights[j], total, added)
