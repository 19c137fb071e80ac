"""The largest eigenvalues of a centred kernel matrix by a restarted block Krylov method."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastml.backends import Backend
from fastml.decomposition._kernel_matrix import CentredKernel
from fastml.kernels.factorize.blas import one_blas_thread

__all__ = ["basis_bytes", "krylov_eigh"]

# Vectors multiplied at a time: what a register tile holds beside each other.
WIDTH = 16
# Blocks of the basis before it is restarted from its best vectors.
MOST_BLOCKS = 14
# Products with the matrix before the search is given up.
MOST_PRODUCTS = 300
# Residuals, as a share of the largest eigenvalue, that count as none.
RESIDUAL = {4: 1e-6, 8: 1e-13}
# The first product after which residuals are looked at.
FIRST_CHECK = 4
# Entries of a matrix up to which a product takes less time than a look at residuals.
CHEAP_PRODUCT = 1_500_000
# Squared share of a vector that others must leave for Cholesky's factor to be of use.
INDEPENDENT = 1e-6
# The same for one factor to do.
WELL_CONDITIONED = 0.05
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


def basis_bytes(k: int, n: int) -> int:
    """Return the memory that the vectors of the method take."""
    # Beside the basis: what is multiplied, and the vectors of a restart.
    return 8 * n * (_most(k, max(n, 2)) + 4 * WIDTH + 2 * k)


def _most(k: int, n: int) -> int:
    """Return the largest number of basis vectors."""
    return min(max(MOST_BLOCKS * WIDTH, 2 * k + 4 * WIDTH), n - 1)


def _iterate(matrix: CentredKernel, k: int, tol: float, max_iter: int) -> tuple[Any, Any]:
    n, backend = matrix.shape[0], matrix.backend
    most = _most(k, n)
    basis = backend.empty((most, n), np.float64)
    small = np.zeros((most, most))
    # The first product has one column more, for the means of the rows.
    start = _random(backend, min(WIDTH - 1, n - 1), n)
    block, _ = _orthonormal(backend, start, basis[:0], n - 1, 0.0)
    size = near = 0
    # Where a product takes less time than a look at residuals, looks are spared.
    eager = n * n < CHEAP_PRODUCT
    next_check = FIRST_CHECK
    history: tuple[int, float] | None = None
    for step in range(1, max_iter + 1):
        here = slice(size, size + block.shape[0])
        basis[here] = block
        size = here.stop
        so_far = basis[:size]
        product = backend.asarray(matrix.times_float64(block.T).T)
        # Exact arithmetic would need no more than the last two blocks, but for a restart; what
        # rounding leaves of the others, and of these, the second pass takes out.
        inner = _take_out(product, so_far[near:])
        outer = _take_out(product, so_far)
        outer[near:] += inner
        small[:size, here] = backend.to_host(outer)
        small[here, :size] = small[:size, here].T
        small[here, here] = (small[here, here] + small[here, here].T) / 2
        near = here.start
        room = n - 1 - size
        scale = abs(small[:size, here]).max()
        block, coupling = _orthonormal(backend, product, so_far, room, scale)

        full = size + block.shape[0] > most
        last = room == 0 or step == max_iter
        if size < k or not (full or last or step >= next_check):
            continue
        values, turns = np.linalg.eigh(small[:size, :size])
        values, turns = values[::-1], turns[:, ::-1]
        residual = np.linalg.norm(coupling @ turns[here, :k], axis=0).max()
        largest = max(abs(values[0]), abs(values[-1]))
        if last or residual <= tol * largest:
            break
        next_check = step + 1
        if eager:
            next_check = _expected(history, (step, residual / largest), tol)
            history = (step, residual / largest)
        if full:
            # Restart from the best Ritz vectors.
            size, near = max(k, most // 2), 0
            basis[:size] = backend.asarray(turns[:, :size].T) @ so_far
            small[:size, :size] = np.diag(values[:size])
    if room and residual > tol * largest:
        warnings.warn(
            f"{max_iter} products with the kernel matrix left a residual of "
            f"{residual / largest:.2g} of the largest eigenvalue, more than {tol:.2g}. "
            "Raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=6,
        )
    return values[:k].copy(), backend.asarray(turns[:, :k].T) @ so_far


def _expected(before: tuple[int, float] | None, now: tuple[int, float], tol: float) -> int:
    """Return the step at which a residual that falls as it did will be down to `tol`."""
    if before is None:
        return now[0] + 2
    rate = np.log(before[1] / now[1]) / (now[0] - before[0])
    if rate <= 0:
        return now[0] + 1
    return now[0] + min(max(1, int(np.log(now[1] / tol) / rate)), MOST_BLOCKS // 2)


def _random(backend: Backend, n_vectors: int, n: int) -> Any:
    """Return vectors to start from, without a mean."""
    draws = backend.empty(n_vectors * n, np.float64)
    backend.kernels("rng").uniform(START_KEY, START_STREAM, 0, draws)
    vectors = draws.reshape(n_vectors, n)
    return vectors - vectors.mean(axis=1, keepdims=True)


def _take_out(vectors: Any, basis: Any) -> Any:
    """Make vectors orthogonal to a basis, in place; return what they had of it."""
    inner = basis @ vectors.T
    vectors -= inner.T @ basis
    return inner


def _orthonormal(
    backend: Backend, vectors: Any, basis: Any, room: int, scale: float
) -> tuple[Any, Any]:
    """Return an orthonormal basis of vectors, at most `room` of them, and their coordinates in it.

    Vectors that depend on the others, or are nothing but rounding beside `scale`, are replaced by
    any that are orthogonal to all and to the constant one; their coordinates are next to zero.
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
    quick = _by_cholesky(backend, vectors, scale)
    if quick is not None:
        return quick[0], quick[1] @ coordinates
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
        _take_out(vectors, basis)
    return vectors, coordinates


def _by_cholesky(backend: Backend, vectors: Any, scale: float) -> tuple[Any, Any] | None:
    """Return what `_orthonormal` does from Cholesky's factors, or None for dependent vectors."""
    coordinates = np.eye(vectors.shape[0])
    for _ in range(2):
        inner = backend.to_host(vectors @ vectors.T)
        try:
            factor = np.linalg.cholesky(inner)
        except np.linalg.LinAlgError:
            return None
        pivots = factor.diagonal()
        left = (pivots**2 / inner.diagonal()).min()
        if left <= INDEPENDENT or pivots.min() <= 1e-7 * scale:
            return None
        vectors = backend.asarray(np.linalg.inv(factor)) @ vectors
        coordinates = factor.T @ coordinates
        # Rounding in the first factor is magnified by what `left` is the inverse of.
        if left > WELL_CONDITIONED:
            break
        scale = 0.0
    return vectors, coordinates
