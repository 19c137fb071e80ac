"""Initial centers from some of the rows, for estimators that do not look at all of them."""

from typing import Any

import numpy as np

from fastml.cluster._data import unit_rows
from fastml.cluster._rows import Array, Rows
from fastml.cluster._seeding import starting_centers, uniforms
from fastml.cluster._starts import given_centers

# Streams of the counter-based generator, beside those of the seeding.
STREAM_SUBSET = 3
STREAM_VALIDATION = 4


def sampled_start(estimator: Any, X: Any, rows: Rows, random_state: Any) -> Array:
    """Return initial centers: of several, those with the least inertia over some other rows.

    Parameters
    ----------
    estimator : MiniBatchKMeans
        Its sizes and the key of its draws are settled.
    X : array or CSR matrix of shape (n_samples, n_features)
        As validated, for a callable `init`.
    rows : Rows
        The same on the backend.
    random_state : RandomState
        For a callable `init`.

    Returns
    -------
    ndarray of shape (n_clusters, n_features)
        In float64, not less the offset.
    """
    n_init, verbose, backend = estimator._n_init, estimator.verbose, rows.backend
    if n_init == 1 and not verbose:
        return _start(estimator, X, rows, random_state, 0)
    judges = rows.subset(_some(estimator, rows, STREAM_VALIDATION, 0))
    least, best = np.inf, None
    for run in range(n_init):
        if verbose:
            print(f"Init {run + 1}/{n_init} with method {estimator.init}")
        centers = _start(estimator, X, rows, random_state, run)
        placed = backend.asarray((centers - rows.host_offset).astype(rows.dtype))
        labels = backend.empty(judges.n_rows, np.int32)
        judges.assign(placed, labels)
        inertia = judges.inertia(placed, labels)
        if verbose:
            print(f"Inertia for init {run + 1}/{n_init}: {inertia}")
        if best is None or inertia < least:
            least, best = inertia, centers
    assert best is not None
    return best


def _some(estimator: Any, rows: Rows, stream: int, step: int) -> Array:
    """Return `init_size` of the rows that have weight, drawn with replacement."""
    weighty = np.flatnonzero(rows.host_weight)
    draws = uniforms(rows, estimator._seed, stream, step, estimator._init_size)
    return weighty[(draws * len(weighty)).astype(np.int64)]


def _start(estimator: Any, X: Any, rows: Rows, random_state: Any, run: int) -> Array:
    part = rows
    if estimator._init_size < rows.n_rows:
        some = _some(estimator, rows, STREAM_SUBSET, run)
        part, X = rows.subset(some), X[some] if callable(estimator.init) else X
    centers = given_centers(estimator, X, random_state)
    if centers is None:
        n_clusters, seed = estimator.n_clusters, estimator._seed
        drawn = starting_centers(part, estimator.init, n_clusters, seed, run)
        centers = drawn.astype(np.float64) + rows.host_offset
    centers = np.array(centers, np.float64)
    return unit_rows(centers)[0] if estimator.metric == "spherical" else centers
