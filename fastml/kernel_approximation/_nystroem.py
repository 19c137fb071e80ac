"""A feature map that approximates any kernel by its values at some landmarks."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastml._validation import validate
from fastml.backends import Backend, on_device, resolve
from fastml.kernel_approximation._landmarks import (
    choose_rows,
    k_means_points,
    leverage_rows,
    root_inverse,
)
from fastml.metrics._checked_gram import dense_on, gram_times, rows_on
from fastml.metrics._gamma import resolve_gamma
from fastml.metrics._kernel_estimator import GAMMA, KernelEstimator
from fastml.metrics._precomputed import require_square, require_symmetric

__all__ = ["Nystroem"]

NAMED = {
    "additive_chi2",
    "chi2",
    "cosine",
    "laplacian",
    "linear",
    "poly",
    "polynomial",
    "rbf",
    "sigmoid",
}


class Nystroem(KernelEstimator):
    """Feature map that approximates a kernel by its values at some landmarks.

    With landmarks z the features of x are ``K(z, z)^(-1/2) K(z, x)``: their products approximate
    the kernel, exactly so between landmarks [1]_.

    Parameters
    ----------
    kernel : {'additive_chi2', 'chi2', 'cosine', 'laplacian', 'linear', 'poly', 'polynomial', \
'rbf', 'sigmoid', 'precomputed'} or callable, default='rbf'
        The kernel. A callable takes two rows and `kernel_params`, and returns a finite number.
        With 'precomputed' X is the kernel matrix between rows and all training rows.
    gamma : float, {'scale', 'median', 'nearest'} or None, default=None
        Coefficient of 'rbf', 'laplacian', 'poly', 'sigmoid' and 'chi2', positive; other kernels
        ignore it. None stands for ``1 / n_features``, with 'chi2' for 1; the rules are those of
        `fastml.decomposition.KernelPCA`.
    coef0 : float, default=None
        Added to the product in 'poly' and 'sigmoid'; None stands for 1.
    degree : float, default=None
        Exponent of 'poly'; None stands for 3.
    kernel_params : dict, default=None
        Keyword arguments of a callable kernel.
    n_components : int, default=100
        Number of landmarks, and so of features; no more than there are rows.
    random_state : int, RandomState instance or None, default=None
        For the choice of landmarks.
    n_jobs : int, default=None
        Threads that call a callable kernel. Other kernels use the threads of fastml's
        configuration.
    landmarks : {'uniform', 'kmeans', 'leverage'}, default='uniform'
        - 'uniform': training rows, the same as scikit-learn draws.
        - 'kmeans': centers of clusters of the training rows [2]_.
        - 'leverage': training rows drawn by their approximate ridge leverage scores [3]_, which
          are large for rows that others do not represent.
    fit_inverse_transform : bool, default=False
        Whether to learn the inverse transform, by kernel ridge regression of the landmarks on
        their features; not with a precomputed kernel or sparse rows.
    alpha : float, default=1.0
        Strength of that ridge regression.
    inverse_gamma : float, {'scale', 'median', 'nearest'} or None, default=None
        gamma of its kernel, which is between features; None stands for `gamma_`.

    Attributes
    ----------
    components_ : {ndarray, sparse matrix} of shape (n_components, n_features)
        The landmarks.
    component_indices_ : ndarray of shape (n_components,)
        Their indices in the training rows; not with ``landmarks='kmeans'``.
    normalization_ : ndarray of shape (n_components, n_components)
        Inverse root of the kernel matrix between landmarks.
    gamma_ : float or None
        The coefficient used; None for a callable or precomputed kernel.
    inverse_gamma_ : float or None
        The coefficient of the ridge regression; with `fit_inverse_transform`.
    dual_coef_ : ndarray of shape (n_components, n_features)
        Its coefficients; with `fit_inverse_transform`.
    X_transformed_fit_ : ndarray of shape (n_components, n_components)
        Features of the landmarks; with `fit_inverse_transform`.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names that are all strings.

    Raises
    ------
    ValueError
        For parameters out of their range, and gamma, coef0 or degree with a callable or
        precomputed kernel.
    TypeError
        For a callable kernel that returns no number.

    Notes
    -----
    The kernel between landmarks is computed and inverted in float64. With float32 rows,
    eigenvalues of it that float32 cannot tell from zero are raised to what it can, where
    scikit-learn's result is made of rounding.

    Every fitted attribute has the same bits for any number of threads.

    References
    ----------
    .. [1] C. K. I. Williams and M. Seeger, "Using the Nystroem method to speed up kernel
       machines", NIPS 2000.
    .. [2] K. Zhang, I. W. Tsang and J. T. Kwok, "Improved Nystroem low-rank approximation and
       error analysis", ICML 2008.
    .. [3] C. Musco and C. Musco, "Recursive sampling for the Nystroem method", NIPS 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastml.kernel_approximation import Nystroem
    >>> X, y = load_digits(return_X_y=True)
    >>> Nystroem(gamma=0.2, n_components=300, random_state=1).fit_transform(X / 16).shape
    (1797, 300)
    """

    _parameter_constraints: dict = {
        "kernel": [StrOptions(NAMED | {"precomputed"}), callable],
        "gamma": GAMMA,
        "coef0": [Interval(Real, None, None, closed="neither"), None],
        "degree": [Interval(Real, 1, None, closed="left"), None],
        "kernel_params": [dict, None],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "landmarks": [StrOptions({"uniform", "kmeans", "leverage"})],
        "fit_inverse_transform": ["boolean"],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "inverse_gamma": GAMMA,
    }

    def __init__(
        self,
        kernel: str | Callable[..., Any] = "rbf",
        *,
        gamma: float | str | None = None,
        coef0: float | None = None,
        degree: float | None = None,
        kernel_params: dict[str, Any] | None = None,
        n_components: int = 100,
        random_state: Any = None,
        n_jobs: int | None = None,
        landmarks: str = "uniform",
        fit_inverse_transform: bool = False,
        alpha: float = 1.0,
        inverse_gamma: float | str | None = None,
    ) -> None:
        self.kernel = kernel
        self.gamma = gamma
        self.coef0 = coef0
        self.degree = degree
        self.kernel_params = kernel_params
        self.n_components = n_components
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.landmarks = landmarks
        self.fit_inverse_transform = fit_inverse_transform
        self.alpha = alpha
        self.inverse_gamma = inverse_gamma

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "Nystroem":
        """Choose the landmarks and normalise the kernel between them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, or with ``kernel='precomputed'`` their kernel matrix.
        y : Ignored
            Ignored.

        Returns
        -------
        self : Nystroem
            The fitted estimator.
        """
        self._check_combinations(X)
        X = validate(self, X, reset=True, accept_sparse="csr")
        backend = resolve(X)
        if self._is_precomputed:
            require_square(X)
            require_symmetric(backend, dense_on(backend, X))
        n_samples = X.shape[0]
        if self.n_components > n_samples:
            warnings.warn(
                "n_components > n_samples. This is not possible.\n"
                "n_components was set to n_samples, which results"
                " in inefficient evaluation of the full kernel.",
                stacklevel=2,
            )
        n_components = min(n_samples, self.n_components)
        self.gamma_ = self._number_gamma(backend, X)
        self._choose(backend, X, n_components)
        self._n_features_out = n_components
        if self._is_precomputed:
            inner = self.components_[:, self.component_indices_]
            inner = inner.toarray() if sparse.issparse(inner) else inner
        else:
            # Few numbers, in which an inverse root magnifies rounding: float64 costs nothing.
            wide = rows_on(backend, self.components_, np.float64)
            inner = backend.to_host(self._row_kernel(backend).gram(wide))
        normalization = root_inverse(inner.astype(np.float64), X.dtype)
        self.normalization_ = normalization.astype(X.dtype)
        if self.fit_inverse_transform:
            self._learn_inverse(backend, self.transform(self.components_), self.components_)
        return self

    def transform(self, X: Any) -> Any:
        """Apply the feature map.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, or with ``kernel='precomputed'`` the kernel matrix between them and the training
            rows.

        Returns
        -------
        X_transformed : array of shape (n_samples, n_components)
            The features; on the device for an `X` that lives there, else in host memory.
        """
        check_is_fitted(self)
        X = validate(self, X, reset=False, accept_sparse="csr")
        backend = resolve(X)
        dtype = np.result_type(X.dtype, self.normalization_.dtype)
        right = backend.asarray(self.normalization_.T, dtype)
        out = backend.empty((X.shape[0], right.shape[1]), dtype)
        if self._is_precomputed:
            rows = dense_on(backend, X[:, self.component_indices_], dtype)
            backend.kernels("linalg").multiply(rows, right, out)
        else:
            rows, others = (rows_on(backend, a, dtype) for a in (X, self.components_))
            gram_times(self._row_kernel(backend), rows, others, right, out)
        return out if on_device(X) else backend.to_host(out)

    def _check_combinations(self, X: Any) -> None:
        """Raise for parameters that do not go together."""
        unwanted = [v for v in (self.gamma, self.coef0, self.degree) if v is not None]
        if unwanted and (callable(self.kernel) or self._is_precomputed):
            raise ValueError(
                "Don't pass gamma, coef0 or degree to Nystroem if using a callable "
                "or precomputed kernel"
            )
        if self._is_precomputed and self.landmarks != "uniform":
            raise ValueError(
                f"landmarks={self.landmarks!r} needs rows, and with kernel='precomputed' there "
                "are none. Use landmarks='uniform'."
            )
        self._check_inverse(X)

    def _number_gamma(self, backend: Backend, X: Any) -> float | None:
        if callable(self.kernel) or self._is_precomputed:
            return None
        if self.gamma is None and self.kernel == "chi2":
            return 1.0
        return resolve_gamma(self.gamma, backend, X)

    def _choose(self, backend: Backend, X: Any, n_components: int) -> None:
        """Set `components_` and `component_indices_`."""
        self.__dict__.pop("component_indices_", None)
        if self.landmarks == "kmeans":
            self.components_ = k_means_points(X, n_components, self.random_state)
            return
        if self.landmarks == "leverage":
            kernel = self._row_kernel(backend)
            rows = rows_on(backend, X)
            chosen = leverage_rows(kernel, rows, n_components, self.random_state)
        else:
            chosen = choose_rows(X.shape[0], n_components, self.random_state)
        self.component_indices_ = chosen
        landmarks = X[chosen]
        self.components_ = landmarks if sparse.issparse(X) else backend.to_host(landmarks)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self._is_precomputed
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
