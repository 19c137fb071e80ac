"""Where the entries of a kernel matrix come from: a function of rows, or a matrix that is given."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from fastml.backends import Backend
from fastml.metrics._checked_gram import RowKernel, gram_times
from fastml.metrics._gram import KernelFunction, gram, squared_lengths

__all__ = ["Blocks", "FunctionBlocks", "MatrixBlocks", "buffer_for", "put_rows", "whole_matrix"]

# Bytes of what is computed of a kernel matrix at a time.
BUFFER_BYTES = 16 << 20


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

    def symmetric(self) -> Any:
        """Return the matrix, on the backend."""

    def rows(self, index: Any, out: Any) -> None:
        """Write some of its rows to an array of shape (len(index), n)."""

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

    def symmetric(self) -> Any:
        """Return the matrix."""
        return self.kernel.gram(self.X)

    def rows(self, index: Any, out: Any) -> None:
        """Write some of its rows."""
        function, rows = self.kernel.function, self._chosen(index)
        if isinstance(function, KernelFunction) and self._squares is not None:
            squares = self._squares[self.backend.asarray(index)], self._squares
            gram(function, self.backend, rows, self.X, out, squares)
        else:
            self.kernel.gram(rows, self.X, out)

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

    def symmetric(self) -> Any:
        """Return the matrix."""
        out = self.backend.empty((self.n, self.n), self.dtype)
        self._gather(self.index, self.index, out)
        return out

    def rows(self, index: Any, out: Any) -> None:
        """Write some of its rows."""
        self._gather(self.index[index], self.index, out)

    def product(self, index: Any, columns: Any, weights: Any) -> Any:
        """Return chosen rows and columns times a vector."""
        out = self.backend.empty((len(index), 1), np.float64)
        right = self.backend.asarray(weights[:, None], self.dtype)
        buffer = buffer_for(self, len(columns))
        for start in range(0, len(index), len(buffer)):
            some = self.index[index[start : start + len(buffer)]]
            part = buffer[: len(some)]
            self._gather(some, self.index[columns], part)
            self.backend.kernels("linalg").multiply(part, right, out[start : start + len(some)])
        return out[:, 0]

    def _gather(self, rows: Any, columns: Any, out: Any) -> None:
        asarray = self.backend.asarray
        self.backend.kernels("smo").gather(self.matrix, asarray(rows), asarray(columns), out)


def buffer_for(blocks: Blocks, n_columns: int) -> Any:
    """Return memory for some rows of that many columns, in the dtype of the kernel matrix."""
    n_rows = max(1, BUFFER_BYTES // (np.dtype(blocks.dtype).itemsize * max(1, n_columns)))
    return blocks.backend.empty((n_rows, n_columns), blocks.dtype)


def put_rows(blocks: Blocks, index: Any, places: Any, out: Any, buffer: Any) -> None:
    """Write rows of a kernel matrix to their places in a matrix in float32.

    Parameters
    ----------
    blocks : Blocks
        The kernel matrix.
    index, places : (n_chosen,) int64 array
        Rows of it, and of `out`.
    out : (n_places, n) float32 array
        Written.
    buffer : array
        Of `buffer_for`.
    """
    backend = blocks.backend
    for start in range(0, len(index), len(buffer)):
        some = index[start : start + len(buffer)]
        part = buffer[: len(some)]
        blocks.rows(some, part)
        where = backend.asarray(places[start : start + len(buffer)])
        backend.kernels("smo").put_rows(part, where, out)


def whole_matrix(blocks: Blocks) -> Any:
    """Return a kernel matrix in float32."""
    n, dtype = blocks.n, np.dtype(blocks.dtype)
    if dtype == np.float32 or n * n * dtype.itemsize <= BUFFER_BYTES:
        return blocks.symmetric().astype(np.float32, copy=False)
    out = blocks.backend.empty((n, n), np.float32)
    everything = np.arange(n)
    put_rows(blocks, everything, everything, out, buffer_for(blocks, n))
    return out
