"""k-means steps in NumPy: the definition the other backends are compared with."""

import numpy as np

from fastml.kernels.kmeans import scalar


def _squared_distances(X, offset, centers):
    """Return all squared distances by differences, a bounded number of them at a time."""
    out = np.empty((len(X), len(centers)), np.float64)
    for j, center in enumerate(centers):
        out[:, j] = ((X - offset - center).astype(np.float64) ** 2).sum(axis=1)
    return out


def _limbs(values, scale, n_limbs):
    """Return fixed-point limbs of an array, stacked on a new first axis."""
    scaled = values.astype(np.float64) * scale
    whole = scaled.astype(np.int64)
    rest = ((scaled - whole) * scalar.LOW_SCALE).astype(np.int64)
    return np.stack([whole, rest][:n_limbs])


def assign(X, offset, centers, labels):
    """Give every row the label of its nearest center."""
    labels[:] = _squared_distances(X, offset, centers).argmin(axis=1)


def assign_and_sum(X, sample_weight, offset, centers, scales, labels, sums, counts):
    """Assign every row and bring the cluster sums up to date, in one pass."""
    old = labels.copy()
    assign(X, offset, centers, labels)
    weight = sample_weight.astype(np.float64)
    n_limbs = sums.shape[1]
    rows = _limbs(X, weight[:, None] * scales[:-1], n_limbs)
    rows = np.concatenate([rows, _limbs(weight[:, None], scales[-1:], n_limbs)], axis=2)
    moved = old != labels
    for limb in range(n_limbs):
        np.add.at(sums[0, limb], labels[moved], rows[limb, moved])
        left = moved & (old >= 0)
        np.subtract.at(sums[0, limb], old[left], rows[limb, left])
    counts[:] = 0
    counts[0] = moved.sum(), len(X) * -(-len(centers) // 16)


def assign_bounded_and_sum(
    X, sample_weight, offset, centers, scales, labels, sums, counts, order, center_reach,
    panel_reach, row_norms, upper, lower, rounding, fresh,
):  # fmt: skip
    """Assign like `assign_and_sum`; the bounds left behind rule nothing out."""
    assign_and_sum(X, sample_weight, offset, centers, scales, labels, sums, counts)
    upper[:] = np.inf
    lower[:] = 0


def assigned_distances(X, offset, centers, labels, distances):
    """Compute each row's squared distance to its own center, by differences."""
    distances[:] = ((X - offset - centers[labels]).astype(np.float64) ** 2).sum(axis=1)


def inertia(X, sample_weight, offset, centers, labels, block_rows, partials):
    """Add up weight times squared distance to the own center, block by block."""
    squared = ((X - offset - centers[labels]).astype(np.float64) ** 2).sum(axis=1)
    for b in range(len(partials)):
        rows = slice(b * block_rows, (b + 1) * block_rows)
        partials[b] = squared[rows] @ sample_weight[rows].astype(np.float64)


def column_moments(X, block_rows, means, deviations, peaks):
    """Compute mean, sum of squared deviations and largest magnitude, block by block."""
    for b in range(len(means)):
        block = X[b * block_rows : (b + 1) * block_rows].astype(np.float64)
        means[b] = block.mean(axis=0)
        deviations[b] = ((block - means[b]) ** 2).sum(axis=0)
        peaks[b] = np.abs(block).max(axis=0, initial=0.0)
