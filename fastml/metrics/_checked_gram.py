"""Kernel matrices for estimators: named kernels and a user's callable alike, and their products."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import joblib
import numpy as np
from scipy import sparse

from fastml.backends import Backend
from fastml.metrics._gram import KernelFunction, diagonal, gram
from fastml.metrics._gram import gram_times as fused_gram_times

__all__ = ["RowKernel", "dense_on", "gram_times", "row_kernel", "rows_on"]

# Bytes of the part of a kernel matrix that `gram_times` holds at a time.
BUFFER_BYTES = 16 << 20
# Rows of the right side up to which a block of the kernel matrix spans all of them.
MOST_COLUMNS = 4096


@dataclass(frozen=True)
class RowKernel:
    """A function of pairs of rows, and how it is computed.

    Parameters
    ----------
    backend : Backend
        Where dense rows and results live.
    function : KernelFunction or callable
        One of fastml's kernels; or a function of two rows (1-d, or of shape (1, n_features)
        where rows are sparse) that returns a number.
    params : dict
        Keyword arguments of a callable.
    n_jobs : int or None
        Threads that call a callable.
    """

    backend: Backend
    function: KernelFunction | Callable[..., Any]
    params: dict[str, Any]
    n_jobs: int | None

    def gram(self, X: Any, Y: Any = None, out: Any = None) -> Any:
        """Return the kernel matrix between the rows of X and Y, or of X with itself.

        Parameters
        ----------
        X, Y : array on the backend, or CSR matrix in host memory
            Of shapes (n_x, n_features) and (n_y, n_features). Without Y the result is symmetric to
            the bit.
        out : array of shape (n_x, n_y), optional
            Where to write; C-contiguous.

        Returns
        -------
        array of shape (n_x, n_y)
            In the dtype of X, on the backend.

        Raises
        ------
        TypeError, ValueError
            If a callable returns anything but finite real numbers.
        """
        if isinstance(self.function, KernelFunction):
            return gram(self.function, self.backend, X, Y, out)
        values = self._called(X, Y)
        if out is None:
            return self.backend.asarray(values)
        out[:] = self.backend.asarray(values)
        return out

    def diagonal(self, X: Any) -> Any:
        """Return the kernel of each row of X with itself, of shape (n_x,), in host memory."""
        if isinstance(self.function, KernelFunction):
            return self.backend.to_host(diagonal(self.function, self.backend, X))
        rows = X if sparse.issparse(X) else self.backend.to_host(X)
        values = [self._value(rows, i, rows, i) for i in range(rows.shape[0])]
        return np.array(values, X.dtype)

    def _called(self, X: Any, Y: Any) -> Any:
        """Call the function for every pair, for every unordered one where Y is None."""
        rows = X if sparse.issparse(X) else self.backend.to_host(X)
        others = rows if Y is None else (Y if sparse.issparse(Y) else self.backend.to_host(Y))
        out = np.empty((rows.shape[0], others.shape[0]), X.dtype)

        def fill(i: int) -> None:
            for j in range(i if Y is None else 0, others.shape[0]):
                out[i, j] = self._value(rows, i, others, j)
                if Y is None:
                    out[j, i] = out[i, j]

        joblib.Parallel(self.n_jobs, backend="threading")(
            joblib.delayed(fill)(i) for i in range(rows.shape[0])
        )
        return out

    def _value(self, rows: Any, i: int, others: Any, j: int) -> Any:
        assert not isinstance(self.function, KernelFunction)
        value = self.function(_row(rows, i), _row(others, j), **self.params)
        if sparse.issparse(value):
            value = value.toarray()
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.item()
        if not isinstance(value, Real):
            shape = f" of shape {np.shape(value)}" if isinstance(value, np.ndarray) else ""
            raise TypeError(
                "The callable passed as kernel must return a real number for two rows, got "
                f"{type(value).__name__}{shape} for rows {i} and {j}."
            )
        if not np.isfinite(float(value)):
            raise ValueError(
                "The callable passed as kernel must return a finite number for two rows, got "
                f"{value} for rows {i} and {j}."
            )
        return value


def _row(rows: Any, i: int) -> Any:
    return rows[[i], :] if sparse.issparse(rows) else rows[i]


def rows_on(backend: Backend, X: Any, dtype: Any = None) -> Any:
    """Return rows as kernels take them: dense ones on the backend, sparse ones in host memory."""
    if sparse.issparse(X):
        return X if dtype is None else X.astype(dtype, copy=False)
    return backend.asarray(X, dtype)


def dense_on(backend: Backend, X: Any, dtype: Any = None) -> Any:
    """Return a matrix on the backend, made dense if it was sparse."""
    return backend.asarray(X.toarray() if sparse.issparse(X) else X, dtype)


def row_kernel(
    kernel: str | Callable[..., Any],
    backend: Backend,
    *,
    gamma: float | None,
    coef0: float = 1.0,
    degree: float = 3.0,
    params: dict[str, Any] | None = None,
    n_jobs: int | None = None,
) -> RowKernel:
    """Return the kernel that the parameters of an estimator describe."""
    if callable(kernel):
        return RowKernel(backend, kernel, params or {}, n_jobs)
    return RowKernel(backend, KernelFunction(kernel, gamma, coef0, degree), {}, None)


def gram_times(kernel: RowKernel, X: Any, Y: Any, right: Any, out: Any) -> None:
    """Multiply a kernel matrix that is never formed: ``out = K(X, Y) right``.

    A block of the kernel matrix is computed, multiplied while it is in the cache, and overwritten
    by the next one: by one kernel where there is one, else by two with a buffer between them.

    Parameters
    ----------
    kernel : RowKernel
        The kernel.
    X, Y : array on the backend, or CSR matrix in host memory
        Rows, of shapes (n_x, n_features) and (n_y, n_features).
    right : array of shape (n_y, n_columns)
        On the backend, in the dtype of X.
    out : array of shape (n_x, n_columns)
        Written; float32 or float64.
    """
    backend = kernel.backend
    n_rows, n_others = X.shape[0], Y.shape[0]
    width = min(n_others, MOST_COLUMNS)
    step = max(1, min(n_rows, BUFFER_BYTES // (X.dtype.itemsize * max(width, 1))))
    multiply = _multiplier(kernel, X, Y, step * width)
    part = backend.empty((step, right.shape[1]), np.float64) if width < n_others else None
    for start in range(0, n_rows, step):
        rows = X[start : start + step]
        here = out[start : start + step]
        if part is None:
            multiply(rows, Y, right, here)
            continue
        total = backend.zeros((rows.shape[0], right.shape[1]), np.float64)
        for first in range(0, n_others, width):
            others = Y[first : first + width]
            product = part[: rows.shape[0]]
            multiply(rows, others, right[first : first + width], product)
            total += product
        here[:] = total


def _multiplier(kernel: RowKernel, X: Any, Y: Any, n_items: int) -> Callable[..., None]:
    """Return a function of rows, others, right and out, for kernel matrices of up to n_items."""
    function, backend = kernel.function, kernel.backend
    if isinstance(function, KernelFunction) and not (sparse.issparse(X) or sparse.issparse(Y)):
        return partial(fused_gram_times, function, backend)
    buffer = backend.empty(n_items, X.dtype)

    def multiply(rows: Any, others: Any, right: Any, out: Any) -> None:
        n_here, k_here = rows.shape[0], others.shape[0]
        block = buffer[: n_here * k_here].reshape(n_here, k_here)
        backend.kernels("linalg").multiply(kernel.gram(rows, others, block), right, out)

    return multiply
