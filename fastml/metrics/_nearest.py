"""The nearest of given rows, on any backend, without a matrix of distances."""

from typing import Any

import numpy as np

from fastml.backends import Backend
from fastml.metrics._gram import MOST_DIFFERENCES

__all__ = ["nearest_rows"]


def nearest_rows(backend: Backend, X: Any, Y: Any) -> tuple[Any, Any]:
    """Find the row of Y nearest to each row of X.

    Parameters
    ----------
    backend : Backend
        Where.
    X, Y : array of shape (n_samples, n_features)
        Rows on the backend, of one dtype.

    Returns
    -------
    indices : int64 array of shape (n_samples,)
        The nearest rows, the first of those that tie.
    squared : array of shape (n_samples,)
        Squared distances to them, of the dtype of X: NaN or infinity for a row of X that holds
        such.
    """
    squared = backend.empty(X.shape[0], X.dtype)
    if X.itemsize == 8 and X.shape[1] > MOST_DIFFERENCES:
        # As k-means does it: by products less a common offset, then one distance by differences.
        kernels = backend.kernels("kmeans")
        offset = Y.mean(axis=0)
        centers, labels = Y - offset, backend.empty(X.shape[0], np.int32)
        kernels.assign(X, offset, centers, labels)
        kernels.assigned_distances(X, backend.zeros(X.shape[1], X.dtype), Y, labels, squared)
        return labels.astype(np.int64), squared
    indices = backend.empty(X.shape[0], np.int64)
    backend.kernels("pairwise").nearest(X, Y, indices, squared)
    return indices, squared
