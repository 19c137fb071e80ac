"""k-means steps on a CUDA device: centers in shared memory, no n x k matrix."""

import numpy as np

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml.kernels.kmeans import scalar
from fastml.kernels.kmeans.tiles import THREADS, TILE_ROWS, nearest_of_tile

# Cluster sums are exact in fixed point only from float64 products; distances to the own center,
# inertia and moments promise float64 sums.
FLOAT64_KERNELS = ("_assign_and_sum", "_assigned_distances", "_inertia", "_column_moments")

# Pairs of row and panel are counted in panels of as many centers as on the CPU.
_PANEL = 16

_to_limbs = cuda_device(scalar.to_limbs)


@cuda_kernel
def _assign(X, offset, centers, labels):
    winners = cuda.shared.array(TILE_ROWS, np.int32)
    n = X.shape[0]
    first = cuda.blockIdx.x * TILE_ROWS
    nearest_of_tile(X, first, offset, centers, winners)
    for p in range(cuda.threadIdx.x, min(TILE_ROWS, n - first), THREADS):
        labels[first + p] = winners[p]


@cuda_device
def _add(sums, cluster, t, value, scale, sign):
    # Integers: the sum does not depend on the order in which threads come.
    high, low = _to_limbs(value, scale)
    cuda.atomic.add(sums, (0, 0, cluster, t), sign * high)
    if sums.shape[1] > 1:
        cuda.atomic.add(sums, (0, 1, cluster, t), sign * low)


