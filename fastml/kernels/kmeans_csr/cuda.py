"""k-means steps on sparse rows (CSR) on a CUDA device."""

import numpy as np

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml.kernels.kmeans import scalar
from fastml.kernels.kmeans_csr.lanes import (
    THREADS,
    nearest_of_row,
    norms_of,
    prepared,
    squared_distance,
    squared_norms,
)
from fastml.kernels.seeding.cuda import block_potentials, column_factor, mixed, word_of

# Cluster sums are exact in fixed point only from float64 products; distances, norms and sums of
# them are promised in float64.
FLOAT64_KERNELS = (
    "_assign_and_sum",
    "_assigned_distances",
    "_inertia",
    "_seed_distances",
    squared_norms.__name__,
    "block_potentials",
)

SUM_THREADS = 256
# Pairs of row and panel are counted in panels of as many centers as on the CPU.
_PANEL = 16

_to_limbs = cuda_device(scalar.to_limbs)


@cuda_kernel
def _row_keys(words, indices, indptr, keys):
    for row in range(cuda.grid(1), keys.shape[0], cuda.gridsize(1)):
        total = np.uint64(0)
        for e in range(indptr[row], indptr[row + 1]):
            total ^= word_of(words[e]) * column_factor(indices[e])
        keys[row] = mixed(total)


@cuda_kernel
def _assign(data, indices, indptr, columns, half_norms, labels):
    for row in range(cuda.blockIdx.x, labels.shape[0], cuda.gridDim.x):
        label = nearest_of_row(data, indices, indptr[row], indptr[row + 1], columns, half_norms)
        if cuda.threadIdx.x == 0:
            labels[row] = label


@cuda_device
def _add(sums, cluster, t, value, scale, sign):
    # Integers: the sum does not depend on the order in which threads come.
    high, low = _to_limbs(value, scale)
    cuda.atomic.add(sums, (0, 0, cluster, t), sign * high)
    if sums.shape[1] > 1:
        cuda.atomic.add(sums, (0, 1, cluster, t), sign * low)


@cuda_kernel
def _assign_and_sum(
    data, indices, indptr, sample_weight, columns, half_norms, scales, labels, sums, counts
):  # fmt: skip
    d = sums.shape[3] - 1
    n_panels = (columns.shape[1] + _PANEL - 1) // _PANEL
    changed, evaluated = 0, 0
    for row in range(cuda.blockIdx.x, labels.shape[0], cuda.gridDim.x):
        first, last = indptr[row], indptr[row + 1]
        new = nearest_of_row(data, indices, first, last, columns, half_norms)
        old = labels[row]
        evaluated += n_panels
        if old != new:
            changed += 1
            weight = np.float64(sample_weight[row])
            # The entry after the last one stands for the weight.
            for e in range(first + cuda.threadIdx.x, last + 1, cuda.blockDim.x):
                t, value, scale = d, weight, scales[d]
                if e < last:
                    t, value = indices[e], np.float64(data[e])
                    scale = weight * scales[t]
                _add(sums, new, t, value, scale, 1)
                if old >= 0:
                    _add(sums, old, t, value, scale, -1)
        # Every thread has read the old label.
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            labels[row] = new
    if cuda.threadIdx.x == 0:
        cuda.atomic.add(counts, (0, 0), changed)
        cuda.atomic.add(counts, (0, 1), evaluated)


@cuda_kernel
def _assigned_distances(data, indices, indptr, centers, norms, labels, distances):
    for row in range(cuda.grid(1), labels.shape[0], cuda.gridsize(1)):
        distances[row] = squared_distance(
            data, indices, indptr[row], indptr[row + 1], centers, norms, labels[row]
        )


@cuda_kernel
def _seed_distances(data, indices, indptr, candidates, norms, closest, distances):
    n = closest.shape[0]
    for i in range(cuda.grid(1), distances.size, cuda.gridsize(1)):
        j, row = i // n, i % n
        squared = squared_distance(
            data, indices, indptr[row], indptr[row + 1], candidates, norms, j
        )
        distances[j, row] = min(squared, np.float64(closest[row]))


@cuda_kernel
def _inertia(data, indices, indptr, sample_weight, centers, norms, labels, block_rows, partials):
    shares = cuda.shared.array(SUM_THREADS, np.float64)
    thread, n_threads, block = cuda.threadIdx.x, cuda.blockDim.x, cuda.blockIdx.x
    total = 0.0
    stop = min(labels.shape[0], (block + 1) * block_rows)
    for row in range(block * block_rows + thread, stop, n_threads):
        squared = squared_distance(
            data, indices, indptr[row], indptr[row + 1], centers, norms, labels[row]
        )
        total += np.float64(sample_weight[row]) * squared
    shares[thread] = total
    cuda.syncthreads()
    if thread == 0:
        for other in range(1, n_threads):
            total += shares[other]
        partials[block] = total


def assign(
    data,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    centers,  # IN (n_clusters, n_features)
    labels,  # OUT (n_samples,)
):
    rows = map(as_device, (data, indices, indptr))
    grid = grid_1d(labels.size * THREADS, THREADS)
    _assign[grid](*rows, *prepared(centers), as_device(labels))


def assign_and_sum(
    data,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    sample_weight,  # IN (n_samples,)
    centers,  # IN (n_clusters, n_features)
    scales,  # IN (n_features + 1,)
    labels,  # INOUT (n_samples,)
    sums,  # INOUT (n_workers, n_limbs, n_clusters, n_features + 1)
    counts,  # OUT (n_workers, 2)
):
    counts[:] = 0
    rows = map(as_device, (data, indices, indptr, sample_weight))
    outputs = map(as_device, (scales, labels, sums, counts))
    grid = grid_1d(labels.size * THREADS, THREADS)
    _assign_and_sum[grid](*rows, *prepared(centers), *outputs)


def assigned_distances(
    data,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    centers,  # IN (n_clusters, n_features)
    labels,  # IN (n_samples,)
    distances,  # OUT (n_samples,)
):
    before = map(as_device, (data, indices, indptr, centers))
    after = map(as_device, (labels, distances))
    _assigned_distances[grid_1d(labels.size)](*before, norms_of(centers), *after)


def row_keys(
    words,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    keys,  # OUT (n_samples,)
):
    _row_keys[grid_1d(keys.size)](*map(as_device, (words, indices, indptr, keys)))


def seed_distances(
    data,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    candidates,  # IN (n_candidates, n_features)
    closest,  # IN (n_samples,)
    sample_weight,  # IN (n_samples,)
    block_rows,  # IN scalar
    distances,  # OUT (n_candidates, n_samples)
    potentials,  # OUT (n_blocks, n_candidates)
):
    before = map(as_device, (data, indices, indptr, candidates))
    closest, sample_weight, distances = map(as_device, (closest, sample_weight, distances))
    grid = grid_1d(distances.size)
    _seed_distances[grid](*before, norms_of(candidates), closest, distances)
    n_threads = grid_1d(block_rows, SUM_THREADS)[1]
    args = distances, sample_weight, block_rows, as_device(potentials)
    block_potentials[potentials.shape, n_threads](*args)


def inertia(
    data,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    sample_weight,  # IN (n_samples,)
    centers,  # IN (n_clusters, n_features)
    labels,  # IN (n_samples,)
    block_rows,  # IN scalar
    partials,  # OUT (n_blocks,)
):
    before = map(as_device, (data, indices, indptr, sample_weight, centers))
    n_threads = grid_1d(block_rows, SUM_THREADS)[1]
    after = as_device(labels), block_rows, as_device(partials)
    _inertia[len(partials), n_threads](*before, norms_of(centers), *after)
