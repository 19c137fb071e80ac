"""From validated input to rows on a backend, for fitting and for a fitted estimator."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.metrics.pairwise import euclidean_distances
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
    peaks : ndarray of shape (n_features,)
        Largest magnitude of each column.
    spherical : bool
        Whether rows, and so centers, are of length one.
    """

    rows: Rows
    mean_variance: float
    peaks: Array
    spherical: bool

    def normalise(self, centers: Array) -> Array:
        """Return centers scaled to length one if rows are."""
        return unit_rows(centers)[0] if self.spherical else centers


def canonical(X: Any) -> Any:
    """Return sparse rows with one entry a place, in order; dense rows as they are.

    Kernels take entries as separate values. A copy is made: SciPy would change the caller's matrix,
    and its own methods do so on matrices that only share their indices with it.
    """
    if sp.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def unit_rows(X: Any) -> tuple[Any, Any]:
    """Return dense or sparse rows scaled to length one, and the largest magnitude of each.

    Rows are divided by that first, so that no square overflows or vanishes. Rows of zeros stay.
    """
    if sp.issparse(X):
        peaks = np.asarray(abs(X).max(axis=1).todense()).ravel()
        owner = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        data = X.data / np.where(peaks > 0, peaks, 1)[owner]
        squares = np.bincount(owner, data.astype(np.float64) ** 2, minlength=X.shape[0])
        lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
        data = (data / lengths[owner]).astype(X.dtype)
        return type(X)((data, X.indices, X.indptr), shape=X.shape), peaks
    peaks = abs(X).max(axis=1)
    X = X / (peaks + (peaks == 0))[:, None]
    lengths = (X * X).sum(axis=1) ** 0.5
    return X / (lengths + (lengths == 0))[:, None], peaks


def checked_weight(sample_weight: Any, X: Any) -> Array:
    """Return weights of the dtype of X, none negative, not all zero."""
    if sample_weight is None:
        return np.ones(X.shape[0], np.dtype(X.dtype))
    stand_in = X if not on_device(X) else np.empty((X.shape[0], 0), X.dtype)
    weight = _check_sample_weight(
        sample_weight, stand_in, dtype=np.dtype(X.dtype), ensure_non_negative=True
    )
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def spherical_rows(estimator: Any, X: Any) -> Any:
    """Return rows of length one; refuse rows without a direction."""
    unit, peaks = unit_rows(X)
    if not bool((peaks > 0).all()):
        row = int((peaks > 0).argmin())
        raise ValueError(
            f"Input X of {type(estimator).__name__} contains a row of zeros (row {row}), which has "
            "no direction: metric='spherical' needs rows of non-zero length."
        )
    return unit


def moments(rows: DenseRows) -> tuple[Array, Array, Array]:
    """Return column means and variances in float64, and largest magnitudes, in one pass."""
    backend, n_blocks, d = rows.backend, rows.n_blocks, rows.n_features
    means = backend.empty((n_blocks, d), np.float64)
    deviations = backend.empty((n_blocks, d), np.float64)
    peaks = backend.empty((n_blocks, d), np.float64)
    rows.kernels.column_moments(rows.X, rows.block_rows, means, deviations, peaks)
    host = backend.to_host
    counts = [stop - start for start, stop in blocks.spans(rows.n_rows)]
    parts = [
        blocks.Moments(*part) for part in zip(counts, host(means), host(deviations), strict=True)
    ]
    n, mean, deviation = blocks.merge_tree(parts, blocks.merge_moments)
    return mean, deviation / n, host(peaks).max(axis=0)


def weighted_variance(rows: DenseRows) -> Array:
    """Return the variance of each column under the weights, so that they count repetitions."""
    parts = []
    heaviest = float(rows.host_weight.max())
    for start, stop in blocks.spans(rows.n_rows):
        # A variance does not depend on the unit of the weights; products with X could overflow.
        weight = rows.sample_weight[start:stop].astype(np.float64) / heaviest
        block = rows.X[start:stop].astype(np.float64)
        total = float(weight.sum())
        if total > 0:
            mean = weight @ block / total
            deviation = weight @ (block - mean) ** 2
            host = rows.backend.to_host
            parts.append(blocks.Moments(total, host(mean), host(deviation)))
    total, _, deviation = blocks.merge_tree(parts, blocks.merge_moments)
    return deviation / total


