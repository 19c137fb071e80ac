"""Where the entries of a kernel matrix come from: a function of rows, or a matrix that is given."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from fastml.backends import Backend
from fastml.metrics._checked_gram import RowKernel, gram_times
from fastml.metrics._gram import KernelFunction, gram, squared_lengths

__all__ = ["Blocks", "FunctionBlocks", "MatrixBlocks"]

# Bytes of what is computed of a kernel matrix at a time.
BUFFER_BYTES = 32 << 20


class Blocks(Protocol):
    """A symmetric kernel matrix over some training rows, of which parts are asked for."""

    @property
    def backend(self) -> Backend:
        """Where entries are computed."""

    @property
    def dtype(self) -> Any:
        """In which they are computed."""

    @property
    def n(self) -> int:
        """Number of rows."""

    def take(self, index: Any) -> "Blocks":
        """Return the kernel matrix over some of these rows: an array of int64 in host memory."""

    def whole(self) -> Any:
        """Return the matrix in float32, on the backend."""

    def rows(self, index: Any) -> Any:
        """Return some of its rows."""

    def product(self, index: Any, columns: Any, weights: Any) -> Any:
        """Return chosen rows and columns times a vector, of shape (len(index),), in float64."""


@dataclass(frozen=True)
class FunctionBlocks:
    """The values of a kernel function on the rows of a data matrix.

    Parameters
    ----------
    kernel : RowKernel
        The function.
    X : array on the backend, or CSR matrix in host memory, of shape (n, n_features)
        The rows.
    """

    kernel: RowKernel
    X: Any

    @property
    def backend(self) -> Backend:
        """Where entries are computed."""
        return self.kernel.backend

    @property
    def dtype(self) -> Any:
        """Of the entries."""
        return self.X.dtype

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    def _chosen(self, index: Any) -> Any:
        return self.X[index if sparse.issparse(self.X) else self.backend.asarray(index)]

    def take(self, index: Any) -> "FunctionBlocks":
        """Return the kernel matrix over some of these rows."""
        return FunctionBlocks(self.kernel, self._chosen(index))

    def whole(self) -> Any:
        """Return the matrix."""
        return self.kernel.gram(self.X).astype(np.float32, copy=False)

    def rows(self, index: Any) -> Any:
        """Return some of its rows."""
        function, rows = self.kernel.function, self._chosen(index)
        if isinstance(function, KernelFunction) and self._squares is not None:
            squares = self._squares[self.backend.asarray(index)], self._squares
            return gram(function, self.backend, rows, self.X, squares=squares)
        return self.kernel.gram(rows, self.X)

    @cached_property
    def _squares(self) -> Any:
        """Squared lengths of rows whose distances are to be made of products.

        For float64 that is faster, and precise enough for rows that are kept in float32.
        """
        function = self.kernel.function
        if not isinstance(function, KernelFunction) or function.name != "rbf":
            return None
        if sparse.issparse(self.X) or self.dtype != np.float64:
            return None
        return squared_lengths(self.backend, self.X)

    def product(self, index: Any, columns: Any, weights: Any) -> Any:
        """Return chosen rows and columns times a vector."""
        out = self.backend.empty((len(index), 1), np.float64)
        right = self.backend.asarray(weights[:, None], self.dtype)
        gram_times(self.kernel, self._chosen(index), self._chosen(columns), right, out)
        return out[:, 0]


@dataclass(frozen=True)
class MatrixBlocks:
    """Some rows of a kernel matrix that was computed elsewhere.

    Parameters
    ----------
    backend : Backend
        Where it is.
    matrix : array of shape (n_samples, n_samples)
        The matrix, on the backend.
    index : array of shape (n,)
        The rows, int64 in host memory.
    """

    backend: Backend
    matrix: Any
    index: Any

    @property
    def dtype(self) -> Any:
        """Of the entries."""
        return self.matrix.dtype

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.index)

    def take(self, index: Any) -> "MatrixBlocks":
        """Return the kernel matrix over some of these rows."""
        return MatrixBlocks(self.backend, self.matrix, self.index[index])

    def whole(self) -> Any:
        """Return the matrix."""
        return self._gathered(self.index, self.index).astype(np.float32, copy=False)

    def rows(self, index: Any) -> Any:
        """Return some of its rows."""
        return self._gathered(self.index[index], self.index)

    def product(self, index: Any, columns: Any, weights: Any) -> Any:
        """Return chosen rows and columns times a vector."""
        out = self.backend.empty((len(index), 1), np.float64)
        right = self.backend.asarray(weights[:, None], self.dtype)
        step = max(1, BUFFER_BYTES // (self.matrix.itemsize * max(1, len(columns))))
        for start in range(0, len(index), step):
            part = self._gathered(self.index[index[start : start + step]], self.index[columns])
            self.backend.kernels("linalg").multiply(part, right, out[start : start + step])
        return out[:, 0]

    def _gathered(self, rows: Any, columns: Any) -> Any:
        out = self.backend.empty((len(rows), len(columns)), self.dtype)
        backend = self.backend
        backend.kernels("smo").gather(
            self.matrix, backend.asarray(rows), backend.asarray(columns), out
        )
        return out
