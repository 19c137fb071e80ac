"""Rows as the k-means drivers see them: dense or sparse, on any backend.

Both classes offer the same steps, so that each algorithm is written once. Centers are always
handled less `offset`, which is close to the rows' mean for dense data (no precision is lost to a
large mean, and X is never copied to be centred) and zero for sparse data.
"""

from typing import Any

import numpy as np

from fastml import blocks
from fastml.backends import Backend

Array = np.ndarray[Any, Any]


class DenseRows:
    """Rows of a dense matrix on a backend.

    Parameters
    ----------
    backend : Backend
        Where the kernels run.
    X : array of shape (n_samples, n_features)
        On the backend, float32 or float64.
    sample_weight : ndarray of shape (n_samples,)
        On the host, of the dtype of X.
    offset : ndarray of shape (n_features,)
        Subtracted from every row.
    """

    def __init__(self, backend: Backend, X: Any, sample_weight: Array, offset: Array) -> None:
        self.backend = backend
        self.X = X
        self.n_rows, self.n_features = X.shape
        self.dtype = np.dtype(X.dtype)
        self.host_weight = sample_weight
        self.sample_weight = backend.asarray(sample_weight)
        self.host_offset = offset.astype(self.dtype, copy=False)
        self.offset = backend.asarray(self.host_offset)
        self.kernels = backend.kernels("kmeans")
        self.seeding = backend.kernels("seeding")
        self.minibatch = backend.kernels("minibatch")
        self.block_rows = blocks.block_rows(self.n_rows)
        self.n_blocks = blocks.n_blocks(self.n_rows)

    def take(self, rows: Array) -> Array:
        """Return listed rows, less the offset, as a dense array on the host."""
        return self.values(rows) - self.host_offset

    def values(self, rows: Array) -> Array:
        """Return listed rows as a dense array on the host."""
        return self.backend.to_host(self.X[self.backend.asarray(rows)])

    def subset(self, rows: Array) -> "DenseRows":
        """Return listed rows with their weights."""
        X = self.X[self.backend.asarray(rows)]
        return DenseRows(self.backend, X, self.host_weight[rows], self.host_offset)

    def keys(self) -> Array:
        """Return a key of each row, a function of its values (as float32) alone."""
        keys = self.backend.empty(self.n_rows, np.uint64)
        with np.errstate(over="ignore"):
            words = self.X.astype(np.float32, copy=False).view(np.uint32)
        self.seeding.row_keys(words, keys)
        return self.backend.to_host(keys)

    def assign(self, centers: Any, labels: Any) -> None:
        """Write the label of each row's nearest center."""
        self.kernels.assign(self.X, self.offset, centers, labels)

    def assign_and_sum(
        self, centers: Any, scales: Any, labels: Any, sums: Any, counts: Any
    ) -> None:
        """Assign, and bring the running sums up to date."""
        self.kernels.assign_and_sum(
            self.X, self.sample_weight, self.offset, centers, scales, labels, sums, counts
        )

    def assign_and_move(self, picked: Any, sample_weight: Any, *state: Any) -> None:
        """Assign a batch of rows, and move centers to the mean of all they ever got."""
        self.minibatch.assign_and_move(self.X, picked, sample_weight, self.offset, *state)

    def assign_bounded_and_sum(
        self, centers: Any, scales: Any, labels: Any, sums: Any, counts: Any, *bounds: Any
    ) -> None:
        """Assign with bounds, and bring the running sums up to date."""
        self.kernels.assign_bounded_and_sum(
            self.X, self.sample_weight, self.offset, centers, scales, labels, sums, counts, *bounds
        )  # fmt: skip

    def distances_to(self, centers: Any, labels: Any) -> Array:
        """Return every row's squared distance to the center it is labelled with."""
        out = self.backend.empty(self.n_rows, np.float64)
        self.kernels.assigned_distances(self.X, self.offset, centers, labels, out)
        return self.backend.to_host(out)

    def inertia(self, centers: Any, labels: Any) -> float:
        """Return the weighted sum of squared distances to the own center, in float64."""
        out = self.backend.empty(self.n_blocks, np.float64)
        self.kernels.inertia(
            self.X, self.sample_weight, self.offset, centers, labels, self.block_rows, out
        )
        return float(blocks.merge_tree(list(self.backend.to_host(out)), np.add))

    def seed_distances(
        self, candidates: Array, chosen: Array, closest: Any, nearest: Any, *results: Any
    ) -> None:
        """Measure what each candidate for the next center would leave of the potential."""
        offset, asarray = self.host_offset, self.backend.asarray
        self.seeding.seed_distances(
            self.X, asarray(candidates + offset), asarray(chosen + offset), closest, nearest,
            self.sample_weight, self.block_rows, *results,
        )  # fmt: skip