def prepare(estimator: Any, X: Any, sample_weight: Any, backend: Backend) -> Data:
    """Put validated rows on the backend; find their mean, variance and magnitude.

    Raises
    ------
    ValueError
        If X holds NaN or infinity, or values whose squares overflow its dtype.
    """
    X = canonical(X)
    weight = checked_weight(sample_weight, X)
    spherical = estimator.metric == "spherical"
    if spherical:
        X = spherical_rows(estimator, X)
    if sp.issparse(X):
        peaks = np.asarray(abs(X).max(axis=0).todense()).ravel().astype(np.float64)
        check_squares(estimator, X, peaks)
        _, variances = mean_variance_axis(X, axis=0, weights=weight)
        return Data(CsrRows(backend, X, weight), float(variances.mean()), peaks, spherical)
    on_backend = backend.asarray(X)
    rows = DenseRows(backend, on_backend, weight, np.zeros(X.shape[1], X.dtype))
    with np.errstate(invalid="ignore", over="ignore"):
        mean, variance, peaks = moments(rows)
    if not np.isfinite(mean).all():
        if check_finite_wanted():
            refuse_non_finite(estimator, X)
        # Let in, NaN and infinity are for the kernels to live with; units have to be numbers.
        peaks = np.where(np.isfinite(peaks), peaks, 1.0)
    check_squares(estimator, X, peaks)
    if sample_weight is not None and estimator.tol > 0:
        variance = weighted_variance(rows)
    if not spherical:
        rows = DenseRows(backend, on_backend, weight, mean)
    return Data(rows, float(variance.mean()), peaks, spherical)


def check_squares(estimator: Any, X: Any, peaks: Array) -> None:
    """Refuse an X whose squared distances could overflow its dtype."""
    with np.errstate(over="ignore"):
        largest = 8.0 * float((peaks**2).sum())
    if check_finite_wanted() and not largest < float(np.finfo(np.dtype(X.dtype)).max):
        refuse_non_finite(estimator, X)


def check_values(estimator: Any, X: Any) -> None:
    """Refuse NaN, infinity, and squares that could overflow, in the one pass that finds none."""
    if not check_finite_wanted():
        return
    values = X.data if sp.issparse(X) else X.ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        fits = 8.0 * float(values @ values) < float(np.finfo(np.dtype(X.dtype)).max)
    if not fits:
        # The squares of all rows together do not fit; those of single rows may.
        peaks = abs(X).max(axis=0)
        check_squares(estimator, X, np.asarray(peaks.todense()) if sp.issparse(X) else peaks)


class NewRows:
    """Validated rows that meet the centers of a fitted estimator."""

    def __init__(self, estimator: Any, X: Any, backend: Backend) -> None:
        self.backend = backend
        X = canonical(X)
        if estimator.metric == "spherical":
            self.X = spherical_rows(estimator, X)
        else:
            check_values(estimator, X)
            self.X = X

    def placed(self, centers: Array, weight: Array) -> tuple[Rows, Any]:
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
        rows, placed = self.placed(centers, np.empty(0, self.X.dtype))
        labels = self.backend.empty(rows.n_rows, np.int32)
        rows.assign(placed, labels)
        return self.backend.to_host(labels)

    def inertia(self, centers: Array, sample_weight: Any) -> float:
        """Return the weighted sum of squared distances to the nearest center."""
        rows, placed = self.placed(centers, checked_weight(sample_weight, self.X))
        labels = self.backend.empty(rows.n_rows, np.int32)
        rows.assign(placed, labels)
        return rows.inertia(placed, labels)

    def distances(self, centers: Array) -> Array:
        """Return the distance of each row to every center."""
        X = self.X
        centers = centers.astype(X.dtype, copy=False)
        if sp.issparse(X):
            return euclidean_distances(X, centers)
        out = self.backend.empty((X.shape[0], len(centers)), X.dtype)
        self.backend.kernels("distances").euclidean(
            self.backend.asarray(X), self.backend.asarray(centers), False, out
        )
        return self.backend.to_host(out)
