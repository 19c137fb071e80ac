"""Rows of a linear support vector machine as its kernels take them: dense or compressed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml._validation import canonical
from fastml.backends import Backend, on_device

__all__ = ["LinearRows", "columns_of", "rows_of"]


@dataclass(frozen=True)
class LinearRows:
    """Entries of rows, where kernels run.

    Attributes
    ----------
    backend : Backend
        Where that is.
    parts : tuple of arrays
        Entries, their columns (none of dense rows), the first entry of each row.
    shape : tuple of int
        (n_rows, n_columns).
    """

    backend: Backend
    parts: tuple[Any, Any, Any]
    shape: tuple[int, int]

    @property
    def kernels(self) -> Any:
        """The kernels for them."""
        return self.backend.kernels("linear_svm")

    def place(self, a: Any, dtype: Any = np.float64) -> Any:
        """Put an array beside them; an array of the host is copied."""
        return a if on_device(a) else self.backend.asarray(np.array(a, dtype, order="C"))

    def norms(self, bias: float) -> Any:
        """Return the squares of the rows' lengths, with a last column of `bias`."""
        norms = self.backend.empty(self.shape[0], np.float64)
        self.kernels.squared_norms(*self.parts, bias, norms)
        return norms

    def scores(self, coefs: Any, bias: float) -> Any:
        """Return the product of each problem's coefficients with every row, on the host."""
        coefs = self.place(coefs)
        scores = self.backend.empty((len(coefs), self.shape[0]), np.float64)
        self.kernels.decision_values(*self.parts, coefs, bias, scores)
        return self.backend.to_host(scores)


def rows_of(backend: Backend, X: Any) -> LinearRows:
    """Return validated rows as kernels take them; dense rows are not copied where they can be."""
    if sp.issparse(X):
        X = canonical(X)
        parts = (
            backend.asarray(X.data),
            backend.asarray(X.indices, np.int32),
            backend.asarray(X.indptr, np.int64),
        )
        return LinearRows(backend, parts, X.shape)
    n, d = X.shape
    starts = backend.asarray(np.arange(n + 1, dtype=np.int64) * d)
    data = backend.asarray(X).reshape(-1)
    return LinearRows(backend, (data, backend.empty(0, np.int32), starts), (n, d))


def columns_of(backend: Backend, X: Any, bias: float) -> LinearRows:
    """Return the columns of rows, and a last one of `bias`, each as a row."""
    n, d = X.shape
    if sp.issparse(X):
        X = canonical(X).tocsc()
        extra = n if bias else 0
        data = np.concatenate([X.data, np.full(extra, bias, X.dtype)])
        indices = np.concatenate([X.indices, np.arange(extra, dtype=X.indices.dtype)])
        indptr = np.append(X.indptr.astype(np.int64), X.nnz + extra)
        parts = (backend.asarray(data), backend.asarray(indices, np.int32), backend.asarray(indptr))
        return LinearRows(backend, parts, (d + 1, n))
    X = backend.asarray(X)
    columns = backend.empty((d + 1, n), X.dtype)
    columns[:d] = X.T
    columns[d] = bias
    return rows_of(backend, columns)
