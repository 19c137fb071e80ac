"""Checking a kernel matrix that was computed elsewhere."""

from typing import Any

import numpy as np

from fastml.decomposition._kernel_matrix import StoredMatrix
from fastml.decomposition._moments import column_moments

__all__ = ["checked_column_means"]

# Rows of one row of the kernel's result.
_SQUARE = 64
# Asymmetry up to this share of the largest value is taken for rounding, also of a float32 matrix
# given as float64.
_TOLERANCE = 1e-5


def checked_column_means(stored: StoredMatrix) -> Any:
    """Return the column means of a square matrix that is symmetric once it is centred.

    Whatever is constant in a row or in a column goes out by centring, so that a matrix may differ
    from its transposed by that.

    Parameters
    ----------
    stored : StoredMatrix
        The matrix.

    Returns
    -------
    array of shape (n_samples,)
        Float64, on the backend.

    Raises
    ------
    ValueError
        If the matrix is not symmetric but for rounding.
    """
    backend, n = stored.backend, stored.n_samples
    xp = backend.xp
    column_means = column_moments(backend, stored.matrix, backend.empty(0, stored.dtype)).mean
    ones = xp.ones((n, 1), stored.dtype)
    excess = stored.product(ones)[:, 0] / n - column_means
    maxima = backend.empty((-(-n // _SQUARE), 2), np.float64)
    backend.kernels("linalg").block_asymmetry(stored.matrix, excess, maxima)
    difference, largest = backend.to_host(maxima).max(axis=0)
    if difference > _TOLERANCE * largest:
        raise ValueError(
            "X must be a symmetric kernel matrix with kernel='precomputed', but entries differ "
            f"from those mirrored at the diagonal by up to {difference:.3g}, where the largest "
            f"is {largest:.3g}."
        )
    return column_means