@cuda_kernel
def _assign_and_sum(X, sample_weight, offset, centers, scales, labels, sums, counts):
    winners = cuda.shared.array(TILE_ROWS, np.int32)
    n, d = X.shape
    first = cuda.blockIdx.x * TILE_ROWS
    n_rows = min(TILE_ROWS, n - first)
    nearest_of_tile(X, first, offset, centers, winners)
    p = cuda.threadIdx.x
    differs = p < n_rows and labels[first + p] != winners[p]
    changed = cuda.syncthreads_count(np.int32(differs))
    if p == 0:
        cuda.atomic.add(counts, (0, 0), changed)
        cuda.atomic.add(counts, (0, 1), n_rows * ((centers.shape[0] + _PANEL - 1) // _PANEL))
    for i in range(cuda.threadIdx.x, n_rows * (d + 1), THREADS):
        row, t = first + i // (d + 1), i % (d + 1)
        old, new = labels[row], winners[i // (d + 1)]
        if old != new:
            value, scale = np.float64(sample_weight[row]), scales[t]
            if t < d:
                value, scale = np.float64(X[row, t]), value * scale
            _add(sums, new, t, value, scale, 1)
            if old >= 0:
                _add(sums, old, t, value, scale, -1)
    cuda.syncthreads()
    if p < n_rows:
        labels[first + p] = winners[p]


@cuda_device
def _squared_distance(X, row, offset, centers, label):
    total = 0.0
    for t in range(X.shape[1]):
        difference = np.float64(X[row, t] - offset[t] - centers[label, t])
        total += difference * difference
    return total


@cuda_kernel
def _assigned_distances(X, offset, centers, labels, distances):
    for row in range(cuda.grid(1), X.shape[0], cuda.gridsize(1)):
        distances[row] = _squared_distance(X, row, offset, centers, labels[row])


@cuda_kernel
def _inertia(X, sample_weight, offset, centers, labels, block_rows, partials):
    shares = cuda.shared.array(THREADS, np.float64)
    thread, n_threads, block = cuda.threadIdx.x, cuda.blockDim.x, cuda.blockIdx.x
    total = 0.0
    stop = min(X.shape[0], (block + 1) * block_rows)
    for row in range(block * block_rows + thread, stop, n_threads):
        squared = _squared_distance(X, row, offset, centers, labels[row])
        total += np.float64(sample_weight[row]) * squared
    shares[thread] = total
    cuda.syncthreads()
    if thread == 0:
        for other in range(1, n_threads):
            total += shares[other]
        partials[block] = total


@cuda_device
def _sum_of_lanes(values, width, column, n_threads):
    total = 0.0
    for lane_start in range(0, n_threads, width):
        total += values[lane_start + column]
    return total


@cuda_kernel
def _column_moments(X, block_rows, width, means, deviations, peaks):
    # Threads are `width` columns times lanes; a lane adds up every so many-th row.
    shares = cuda.shared.array(THREADS, np.float64)
    thread, n_threads, block = cuda.threadIdx.x, cuda.blockDim.x, cuda.blockIdx.x
    n, d = X.shape
    column, lane, n_lanes = thread % width, thread // width, n_threads // width
    start, stop = block * block_rows, min(n, (block + 1) * block_rows)
    for t0 in range(0, d, width):
        t = t0 + column
        total = 0.0
        peak = 0.0
        if t < d:
            for row in range(start + lane, stop, n_lanes):
                value = np.float64(X[row, t])
                total += value
                peak = max(peak, abs(value))
        shares[thread] = total
        cuda.syncthreads()
        mean = _sum_of_lanes(shares, width, column, n_threads) / (stop - start)
        cuda.syncthreads()
        total = 0.0
        if t < d:
            for row in range(start + lane, stop, n_lanes):
                difference = np.float64(X[row, t]) - mean
                total += difference * difference
        shares[thread] = total
        cuda.syncthreads()
        if lane == 0 and t < d:
            means[block, t] = mean
            deviations[block, t] = _sum_of_lanes(shares, width, column, n_threads)
        cuda.syncthreads()
        shares[thread] = peak
        cuda.syncthreads()
        if lane == 0 and t < d:
            for other in range(column + width, n_threads, width):
                peak = max(peak, shares[other])
            peaks[block, t] = peak
        cuda.syncthreads()


def assign(
    X,  # IN (n_samples, n_features)
    offset,  # IN (n_features,)
    centers,  # IN (n_clusters, n_features)
    labels,  # OUT (n_samples,)
):
    grid = -(-X.shape[0] // TILE_ROWS), THREADS
    _assign[grid](*map(as_device, (X, offset, centers, labels)))


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
    counts[:] = 0
    grid = -(-X.shape[0] // TILE_ROWS), THREADS
    args = X, sample_weight, offset, centers, scales, labels, sums, counts
    _assign_and_sum[grid](*map(as_device, args))


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
    # Rows of a warp rarely need the same centers: evaluating all is faster than sorting them out.
    assign_and_sum(X, sample_weight, offset, centers, scales, labels, sums, counts)
    # Bounds that rule nothing out.
    upper[:] = np.inf
    lower[:] = 0


def assigned_distances(
    X,  # IN (n_samples, n_features)
    offset,  # IN (n_features,)
    centers,  # IN (n_clusters, n_features)
    labels,  # IN (n_samples,)
    distances,  # OUT (n_samples,)
):
    args = X, offset, centers, labels, distances
    _assigned_distances[grid_1d(X.shape[0])](*map(as_device, args))


def inertia(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_samples,)
    offset,  # IN (n_features,)
    centers,  # IN (n_clusters, n_features)
    labels,  # IN (n_samples,)
    block_rows,  # IN scalar
    partials,  # OUT (n_blocks,)
):
    arrays = map(as_device, (X, sample_weight, offset, centers, labels))
    grid = len(partials), grid_1d(block_rows, THREADS)[1]
    _inertia[grid](*arrays, block_rows, as_device(partials))


def column_moments(
    X,  # IN (n_samples, n_features)
    block_rows,  # IN scalar
    means,  # OUT (n_blocks, n_features)
    deviations,  # OUT (n_blocks, n_features)
    peaks,  # OUT (n_blocks, n_features)
):
    n_threads = grid_1d(block_rows, THREADS)[1]
    width = min(n_threads, 32, 1 << (X.shape[1] - 1).bit_length())
    outputs = map(as_device, (means, deviations, peaks))
    _column_moments[len(peaks), n_threads](as_device(X), block_rows, width, *outputs)
