"""Weighted mean and scatter of rows, as partial results of blocks that merge in a fixed tree."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from fastml.backends import Backend
from fastml.blocks import ROW_UNIT, Moments, block_rows, merge_tree
from fastml.blocks import merge_moments as merge

__all__ = ["Moments", "Plan", "column_moments", "finish", "merge", "moments", "partials", "plan"]
__all__ += ["rows_per_block"]

# Bytes that the scatter matrices of all blocks together may take.
MAX_PARTIAL_BYTES = 2 << 20
# A block of fewer rows, or of fewer products of two columns, is sooner computed than merged.
MIN_ROWS = 480
MIN_PRODUCTS = 500_000
# Columns up to which short rows are read side by side, and rows from which that pays.
FOLD_COLS = 24
FOLD_ROWS = 5000


def rows_per_block(n_rows: int, partial_bytes: int) -> int:
    """Return the rows of one partial result: canonical blocks, joined where results are large.

    Parameters
    ----------
    n_rows : int
        Rows of the whole data set.
    partial_bytes : int
        Size of one partial result.

    Returns
    -------
    int
        A power of two times the canonical block. It depends on the shape of the data alone.
    """
    rows = block_rows(n_rows)
    while rows < n_rows and -(-n_rows // rows) * partial_bytes > MAX_PARTIAL_BYTES:
        rows *= 2
    return rows


class Plan(NamedTuple):
    """How all rows of a data set are cut, wherever runs of its blocks are computed."""

    step: int  # rows of a block
    fold: int  # rows read side by side as one


def plan(n_rows: int, n_features: int, weighted: bool) -> Plan:
    """Return how to cut the rows of a whole data set."""
    size = n_features * n_features
    step = rows_per_block(n_rows, 8 * size)
    while step < n_rows and (step < MIN_ROWS or step * size < MIN_PRODUCTS):
        step *= 2
    # Weights would differ between the rows side by side.
    fold = 1 if weighted or n_rows < FOLD_ROWS else _fold(n_features)
    return Plan(step, fold)


def partials(backend: Backend, X: Any, sample_weight: Any, cut: Plan) -> list[Moments]:
    """Return the moments of each block of rows.

    Parameters
    ----------
    backend : Backend
        Where `X` lives.
    X : array or CSR matrix of shape (n_samples, n_features)
        Rows; a sparse matrix in host memory.
    sample_weight : array of shape (n_samples,) or (0,)
        Weights; none stand for ones.
    cut : Plan
        Of the data set that the rows are a run of blocks of.

    Returns
    -------
    list of Moments
        In the order of the rows.
    """
    n_samples, n_features = X.shape
    step, fold = cut
    if sparse.issparse(X):
        sample_weight = backend.to_host(sample_weight)
        return [
            _sparse_moments(backend, X[start : start + step], sample_weight[start : start + step])
            for start in range(0, n_samples, step)
        ]
    whole = n_samples // fold * fold
    wide = X[:whole].reshape(whole // fold, fold * n_features)
    means, scatters, weights = _block_moments(backend, wide, sample_weight, step // fold)
    if fold > 1:
        means, scatters = _unfold(means, scatters, weights, fold)
    parts = [
        Moments(float(weight) * fold, means[b], scatters[b])
        for b, weight in enumerate(backend.to_host(weights))
    ]
    if whole < n_samples:
        means, scatters, weights = _block_moments(backend, X[whole:], sample_weight, step)
        parts.append(Moments(float(n_samples - whole), means[0], scatters[0]))
    return parts


def _block_moments(backend: Backend, X: Any, sample_weight: Any, step: int) -> tuple[Any, Any, Any]:
    n_samples, n_features = X.shape
    count = -(-n_samples // step)
    means = backend.empty((count, n_features), np.float64)
    scatters = backend.empty((count, n_features, n_features), np.float64)
    weights = backend.empty(count, np.float64)
    linalg = backend.kernels("linalg")
    linalg.block_moments(X, sample_weight, step, means, scatters, weights)
    return means, scatters, weights


def _fold(n_features: int) -> int:
    """Return how many short rows to read as one long row: a divisor of `ROW_UNIT`.

    The register tile is wider than a few columns, and every row costs something of its own.
    """
    fits = (m for m in range(ROW_UNIT, 0, -1) if ROW_UNIT % m == 0 and m * n_features <= FOLD_COLS)
    return next(fits, 1)


def _unfold(means: Any, scatters: Any, weights: Any, fold: int) -> tuple[Any, Any]:
    """Merge the moments of the rows that were read side by side; all weigh the same."""
    count, n_features = means.shape[0], means.shape[1] // fold
    means = means.reshape(count, fold, n_features)
    scatters = scatters.reshape(count, fold, n_features, fold, n_features)
    mean = means.sum(axis=1) / fold
    total = 0.0
    for k in range(fold):
        step = means[:, k] - mean
        outer = step[:, :, None] * step[:, None, :]
        total = total + scatters[:, k, :, k, :] + outer * weights[:, None, None]
    return mean, total


def _sparse_moments(backend: Backend, rows: Any, sample_weight: Any) -> Moments:
    rows = rows.astype(np.float64)
    weighted, weight = rows, float(rows.shape[0])
    if sample_weight.size:
        weight = float(sample_weight.sum(dtype=np.float64))
        weighted = rows.multiply(sample_weight[:, None].astype(np.float64)).tocsr()
    total = np.asarray(weighted.sum(axis=0)).ravel()
    mean = total / weight if weight > 0 else total
    scatter = (rows.T @ weighted).toarray()
    scatter -= np.multiply.outer(mean, total)
    return Moments(weight, backend.asarray(mean), backend.asarray(scatter))


def finish(state: Moments) -> tuple[Any, Any]:
    """Return mean and covariance, the scatter over the rows' weight less one."""
    return state.mean, state.scatter / (state.weight - 1)


def moments(backend: Backend, X: Any, sample_weight: Any) -> Moments:
    """Return weight, mean and scatter matrix of all rows; see `partials` for the parameters."""
    if sparse.issparse(X):
        X = X.tocsr()
    n_samples, n_features = X.shape
    cut = plan(n_samples, n_features, weighted=bool(sample_weight.size))
    return merge_tree(partials(backend, X, sample_weight, cut), merge)


def column_moments(backend: Backend, X: Any, sample_weight: Any) -> Moments:
    """Return weight, mean and per-column scatter of all rows of a dense `X`."""
    n_samples, n_features = X.shape
    step = rows_per_block(n_samples, 16 * n_features)
    count = -(-n_samples // step)
    means, spreads = backend.empty((2, count, n_features), np.float64)
    weights = backend.empty(count, np.float64)
    linalg = backend.kernels("linalg")
    linalg.block_column_moments(X, sample_weight, step, means, spreads, weights)
    parts = [
        Moments(float(weight), means[b], spreads[b])
        for b, weight in enumerate(backend.to_host(weights))
    ]
    return merge_tree(parts, merge)
