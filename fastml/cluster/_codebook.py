"""Vector quantisation: what every estimator with a codebook of centers offers."""

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted


class CodebookMixin:
    """Coding of vectors by the index of their nearest center.

    The estimator has ``cluster_centers_`` of shape (n_clusters, n_features), the codebook, and
    ``predict``.
    """

    cluster_centers_: np.ndarray

    if TYPE_CHECKING:

        def predict(self, X: Any) -> np.ndarray: ...

        def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float: ...

    def encode(self, X: Any) -> np.ndarray:
        """Replace each vector by the index of its nearest reference vector.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Vectors.

        Returns
        -------
        ndarray of shape (n_samples,)
            Codes, of the smallest unsigned integer dtype that holds ``n_clusters - 1``.
        """
        labels = self.predict(X)
        return labels.astype(np.min_scalar_type(len(self.cluster_centers_) - 1))

    def decode(self, codes: Any) -> np.ndarray:
        """Return the reference vectors that codes stand for.

        Parameters
        ----------
        codes : array-like of int, any shape
            Codes in [0, n_clusters).

        Returns
        -------
        ndarray of shape ``codes.shape + (n_features,)``
            Reference vectors.

        Raises
        ------
        ValueError
            If `codes` are not integers, or not in that range.
        """
        check_is_fitted(self)
        codes = np.asarray(codes)
        n_clusters = len(self.cluster_centers_)
        if not codes.size:
            codes = codes.astype(np.intp)  # NumPy takes an empty list for one of floats
        if codes.dtype.kind not in "iu":
            raise ValueError(f"codes must be integers, got an array of dtype {codes.dtype}.")
        if codes.size and not 0 <= codes.min() <= codes.max() < n_clusters:
            raise ValueError(
                f"codes must be in [0, {n_clusters}), got values from {codes.min()} to "
                f"{codes.max()}."
            )
        return self.cluster_centers_[codes]

    def reconstruction_error(self, X: Any, sample_weight: Any = None) -> float:
        """Return what coding loses: the sum over vectors of |x - m|^2 to their reference vector.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Vectors.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; all one by default.

        Returns
        -------
        float
            E = sum_t sum_i b_i^t ||x^t - m_i||^2, accumulated in float64.
        """
        return -self.score(X, sample_weight=sample_weight)

    @property
    def bits_per_vector_(self) -> int:
        """Bits that one code takes: log2 of the number of reference vectors, rounded up."""
        check_is_fitted(self)
        return int(len(self.cluster_centers_) - 1).bit_length()

    def compression_ratio(self, X: Any) -> float:
        """Return the size of X over the size of its codes and the codebook.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Vectors, counted at their own item size; their values are not looked at.

        Returns
        -------
        float
            Above 1 where coding saves memory.

        Raises
        ------
        ValueError
            If `X` does not have two dimensions.
        """
        check_is_fitted(self)
        if not (hasattr(X, "shape") and hasattr(X, "dtype")):
            X = np.asarray(X)
        if len(X.shape) != 2:
            raise ValueError(f"Expected 2D array, got an array of {len(X.shape)} dimensions.")
        raw = X.shape[0] * X.shape[1] * X.dtype.itemsize * 8
        codebook = self.cluster_centers_.size * self.cluster_centers_.dtype.itemsize * 8
        return raw / (X.shape[0] * self.bits_per_vector_ + codebook)