class CsrRows:
    """Rows of a sparse matrix in CSR form on a backend; the interface of `DenseRows`."""

    def __init__(self, backend: Backend, X: Any, sample_weight: Array) -> None:
        self.backend = backend
        self.matrix = X
        self.parts = (
            backend.asarray(X.data),
            backend.asarray(X.indices, np.int32),
            backend.asarray(X.indptr, np.int32),
        )
        self.n_rows, self.n_features = X.shape
        self.dtype = np.dtype(X.dtype)
        self.host_weight = sample_weight
        self.sample_weight = backend.asarray(sample_weight)
        self.host_offset = np.zeros(self.n_features, self.dtype)
        self.kernels = backend.kernels("kmeans_csr")
        self.seeding = backend.kernels("seeding")
        self.minibatch = backend.kernels("minibatch")
        self.block_rows = blocks.block_rows(self.n_rows)
        self.n_blocks = blocks.n_blocks(self.n_rows)

    def take(self, rows: Array) -> Array:
        """Return listed rows as a dense array on the host."""
        return self.values(rows)

    def values(self, rows: Array) -> Array:
        """Return listed rows as a dense array on the host."""
        return self.matrix[rows].toarray()

    def subset(self, rows: Array) -> "CsrRows":
        """Return listed rows with their weights."""
        return CsrRows(self.backend, self.matrix[rows], self.host_weight[rows])

    def keys(self) -> Array:
        """Return a key of each row, the same as for dense rows of the same values."""
        keys = self.backend.empty(self.n_rows, np.uint64)
        data, indices, indptr = self.parts
        with np.errstate(over="ignore"):
            words = data.astype(np.float32, copy=False).view(np.uint32)
        self.kernels.row_keys(words, indices, indptr, keys)
        return self.backend.to_host(keys)

    def assign(self, centers: Any, labels: Any) -> None:
        """Write the label of each row's nearest center."""
        self.kernels.assign(*self.parts, centers, labels)

    def assign_and_sum(
        self, centers: Any, scales: Any, labels: Any, sums: Any, counts: Any
    ) -> None:
        """Assign, and bring the running sums up to date."""
        self.kernels.assign_and_sum(
            *self.parts, self.sample_weight, centers, scales, labels, sums, counts
        )

    def assign_and_move(self, picked: Any, sample_weight: Any, *state: Any) -> None:
        """Assign a batch of rows, and move centers to the mean of all they ever got."""
        self.minibatch.assign_and_move_csr(*self.parts, picked, sample_weight, *state)

    def distances_to(self, centers: Any, labels: Any) -> Array:
        """Return every row's squared distance to the center it is labelled with."""
        out = self.backend.empty(self.n_rows, np.float64)
        self.kernels.assigned_distances(*self.parts, centers, labels, out)
        return self.backend.to_host(out)

    def inertia(self, centers: Any, labels: Any) -> float:
        """Return the weighted sum of squared distances to the own center, in float64."""
        out = self.backend.empty(self.n_blocks, np.float64)
        self.kernels.inertia(*self.parts, self.sample_weight, centers, labels, self.block_rows, out)
        return float(blocks.merge_tree(list(self.backend.to_host(out)), np.add))

    def seed_distances(
        self, candidates: Array, chosen: Array, closest: Any, nearest: Any, *results: Any
    ) -> None:
        """Measure what each candidate would leave of the potential; all rows are measured."""
        self.kernels.seed_distances(
            *self.parts, self.backend.asarray(candidates), closest, self.sample_weight,
            self.block_rows, *results,
        )  # fmt: skip


Rows = DenseRows | CsrRows
