"""What KernelPCA and Nystroem have in common: a kernel by parameters, and pre-images."""

from collections.abc import Callable
from numbers import Real
from typing import Any

from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastml.backends import Backend
from fastml.metrics._checked_gram import RowKernel, row_kernel
from fastml.metrics._gamma import GAMMA_RULES, resolve_gamma
from fastml.metrics._preimage import PreImage

__all__ = ["GAMMA", "KernelEstimator"]

# Parameter constraint of every gamma.
GAMMA = [Interval(Real, 0, None, closed="neither"), StrOptions(set(GAMMA_RULES)), None]


class KernelEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of transformers that map rows by a kernel, and may learn the way back."""

    kernel: str | Callable[..., Any]
    coef0: float | None
    degree: float | None
    kernel_params: dict[str, Any] | None
    n_jobs: int | None
    alpha: float
    fit_inverse_transform: bool
    inverse_gamma: float | str | None
    gamma_: float | None
    inverse_gamma_: float | None
    dual_coef_: Any
    X_transformed_fit_: Any

    def inverse_transform(self, X: Any) -> Any:
        """Map results of `transform` back to the space of the rows.

        The way back is learned by kernel ridge regression, of rows that `fit` has seen on what
        `transform` makes of them. It knows nothing of the mean that `KernelPCA` takes out in
        feature space: for a linear kernel, `PCA` is the better choice.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Projections, or features.

        Returns
        -------
        X_original : array of shape (n_samples, n_features)
            Rows for which `transform` returns about this.
        """
        if not self.fit_inverse_transform:
            raise NotFittedError(
                "The fit_inverse_transform parameter was not set to True when instantiating and "
                "hence the inverse transform is not available."
            )
        check_is_fitted(self)
        return PreImage(self.X_transformed_fit_, self.dual_coef_).at(
            X, self._row_kernel, self.inverse_gamma_, type(self).__name__
        )

    @property
    def _is_precomputed(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def _check_inverse(self, X: Any) -> None:
        """Raise if the way back is asked for where there is none."""
        if self.fit_inverse_transform and self._is_precomputed:
            raise ValueError("Cannot fit_inverse_transform with a precomputed kernel.")
        if self.fit_inverse_transform and sparse.issparse(X):
            raise NotImplementedError("Inverse transform not implemented for sparse matrices!")

    def _row_kernel(self, backend: Backend, gamma: float | None = None) -> RowKernel:
        """Return the kernel with the given gamma, that of the fit by default."""
        return row_kernel(
            self.kernel,
            backend,
            gamma=self.gamma_ if gamma is None else gamma,
            coef0=1.0 if self.coef0 is None else self.coef0,
            degree=3.0 if self.degree is None else self.degree,
            params=self.kernel_params,
            n_jobs=self.n_jobs,
        )

    def _learn_inverse(self, backend: Backend, features: Any, rows: Any) -> None:
        """Learn the way from features back to rows, both in host memory."""
        gamma = self.gamma_
        if self.inverse_gamma is not None:
            gamma = resolve_gamma(self.inverse_gamma, backend, backend.asarray(features))
        self.inverse_gamma_ = gamma
        self.X_transformed_fit_ = features
        kernel = self._row_kernel(backend, gamma)
        self.dual_coef_ = PreImage.learn(features, rows, kernel, self.alpha).dual_coef
