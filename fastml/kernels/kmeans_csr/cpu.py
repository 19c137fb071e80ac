"""k-means steps on sparse rows (CSR) on the CPU."""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml.kernels.kmeans.panels import thread_span
from fastml.kernels.kmeans_csr.rows import (
    add_row,
    nearest,
    squared_distance,
    squared_norms,
    transposed,
)
from fastml.kernels.seeding import scalar as hashing

column_factor = njit_leaf(hashing.column_factor)
word_of = njit_leaf(hashing.word_of)
mixed = njit_leaf(hashing.mixed)

TASK_ROWS = 480


def _assignment_work(data, indices, indptr, *rest):
    """Multiplications of one assignment of all rows."""
    centers = next(a for a in rest if a.ndim == 2)
    return (data.size + indptr.size) * centers.shape[0]


@njit_parallel(work=_assignment_work)
def assign(
    data,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    centers,  # IN (n_clusters, n_features)
    labels,  # OUT (n_samples,)
):
    """Give every row the label of its nearest center.

    Parameters
    ----------
    data, indices, indptr : (n_entries,), (n_entries,), (n_samples + 1,) arrays
        Rows in compressed sparse row form, indices int32.
    centers : (n_clusters, n_features) float array
        Centers.
    labels : (n_samples,) int32 array
        Written: index of the nearest center.
    """
    n = indptr.shape[0] - 1
    half_norms = (0.5 * squared_norms(centers)).astype(centers.dtype)
    columns = transposed(centers)
    for task in prange(-(-n // TASK_ROWS)):
        scores = np.empty(centers.shape[0], centers.dtype)
        for row in range(task * TASK_ROWS, min(n, (task + 1) * TASK_ROWS)):
            labels[row] = nearest(
                data, indices, indptr[row], indptr[row + 1], columns, half_norms, scores
            )


@njit_parallel(work=_assignment_work)
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
    """Assign every row and bring the cluster sums up to date, in one pass.

    Parameters
    ----------
    data, indices, indptr : (n_entries,), (n_entries,), (n_samples + 1,) arrays
        Rows in compressed sparse row form, indices int32.
    sample_weight : (n_samples,) float array
        Weight of each row.
    centers : (n_clusters, n_features) float array
        Centers.
    scales : (n_features + 1,) float64 array
        Units of the fixed-point sums per unit of weight * X in each column and, last, of weight.
    labels : (n_samples,) int32 array
        Labels whose rows `sums` holds already (-1: not held), overwritten.
    sums : (n_workers, n_limbs, n_clusters, n_features + 1) int64 array
        Fixed-point sums of weight * X and, last, of the weights; the workers' total counts.
    counts : (n_workers, 2) int64 array
        Written: rows whose label changed; pairs of row and panel of 16 centers evaluated.
    """
    n = indptr.shape[0] - 1
    half_norms = (0.5 * squared_norms(centers)).astype(centers.dtype)
    columns = transposed(centers)
    n_workers = sums.shape[0]
    n_panels = -(-centers.shape[0] // 16)
    for worker in prange(n_workers):
        scores = np.empty(centers.shape[0], centers.dtype)
        share = sums[worker]
        start, stop = thread_span(worker, n_workers, n, 1)
        changed = 0
        for row in range(start, stop):
            first, last = indptr[row], indptr[row + 1]
            label = nearest(data, indices, first, last, columns, half_norms, scores)
            old = labels[row]
            if label != old:
                weight = np.float64(sample_weight[row])
                if old >= 0:
                    add_row(data, indices, first, last, -weight, scales, share, old)
                add_row(data, indices, first, last, weight, scales, share, label)
                labels[row] = label
                changed += 1
        counts[worker, 0] = changed
        counts[worker, 1] = max(0, stop - start) * n_panels


@njit_parallel(work=lambda words, indices, indptr, keys: 2 * words.size + indptr.size)
def row_keys(
    words,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    keys,  # OUT (n_samples,)
):
    """Hash each row by its values alone; what is left out counts as zero.

    Parameters
    ----------
    words : (n_entries,) uint32 array
        Bits of the values as float32.
    indices, indptr : (n_entries,), (n_samples + 1,) arrays
        Rows in compressed sparse row form, indices int32.
    keys : (n_samples,) uint64 array
        Written: keys, those of the same rows in dense form.
    """
    n = indptr.shape[0] - 1
    for task in prange(-(-n // TASK_ROWS)):
        for row in range(task * TASK_ROWS, min(n, (task + 1) * TASK_ROWS)):
            total = np.uint64(0)
            for e in range(indptr[row], indptr[row + 1]):
                total ^= word_of(words[e]) * column_factor(indices[e])
            keys[row] = mixed(total)


@njit_parallel(work=lambda data, indices, indptr, *rest: data.size + indptr.size)
def assigned_distances(
    data,  # IN (n_entries,)
    indices,  # IN (n_entries,)
    indptr,  # IN (n_samples + 1,)
    centers,  # IN (n_clusters, n_features)
    labels,  # IN (n_samples,)
    distances,  # OUT (n_samples,)
):
    """Compute each row's squared distance to its own center.

    Parameters
    ----------
    data, indices, indptr : (n_entries,), (n_entries,), (n_samples + 1,) arrays
        Rows in compressed sparse row form, indices int32.
    centers : (n_clusters, n_features) float array
        Centers.
    labels : (n_samples,) int32 array
        Center of each row.
    distances : (n_samples,) float64 array
        Written: squared distances.
    """
    n = indptr.shape[0] - 1
    norms = squared_norms(centers)
    for task in prange(-(-n // TASK_ROWS)):
        for row in range(task * TASK_ROWS, min(n, (task + 1) * TASK_ROWS)):
            distances[row] = squared_distance(
                data, indices, indptr[row], indptr[row + 1], centers, norms, labels[row]
            )


@njit_parallel(work=_assignment_work)
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
    """Measure what each candidate for the next center would leave of the potential.

    Parameters
    ----------
    data, indices, indptr : (n_entries,), (n_entries,), (n_samples + 1,) arrays
        Rows in compressed sparse row form, indices int32.
    candidates : (n_candidates, n_features) float array
        Rows proposed as the next center.
    closest : (n_samples,) float array
        Squared distance of each row to the centers chosen so far; inf before the first.
    sample_weight : (n_samples,) float array
        Weights.
    block_rows : int
        Rows of a canonical block.
    distances : (n_candidates, n_samples) float array
        Written: `closest` as it would be with the candidate.
    potentials : (n_blocks, n_candidates) float64 array
        Written: weighted sum of `distances` over each block.
    """
    n = indptr.shape[0] - 1
    norms = squared_norms(candidates)
    for block in prange(potentials.shape[0]):
        for j in range(candidates.shape[0]):
            total = 0.0
            for row in range(block * block_rows, min(n, (block + 1) * block_rows)):
                squared = squared_distance(
                    data, indices, indptr[row], indptr[row + 1], candidates, norms, j
                )
                distances[j, row] = min(squared, np.float64(closest[row]))
                total += np.float64(distances[j, row]) * np.float64(sample_weight[row])
            potentials[block, j] = total


@njit_parallel(work=lambda data, indices, indptr, *rest: data.size + indptr.size)
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
    """Add up weight times squared distance to the own center, block by block.

    Parameters
    ----------
    data, indices, indptr : (n_entries,), (n_entries,), (n_samples + 1,) arrays
        Rows in compressed sparse row form, indices int32.
    sample_weight : (n_samples,) float array
        Weights.
    centers : (n_clusters, n_features) float array
        Centers.
    labels : (n_samples,) int32 array
        Center of each row.
    block_rows : int
        Rows of a canonical block.
    partials : (n_blocks,) float64 array
        Written: the sum over each block.
    """
    n = indptr.shape[0] - 1
    norms = squared_norms(centers)
    for block in prange(partials.shape[0]):
        total = 0.0
        for row in range(block * block_rows, min(n, (block + 1) * block_rows)):
            squared = squared_distance(
                data, indices, indptr[row], indptr[row + 1], centers, norms, labels[row]
            )
            total += np.float64(sample_weight[row]) * squared
        partials[block] = total
