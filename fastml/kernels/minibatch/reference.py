"""Steps of mini-batch k-means in NumPy: the definition of the other backends."""

import numpy as np

from fastml.kernels.kmeans import reference as kmeans
from fastml.kernels.kmeans_csr.reference import _origin, _rows


def assign_and_move(X, picked, sample_weight, offset, centers, weights, labels, inertia):
    """Assign the rows of a batch, then move each center to the mean of all rows it ever got."""
    batch, before = X[picked], (centers - offset.astype(np.float64)).astype(X.dtype)
    weight = sample_weight.astype(np.float64)
    kmeans.assign(batch, offset, before, labels)
    kmeans.inertia(batch, sample_weight, offset, before, labels, len(batch), inertia)
    total = weights[:, None] * centers
    np.add.at(total, labels, weight[:, None] * batch)
    np.add.at(weights, labels, weight)
    moved = np.bincount(labels, weight, len(centers)) > 0
    centers[moved] = total[moved] / weights[moved, None]


def assign_and_move_csr(
    data, indices, indptr, picked, sample_weight, centers, weights, labels, inertia
):  # fmt: skip
    """Do what `assign_and_move` does to rows in compressed sparse row form."""
    X, origin = _rows(data, indices, indptr, centers.shape[1]), _origin(centers).astype(data.dtype)
    assign_and_move(X, picked, sample_weight, origin, centers, weights, labels, inertia)
