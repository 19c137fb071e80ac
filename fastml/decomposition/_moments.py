"""Weighted mean and scatter of rows, as partial results of blocks that merge in a fixed tree."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from fastml.backends import Backend
from fastml.blocks import block_rows, merge_tree

__all__ = ["Moments", "column_moments", "finish", "merge", "moments", "partials", "rows_per_block"]

# Bytes that the scatter matrices of all blocks together may take.
MAX_PARTIAL_BYTES = 2 << 20


class Moments(NamedTuple):
    """What is known of some rows: their weight, their mean, their scatter about that mean.

    The scatter is a matrix, or a vector when it is that of single columns.
    """

    weight: float
    mean: Any
    scatter: Any


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


def partials(backend: Backend, X: Any, sample_weight: Any, step: int) -> list[Moments]:
    """Return the moments of each block of `step` rows.

    Parameters
    ----------
    backend : Backend
        Where `X` lives.
    X : array or CSR matrix of shape (n_samples, n_features)
        Rows; a sparse matrix in host memory.
    sample_weight : array of shape (n_samples,) or (0,)
        Weights; none stand for ones.
    step : int
        Rows of a block.

    Returns
    -------
    list of Moments
        In the order of the rows.
    """
    n_samples, n_features = X.shape
    if sparse.issparse(X):
        sample_weight = backend.to_host(sample_weight)
        return [
            _sparse_moments(backend, X[start : start + step], sample_weight[start : start + step])
            for start in range(0, n_samples, step)
        ]
    count = -(-n_samples // step)
    means = backend.empty((count, n_features), np.float64)
    scatters = backend.empty((count, n_features, n_features), np.float64)
    weights = backend.empty(count, np.float64)
    linalg = backend.kernels("linalg")
    linalg.block_moments(X, sample_weight, step, means, scatters, weights)
    return [
        Moments(float(weight), means[b], scatters[b])
        for b, weight in enumerate(backend.to_host(weights))
    ]


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


def merge(left: Moments, right: Moments) -> Moments:
    """Return the moments of the rows of both, from theirs (Chan, Golub and LeVeque 1983)."""
    weight = left.weight + right.weight
    if weight == 0:
        return left
    share = right.weight / weight
    step = right.mean - left.mean
    outer = step[:, None] * step if left.scatter.ndim == 2 else step * step
    outer *= left.weight * share
    outer += left.scatter
    outer += right.scatter
    return Moments(weight, left.mean + share * step, outer)


def finish(state: Moments) -> tuple[Any, Any]:
    """Return mean and covariance, the scatter over the rows' weight less one."""
    return state.mean, state.scatter / (state.weight - 1)


def moments(backend: Backend, X: Any, sample_weight: Any) -> Moments:
    """Return weight, mean and scatter matrix of all rows; see `partials` for the parameters."""
    if sparse.issparse(X):
        X = X.tocsr()
    n_samples, n_features = X.shape
    step = rows_per_block(n_samples, 8 * n_features * n_features)
    return merge_tree(partials(backend, X, sample_weight, step), merge)


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
