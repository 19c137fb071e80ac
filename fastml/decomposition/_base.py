"""What a fitted PCA model can do, however it was fitted."""

from typing import Any

import numpy as np
from scipy import linalg, sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.extmath import fast_logdet
from sklearn.utils.validation import check_array, check_is_fitted

from fastml._validation import FLOATS, check_finite_wanted, validate
from fastml.backends import on_device, resolve
from fastml.blocks import spans
from fastml.decomposition._input import check_finite

__all__ = ["PrincipalAxes"]


class PrincipalAxes(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of models that hold a mean, a scale and orthogonal components."""

    mean_: Any
    scale_: Any
    components_: Any
    explained_variance_: Any
    noise_variance_: Any
    n_components_: int
    whiten: bool

    def _column_scale(self) -> Any:
        """Return what columns are divided by before projection, or None."""
        return getattr(self, "scale_", None)

    def _exact_mean(self) -> Any:
        """Return the mean in float64, with the digits that a float32 `mean_` has no room for."""
        return self.mean_ + getattr(self, "_mean_rest", 0.0)

    def _axes(self) -> Any:
        """Return the components, undone of what whitening will multiply them by."""
        if not self.whiten:
            return self.components_
        return self.components_ * np.sqrt(self.explained_variance_[:, None])

    def _excess_variance(self) -> Any:
        return np.maximum(self.explained_variance_ - self.noise_variance_, 0)

    def get_covariance(self) -> Any:
        """Compute the covariance of the data under the generative model.

        ``cov = components_.T * S**2 * components_ + sigma2 * eye(n_features)`` where S**2 holds
        the explained variances and sigma2 the noise variance. With ``standardize=True`` it is
        scaled back to the units of the data.

        Returns
        -------
        cov : ndarray of shape (n_features, n_features)
            Covariance of the data.
        """
        axes = self._axes()
        cov = (axes.T * self._excess_variance()) @ axes
        np.fill_diagonal(cov, cov.diagonal() + self.noise_variance_)
        scale = self._column_scale()
        return cov if scale is None else cov * np.multiply.outer(scale, scale)

    def get_precision(self) -> Any:
        """Compute the inverse of the covariance under the generative model.

        Uses the matrix inversion lemma, so that only a matrix of the size of the components is
        inverted.

        Returns
        -------
        precision : ndarray of shape (n_features, n_features)
            Inverse covariance of the data.
        """
        if self.noise_variance_ == 0.0 and self.n_components_ > 0:
            return linalg.inv(self.get_covariance())
        # A component no stronger than the noise adds nothing, and 1 / 0 to what is inverted.
        excess = self._excess_variance()
        axes, excess = self._axes()[excess > 0], excess[excess > 0]
        inner = axes @ axes.T / self.noise_variance_
        np.fill_diagonal(inner, inner.diagonal() + 1.0 / excess)
        precision = axes.T @ np.linalg.inv(inner) @ axes / -(self.noise_variance_**2)
        np.fill_diagonal(precision, precision.diagonal() + 1.0 / self.noise_variance_)
        scale = self._column_scale()
        return precision if scale is None else precision / np.multiply.outer(scale, scale)

    def transform(self, X: Any) -> Any:
        """Project X on the principal components of the training set.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            New data.

        Returns
        -------
        X_new : array of shape (n_samples, n_components)
            The projections; on the device for an `X` that lives there, else in host memory.
        """
        check_is_fitted(self)
        # NaN and infinity in a dense row come out in each of its projections.
        seen = not sparse.issparse(X) and self.components_.shape[0] > 0
        X = validate(self, X, reset=False, finite=not seen, accept_sparse=("csr", "csc"))
        return self._project(X)

    def _project(self, X: Any) -> Any:
        dtype = np.result_type(X.dtype, self.components_.dtype)
        right = self.components_.T
        scale = self._column_scale()
        if scale is not None:
            right = right / scale[:, None]
        if self.whiten:
            # Some solvers leave variances next to zero, or at zero, on rank-deficient data.
            deviation = np.sqrt(self.explained_variance_)
            right = right / np.maximum(deviation, np.finfo(deviation.dtype).eps)
        right = right.astype(dtype, copy=False)
        if sparse.issparse(X):
            return X @ right - (self._exact_mean() @ right).astype(dtype)
        backend = resolve(X)
        rows = backend.asarray(X, dtype)
        out = backend.empty((X.shape[0], right.shape[1]), dtype)
        mean = backend.asarray(self._exact_mean(), np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            backend.kernels("linalg").project(rows, mean, backend.asarray(right), out)
            finite = bool(backend.xp.isfinite(out.sum()))
        if not finite and check_finite_wanted():
            check_finite(backend, X, self)
        return out if on_device(X) else backend.to_host(out)

    def inverse_transform(self, X: Any) -> Any:
        """Map projections back to the space of the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Projections, whitened if `whiten` is set.

        Returns
        -------
        X_original : array of shape (n_samples, n_features)
            The data whose projections these are, if they lie in the span of the components.
        """
        check_is_fitted(self)
        if on_device(X):
            X = resolve(X).asarray(X)
        else:
            X = check_array(
                X, dtype=FLOATS, input_name="X", ensure_all_finite=check_finite_wanted()
            )
        axes, scale = self._axes(), self._column_scale()
        if scale is not None:
            axes = axes * scale
        backend = resolve(X)
        dtype = np.result_type(X.dtype, axes.dtype)
        out = backend.asarray(X, dtype) @ backend.asarray(axes, dtype)
        out += backend.asarray(self.mean_, dtype)
        return out if on_device(X) else backend.to_host(out)

    def score_samples(self, X: Any) -> Any:
        """Return the log-likelihood of each sample under the probabilistic model.

        See "Pattern Recognition and Machine Learning" by C. Bishop, 12.2.1 p. 574.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        ll : ndarray of shape (n_samples,)
            Log-likelihood of each sample.
        """
        check_is_fitted(self)
        X = validate(self, X, reset=False)
        precision = self.get_precision()
        backend = resolve(X)
        rows = backend.asarray(X, np.result_type(X.dtype, precision.dtype))
        mean = backend.asarray(self._exact_mean(), np.float64)
        factor = backend.asarray(precision, rows.dtype)
        distances = backend.empty(rows.shape[0], rows.dtype)
        # By blocks, so that centred rows take little memory.
        for start, stop in spans(rows.shape[0]):
            centred = (rows[start:stop] - mean).astype(rows.dtype)
            distances[start:stop] = (centred * (centred @ factor)).sum(axis=1)
        constant = rows.shape[1] * np.log(2.0 * np.pi) - fast_logdet(precision)
        return -0.5 * backend.to_host(distances) - 0.5 * constant

    def score(self, X: Any, y: Any = None) -> float:
        """Return the average log-likelihood of all samples under the probabilistic model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Ignored.

        Returns
        -------
        ll : float
            Average log-likelihood of the samples.
        """
        return float(np.mean(self.score_samples(X)))

    @property
    def _n_features_out(self) -> int:
        """Number of columns that `transform` returns."""
        return self.components_.shape[0]
