"""The bandwidth of a kernel, chosen by the data."""

from typing import Any

import numpy as np
from scipy import sparse

from fastml.backends import Backend

__all__ = ["GAMMA_RULES", "resolve_gamma"]

GAMMA_RULES = ("scale", "median", "nearest")

# Rows between which "median" measures distances.
MEDIAN_ROWS = 1000
# Rows whose nearest neighbour "nearest" looks for, and the number of distances it measures.
NEAREST_ROWS = 1000
NEAREST_DISTANCES = 50_000_000
# Distances that are in memory at a time.
BUFFER = 4_000_000
# The multiple of the mean distance that Wang recommends.
NEAREST_FACTOR = 5.0
# Key and stream of the generator that samples rows: the same rows for the same data, always.
SAMPLE_KEY, SAMPLE_STREAM = 0, 0x6A


def resolve_gamma(gamma: float | str | None, backend: Backend, X: Any) -> float:
    """Return the number that a kernel's `gamma` stands for.

    Parameters
    ----------
    gamma : float, {"scale", "median", "nearest"} or None
        What an estimator was given:

        - None: ``1 / n_features``;
        - "scale": ``1 / (n_features * X.var())``, as `sklearn.svm.SVC` has it;
        - "median": ``1 / (2 * m**2)``, where m is the median Euclidean distance between two
          different rows [1]_; of a sample of 1000 rows where there are more;
        - "nearest": ``1 / (2 * s**2)``, where s is five times the mean, over the rows, of the
          distance to the nearest row that is not equal [2]_. The mean is over a sample of 1000
          rows, fewer beyond 50,000 rows; their neighbours are looked for among all rows.

    backend : Backend
        Where a dense `X` lives.
    X : array or CSR matrix of shape (n_samples, n_features)
        Rows; a sparse matrix in host memory.

    Returns
    -------
    float
        Positive. 1.0 where a rule is asked of rows that are all equal.

    References
    ----------
    .. [1] A. Gretton et al., "A kernel two-sample test", JMLR 13 (2012), section 8; analysed by
       D. Garreau, W. Jitkrittum and M. Kanagawa, "Large sample analysis of the median
       heuristic", arXiv 1707.07269.
    .. [2] Q. Wang, "Kernel principal component analysis and its applications in face recognition
       and active shape models", arXiv 1207.3538.
    """
    if gamma is None:
        return 1.0 / X.shape[1]
    if not isinstance(gamma, str):
        return float(gamma)
    rule = {"scale": _scale, "median": _median, "nearest": _nearest}[gamma]
    length = rule(backend, X)
    return 1.0 / length if np.isfinite(length) and length > 0 else 1.0


def _scale(backend: Backend, X: Any) -> float:
    if sparse.issparse(X):
        values = X.data.astype(np.float64)
        count = X.shape[0] * X.shape[1]
        mean = values.sum() / count
        spread = ((values - mean) ** 2).sum() + (count - values.size) * mean**2
        return float(X.shape[1] * spread / count)
    return float(X.shape[1] * X.var(dtype=np.float64))


def _median(backend: Backend, X: Any) -> float:
    rows = _dense(backend, X, _sample(backend, X.shape[0], MEDIAN_ROWS))
    squares = backend.to_host(_squared_distances(backend, rows, rows))
    above = squares[np.triu_indices(len(squares), 1)]
    return 2.0 * float(np.median(above)) if above.size else 0.0


def _nearest(backend: Backend, X: Any) -> float:
    n_samples = X.shape[0]
    wanted = min(NEAREST_ROWS, max(NEAREST_DISTANCES // n_samples, NEAREST_ROWS // 20))
    rows = _dense(backend, X, _sample(backend, n_samples, wanted))
    xp = backend.xp
    least = xp.full(rows.shape[0], np.inf)
    step = max(1, BUFFER // rows.shape[0])
    for start in range(0, n_samples, step):
        others = _dense(backend, X, slice(start, start + step))
        squares = _squared_distances(backend, rows, others)
        # Equal rows are at distance zero exactly.
        squares[squares == 0] = np.inf
        least = xp.minimum(least, squares.min(axis=1))
    distances = np.sqrt(backend.to_host(least))
    distances = distances[np.isfinite(distances)]
    if not distances.size:
        return 0.0
    return 2.0 * float(NEAREST_FACTOR * distances.mean(dtype=np.float64)) ** 2


def _sample(backend: Backend, n: int, wanted: int) -> Any:
    """Return the sorted indices of `wanted` rows, or of all where there are no more."""
    if n <= wanted:
        return slice(None)
    draws = np.empty(n, np.float64)
    host = backend.empty(n, np.float64)
    backend.kernels("rng").uniform(SAMPLE_KEY, SAMPLE_STREAM, 0, host)
    draws = backend.to_host(host)
    return np.sort(np.argpartition(draws, wanted)[:wanted])


def _dense(backend: Backend, X: Any, rows: Any) -> Any:
    chosen = X[rows]
    return backend.asarray(chosen.toarray() if sparse.issparse(chosen) else chosen)


def _squared_distances(backend: Backend, rows: Any, others: Any) -> Any:
    out = backend.empty((rows.shape[0], others.shape[0]), rows.dtype)
    backend.kernels("distances").euclidean(rows, others, True, out)
    return out
