"""The largest eigenvalues of a centred kernel matrix by a restarted block Krylov method."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastml.backends import Backend
from fastml.decomposition._kernel_matrix import CentredKernel
from fastml.kernels.factorize.blas import one_blas_thread

__all__ = ["basis_bytes", "krylov_eigh"]

# Vectors multiplied at a time, at least: what a register tile holds beside each other.
WIDTH = 16
# Blocks of the basis before it is restarted from its best vectors.
MOST_BLOCKS = 14
# Products with the matrix before the search is given up.
MOST_PRODUCTS = 300
# Residuals, as a share of the largest eigenvalue, that count as none.
RESIDUAL = {4: 1e-6, 8: 1e-13}
# Key and stream of the generator: the result is that of the matrix, not of the start.
START_KEY, START_STREAM = 0, 0x4B


def krylov_eigh(
    matrix: CentredKernel, k: int, tol: float = 0.0, max_iter: int | None = None
) -> tuple[Any, Any]:
    """Find the `k` largest eigenvalues of a centred kernel matrix and their eigenvectors.

    Block Lanczos with full orthogonalisation and thick restarts: each step multiplies the matrix
    by one block of vectors, and the Ritz pairs of all vectors so far are checked by their
    residuals (Saad, "Numerical methods for large eigenvalue problems", 2nd edition, section 6.4;
    restarts as in Stewart, "A Krylov-Schur algorithm for large eigenproblems", SIAM J. Matrix
    Anal. Appl. 23, 2002). A block of more vectors than are wanted makes clusters of eigenvalues,
    which kernel matrices have, converge together, and reads the matrix fewer times.

    Parameters
    ----------
    matrix : CentredKernel
        The matrix.
    k : int
        Eigenvalues wanted, at most n_samples.
    tol : float
        Residual, relative to the largest eigenvalue, at which a pair counts as found; 0 stands
        for what the dtype of the matrix holds.
    max_iter : int or None
        Most products with the matrix; a ConvergenceWarning says that they were not enough.

    Returns
    -------
    values : ndarray of shape (k,)
        Largest first, float64.
    vectors : array of shape (k, n_samples)
        Orthonormal rows, float64, on the backend.
    """
    n = matrix.shape[0]
    xp = matrix.backend.xp
    # The constant vector is one eigenvector, of eigenvalue 0; all others are free of a mean.
    found = min(k, n - 1)
    values, vectors = np.zeros(0), matrix.backend.zeros((0, n), np.float64)
    if found:
        tol = max(tol, RESIDUAL[matrix.dtype.itemsize])
        with one_blas_thread():
            values, vectors = _iterate(matrix, found, tol, max_iter or MOST_PRODUCTS)
    if found < k:
        values = np.append(values, 0.0)
        vectors = xp.concatenate([vectors, xp.full((1, n), n**-0.5)])
        order = np.argsort(-values, kind="stable")
        values, vectors = values[order], vectors[xp.asarray(order)]
    return values, vectors


def block_width(k: int, n: int) -> int:
    """Return how many vectors are multiplied at a time for `k` eigenvalues."""
    return min(-(-(k + WIDTH // 4) // WIDTH) * WIDTH, n - 1)


def basis_bytes(k: int, n: int) -> int:
    """Return the memory that the vectors of the method take."""
    width = block_width(k, max(n, 2))
    # Beside the basis: a block before and after the product, and the restarted basis.
    return 8 * n * min((MOST_BLOCKS + 4) * width, n + 4 * width)


def _iterate(matrix: CentredKernel, k: int, tol: float, max_iter: int) -> tuple[Any, Any]:
    n, backend = matrix.shape[0], matrix.backend
    width = block_width(k, n)
    most = min(MOST_BLOCKS * width, n - 1)
    basis = backend.empty((most, n), np.float64)
    small = np.zeros((most, most))
    # The first product has one column more, for the means of the rows.
    start = _random(backend, max(width - 1, min(k, width)), n)
    block, _ = _orthonormal(backend, start, basis[:0], n - 1)
    size = 0
    for step in range(1, max_iter + 1):
        here = slice(size, size + block.shape[0])
        basis[here] = block
        size = here.stop
        so_far = basis[:size]
        product = backend.asarray(matrix.times_float64(block.T).T)
        inner = _take_out(product, so_far)
        small[:size, here] = backend.to_host(inner)
        small[here, :size] = small[:size, here].T
        small[here, here] = (small[here, here] + small[here, here].T) / 2
        room = n - 1 - size
        block, coupling = _orthonormal(backend, product, so_far, room)

        values, turns = np.linalg.eigh(small[:size, :size])
        values, turns = values[::-1], turns[:, ::-1]
        if size >= k:
            residual = np.linalg.norm(coupling @ turns[here, :k], axis=0).max()
            largest = max(abs(values[0]), abs(values[-1]))
            if room == 0 or residual <= tol * largest or step == max_iter:
                break
        if size + block.shape[0] > most:
            # Restart from the best Ritz vectors.
            kept = max(k, most // 2)
            basis[:kept] = backend.asarray(turns[:, :kept].T) @ so_far
            small[:kept, :kept] = np.diag(values[:kept])
            size = kept
    if room and residual > tol * largest:
        warnings.warn(
            f"{max_iter} products with the kernel matrix left a residual of "
            f"{residual / largest:.2g} of the largest eigenvalue, more than {tol:.2g}. "
            "Raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=6,
        )
    return values[:k].copy(), backend.asarray(turns[:, :k].T) @ so_far


def _random(backend: Backend, n_vectors: int, n: int) -> Any:
    """Return vectors to start from, without a mean."""
    draws = backend.empty(n_vectors * n, np.float64)
    backend.kernels("rng").uniform(START_KEY, START_STREAM, 0, draws)
    vectors = draws.reshape(n_vectors, n)
    return vectors - vectors.mean(axis=1, keepdims=True)


def _take_out(vectors: Any, basis: Any) -> Any:
    """Make vectors orthogonal to a basis, in place; return what they had of it."""
    # Twice is enough: the second pass takes out what the rounding of the first one left.
    inner = basis @ vectors.T
    vectors -= inner.T @ basis
    again = basis @ vectors.T
    vectors -= again.T @ basis
    return inner + again


def _orthonormal(backend: Backend, vectors: Any, basis: Any, room: int) -> tuple[Any, Any]:
    """Return an orthonormal basis of vectors, at most `room` of them, and their coordinates in it.

    Vectors that depend on the others are replaced by any that are orthogonal to all and to the
    constant one; their coordinates are zero.
    """
    xp = backend.xp
    coordinates = np.eye(vectors.shape[0])
    if room < vectors.shape[0]:
        _, turns = np.linalg.eigh(backend.to_host(vectors @ vectors.T))
        turns = turns[:, vectors.shape[0] - room :]
        coordinates = turns.T
        vectors = backend.asarray(turns.T) @ vectors
    if not room:
        return vectors, coordinates
    for _ in range(4):
        columns, factor = xp.linalg.qr(vectors.T)
        factor = backend.to_host(factor)
        coordinates = factor @ coordinates
        vectors = backend.asarray(columns.T)
        if abs(factor.diagonal()).min() > 0.1:
            break
        # What was next to dependent is now mostly rounding, in any direction.
        vectors -= vectors.mean(axis=1, keepdims=True)
        _take_out(vectors, basis)
    return vectors, coordinates
