"""The solvers of PCA, each a function from a problem to a solution."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils.sparsefuncs import mean_variance_axis

from fastml.backends import Backend
from fastml.decomposition._moments import Moments, column_moments, finish, moments
from fastml.decomposition._spectral import leading
from fastml.decomposition._truncated import CentredMatrix, arpack_svd, randomized_svd
from fastml.kernels.factorize.blas import one_blas_thread

__all__ = ["SOLVERS", "Problem", "Solution"]


@dataclass(frozen=True)
class Problem:
    """Rows to find principal components of, and what is asked for."""

    backend: Backend
    solver: str
    X: Any  # on the backend, or a sparse matrix in host memory
    sample_weight: Any  # (n_samples,), or (0,) for ones
    n_samples: int  # that the weights stand for
    n_components: Any
    standardize: bool
    overwrite: bool
    refuse: Callable[[], None]  # raises if X is not finite
    too_large: Callable[[], ValueError]  # what to raise if its squares overflow
    options: dict[str, Any]  # of the iterative solvers


@dataclass(frozen=True)
class Solution:
    """Principal components, by decreasing variance; host arrays but for `left`."""

    weight: float
    mean: Any
    scale: Any
    left: Any  # (n_samples, k) left singular vectors, or None
    singular_values: Any
    components: Any  # (k, n_features), of either sign
    variances: Any  # (k,)
    total_variance: float
    rest: float  # the sum of the variances that were not computed
    n_variances: int  # how many there are with those
    floor: float  # variances up to here are rounding


def _state(problem: Problem, compute: Callable[..., Moments]) -> Moments:
    """Return moments of the rows, whose finiteness is that of the rows."""
    backend, X = problem.backend, problem.X
    with np.errstate(invalid="ignore", over="ignore"):
        state = compute(backend, X, problem.sample_weight)
        if _finite(backend, state):
            return state
        problem.refuse()
        # Squares of large float32 values overflow where those of float64 do not.
        wide = backend.asarray(problem.sample_weight, np.float64)
        state = compute(backend, X.astype(np.float64), wide)
    if not _finite(backend, state):
        raise problem.too_large()
    return state


def _finite(backend: Backend, state: Moments) -> bool:
    # NaN and infinity reach the diagonal.
    spread = state.scatter.diagonal() if state.scatter.ndim == 2 else state.scatter
    return bool(backend.xp.isfinite(state.mean + spread).all())


def _scale(problem: Problem, mean: Any, variances: Any) -> Any:
    """Return the standard deviations of columns, 1 for constant ones; None if not wanted.

    Without them, variances are results, and the dtype of the data has to hold their sum.
    """
    if not problem.standardize:
        if not float(variances.sum()) <= float(np.finfo(problem.X.dtype).max):
            raise problem.too_large()
        return None
    xp = problem.backend.xp
    deviations = xp.sqrt(variances)
    # What rounding alone can make of a constant column.
    noise = max(np.finfo(problem.X.dtype).eps, 1000 * np.finfo(np.float64).eps) * abs(mean)
    return xp.where(deviations <= noise, 1.0, deviations)


def _host(backend: Backend, a: Any) -> Any:
    return None if a is None else backend.to_host(a)


def _rounding(values: Any, size: int, dtype: Any) -> float:
    """Return how large zero eigenvalues or singular values can come out beside the others."""
    return float(4 * np.finfo(dtype).eps * size**0.5 * values.max(initial=0.0))


def solve_covariance(problem: Problem) -> Solution:
    """Eigenvectors of the covariance matrix."""
    backend = problem.backend
    state = _state(problem, moments)
    mean, covariance = finish(state)
    scale = _scale(problem, mean, covariance.diagonal())
    if scale is not None:
        covariance = covariance / (scale[:, None] * scale)
    n_features = mean.shape[0]
    wanted = problem.n_components
    k = int(wanted) if wanted != "mle" and wanted >= 1 else n_features
    values, vectors, rest = leading(backend, covariance, k)
    return Solution(
        weight=state.weight,
        mean=backend.to_host(mean),
        scale=_host(backend, scale),
        left=None,
        singular_values=np.sqrt(values * (state.weight - 1)),
        components=vectors,
        variances=values,
        total_variance=float(values.sum()) + rest,
        rest=rest,
        n_variances=n_features,
        floor=_rounding(values, n_features, np.float64),
    )


def solve_full(problem: Problem) -> Solution:
    """Singular value decomposition of the centred data."""
    backend, X = problem.backend, problem.X
    state = _state(problem, column_moments)
    mean, variances = finish(state)
    scale = _scale(problem, mean, variances)
    rows = X if problem.overwrite else backend.empty(X.shape, X.dtype)
    backend.xp.subtract(X, mean, out=rows, casting="same_kind")
    if scale is not None:
        rows /= scale.astype(rows.dtype)
    if problem.sample_weight.size:
        rows *= backend.xp.sqrt(problem.sample_weight)[:, None]
    rank = min(X.shape)
    left = backend.empty((X.shape[0], rank), X.dtype)
    values = backend.empty(rank, X.dtype)
    right = backend.empty((rank, X.shape[1]), X.dtype)
    backend.kernels("factorize").svd(rows, left, values, right)
    return _from_singular(problem, state, scale, left, values, right, None)


def solve_truncated(problem: Problem) -> Solution:
    """Some singular vectors of the centred data, by ARPACK or by random projection."""
    backend, X, weights = problem.backend, problem.X, problem.sample_weight
    state = _sparse_state(problem) if sparse.issparse(X) else _state(problem, column_moments)
    mean, variances = finish(state)
    scale = _scale(problem, mean, variances)
    roots = backend.xp.sqrt(weights)[:, None] if weights.size else None
    unit = 1.0 if scale is not None else _unit(float(variances.sum()) * (state.weight - 1))
    units = backend.asarray(np.full(X.shape[1], unit)) if scale is None else scale
    matrix = CentredMatrix(backend, X, mean, units, roots)
    options, k = problem.options, int(problem.n_components)
    random_state = check_random_state(options["random_state"])
    if problem.solver == "arpack":
        start = random_state.uniform(-1, 1, min(X.shape))
        left, values, right = arpack_svd(matrix, k, options["tol"], start.astype(X.dtype))
    else:
        # Entered once here, so that each factorisation inside finds it done.
        with one_blas_thread():
            left, values, right = randomized_svd(
                matrix,
                k,
                options["n_oversamples"],
                options["iterated_power"],
                options["power_iteration_normalizer"],
                random_state,
            )
    values = values * values.dtype.type(unit)
    if scale is not None:
        variances = variances / scale**2
    total = float(variances.sum())
    return _from_singular(problem, state, scale, left, values, right, total)


def _unit(squares: float) -> float:
    """Return a power of two near the root: dividing by it is exact.

    Iterations take powers of the data, which overflow, or vanish, long before the data do.
    """
    return 2.0 ** np.round(0.5 * np.log2(squares)) if squares > 0 else 1.0


def _sparse_state(problem: Problem) -> Moments:
    weights = problem.sample_weight if problem.sample_weight.size else None
    weights = None if weights is None else problem.backend.to_host(weights)
    with np.errstate(invalid="ignore", over="ignore"):
        mean, variance = mean_variance_axis(problem.X, axis=0, weights=weights)
        if not np.isfinite(variance).all():
            wide = problem.X.astype(np.float64)
            mean, variance = mean_variance_axis(wide, axis=0, weights=weights)
    if not np.isfinite(variance).all():
        raise problem.too_large()
    weight = float(problem.X.shape[0] if weights is None else weights.sum(dtype=np.float64))
    asarray = problem.backend.asarray
    return Moments(weight, asarray(mean, np.float64), asarray(variance, np.float64) * weight)


def _from_singular(
    problem: Problem,
    state: Moments,
    scale: Any,
    left: Any,
    values: Any,
    right: Any,
    total_variance: float | None,
) -> Solution:
    backend = problem.backend
    values = backend.to_host(values).astype(np.float64)
    variances = values**2 / (state.weight - 1)
    found = float(variances.sum())
    total = found if total_variance is None else total_variance
    return Solution(
        weight=state.weight,
        mean=backend.to_host(state.mean),
        scale=_host(backend, scale),
        left=left,
        singular_values=values,
        components=backend.to_host(right),
        variances=variances,
        total_variance=total,
        rest=max(total - found, 0.0),
        n_variances=min(problem.n_samples, problem.X.shape[1]),
        floor=_rounding(values, min(problem.X.shape), problem.X.dtype) ** 2 / (state.weight - 1),
    )


SOLVERS = {
    "full": solve_full,
    "covariance_eigh": solve_covariance,
    "arpack": solve_truncated,
    "randomized": solve_truncated,
}
