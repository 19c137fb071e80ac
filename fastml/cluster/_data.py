"""From validated input to rows on a backend, for fitting and for a fitted estimator."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import _check_sample_weight

from fastml import blocks
from fastml._validation import check_finite_wanted, refuse_non_finite
from fastml.backends import Backend, on_device
from fastml.cluster._rows import Array, CsrRows, DenseRows, Rows


@dataclass(frozen=True)
class Data:
    """Rows to fit, and what the first pass over them found.

    Attributes
    ----------
    rows : Rows
        The data.
    mean_variance : float
        Mean over the features of their variance.
    peak : float
        Largest magnitude.
    spherical : bool
        Whether rows, and so centers, are of length one.
    """

    rows: Rows
    mean_variance: float
    peak: float
    spherical: bool

    def normalise(self, centers: Array) -> Array:
        """Return centers scaled to length one if rows are."""
        return unit_rows(centers) if self.spherical else centers


def unit_rows(X: Any) -> Any:
    """Return dense or sparse rows scaled to length one; rows of zeros stay zero."""
    if sp.issparse(X):
        lengths = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
        scale = np.repeat(np.where(lengths > 0, lengths, 1.0), np.diff(X.indptr))
        return type(X)(((X.data / scale).astype(X.dtype), X.indices, X.indptr), shape=X.shape)
    lengths = ((X * X).sum(axis=1) ** 0.5)[:, None]
    return X / (lengths + (lengths == 0))


def checked_weight(sample_weight: Any, X: Any) -> Array:
    """Return weights of the dtype of X, none negative, not all zero."""
    stand_in = X if not on_device(X) else np.empty((X.shape[0], 0), X.dtype)
    weight = _check_sample_weight(
        sample_weight, stand_in, dtype=np.dtype(X.dtype), ensure_non_negative=True
    )
    if sample_weight is not None and not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def spherical_rows(estimator: Any, X: Any) -> Any:
    """Return rows of length one; refuse rows without a direction."""
    unit = unit_rows(X)
    lengths = unit.multiply(unit).sum(axis=1) if sp.issparse(unit) else (unit * unit).sum(axis=1)
    if not bool((lengths > 0).all()):
        row = int(np.argmin(np.asarray(lengths).ravel() if not on_device(X) else lengths.get()))
        raise ValueError(
            f"Input X of {type(estimator).__name__} contains a row of zeros (row {row}), which has "
            "no direction: metric='spherical' needs rows of non-zero length."
        )
    return unit


def moments(rows: DenseRows) -> tuple[Array, Array, float]:
    """Return column means and variances in float64, and the largest magnitude, in one pass."""
    backend, n_blocks, d = rows.backend, rows.n_blocks, rows.n_features
    means = backend.empty((n_blocks, d), np.float64)
    deviations = backend.empty((n_blocks, d), np.float64)
    peaks = backend.empty(n_blocks, np.float64)
    rows.kernels.column_moments(rows.X, rows.block_rows, means, deviations, peaks)
    host = backend.to_host
    counts = [stop - start for start, stop in blocks.spans(rows.n_rows)]
    parts = list(zip(counts, host(means), host(deviations), strict=True))
    n, mean, deviation = blocks.merge_tree(parts, merge_moments)
    return mean, deviation / n, float(host(peaks).max())


def weighted_variance(rows: DenseRows) -> Array:
    """Return the variance of each column under the weights, so that they count repetitions."""
    parts = []
    for start, stop in blocks.spans(rows.n_rows):
        weight = rows.sample_weight[start:stop].astype(np.float64)
        block = rows.X[start:stop].astype(np.float64)
        total = float(weight.sum())
        if total > 0:
            mean = weight @ block / total
            deviation = weight @ (block - mean) ** 2
            parts.append((total, rows.backend.to_host(mean), rows.backend.to_host(deviation)))
    total, _, deviation = blocks.merge_tree(parts, merge_moments)
    return deviation / total


def merge_moments(left: Any, right: Any) -> Any:
    """Merge (count, mean, squared deviations) of two sets of rows (Chan et al., 1979)."""
    (n_left, mean_left, deviation_left), (n_right, mean_right, deviation_right) = left, right
    n = n_left + n_right
    step = mean_right - mean_left
    mean = mean_left + step * (n_right / n)
    deviation = deviation_left + deviation_right + step * step * (n_left * n_right / n)
    return n, mean, deviation


def prepare(estimator: Any, X: Any, sample_weight: Any, backend: Backend) -> Data:
    """Put validated rows on the backend; find their mean, variance and magnitude.

    Raises
    ------
    ValueError
        If X holds NaN or infinity, or values whose squares overflow its dtype.
    """
    weight = checked_weight(sample_weight, X)
    spherical = estimator.metric == "spherical"
    if spherical:
        X = spherical_rows(estimator, X)
    if sp.issparse(X):
        _, variances = mean_variance_axis(X, axis=0, weights=weight)
        peak = float(np.abs(X.data).max(initial=0.0))
        return Data(CsrRows(backend, X, weight), float(variances.mean()), peak, spherical)
    on_backend = backend.asarray(X)
    rows = DenseRows(backend, on_backend, weight, np.zeros(X.shape[1], X.dtype))
    with np.errstate(invalid="ignore", over="ignore"):
        mean, variance, peak = moments(rows)
    squares = 8.0 * peak * peak * X.shape[1]
    if check_finite_wanted() and not (
        np.isfinite(mean).all() and squares < float(np.finfo(np.dtype(X.dtype)).max)
    ):
        refuse_non_finite(estimator, X)
    if sample_weight is not None:
        variance = weighted_variance(rows)
    if not spherical:
        rows = DenseRows(backend, on_backend, weight, mean)
    return Data(rows, float(variance.mean()), peak, spherical)


class NewRows:
    """Validated rows that meet the centers of a fitted estimator."""

    def __init__(self, estimator: Any, X: Any, backend: Backend) -> None:
        self.backend = backend
        self.X = spherical_rows(estimator, X) if estimator.metric == "spherical" else X

    def _placed(self, centers: Array, weight: Array) -> tuple[Rows, Any]:
        """Return the rows and, less their offset, the centers on the backend."""
        centers = centers.astype(self.X.dtype, copy=False)
        if sp.issparse(self.X):
            return CsrRows(self.backend, self.X, weight), self.backend.asarray(centers)
        # Any offset near the centers will do; their mean needs no pass over X.
        offset = centers.mean(axis=0)
        rows = DenseRows(self.backend, self.backend.asarray(self.X), weight, offset)
        return rows, self.backend.asarray(centers - offset)

    def labels(self, centers: Array) -> Array:
        """Return the label of each row's nearest center."""
        rows, placed = self._placed(centers, np.empty(0, self.X.dtype))
        labels = self.backend.empty(rows.n_rows, np.int32)
        rows.assign(placed, labels)
        return self.backend.to_host(labels)

    def inertia(self, centers: Array, sample_weight: Any) -> float:
        """Return the weighted sum of squared distances to the nearest center."""
        rows, placed = self._placed(centers, checked_weight(sample_weight, self.X))
        labels = self.backend.empty(rows.n_rows, np.int32)
        rows.assign(placed, labels)
        return rows.inertia(placed, labels)

    def distances(self, centers: Array) -> Array:
        """Return the distance of each row to every center."""
        X = self.X.toarray() if sp.issparse(self.X) else self.X
        centers = centers.astype(X.dtype, copy=False)
        out = self.backend.empty((X.shape[0], len(centers)), X.dtype)
        self.backend.kernels("distances").euclidean(
            self.backend.asarray(X), self.backend.asarray(centers), False, out
        )
        return self.backend.to_host(out)
