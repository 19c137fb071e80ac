"""k-means as functions, with scikit-learn's signatures."""

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, validate_params

from fastml import backends
from fastml._random import seed_from
from fastml._validation import canonical, check_finite_wanted, too_large
from fastml.cluster import _seeding
from fastml.cluster._data import checked_weight
from fastml.cluster._rows import CsrRows, DenseRows
from fastml.cluster.kmeans import KMeans


@validate_params(
    {
        "X": ["array-like", "sparse matrix"],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "sample_weight": ["array-like", None],
        "x_squared_norms": ["array-like", None],
        "random_state": ["random_state"],
        "n_local_trials": [Interval(Integral, 1, None, closed="left"), None],
    },
    prefer_skip_nested_validation=True,
)
def kmeans_plusplus(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    x_squared_norms: Any = None,
    random_state: Any = None,
    n_local_trials: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose rows as initial centers by greedy k-means++.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows to choose from.
    n_clusters : int
        How many to choose.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights; all one by default.
    x_squared_norms : array-like of shape (n_samples,), default=None
        Kept for scikit-learn's sake and checked: distances are computed by differences, which
        need no norms.
    random_state : int, RandomState instance or None, default=None
        Key of the draws.
    n_local_trials : int, default=None
        Draws for each center, of which the best is kept; ``2 + log(n_clusters)`` by default.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
        The chosen rows.
    indices : ndarray of shape (n_clusters,)
        Where they are: ``X[indices[i]]`` is ``centers[i]``.

    References
    ----------
    D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    finite = check_finite_wanted()
    X = check_array(
        X,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        order="C",
        ensure_all_finite=finite,
    )
    weight = checked_weight(sample_weight, X)
    if X.shape[0] < n_clusters:
        raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={n_clusters}.")
    if x_squared_norms is not None:
        norms = check_array(
            x_squared_norms, dtype=X.dtype, ensure_2d=False, ensure_all_finite=finite
        )
        if norms.shape[0] != X.shape[0]:
            raise ValueError(
                f"The length of x_squared_norms {norms.shape[0]} should be equal to the length "
                f"of n_samples {X.shape[0]}."
            )
    if finite:
        _check_squares(X)
    backend = backends.resolve(X)
    rows: CsrRows | DenseRows
    if sp.issparse(X):
        rows = CsrRows(backend, canonical(X), weight)
    else:
        rows = DenseRows(backend, backend.asarray(X), weight, np.zeros(X.shape[1], X.dtype))
    seed = seed_from(random_state)
    return _seeding.kmeans_plusplus(rows, n_clusters, seed, n_local_trials=n_local_trials)


def _check_squares(X: Any) -> None:
    """Refuse rows whose squared distances overflow their dtype."""
    values = X.data if sp.issparse(X) else X
    peak = max(float(values.max(initial=0)), -float(values.min(initial=0)))
    # No two rows are further apart than twice the peak in each column.
    if not 4.0 * X.shape[1] * peak * peak < float(np.finfo(X.dtype).max):
        raise too_large("kmeans_plusplus", X.dtype)


def k_means(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    init: Any = "k-means++",
    n_init: Any = "auto",
    max_iter: int = 300,
    verbose: int = False,
    tol: float = 1e-4,
    random_state: Any = None,
    copy_x: bool = True,
    algorithm: str = "lloyd",
    return_n_iter: bool = False,
) -> tuple:
    """Cluster rows by k-means; the parameters are those of `KMeans`.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows to cluster.
    n_clusters, sample_weight, init, n_init, max_iter, verbose, tol, random_state, copy_x, algorithm
        As for `KMeans` and its `fit`.
    return_n_iter : bool, default=False
        Whether to return the number of iterations too.

    Returns
    -------
    centroid : ndarray of shape (n_clusters, n_features)
        Centers.
    label : ndarray of shape (n_samples,)
        Label of each row.
    inertia : float
        Weighted sum of squared distances of the rows to their center.
    best_n_iter : int
        Iterations of the best run, if `return_n_iter`.
    """
    estimator = KMeans(
        n_clusters,
        init=init,
        n_init=n_init,
        max_iter=max_iter,
        verbose=verbose,
        tol=tol,
        random_state=random_state,
        copy_x=copy_x,
        algorithm=algorithm,
    ).fit(X, sample_weight=sample_weight)
    found = estimator.cluster_centers_, estimator.labels_, estimator.inertia_
    return (*found, estimator.n_iter_) if return_n_iter else found
