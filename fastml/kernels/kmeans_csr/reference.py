"""k-means steps on sparse rows in NumPy and SciPy: the definition of the other backends."""

import numpy as np
from scipy.sparse import csr_array

from fastml.kernels.kmeans import reference as dense
from fastml.kernels.seeding import reference as seeding


def _rows(data, indices, indptr, n_features):
    return csr_array((data, indices, indptr), shape=(len(indptr) - 1, n_features)).toarray()


def _origin(centers):
    return np.zeros(centers.shape[1], centers.dtype)


def assign(data, indices, indptr, centers, labels):
    """Give every row the label of its nearest center."""
    X = _rows(data, indices, indptr, centers.shape[1])
    dense.assign(X, _origin(centers), centers, labels)


def assign_and_sum(
    data, indices, indptr, sample_weight, centers, scales, labels, sums, counts
):  # fmt: skip
    """Assign every row and bring the cluster sums up to date, in one pass."""
    X = _rows(data, indices, indptr, centers.shape[1])
    origin = _origin(centers)
    dense.assign_and_sum(X, sample_weight, origin, centers, scales, labels, sums, counts)


def assigned_distances(data, indices, indptr, centers, labels, distances):
    """Compute each row's squared distance to its own center."""
    X = _rows(data, indices, indptr, centers.shape[1])
    dense.assigned_distances(X, _origin(centers), centers, labels, distances)


def row_keys(words, indices, indptr, keys):
    """Hash each row by its values alone; what is left out counts as zero."""
    n_features = indices.max(initial=-1) + 1
    dense_words = _rows(words.astype(np.float64), indices, indptr, n_features)
    seeding.row_keys(dense_words.astype(np.uint32), keys)


def seed_distances(
    data, indices, indptr, candidates, closest, sample_weight, block_rows, distances, potentials
):  # fmt: skip
    """Measure what each candidate for the next center would leave of the potential."""
    X = _rows(data, indices, indptr, candidates.shape[1])
    seeding.seed_distances(
        X, candidates, X[:0], closest, None, sample_weight, block_rows, distances, potentials
    )


def inertia(
    data, indices, indptr, sample_weight, centers, labels, block_rows, partials
):  # fmt: skip
    """Add up weight times squared distance to the own center, block by block."""
    X = _rows(data, indices, indptr, centers.shape[1])
    dense.inertia(X, sample_weight, _origin(centers), centers, labels, block_rows, partials)
