"""Which rows, or points, stand for a data set in Nystroem's method."""

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from fastml._random import seed_from
from fastml.blocks import spans
from fastml.cluster import KMeans
from fastml.kernels.factorize.blas import one_blas_thread
from fastml.metrics._checked_gram import RowKernel, gram_times

__all__ = ["choose_rows", "k_means_points", "leverage_rows", "root_inverse"]

# Iterations of k-means: landmarks need no converged centers.
KMEANS_ITERATIONS = 10
# Rows of the pilot sample of leverage scores, times the landmarks wanted.
PILOT_FACTOR = 2
# Rows whose scores choose the ridge.
PROBE_ROWS = 2000
# Stream of the generator.
LEVERAGE_STREAM = 0x4C


def choose_rows(n_samples: int, n_components: int, random_state: Any) -> Any:
    """Return the indices of uniformly drawn rows, the same as scikit-learn draws."""
    return check_random_state(random_state).permutation(n_samples)[:n_components]


def k_means_points(X: Any, n_components: int, random_state: Any) -> Any:
    """Return the centers of clusters of the rows.

    K. Zhang, I. W. Tsang and J. T. Kwok, "Improved Nystroem low-rank approximation and error
    analysis", ICML 2008.

    Parameters
    ----------
    X : {array, CSR matrix} of shape (n_samples, n_features)
        Rows.
    n_components : int
        Centers wanted.
    random_state : int, RandomState instance or None
        For the start of k-means.

    Returns
    -------
    ndarray or CSR matrix of shape (n_components, n_features)
        Sparse for sparse rows.
    """
    with warnings.catch_warnings():
        # Neither is of concern: not converged, and fewer distinct rows than centers.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(
            n_components, n_init=1, max_iter=KMEANS_ITERATIONS, random_state=random_state
        ).fit(X)
    centers = model.cluster_centers_
    return sparse.csr_matrix(centers) if sparse.issparse(X) else centers


def leverage_rows(kernel: RowKernel, X: Any, n_components: int, random_state: Any) -> Any:
    """Return the indices of rows drawn by approximate ridge leverage scores.

    The score of a row is ``(K (K + ridge I)^-1)_ii = (K_ii - k_i' (K + ridge I)^-1 k_i) / ridge``.
    On the right a pilot sample S of s rows stands for all n: ``K_SS + ridge s / n I`` for the
    matrix, so that rows which the sample does not represent have large scores (C. Musco and
    C. Musco, "Recursive sampling for the Nystroem method", NIPS 2017: one level of their
    recursion). A row of the sample itself is left out of it for its own score. The ridge is the
    one at which the scores of a second sample come to a sum of `n_components`. A row is chosen
    with a probability in proportion to its score, surely where that comes to one, by systematic
    sampling (W. G. Madow, "On the theory of systematic sampling, II", 1949) from a draw of
    Philox's.

    Parameters
    ----------
    kernel : RowKernel
        The kernel.
    X : array on the backend, or CSR matrix in host memory, of shape (n_samples, n_features)
        Rows.
    n_components : int
        Rows wanted, at most n_samples.
    random_state : int, RandomState instance or None
        For the samples and the draws.

    Returns
    -------
    ndarray of shape (n_components,)
        Sorted.
    """
    backend, n = kernel.backend, X.shape[0]
    state = check_random_state(random_state)
    order = state.permutation(n)
    size = min(PILOT_FACTOR * n_components, n)
    indices = np.sort(order[:size])
    others = np.sort(order[size : size + PROBE_ROWS]) if size < n else indices
    pilot, probe = (
        X[part if sparse.issparse(X) else backend.asarray(part)] for part in (indices, others)
    )
    share = size / n
    with one_blas_thread():
        values, vectors = np.linalg.eigh(backend.to_host(kernel.gram(pilot)).astype(np.float64))
        values = np.maximum(values, 0.0)
        turned = backend.to_host(kernel.gram(probe, pilot)).astype(np.float64) @ vectors
        diagonal = kernel.diagonal(probe).astype(np.float64)
        ridge = _ridge(turned**2, diagonal, values, share, n_components / n)
        weights = 1 / (values + ridge * share)
        left_out = 1 / (vectors**2 @ weights) - ridge * share
    right = backend.asarray(vectors * np.sqrt(weights), X.dtype)
    scores = kernel.diagonal(X).astype(np.float64)
    for start, stop in spans(n):
        features = backend.empty((stop - start, size), np.float64)
        gram_times(kernel, X[start:stop], pilot, right, features)
        scores[start:stop] -= backend.to_host((features * features).sum(axis=1))
    scores[indices] = left_out
    scores /= ridge
    scores = np.clip(scores, np.finfo(X.dtype).eps, 1.0)
    draw = backend.empty(1, np.float64)
    backend.kernels("rng").uniform(seed_from(state), LEVERAGE_STREAM, 0, draw)
    return _systematic(scores, n_components, float(backend.to_host(draw)[0]))


def _systematic(scores: Any, wanted: int, draw: float) -> Any:
    """Return `wanted` indices, each with a probability of ``min(1, factor * score)``."""
    chances = np.zeros(scores.shape[0])
    sure = np.zeros(scores.shape[0], bool)
    while sure.sum() < wanted:
        chances = np.where(sure, 1.0, scores * ((wanted - sure.sum()) / scores[~sure].sum()))
        if not (chances > 1).any():
            break
        sure |= chances >= 1
    else:
        return np.flatnonzero(sure)[:wanted]
    steps = np.floor(np.cumsum(chances) + draw)
    chosen = np.flatnonzero(np.diff(steps, prepend=0.0) > 0)
    # Rounding of the sum can cost, or give, one.
    missing = wanted - chosen.size
    if missing > 0:
        rest = np.setdiff1d(np.arange(scores.shape[0]), chosen)
        chosen = np.append(chosen, rest[np.argsort(-scores[rest], kind="stable")[:missing]])
    return np.sort(chosen[:wanted])


def _ridge(squares: Any, diagonal: Any, values: Any, share: float, mean: float) -> float:
    """Return the ridge at which the scores of some rows have the given mean, by bisection."""
    low, high = -60.0, float(np.log(max(diagonal.sum(), 1e-20))) + 10.0
    for _ in range(60):
        middle = (low + high) / 2
        ridge = np.exp(middle)
        scores = (diagonal - squares @ (1 / (values + ridge * share))) / ridge
        if np.clip(scores, 0.0, 1.0).mean() > mean:
            low = middle
        else:
            high = middle
    return float(np.exp(high))


def root_inverse(matrix: Any, dtype: Any) -> Any:
    """Return the inverse of the root of a symmetric matrix.

    Eigenvalues count as at least 1e-12, as in scikit-learn, and as what the dtype of the kernel
    between rows and landmarks can tell from zero: smaller ones would only magnify its rounding.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Symmetric, float64.
    dtype : dtype
        Of the kernel values that the result will be multiplied by.

    Returns
    -------
    ndarray of shape (n, n)
        Float64.
    """
    with one_blas_thread():
        values, vectors = np.linalg.eigh(matrix)
        sizes = np.abs(values)
        least = max(1e-12, np.finfo(dtype).eps * sizes.max(initial=0.0))
        roots = np.where(values < 0, -1.0, 1.0) / np.sqrt(np.maximum(sizes, least))
        return (vectors * roots) @ vectors.T
