"""Checking a kernel matrix that was computed elsewhere."""

from typing import Any

import numpy as np

from fastml.backends import Backend

__all__ = ["require_square", "require_symmetric"]

# Rows of one row of the kernel's result.
_SQUARE = 64
# Asymmetry up to this share of the largest value is taken for rounding, also of a float32 matrix
# given as float64.
_TOLERANCE = 1e-5


def require_square(X: Any) -> None:
    """Raise ValueError if a matrix is not square."""
    if X.shape[0] != X.shape[1]:
        raise ValueError(
            "X must be a square kernel matrix with kernel='precomputed', got "
            f"{X.shape[0]} rows and {X.shape[1]} columns."
        )


def require_symmetric(backend: Backend, matrix: Any, excess: Any = None) -> None:
    """Raise ValueError if a square matrix differs from its transposed by more than rounding.

    Parameters
    ----------
    backend : Backend
        Where the matrix lives.
    matrix : array of shape (n, n)
        The matrix.
    excess : array of shape (n,), optional
        Float64: ``matrix[i, j] - matrix[j, i]`` may be ``excess[i] - excess[j]``, not zero.
    """
    n = matrix.shape[0]
    maxima = backend.zeros((-(-n // _SQUARE), 2), np.float64)
    if excess is None:
        excess = backend.zeros(n, np.float64)
    backend.kernels("linalg").block_asymmetry(matrix, excess, maxima)
    difference, largest = backend.to_host(maxima).max(axis=0)
    if difference > _TOLERANCE * largest:
        raise ValueError(
            "X must be a symmetric kernel matrix with kernel='precomputed', but entries differ "
            f"from those mirrored at the diagonal by up to {difference:.3g}, where the largest "
            f"is {largest:.3g}."
        )
