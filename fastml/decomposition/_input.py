"""Finiteness found by computing, weights, and the samples that weights stand for."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import _check_sample_weight

from fastml.backends import on_device, resolve

__all__ = ["check_finite", "checked_weights", "effective_samples", "padded"]


def check_finite(backend: Any, X: Any, estimator: Any) -> None:
    """Raise scikit-learn's error if X, whose results are not finite, holds NaN or infinity."""
    values = X.data if hasattr(X, "indptr") else X
    if on_device(values):
        # One value of the kind found is enough to raise the error for.
        values = backend.to_host(backend.xp.stack([values.min(), values.max()]))
    assert_all_finite(values, estimator_name=type(estimator).__name__, input_name="X")


def checked_weights(sample_weight: Any, X: Any) -> Any:
    """Return the weights of rows as a host array of X's dtype, empty when there are none."""
    if sample_weight is None:
        return np.empty(0, X.dtype)
    if on_device(sample_weight):
        sample_weight = resolve(sample_weight).to_host(sample_weight)
    rows = np.broadcast_to(X.dtype.type(0), (X.shape[0], 1))
    weights = _check_sample_weight(sample_weight, rows, dtype=X.dtype, ensure_non_negative=True)
    if not weights.any():  # older scikit-learn lets them pass
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if weights.sum(dtype=np.float64) <= 1:
        raise ValueError(
            f"The sum of sample_weight is {weights.sum():.6g} and must be more than 1: a weight "
            "counts how many times its row occurs, and the variance of one row is undefined."
        )
    return weights


def effective_samples(X: Any, weights: Any) -> int:
    """Return how many rows the weighted rows stand for, or how many there are."""
    if not weights.size:
        return X.shape[0]
    return max(int(np.count_nonzero(weights)), int(weights.sum(dtype=np.float64)))


def padded(backend: Any, X: Any, weights: Any, n_rows: int) -> tuple[Any, Any]:
    """Return rows and weights on the backend, with rows of weight 0 up to `n_rows` of them.

    A few heavy rows stand for more samples, and so for more components, than a decomposition of
    the rows themselves would give.
    """
    missing = n_rows - X.shape[0]
    if missing > 0:
        weights = np.concatenate([weights, np.zeros(missing, weights.dtype)])
    weights = backend.asarray(weights)
    if sparse.issparse(X):
        if missing > 0:
            X = sparse.vstack([X, sparse.csr_array((missing, X.shape[1]), dtype=X.dtype)], X.format)
        return X, weights
    rows = backend.asarray(X)
    if missing > 0:
        rows = backend.xp.concatenate([rows, backend.zeros((missing, X.shape[1]), rows.dtype)])
    return rows, weights
