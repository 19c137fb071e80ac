"""The largest eigenvalues of a scatter matrix."""

from typing import Any

import numpy as np

from fastml.backends import Backend

__all__ = ["leading"]


def leading(backend: Backend, matrix: Any, k: int) -> tuple[Any, Any, float]:
    """Return the largest eigenvalues of a symmetric matrix that has no negative ones.

    Parameters
    ----------
    backend : Backend
        Where `matrix` lives.
    matrix : array of shape (n, n)
        Symmetric; overwritten.
    k : int
        How many eigenvalues are wanted.

    Returns
    -------
    values : ndarray of shape (k,)
        Largest first, in host memory.
    vectors : ndarray of shape (k, n)
        Their eigenvectors, in host memory.
    rest : float
        The sum of the other eigenvalues.
    """
    n = matrix.shape[0]
    if k == n:
        return *_largest(backend, matrix, n), 0.0
    total = float(matrix.trace())
    values, vectors = _largest(backend, matrix.copy(), k)
    rest = max(total - float(values.sum()), 0.0)
    if rest <= n * np.finfo(np.float64).eps * total:
        # The difference is all rounding: sum the small eigenvalues instead.
        values, vectors = _largest(backend, matrix, n)
        rest = float(values[k:].sum())
    return values[:k], vectors[:k], rest


def _largest(backend: Backend, matrix: Any, k: int) -> tuple[Any, Any]:
    values = backend.empty(k, matrix.dtype)
    vectors = backend.empty((k, matrix.shape[0]), matrix.dtype)
    backend.kernels("factorize").eigh(matrix, values, vectors)
    # Rounding can make eigenvalues that are zero slightly negative.
    return np.maximum(backend.to_host(values), 0.0), backend.to_host(vectors)
