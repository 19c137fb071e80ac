"""A kernel matrix to multiply by, in memory or computed block by block, and its centring."""

from typing import Any

import numpy as np

from fastml.backends import Backend
from fastml.decomposition._moments import column_moments
from fastml.metrics._checked_gram import RowKernel
from fastml.metrics._precomputed import require_symmetric

__all__ = ["CentredKernel", "RecomputedMatrix", "StoredMatrix", "precomputed"]


class StoredMatrix:
    """A kernel matrix in memory.

    Parameters
    ----------
    backend : Backend
        Where it lives.
    matrix : array of shape (n_samples, n_samples)
        The matrix.
    """

    def __init__(self, backend: Backend, matrix: Any) -> None:
        self.backend, self.matrix = backend, matrix
        self.n_samples, self.dtype = matrix.shape[0], matrix.dtype

    def product(self, right: Any) -> Any:
        """Return the product with an array of shape (n_samples, n_columns), in float64."""
        out = self.backend.empty(right.shape, np.float64)
        right = self.backend.asarray(right, self.dtype)
        self.backend.kernels("linalg").multiply(self.matrix, right, out)
        return out

    def trace(self) -> float:
        """Return the sum of the diagonal."""
        return float(self.matrix.diagonal().sum(dtype=np.float64))


class RecomputedMatrix:
    """A kernel matrix of which one block at a time is computed, for every product anew.

    Blocks above the diagonal serve for those below it too.

    Parameters
    ----------
    kernel : RowKernel
        The kernel.
    X : array on the backend, or CSR matrix in host memory, of shape (n_samples, n_features)
        Rows.
    buffer_bytes : int
        Size of a block.
    """

    def __init__(self, kernel: RowKernel, X: Any, buffer_bytes: int) -> None:
        self.backend, self.kernel, self.X = kernel.backend, kernel, X
        self.n_samples, self.dtype = X.shape[0], X.dtype
        side = int((buffer_bytes / X.dtype.itemsize) ** 0.5)
        self.side = max(1, min(side, self.n_samples))

    def product(self, right: Any) -> Any:
        """Return the product with an array of shape (n_samples, n_columns), in float64."""
        backend, side = self.backend, self.side
        linalg = backend.kernels("linalg")
        n_columns = right.shape[1]
        right = backend.asarray(right, self.dtype)
        out = backend.zeros(right.shape, np.float64)
        buffer = backend.empty(side * side, self.dtype)
        product = backend.empty((side, n_columns), np.float64)
        mirrored = backend.empty((1, side, n_columns), np.float64)
        nothing = backend.zeros(side, np.float64)
        starts = range(0, self.n_samples, side)
        for start in starts:
            rows, right_here = self.X[start : start + side], right[start : start + side]
            for first in range(start, self.n_samples, side):
                others = None if first == start else self.X[first : first + side]
                shape = (rows.shape[0], rows.shape[0] if others is None else others.shape[0])
                block = buffer[: shape[0] * shape[1]].reshape(shape)
                self.kernel.gram(rows, others, block)
                here = product[: shape[0]]
                linalg.multiply(block, right[first : first + side], here)
                out[start : start + side] += here
                if others is not None:
                    below = mirrored[:, : shape[1]]
                    linalg.block_project_back(
                        block, nothing[: shape[1]], right_here, shape[0], below
                    )
                    out[first : first + side] += below[0]
        return out

    def trace(self) -> float:
        """Return the sum of the diagonal."""
        return float(self.kernel.diagonal(self.X).sum(dtype=np.float64))


class CentredKernel:
    """A kernel matrix centred in feature space, ``H K H`` with ``H = I - 1 1' / n``.

    A vector without its mean passes the right H unchanged, so that only the mean of each product
    has to be taken out: a centred matrix need not be formed.

    Parameters
    ----------
    matrix : StoredMatrix or RecomputedMatrix
        The matrix K.
    row_means, column_means : array of shape (n_samples,), optional
        Means of K, float64 on the backend, where they are known already, and may differ.
    """

    def __init__(
        self,
        matrix: StoredMatrix | RecomputedMatrix,
        row_means: Any = None,
        column_means: Any = None,
    ) -> None:
        self.matrix, self.backend = matrix, matrix.backend
        self.shape = (matrix.n_samples, matrix.n_samples)
        self.dtype = matrix.dtype
        self._row_means = row_means
        self._column_means = column_means
        self._in_place = False

    def centre_in_place(self) -> Any:
        """Overwrite a stored matrix by the centred one; return it."""
        assert isinstance(self.matrix, StoredMatrix)
        rows, columns = self.row_means, self.column_means
        matrix = self.matrix.matrix
        self.backend.kernels("linalg").center(matrix, rows, columns, float(rows.mean()))
        self._in_place = True
        return matrix

    def times(self, right: Any) -> Any:
        """Return the product with an array of shape (n_samples, n_columns), in the kernel's dtype.

        The first product of a matrix that is not centred brings the means of the rows along.
        """
        return self.times_float64(right).astype(self.dtype)

    # The matrix is symmetric.
    transpose_times = times

    def times_float64(self, right: Any) -> Any:
        """Return the product with an array of shape (n_samples, n_columns), in float64."""
        if self._in_place:
            return self.matrix.product(right)
        xp = self.backend.xp
        right = right - right.mean(axis=0)
        if self._row_means is None:
            ones = xp.ones((self.shape[0], 1), right.dtype)
            out = self.matrix.product(xp.concatenate([right, ones], axis=1))
            self._row_means = out[:, -1] / self.shape[0]
            out = out[:, :-1]
        else:
            out = self.matrix.product(right)
        return out - out.mean(axis=0)

    @property
    def row_means(self) -> Any:
        """Mean of each row of K, float64 on the backend."""
        if self._row_means is None:
            ones = self.backend.xp.ones((self.shape[0], 1), self.dtype)
            self._row_means = self.matrix.product(ones)[:, 0] / self.shape[0]
        return self._row_means

    @property
    def column_means(self) -> Any:
        """Mean of each column of K, float64 on the backend."""
        return self.row_means if self._column_means is None else self._column_means

    def trace(self) -> float:
        """Return the trace of the centred matrix."""
        trace = self.matrix.trace()
        return trace if self._in_place else trace - self.shape[0] * float(self.row_means.mean())


def precomputed(backend: Backend, X: Any, in_place: bool) -> CentredKernel:
    """Return a kernel matrix that was given, checked for symmetry once it is centred.

    Whatever is constant in a row or in a column goes out by centring, so that the matrix may
    differ from its transposed by that.

    Parameters
    ----------
    backend : Backend
        Where the matrix lives.
    X : array of shape (n_samples, n_samples)
        The matrix, which is not written to.
    in_place : bool
        Whether the result will be centred in place, and needs a copy for that.
    """
    stored = StoredMatrix(backend, X)
    ones = backend.xp.ones((X.shape[0], 1), X.dtype)
    row_means = stored.product(ones)[:, 0] / X.shape[0]
    column_means = column_moments(backend, X, backend.empty(0, X.dtype)).mean
    require_symmetric(backend, X, row_means - column_means)
    if in_place:
        stored.matrix = X.copy()
    return CentredKernel(stored, row_means, column_means)
