"""Principal components of rows that come batch by batch."""

from typing import Any, NamedTuple

import numpy as np

from fastml.backends import Backend
from fastml.blocks import merge_tree
from fastml.decomposition._axes import signs_of
from fastml.decomposition._moments import Moments, column_moments, merge, partials, plan
from fastml.decomposition._spectral import leading
from fastml.kernels.factorize.blas import one_blas_thread

__all__ = ["NotFinite", "Spectrum", "Update", "update"]

# Bytes of rows that are float64 at one time, of a batch that is not.
WIDE_BYTES = 4 << 20


class NotFinite(ArithmeticError):
    """A batch holds NaN or infinity, or values whose squares overflow."""


class Spectrum(NamedTuple):
    """What is kept of all rows seen; arrays in host memory."""

    n_samples: float
    mean: Any  # (n_features,) float64
    var: Any  # (n_features,) float64, the mean squared difference from the mean
    singular_values: Any  # (k,)
    components: Any  # (k, n_features)


class Update(NamedTuple):
    """A spectrum, and what its last batch left out."""

    spectrum: Spectrum
    rest: float  # the sum of the squared singular values that were dropped
    n_dropped: int  # how many they are


def update(
    backend: Backend, known: Spectrum | None, X: Any, n_components: int, dtype: Any
) -> Update:
    """Return the spectrum of the rows known and of a batch.

    It is that of the known components times their singular values, the centred batch, and one row
    for the distance of the means, as a stack (Ross, Lim, Lin and Yang, "Incremental learning for
    robust visual tracking", 2008, section 3.1).

    Parameters
    ----------
    backend : Backend
        Where the batch is worked on.
    known : Spectrum or None
        Of the rows seen before.
    X : array of shape (n_samples, n_features)
        The batch, on the backend or in host memory.
    n_components : int
        How many components to keep; there are never more than rows seen, or columns.
    dtype : dtype
        Of the components.

    Returns
    -------
    Update
        Components are of unit length, their largest entry in size is positive.

    Raises
    ------
    NotFinite
        Nothing has been changed then.
    """
    n_samples, n_features = X.shape
    seen = n_samples if known is None else known.n_samples + n_samples
    rows = n_samples if known is None else len(known.components) + n_samples + 1
    k = int(min(n_components, n_features, seen))
    # The eigenvalues of float64 products of float32 values hold all that a decomposition of the
    # values themselves would show in float32, for a fraction of its time.
    by_products = np.dtype(dtype) == np.float32
    of_columns = by_products and rows >= n_features
    with np.errstate(invalid="ignore", over="ignore"):
        if of_columns:
            batch = _float64_moments(backend, X)
            columns = batch._replace(scatter=batch.scatter.diagonal())
        else:
            none = backend.empty(0, X.dtype)
            columns = column_moments(backend, backend.asarray(X), none)
        columns = Moments(columns.weight, *map(backend.to_host, columns[1:]))
        total = columns if known is None else merge(_columns(known), columns)
        spread = float(total.scatter.sum())
    if not spread <= float(np.finfo(dtype).max):
        raise NotFinite
    if of_columns:
        values, axes, rest = leading(backend, _scatter(backend, known, batch), k)
        lengths = np.sqrt(values)
    elif by_products and 2 * k <= rows:
        lengths, axes, rest = _from_products(backend, _stack(backend, known, X, columns), k)
    else:
        stack = _stack(backend, known, X, columns).astype(dtype, copy=False)
        lengths, axes, rest = _from_rows(backend, stack, k)
    spectrum = Spectrum(
        n_samples=seen,
        mean=total.mean,
        var=total.scatter / total.weight,
        singular_values=lengths.astype(dtype),
        components=(axes * signs_of(axes)[:, None]).astype(dtype),
    )
    return Update(spectrum, rest, min(rows, n_features) - k)


def _columns(known: Spectrum) -> Moments:
    return Moments(float(known.n_samples), known.mean, known.var * known.n_samples)


def _float64_moments(backend: Backend, X: Any) -> Moments:
    """Return the moments of float32 rows by float64 arithmetic."""
    n_samples, n_features = X.shape
    cut = plan(n_samples, n_features, weighted=False)
    run = max(backend.blocks_at_once, WIDE_BYTES // (8 * n_features * cut.step)) * cut.step
    none = backend.empty(0, np.float64)
    parts = (
        part
        for start in range(0, n_samples, run)
        for part in partials(
            backend, backend.asarray(X[start : start + run], np.float64), none, cut
        )
    )
    return merge_tree(parts, merge)


def _scatter(backend: Backend, known: Spectrum | None, batch: Moments) -> Any:
    """Return the scatter matrix of the known components and of a batch about their mean."""
    if known is None:
        return batch.scatter
    scaled = backend.asarray(_scaled(known))
    with one_blas_thread():
        scatter = scaled.T @ scaled
    before = Moments(float(known.n_samples), backend.asarray(known.mean, np.float64), scatter)
    return merge(before, batch).scatter


def _scaled(known: Spectrum) -> Any:
    return known.singular_values[:, None].astype(np.float64) * known.components


def _stack(backend: Backend, known: Spectrum | None, X: Any, batch: Moments) -> Any:
    """Return the rows whose singular values are wanted, in float64."""
    n_samples, n_features = X.shape
    top = 0 if known is None else len(known.components) + 1
    stack = backend.empty((top + n_samples, n_features), np.float64)
    mean = backend.asarray(batch.mean, np.float64)
    backend.xp.subtract(backend.asarray(X), mean, out=stack[top:])
    if known is not None:
        share = known.n_samples / (known.n_samples + n_samples)
        step = (share * n_samples) ** 0.5 * (known.mean - batch.mean)
        stack[:top] = backend.asarray(np.vstack([_scaled(known), step]))
    return stack


def _from_products(backend: Backend, stack: Any, k: int) -> tuple[Any, Any, float]:
    """Return the singular values of a few long rows, by the products of each two of them."""
    with one_blas_thread():
        products = stack @ stack.T
    values, left, rest = leading(backend, products, k)
    with one_blas_thread():
        scaled = backend.asarray(left) @ stack
    # Their lengths are the singular values, so short ones have little effect on long ones.
    basis = backend.empty((stack.shape[1], k), stack.dtype)
    backend.kernels("factorize").qr(backend.asarray(scaled.T), basis)
    return np.sqrt(values), backend.to_host(basis).T, rest


def _from_rows(backend: Backend, stack: Any, k: int) -> tuple[Any, Any, float]:
    """Return the singular values of rows, to the accuracy of their dtype."""
    factorize = backend.kernels("factorize")
    n_rows, n_features = stack.shape
    if n_rows > n_features:
        triangle = backend.empty((n_features, n_features), stack.dtype)
        factorize.triangularize(stack, triangle)
        stack = triangle
    rank = min(stack.shape)
    left = backend.empty((stack.shape[0], rank), stack.dtype)
    values = backend.empty(rank, stack.dtype)
    right = backend.empty((rank, n_features), stack.dtype)
    factorize.svd(stack, left, values, right)
    values = backend.to_host(values)
    return values[:k], backend.to_host(right[:k]), float((values[k:].astype(np.float64) ** 2).sum())
