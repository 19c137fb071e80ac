"""Pieces of the k-means kernels for sparse rows: the nearest center, distances, sums."""

import numpy as np

from fastml._jit import njit_leaf
from fastml.kernels.kmeans import scalar

to_limbs = njit_leaf(scalar.to_limbs)

# Centers that are gone through together, feature by feature.
SIDE_BY_SIDE = 8
# As many, of which a cache line each stays in L1.
LINES = 64


@njit_leaf
def squared_norms(centers):
    """Return |c|^2 of each center, added up feature by feature."""
    k, d = centers.shape
    norms = np.zeros(k)
    for j0 in range(0, k, SIDE_BY_SIDE):
        for t in range(d):
            # Each sum waits for its last addition: several at once fill the time.
            for j in range(j0, min(k, j0 + SIDE_BY_SIDE)):
                norms[j] += np.float64(centers[j, t]) * np.float64(centers[j, t])
    return norms


@njit_leaf
def transposed(centers):
    """Return the centers feature by feature, so that a feature's values lie together."""
    k, d = centers.shape
    out = np.empty((d, k), centers.dtype)
    for j0 in range(0, k, LINES):
        for t in range(d):
            for j in range(j0, min(k, j0 + LINES)):
                out[t, j] = centers[j, t]
    return out


@njit_leaf
def nearest(data, indices, first, last, columns, half_norms, scores):
    """Return the center that maximises x'c - |c|^2 / 2 for the entries first..last."""
    k = columns.shape[1]
    for j in range(k):
        scores[j] = -half_norms[j]
    for e in range(first, last):
        value = data[e]
        t = indices[e]
        for j in range(k):
            scores[j] += value * columns[t, j]
    label = 0
    for j in range(1, k):
        if scores[j] > scores[label]:
            label = j
    return label


@njit_leaf
def squared_distance(data, indices, first, last, centers, norms, label):
    """Return |x - c|^2; a row that equals the center is at zero exactly.

    Squares of the center outside the row are |c|^2 less those inside, added up in the same order.
    """
    apart = 0.0
    inside = 0.0
    for e in range(first, last):
        c = np.float64(centers[label, indices[e]])
        difference = np.float64(data[e]) - c
        apart += difference * difference
        inside += c * c
    return max(apart + (norms[label] - inside), 0.0)


@njit_leaf
def add_row(data, indices, first, last, weight, scales, sums, cluster):
    """Add weight * row to the fixed-point sums of a cluster; a negative weight takes it out."""
    n_limbs, _, width = sums.shape
    for e in range(first, last):
        high, low = to_limbs(np.float64(data[e]), weight * scales[indices[e]])
        sums[0, cluster, indices[e]] += high
        if n_limbs > 1:
            sums[1, cluster, indices[e]] += low
    high, low = to_limbs(weight, scales[width - 1])
    sums[0, cluster, width - 1] += high
    if n_limbs > 1:
        sums[1, cluster, width - 1] += low
