"""Principal component analysis."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from fastml._validation import too_large, validate
from fastml.backends import on_device, resolve
from fastml.decomposition._axes import completed, signs_of
from fastml.decomposition._base import PrincipalAxes
from fastml.decomposition._input import (
    check_finite,
    checked_weights,
    effective_samples,
    padded,
)
from fastml.decomposition._minka import infer_dimension
from fastml.decomposition._policy import choose_solver
from fastml.decomposition._solvers import SOLVERS, Problem, Solution

__all__ = ["PCA"]


class PCA(PrincipalAxes):
    """Principal component analysis.

    Finds the orthogonal directions along which centred data vary most. scikit-learn's `PCA` with
    `standardize` and `sample_weight` added; mean and covariance are computed in one pass over the
    data, which are never copied for that.

    Parameters
    ----------
    n_components : int, float or "mle", default=None
        Components to keep: a number; a share of the variance, between 0 and 1; Minka's maximum
        likelihood estimate; or, by default, the smaller of n_samples and n_features (one fewer
        with ``svd_solver="arpack"``).
    copy : bool, default=True
        If False, ``svd_solver="full"`` may overwrite the data passed to `fit`.
    whiten : bool, default=False
        Divide projections by their standard deviation.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}, default="auto"
        "covariance_eigh" takes the eigenvectors of the covariance matrix: the fastest when there
        are many more samples than features. "full" decomposes the centred data, the most accurate.
        "arpack" and "randomized" find `n_components` singular vectors by iteration. "auto" takes
        "covariance_eigh" for at most 1000 features and ten times as many samples, "arpack" for
        sparse data, "randomized" for data beyond 500 x 500 of which less than 80 % of the
        components are wanted, "full" otherwise.
    tol : float, default=0.0
        Tolerance of ARPACK for singular values.
    iterated_power : int or "auto", default="auto"
        Power iterations of the randomized solver.
    n_oversamples : int, default=10
        Random vectors of the randomized solver beyond `n_components`.
    power_iteration_normalizer : {"auto", "QR", "LU", "none"}, default="auto"
        What the randomized solver keeps its vectors apart with.
    random_state : int, RandomState instance or None, default=None
        Start of the arpack and randomized solvers.
    standardize : bool, default=False
        Divide each column by its standard deviation first (with n - 1 in the denominator, as
        everywhere here), so that the components are those of the correlation matrix. A constant
        column is left as it is and gets no share in any component.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Principal axes, by decreasing explained variance. The entry largest in size is positive.
    explained_variance_ : ndarray of shape (n_components,)
        Variance along each axis, the largest eigenvalues of the covariance matrix.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Its share of the total variance.
    singular_values_ : ndarray of shape (n_components,)
        Singular values of the centred data: 2-norms of the projections.
    mean_ : ndarray of shape (n_features,)
        Mean of each column.
    scale_ : ndarray of shape (n_features,) or None
        Standard deviation of each column, 1 for constant ones; None unless `standardize`.
    n_components_ : int
        Number of components.
    n_samples_ : int
        Number of rows of the training data.
    noise_variance_ : float
        Noise of the probabilistic model: the mean of the variances left out.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when they are all strings.

    See Also
    --------
    sklearn.decomposition.PCA : The class this one can replace.

    Notes
    -----
    A sample weight counts how many times its row occurs: mean, covariance (over the sum of weights
    less one) and everything from them are those of the data with rows repeated, also for weights
    that are no integers. Weights are meant on that scale, not normalised to a sum of one.

    Every fitted attribute has the same bits for any number of threads. Sparse products run on the
    host.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.decomposition import PCA
    >>> X = np.array([[-1, -1], [-2, -1], [-3, -2], [1, 1], [2, 1], [3, 2]])
    >>> pca = PCA(n_components=2).fit(X)
    >>> pca.explained_variance_ratio_.round(4).tolist()
    [0.9924, 0.0076]
    """

    _parameter_constraints: dict = {
        "n_components": [
            Interval(Integral, 0, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"mle"}),
            None,
        ],
        "copy": ["boolean"],
        "whiten": ["boolean"],
        "svd_solver": [StrOptions({"auto", "full", "covariance_eigh", "arpack", "randomized"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "iterated_power": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "n_oversamples": [Interval(Integral, 1, None, closed="left")],
        "power_iteration_normalizer": [StrOptions({"auto", "QR", "LU", "none"})],
        "random_state": ["random_state"],
        "standardize": ["boolean"],
    }

    def __init__(
        self,
        n_components: Any = None,
        *,
        copy: bool = True,
        whiten: bool = False,
        svd_solver: str = "auto",
        tol: float = 0.0,
        iterated_power: Any = "auto",
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
        standardize: bool = False,
    ) -> None:
        self.n_components = n_components
        self.copy = copy
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.tol = tol
        self.iterated_power = iterated_power
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state
        self.standardize = standardize

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "PCA":
        """Find the principal components of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each row counts; not negative, with a sum above 1.

        Returns
        -------
        self : PCA
            The fitted estimator.
        """
        self._fit(X, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Find the principal components of X and project X on them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times each row counts; not negative, with a sum above 1.

        Returns
        -------
        X_new : array of shape (n_samples, n_components)
            The projections.
        """
        rows, solution, signs = self._fit(X, sample_weight)
        if solution.left is None or sample_weight is not None:
            return self._project(rows)
        k = self.n_components_
        lengths = solution.singular_values
        if self.whiten:
            lengths = np.full(k, (solution.weight - 1) ** 0.5)
        backend = resolve(rows)
        factor = backend.asarray(lengths[:k] * signs, rows.dtype)
        projections = backend.asarray(solution.left[:, :k]) * factor
        return projections if on_device(rows) else backend.to_host(projections)

    def _fit(self, X: Any, sample_weight: Any) -> tuple[Any, Solution, Any]:
        """Fit; return the validated rows, what was found, and the signs given to components."""
        if sparse.issparse(X) and self.svd_solver not in ("auto", "arpack", "covariance_eigh"):
            raise TypeError(
                'PCA only support sparse inputs with the "arpack" and "covariance_eigh" solvers, '
                f'while "{self.svd_solver}" was passed. See TruncatedSVD for a possible '
                "alternative."
            )
        X = validate(
            self,
            X,
            reset=True,
            # The moments of dense rows will show what is not finite.
            finite=sparse.issparse(X),
            ensure_min_samples=2,
            accept_sparse=("csr", "csc"),
        )
        weights = checked_weights(sample_weight, X)
        shape = (effective_samples(X, weights), X.shape[1])
        self._fit_svd_solver, n_components = choose_solver(
            self.svd_solver, self.n_components, shape, sparse.issparse(X)
        )
        backend = resolve(X)
        rows, weights = padded(backend, X, weights, min(shape))
        problem = Problem(
            backend=backend,
            solver=self._fit_svd_solver,
            X=rows,
            sample_weight=weights,
            n_samples=shape[0],
            n_components=n_components,
            standardize=self.standardize,
            # Weighted rows are no longer those to project.
            overwrite=not self.copy and sample_weight is None,
            refuse=lambda: check_finite(backend, X, self),
            too_large=lambda: too_large(type(self).__name__, X.dtype),
            options={
                "tol": self.tol,
                "iterated_power": self.iterated_power,
                "n_oversamples": self.n_oversamples,
                "power_iteration_normalizer": self.power_iteration_normalizer,
                "random_state": self.random_state,
            },
        )
        solution = SOLVERS[self._fit_svd_solver](problem)
        signs = self._keep(solution, n_components, X.dtype, min(shape))
        self.n_samples_ = X.shape[0]
        return X, solution, signs

    def _keep(self, solution: Solution, n_components: Any, dtype: Any, most: int) -> Any:
        """Set the fitted attributes from what a solver found, at most `most` components.

        Returns the signs that the components were multiplied by.
        """
        variances = solution.variances
        ratios = variances / solution.total_variance
        if n_components == "mle":
            k = infer_dimension(variances, solution.weight)
        elif 0 < n_components < 1:
            # The first number of components that explain more than the share asked for.
            cumulated = np.cumsum(ratios, dtype=dtype)
            k = int(np.searchsorted(cumulated, n_components, side="right")) + 1
        else:
            k = int(n_components)

        self.noise_variance_: Any = 0.0
        if k < most:
            left_out = variances[k:].sum() + solution.rest
            self.noise_variance_ = dtype.type(left_out / (solution.n_variances - k))
        self.n_components_ = k
        self.mean_ = solution.mean.astype(dtype)
        self._mean_rest = solution.mean - self.mean_
        self.scale_ = None if solution.scale is None else solution.scale.astype(dtype)
        rank = int(np.count_nonzero(variances[:k] > solution.floor))
        components = completed(solution.components[:k], rank)
        signs = signs_of(components)
        self.components_ = np.array(components * signs[:, None], dtype=dtype, order="C")
        self.explained_variance_ = variances[:k].astype(dtype)
        self.explained_variance_ratio_ = ratios[:k].astype(dtype)
        self.singular_values_ = solution.singular_values[:k].astype(dtype)
        return signs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.sparse = self.svd_solver in ("auto", "arpack", "covariance_eigh")
        return tags
