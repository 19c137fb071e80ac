"""The solvers of KernelPCA: eigenvalues of a centred kernel matrix, and which solver to take."""

import warnings
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.utils import check_random_state

from fastml.backends import Backend
from fastml.decomposition._kernel_matrix import CentredKernel
from fastml.decomposition._krylov import basis_bytes, krylov_eigh
from fastml.decomposition._memory import Budget, readable
from fastml.decomposition._truncated import randomized_svd
from fastml.kernels.factorize.blas import one_blas_thread

__all__ = ["IN_PLACE", "Task", "buffer_bytes", "choose_solver", "eigenpairs"]

# Rows up to which LAPACK is faster than anything that multiplies, and the share of the eigenvalues
# from which it is for more rows.
DENSE_ROWS = 200
DENSE_SHARE = 0.07
# Bytes of a matrix up to which single vectors, multiplied in the cache, win over blocks of them.
CACHED_BYTES = 4 << 20
# Least and most bytes of the block of the kernel matrix that "matrix_free" holds.
LEAST_BUFFER, MOST_BUFFER = 1 << 20, 16 << 20
# Solvers for which the matrix is centred in place: bits of theirs do not depend on what centring
# takes out.
IN_PLACE = ("dense", "arpack", "randomized")
# Vectors beyond those wanted of the randomized solver.
OVERSAMPLES = 10


@dataclass(frozen=True)
class Task:
    """What is asked of a solver."""

    n_samples: int
    n_components: int
    itemsize: int
    has_matrix: bool  # a precomputed one
    with_inverse: bool
    tol: float
    max_iter: int | None
    iterated_power: Any
    random_state: Any


def choose_solver(solver: str, task: Task, budget: Budget) -> str:
    """Return the solver to use, for one that was asked for.

    Parameters
    ----------
    solver : {"auto", "dense", "arpack", "randomized", "krylov", "matrix_free"}
        As given to the estimator.
    task : Task
        Its size.
    budget : Budget
        How much memory there is.

    Returns
    -------
    {"dense", "arpack", "randomized", "krylov", "matrix_free"}

    Raises
    ------
    MemoryError
        If the solver, or with "auto" any solver, needs more memory than that.
    ValueError
        For "matrix_free" with a matrix.
    """
    if solver == "matrix_free" and task.has_matrix:
        raise ValueError(
            "eigen_solver='matrix_free' computes the kernel matrix block by block, and "
            "kernel='precomputed' has it already: use eigen_solver='krylov', which is the same "
            "method on a matrix."
        )
    n, k = task.n_samples, task.n_components
    wanted = solver
    if solver == "auto":
        solver = "arpack" if n * n * task.itemsize <= CACHED_BYTES else "krylov"
        if n <= DENSE_ROWS or k > DENSE_SHARE * n:
            solver = "dense"
        if needed(solver, task) > budget.size and needed("matrix_free", task) <= budget.size:
            solver = "krylov" if task.has_matrix else "matrix_free"
    if solver == "arpack" and k >= n:
        # What scipy.sparse.linalg.eigsh says and does with a matrix.
        warnings.warn(
            f"k={k} >= N={n} for an N * N square matrix: eigen_solver='arpack' finds fewer than "
            "all eigenvalues. Using eigen_solver='dense' instead.",
            RuntimeWarning,
            stacklevel=4,
        )
        solver = "dense"
    size = needed(solver, task)
    if size > budget.size:
        raise MemoryError(_complaint(wanted, solver, size, task, budget))
    return solver


def needed(solver: str, task: Task) -> int:
    """Return the bytes that a fit by a solver takes beyond its input, about."""
    n, k = task.n_samples, task.n_components
    matrix = n * n * task.itemsize
    vectors = 8 * n * k
    inverse = matrix if task.with_inverse else 0
    if solver == "matrix_free":
        return max(basis_bytes(k, n) + LEAST_BUFFER, inverse + vectors)
    kept = matrix if solver in IN_PLACE or not task.has_matrix else 0
    if solver == "dense":
        # Divide and conquer, for many eigenvectors, has twice the matrix for workspace.
        work = kept + vectors if 6 * k < n else 3 * kept
    elif solver == "krylov":
        work = kept + basis_bytes(k, n)
    else:
        work = kept + 8 * n * (max(2 * k + 1, 20) + 3 * (k + OVERSAMPLES))
    return max(work, inverse + vectors)


