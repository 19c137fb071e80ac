"""The largest singular values of a centred matrix that is never formed."""

from typing import Any, Protocol

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from fastml.backends import Backend
from fastml.decomposition._moments import rows_per_block
from fastml.kernels.factorize.blas import one_blas_thread

__all__ = ["CentredMatrix", "Operator", "arpack_svd", "randomized_svd"]


class Operator(Protocol):
    """A matrix that is only multiplied by."""

    backend: Backend
    shape: Any
    dtype: Any

    def times(self, right: Any) -> Any:
        """Return the product with an array of shape (n_columns, k)."""

    def transpose_times(self, left: Any) -> Any:
        """Return the product of the transposed with an array of shape (n_rows, k)."""


class CentredMatrix:
    """Products with ``D (X - mean) / scale``, where D holds the roots of the rows' weights.

    Parameters
    ----------
    backend : Backend
        Where a dense `X` lives.
    X : array or sparse matrix of shape (n_samples, n_features)
        Rows; a sparse matrix in host memory, where its products run.
    mean : array of shape (n_features,)
        Subtracted from every row, float64.
    scale : array of shape (n_features,)
        Divides every column.
    roots : array of shape (n_samples, 1) or None
        Roots of the weights; None stands for ones.
    """

    def __init__(self, backend: Backend, X: Any, mean: Any, scale: Any, roots: Any) -> None:
        self.backend, self.X, self.mean = backend, X, mean
        self.scale = scale[:, None]
        self.roots = roots
        self.shape, self.dtype = X.shape, X.dtype

    def times(self, right: Any) -> Any:
        """Return the product with an array of shape (n_features, n_columns)."""
        right = (right / self.scale).astype(self.dtype)
        if sparse.issparse(self.X):
            mean, right = map(self.backend.to_host, (self.mean, right))
            out = self.X @ right - mean.astype(self.dtype) @ right
            out = self.backend.asarray(out)
        else:
            out = self.backend.empty((self.shape[0], right.shape[1]), self.dtype)
            self.backend.kernels("linalg").project(self.X, self.mean, right, out)
        return out if self.roots is None else out * self.roots

    def transpose_times(self, left: Any) -> Any:
        """Return the product of the transposed with an array of shape (n_samples, n_columns)."""
        if self.roots is not None:
            left = left * self.roots
        if sparse.issparse(self.X):
            mean, left = map(self.backend.to_host, (self.mean, left))
            out = self.X.T @ left - np.multiply.outer(mean, left.sum(axis=0))
            out = self.backend.asarray(out)
        else:
            n_samples, n_features = self.shape
            size = n_features * left.shape[1]
            step = rows_per_block(n_samples, 8 * size)
            parts = self.backend.empty((-(-n_samples // step), n_features, left.shape[1]), float)
            linalg = self.backend.kernels("linalg")
            linalg.block_project_back(self.X, self.mean, left, step, parts)
            out = parts.sum(axis=0)
        return (out / self.scale).astype(self.dtype, copy=False)


def arpack_svd(matrix: CentredMatrix, k: int, tol: float, start: Any) -> tuple[Any, Any, Any]:
    """Return the `k` largest singular triplets by ARPACK, from a starting vector."""
    backend = matrix.backend

    def on_host(product: Any) -> Any:
        # ARPACK passes host vectors, single (n,) or as columns, and wants the same back.
        def call(v: Any) -> Any:
            block = backend.asarray(v.reshape(v.shape[0], -1), matrix.dtype)
            return backend.to_host(product(block)).reshape(-1, *v.shape[1:])

        return call

    times, back = on_host(matrix.times), on_host(matrix.transpose_times)
    operator = LinearOperator(
        matrix.shape, matvec=times, matmat=times, rmatvec=back, rmatmat=back, dtype=matrix.dtype
    )
    with one_blas_thread():
        left, values, right = svds(operator, k=k, tol=tol, v0=start)
    # svds sorts upwards.
    return left[:, ::-1], values[::-1], right[::-1]


def randomized_svd(
    matrix: Operator,
    k: int,
    n_oversamples: int,
    n_iter: int | str,
    normalizer: str,
    random_state: np.random.RandomState,
) -> tuple[Any, Any, Any]:
    """Return the `k` largest singular triplets, nearly (Halko, Martinsson and Tropp 2011).

    Parameters
    ----------
    matrix : Operator
        What is decomposed.
    k, n_oversamples : int
        Triplets wanted, and how many random vectors there are beyond that.
    n_iter : int or "auto"
        Power iterations.
    normalizer : {"auto", "QR", "LU", "none"}
        What keeps the vectors apart between them.
    random_state : RandomState
        Draws the vectors.

    Returns
    -------
    left, values, right : arrays
        Of shapes (n_samples, k), (k,), (k, n_features), on the backend.
    """
    backend = matrix.backend
    factorize = backend.kernels("factorize")
    if n_iter == "auto":
        n_iter = 7 if k < 0.1 * min(matrix.shape) else 4
    if normalizer == "auto":
        normalizer = "none" if int(n_iter) <= 2 else "LU"

    def basis(kernel: Any, vectors: Any) -> Any:
        out = backend.empty((vectors.shape[0], min(vectors.shape)), vectors.dtype)
        kernel(vectors, out)
        return out

    def normal(vectors: Any) -> Any:
        if normalizer == "none":
            return vectors
        return basis(factorize.qr if normalizer == "QR" else factorize.lu, vectors)

    # The factor with fewer columns is the cheaper one to keep orthogonal.
    wide = matrix.shape[0] < matrix.shape[1]
    both = (matrix.times, matrix.transpose_times)
    forth, back = reversed(both) if wide else both
    vectors = random_state.normal(size=(min(matrix.shape), k + n_oversamples))
    vectors = backend.asarray(vectors, matrix.dtype)
    for _ in range(int(n_iter)):
        vectors = normal(back(normal(forth(vectors))))
    vectors = basis(factorize.qr, forth(vectors))

    small = back(vectors)
    rank = min(small.shape)
    inner = backend.empty((small.shape[0], rank), matrix.dtype)
    values = backend.empty(rank, matrix.dtype)
    rotation = backend.empty((rank, small.shape[1]), matrix.dtype)
    factorize.svd(small, inner, values, rotation)
    outer = backend.empty((vectors.shape[0], rank), matrix.dtype)
    none = backend.zeros(vectors.shape[1], np.float64)
    turned = backend.asarray(rotation.T)
    backend.kernels("linalg").project(vectors, none, turned, outer)
    left, right = (inner, outer) if wide else (outer, inner)
    return left[:, :k], values[:k], right[:, :k].T
