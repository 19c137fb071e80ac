"""Steps of mini-batch k-means on a CUDA device."""

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml.kernels.kmeans import cuda as kmeans
from fastml.kernels.kmeans_csr.lanes import (
    THREADS,
    nearest_of_row,
    norms_of,
    prepared,
    squared_distance,
    squared_norms,
)

# Means of very many rows are kept in float64, as small moves would be lost; losses are added up
# in it.
FLOAT64_KERNELS = (
    "_losses",
    "_losses_csr",
    "_move_centers",
    "_move_centers_csr",
    squared_norms.__name__,
)


@cuda_kernel
def _losses(X, picked, sample_weight, offset, centers, labels, losses):
    for i in range(cuda.grid(1), picked.shape[0], cuda.gridsize(1)):
        row, label = picked[i], labels[i]
        squared = 0.0
        for t in range(X.shape[1]):
            difference = np.float64(X[row, t] - offset[t] - centers[label, t])
            squared += difference * difference
        losses[i] = np.float64(sample_weight[i]) * squared


@cuda_kernel
def _move_centers(X, picked, sample_weight, order, starts, centers, weights, heavier):
    # One thread for each feature of a center adds rows in the order of the batch.
    k, d = centers.shape
    for i in range(cuda.grid(1), k * d, cuda.gridsize(1)):
        j, t = i // d, i % d
        total = 0.0
        added = 0.0
        for at in range(starts[j], starts[j + 1]):
            weight = np.float64(sample_weight[order[at]])
            added += weight
            total += weight * np.float64(X[picked[order[at]], t])
        if added > 0:
            centers[j, t] += (total - added * centers[j, t]) / (weights[j] + added)
        if t == 0:
            heavier[j] = weights[j] + added


@cuda_kernel
def _assign_csr(data, indices, indptr, picked, columns, half_norms, labels):
    for i in range(cuda.blockIdx.x, picked.shape[0], cuda.gridDim.x):
        row = picked[i]
        label = nearest_of_row(data, indices, indptr[row], indptr[row + 1], columns, half_norms)
        if cuda.threadIdx.x == 0:
            labels[i] = label


@cuda_kernel
def _losses_csr(data, indices, indptr, picked, sample_weight, centers, norms, labels, losses):
    for i in range(cuda.grid(1), picked.shape[0], cuda.gridsize(1)):
        row = picked[i]
        squared = squared_distance(
            data, indices, indptr[row], indptr[row + 1], centers, norms, labels[i]
        )
        losses[i] = np.float64(sample_weight[i]) * squared


@cuda_kernel
def _move_centers_csr(
    data, indices, indptr, picked, sample_weight, order, starts, totals, centers, weights
):  # fmt: skip
    # A block has one center at a time, its threads the entries of a row.
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    k, d = centers.shape
    for j in range(cuda.blockIdx.x, k, cuda.gridDim.x):
        added = 0.0
        for at in range(starts[j], starts[j + 1]):
            weight, row = np.float64(sample_weight[order[at]]), picked[order[at]]
            added += weight
            for e in range(indptr[row] + thread, indptr[row + 1], n_threads):
                totals[j, indices[e]] += weight * np.float64(data[e])
            # The next row may have entries in the same columns, for other threads.
            cuda.syncthreads()
        after = weights[j] + added
        cuda.syncthreads()
        if added > 0:
            for t in range(thread, d, n_threads):
                centers[j, t] += (totals[j, t] - added * centers[j, t]) / after
        if thread == 0:
            weights[j] = after


def _by_cluster(xp, labels, n_clusters):
    """Return positions cluster by cluster, in order within each, and where each begins."""
    order = xp.argsort(labels, kind="stable")
    starts = xp.searchsorted(labels[order], xp.arange(n_clusters + 1, dtype=labels.dtype))
    return as_device(order), as_device(starts)


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
    xp = array_module(X)
    before = (centers - offset.astype(np.float64)).astype(X.dtype)
    # The tile reads rows that lie side by side.
    kmeans.assign(X[picked], offset, before, labels)
    losses, heavier = xp.zeros(len(picked), np.float64), xp.empty_like(weights)
    rows = [as_device(a) for a in (X, picked, sample_weight)]
    against = map(as_device, (offset, before, labels, losses))
    _losses[grid_1d(len(picked))](*rows, *against)
    inertia[0] = losses.sum()
    state = map(as_device, (centers, weights, heavier))
    _move_centers[grid_1d(centers.size)](*rows, *_by_cluster(xp, labels, len(centers)), *state)
    weights[:] = heavier


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
    xp = array_module(data)
    before = centers.astype(data.dtype)
    losses, totals = xp.zeros(len(picked), np.float64), xp.zeros(centers.shape, np.float64)
    rows = [as_device(a) for a in (data, indices, indptr, picked)]
    grid = grid_1d(len(picked) * THREADS, THREADS)
    _assign_csr[grid](*rows, *prepared(before), as_device(labels))
    rows.append(as_device(sample_weight))
    against = as_device(before), norms_of(before), as_device(labels), as_device(losses)
    _losses_csr[grid_1d(len(picked))](*rows, *against)
    inertia[0] = losses.sum()
    state = map(as_device, (totals, centers, weights))
    grid = grid_1d(len(centers) * THREADS, THREADS)
    _move_centers_csr[grid](*rows, *_by_cluster(xp, labels, len(centers)), *state)