def _complaint(wanted: str, solver: str, size: int, task: Task, budget: Budget) -> str:
    n, k = task.n_samples, task.n_components
    what = f"KernelPCA with eigen_solver={wanted!r} and {n} rows needs {readable(size)} of memory"
    free = needed("matrix_free", task)
    if free <= budget.size and not task.has_matrix:
        return (
            f"{what}, and {budget.words}. eigen_solver='matrix_free' needs {readable(free)}: it "
            "computes the kernel matrix block by block."
        )
    advice = "Raise memory_limit"
    if task.with_inverse:
        advice += (
            ", or use eigen_solver='matrix_free' with fit_inverse_transform=False, or "
            "fastml.kernel_approximation.Nystroem, whose inverse_transform needs no n x n matrix"
        )
    elif k > 100:
        advice += (
            f", or ask for fewer than {k} components (n_components) with "
            f"eigen_solver='matrix_free', which would need {readable(free)}"
        )
    return f"{what}, and {budget.words}. {advice}."


def buffer_bytes(task: Task, budget: Budget) -> int:
    """Return the size of the block of the kernel matrix that "matrix_free" may hold."""
    spare = budget.size - basis_bytes(task.n_components, task.n_samples)
    return int(min(max(spare, LEAST_BUFFER), MOST_BUFFER))


def eigenpairs(solver: str, matrix: CentredKernel, task: Task) -> tuple[Any, Any, float]:
    """Return eigenvalues of a centred kernel matrix, largest first, and eigenvectors.

    Parameters
    ----------
    solver : {"dense", "arpack", "randomized", "krylov", "matrix_free"}
        See `KernelPCA`.
    matrix : CentredKernel
        The matrix. The first three centre it in place, and "dense" overwrites it.
    task : Task
        What is asked for.

    Returns
    -------
    values : ndarray of shape (n_components,)
        In host memory.
    vectors : ndarray of shape (n_components, n_samples)
        Orthonormal rows, in host memory.
    trace : float
        The sum of all eigenvalues.
    """
    backend, k = matrix.backend, task.n_components
    if solver in IN_PLACE:
        centred = matrix.centre_in_place()
        trace = matrix.trace()
    if solver == "dense":
        values, vectors = _dense(backend, centred, k)
    elif solver == "arpack":
        values, vectors = _arpack(backend, centred, k, task)
    elif solver == "randomized":
        values, vectors = _randomized(matrix, k, task)
    else:
        values, vectors = krylov_eigh(matrix, k, task.tol, task.max_iter)
        trace = matrix.trace()
    values, vectors = backend.to_host(values), backend.to_host(vectors)
    order = np.argsort(-values, kind="stable")
    return values[order], vectors[order], trace


def _dense(backend: Backend, centred: Any, k: int) -> tuple[Any, Any]:
    values = backend.empty(k, centred.dtype)
    vectors = backend.empty((k, centred.shape[0]), centred.dtype)
    backend.kernels("factorize").eigh(centred, values, vectors)
    return values, vectors


def _arpack(backend: Backend, centred: Any, k: int, task: Task) -> tuple[Any, Any]:
    def times(vector: Any) -> Any:
        # One vector: BLAS, on one thread, is faster than a kernel made for several.
        return backend.to_host(centred @ backend.asarray(vector, centred.dtype))

    operator = LinearOperator(centred.shape, matvec=times, dtype=centred.dtype)
    start = check_random_state(task.random_state).uniform(-1, 1, centred.shape[0])
    # What ARPACK draws where its vectors end in a subspace; older SciPy draws the same always.
    draws = {"rng": np.random.default_rng(0)} if "rng" in signature(eigsh).parameters else {}
    with one_blas_thread():
        values, vectors = eigsh(
            operator, k, which="LA", tol=task.tol, maxiter=task.max_iter, v0=start, **draws
        )
    return values, vectors.T


def _randomized(matrix: CentredKernel, k: int, task: Task) -> tuple[Any, Any]:
    left, values, right = randomized_svd(
        matrix,
        k,
        OVERSAMPLES,
        task.iterated_power,
        "auto",
        check_random_state(task.random_state),
    )
    # Singular vectors of either side differ in sign where an eigenvalue is negative.
    return values * matrix.backend.xp.sign((left.T * right).sum(axis=1)), left.T
