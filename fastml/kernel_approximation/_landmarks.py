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

    The score of a row is ``(K (K + ridge I)^-1)_ii``. With a pilot sample S of rows, drawn
    uniformly, it is at most about ``(K_ii - k_i' (K_SS + ridge s / n I)^-1 k_i) / ridge`` (C. Musco
    and C. Musco, "Recursive sampling for the Nystroem method", NIPS 2017, lemma 6, with one level
    of their recursion). The ridge is theirs too: the sum of the eigenvalues beyond the
    `n_components` largest, over `n_components`, estimated from the pilot sample. Rows are drawn
    without repetition with chances in proportion to their scores, those with the smallest
    exponential times (P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a
    reservoir", 2006), which Philox draws.

    Parameters
    ----------
    kernel : RowKernel
        The kernel.
    X : array on the backend, or CSR matrix in host memory, of shape (n_samples, n_features)
        Rows.
    n_components : int
        Rows wanted, at most n_samples.
    random_state : int, RandomState instance or None
        For the pilot sample and the draws.

    Returns
    -------
    ndarray of shape (n_components,)
        Sorted.
    """
    backend, n = kernel.backend, X.shape[0]
    state = check_random_state(random_state)
    pilot = np.sort(state.permutation(n)[: PILOT_FACTOR * n_components])
    rows = X[pilot if sparse.issparse(X) else backend.asarray(pilot)]
    inner = backend.to_host(kernel.gram(rows)).astype(np.float64)
    with one_blas_thread():
        values, vectors = np.linalg.eigh(inner)
    values = np.maximum(values[::-1], 0.0)
    vectors = vectors[:, ::-1]
    diagonal = kernel.diagonal(X).astype(np.float64)
    share = len(pilot) / n
    rest = diagonal.sum() - values[:n_components].sum() / share
    # Where the largest eigenvalues hold everything, what is left is their rounding.
    least = np.finfo(X.dtype).eps * diagonal.sum()
    ridge = max(rest, least) / n_components
    scaled = vectors / np.sqrt(values + ridge * share)
    scores = np.empty(n)
    right = backend.asarray(scaled, X.dtype)
    for start, stop in spans(n):
        features = backend.empty((stop - start, right.shape[1]), np.float64)
        gram_times(kernel, X[start:stop], rows, right, features)
        explained = backend.to_host((features * features).sum(axis=1))
        scores[start:stop] = (diagonal[start:stop] - explained) / ridge
    scores = np.clip(scores, np.finfo(X.dtype).eps, 1.0)
    draws = backend.empty(n, np.float64)
    backend.kernels("rng").uniform(seed_from(state), LEVERAGE_STREAM, 0, draws)
    times = -np.log1p(-backend.to_host(draws)) / scores
    return np.sort(np.argsort(times, kind="stable")[:n_components])


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
