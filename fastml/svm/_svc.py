"""Support vector classification with kernels."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Hidden, Interval, StrOptions

from fastml.backends import Backend, resolve
from fastml.metrics._checked_gram import rows_on
from fastml.metrics._gamma import resolve_gamma
from fastml.svm._dual import solve_pairs
from fastml.svm._kernel_blocks import Blocks, FunctionBlocks, MatrixBlocks
from fastml.svm._one_vs_one import coefficients
from fastml.svm._solutions import Solutions
from fastml.svm._svc_input import (
    called_kernel,
    checked_classes,
    checked_limits,
    checked_rows_and_targets,
)
from fastml.svm._svc_methods import FittedSVC
from fastml.svm._svc_probability import sigmoids
from fastml.svm._svc_report import optimality

__all__ = ["SVC"]


class SVC(FittedSVC):
    """C-support vector classification.

    For every two classes, minimises ``|w|^2 / 2 + sum C_i xi_i`` subject to
    ``y_i (w'phi(x_i) + b) >= 1 - xi_i`` and ``xi_i >= 0``, where phi is the map that the kernel
    stands for [1]_. The dual is solved by sequential minimal optimisation with second-order
    working sets [2]_; of large problems by parts of some hundred variables, whose kernel rows are
    computed together and kept as long as there is room.

    Parameters
    ----------
    C : float, default=1.0
        What a slack of 1 costs: the smaller, the stronger the regularisation. Positive; infinity
        for no slack at all.
    kernel : {'linear', 'poly', 'rbf', 'sigmoid', 'precomputed'} or callable, default='rbf'
        The kernel. A callable takes two sets of rows as `fit` and `predict` get them, and returns
        the kernel matrix between them. With 'precomputed' X is the kernel matrix between rows and
        all training rows.
    degree : int, default=3
        Exponent of 'poly', not negative.
    gamma : {'scale', 'auto'} or float, default='scale'
        Coefficient of 'rbf', 'poly' and 'sigmoid', not negative. 'scale' stands for
        ``1 / (n_features * X.var())``, 'auto' for ``1 / n_features``.
    coef0 : float, default=0.0
        Added to the product in 'poly' and 'sigmoid'.
    shrinking : bool, default=True
        Whether rows that seem to have settled are left out for a while, in problems too large for
        all their kernel rows to be kept.
    probability : bool, default=False
        Whether to learn probabilities, by cross-validation with five folds. Deprecated since
        scikit-learn 1.9, which names `sklearn.calibration.CalibratedClassifierCV` in its place.
    tol : float, default=1e-3
        By how much the margins of two rows may ask for another solution.
    cache_size : float, default=200
        Megabytes for parts of the kernel matrix.
    class_weight : dict or 'balanced', default=None
        Factors of C by class; 'balanced' stands for ``n_samples / (n_classes * count)``.
    verbose : bool, default=False
        Whether to print the steps that each problem takes.
    max_iter : int, default=-1
        Most steps of a problem; -1 for no limit.
    decision_function_shape : {'ovr', 'ovo'}, default='ovr'
        See `decision_function`.
    break_ties : bool, default=False
        Whether `predict` goes by the values of `decision_function`, with 'ovr' and more than two
        classes, in place of votes.
    random_state : int, RandomState instance or None, default=None
        For the folds, if `probability` is set.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    class_weight_ : ndarray of shape (n_classes,)
        Their factors of C.
    support_ : ndarray of shape (n_support,)
        Indices of the support vectors, class by class, int32.
    support_vectors_ : {ndarray, sparse matrix} of shape (n_support, n_features)
        The support vectors; empty with a callable or precomputed kernel.
    n_support_ : ndarray of shape (n_classes,)
        Their number in each class, int32.
    dual_coef_ : {ndarray, sparse matrix} of shape (n_classes - 1, n_support)
        Dual variables times the signs of their classes, float64: those of a support vector
        against the other classes in their order.
    coef_ : {ndarray, sparse matrix} of shape (n_pairs, n_features)
        Weights of the features for a linear kernel; read-only.
    intercept_ : ndarray of shape (n_pairs,)
        The constants b. There are ``n_classes * (n_classes - 1) / 2`` pairs of classes.
    duality_gap_ : ndarray of shape (n_pairs,)
        Primal less dual objective of each problem.
    n_iter_ : ndarray of shape (n_pairs,)
        Steps of each problem, int32.
    fit_status_ : int
        0, or 1 if a problem was stopped before it was solved.
    shape_fit_ : tuple of int
        Shape of the training data.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X has names that are all strings.

    Raises
    ------
    ValueError
        For parameters out of their range, fewer than two classes, and values so large that kernels
        of them are not finite.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If a problem was not solved in `max_iter` steps, or rounding keeps it from being solved.

    Notes
    -----
    The kernel is evaluated in the dtype of X, float32 or float64, and what is kept of its matrix is
    rounded to float32, as in LIBSVM. Gradients and dual variables are in float64.

    Every fitted attribute has the same bits for any number of threads.

    References
    ----------
    .. [1] C. Cortes and V. Vapnik, "Support-vector networks", Machine Learning 20 (1995).
    .. [2] R.-E. Fan, P.-H. Chen and C.-J. Lin, "Working set selection using second order
       information for training support vector machines", JMLR 6 (2005).

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.svm import SVC
    >>> X, y = np.array([[-1, -1], [-2, -1], [1, 1], [2, 1]]), [1, 1, 2, 2]
    >>> SVC(gamma="auto").fit(X, y).predict([[-0.8, -1]])
    array([1])
    """

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0.0, None, closed="right")],
        "kernel": [StrOptions({"linear", "poly", "rbf", "sigmoid", "precomputed"}), callable],
        "degree": [Interval(Integral, 0, None, closed="left")],
        "gamma": [StrOptions({"scale", "auto"}), Interval(Real, 0.0, None, closed="left")],
        "coef0": [Interval(Real, None, None, closed="neither")],
        "shrinking": ["boolean"],
        "probability": ["boolean", Hidden(StrOptions({"deprecated"}))],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "cache_size": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "verbose": ["verbose"],
        "max_iter": [Interval(Integral, -1, None, closed="left")],
        "decision_function_shape": [StrOptions({"ovr", "ovo"})],
        "break_ties": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        C: float = 1.0,
        kernel: str | Callable[..., Any] = "rbf",
        degree: int = 3,
        gamma: float | str = "scale",
        coef0: float = 0.0,
        shrinking: bool = True,
        probability: bool | str = "deprecated",
        tol: float = 1e-3,
        cache_size: float = 200,
        class_weight: dict[Any, float] | str | None = None,
        verbose: bool = False,
        max_iter: int = -1,
        decision_function_shape: str = "ovr",
        break_ties: bool = False,
        random_state: Any = None,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.shrinking = shrinking
        self.probability = probability
        self.tol = tol
        self.cache_size = cache_size
        self.class_weight = class_weight
        self.verbose = verbose
        self.max_iter = max_iter
        self.decision_function_shape = decision_function_shape
        self.break_ties = break_ties
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "SVC":
        """Fit the classifier.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, or with ``kernel='precomputed'`` their kernel matrix.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors of C by row. Rows where they are not positive are left out.

        Returns
        -------
        self : SVC
            The fitted estimator.
        """
        random_state = check_random_state(self.random_state)
        X, y = checked_rows_and_targets(self, X, y)
        numbers = checked_classes(self, y)
        limits = checked_limits(self, X, numbers, sample_weight)
        self._warn_of_probability()
        self._sparse = sparse.issparse(X) and not callable(self.kernel)
        self.shape_fit_ = X.shape if hasattr(X, "shape") else (len(numbers),)
        order = np.argsort(numbers, kind="stable")
        order = order[limits[order] > 0]
        edges = np.searchsorted(numbers[order], np.arange(len(self.classes_) + 1))
        blocks = self._blocks(X, order)
        options: dict[str, Any] = {
            "tol": self.tol,
            "max_iter": self.max_iter,
            "shrinking": bool(self.shrinking),
            "cache_bytes": self.cache_size * 2**20,
        }
        with np.errstate(invalid="ignore", over="ignore"):
            solutions = solve_pairs(blocks, edges, limits[order], **options)
        self._keep(X, order, edges, solutions)
        self._check_status(solutions)
        self._probA = self._probB = np.empty(0)
        if self.probability is True or self.probability is np.True_:
            self._probA, self._probB = sigmoids(
                blocks, edges, limits[order], random_state, **options
            )
        return self

    def _warn_of_probability(self) -> None:
        if self.probability != "deprecated":
            warnings.warn(
                "The `probability` parameter was deprecated in 1.9 and will be removed in version "
                "1.11. Use `CalibratedClassifierCV(SVC(), ensemble=False)` instead of "
                "`SVC(probability=True)`",
                FutureWarning,
                stacklevel=4,
            )

    def _blocks(self, X: Any, order: Any) -> Blocks:
        """Return the kernel matrix of the rows in an order; set what predictions need of it."""
        self._gamma = 0.0
        if callable(self.kernel):
            self._X_fit = X
            X = called_kernel(self, X, X)
        backend = resolve(X)
        if callable(self.kernel) or self.kernel == "precomputed":
            return MatrixBlocks(backend, backend.asarray(X), order)
        self._gamma = self._number_gamma(backend, X)
        rows = rows_on(backend, X)
        chosen = rows[order if sparse.issparse(X) else backend.asarray(order)]
        return FunctionBlocks(self._row_kernel(backend), chosen)

    def _number_gamma(self, backend: Backend, X: Any) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            gamma = resolve_gamma(None if self.gamma == "auto" else self.gamma, backend, X)
            # 1 is what overflow comes to as well.
            ruled = self.gamma == "scale" and gamma == 1.0 and not sparse.issparse(X)
            if ruled and not np.isfinite(float(X.var(dtype=np.float64))):
                raise self._not_finite()
        return gamma

    def _keep(self, X: Any, order: Any, edges: Any, solutions: Solutions) -> None:
        """Set the fitted attributes."""
        if not solutions.is_finite:
            raise self._not_finite()
        intercept = solutions.intercept
        self._optimality = optimality(solutions, intercept)
        self.duality_gap_ = self._optimality.gap
        places, dual_coef = coefficients(solutions, len(self.classes_), len(order))
        self.support_ = order[places].astype(np.int32)
        self._n_support = np.diff(np.searchsorted(places, edges)).astype(np.int32)
        if callable(self.kernel) or self.kernel == "precomputed":
            self.support_vectors_ = np.empty((0, 0))
        else:
            chosen = X[self.support_]
            self.support_vectors_ = chosen if self._sparse else resolve(X).to_host(chosen)
        if len(self.classes_) == 2:
            # Positive for the second class, as in every binary classifier.
            intercept, dual_coef = -intercept, -dual_coef
        self.intercept_ = intercept
        self.dual_coef_ = self._as_sparse(dual_coef, X) if self._sparse else dual_coef
        self.n_iter_ = solutions.n_iter.astype(np.int32)

    @staticmethod
    def _as_sparse(dual_coef: Any, X: Any) -> Any:
        """Return coefficients as a sparse matrix or array of the kind of X, zeros among them."""
        n_lines, n_support = dual_coef.shape
        indices = np.tile(np.arange(n_support, dtype=np.int32), n_lines)
        indptr = n_support * np.arange(n_lines + 1, dtype=np.int32)
        return type(X)((dual_coef.ravel(), indices, indptr), shape=dual_coef.shape)

    def _check_status(self, solutions: Solutions) -> None:
        """Set `fit_status_`, and warn of problems that are not solved."""
        unsolved = solutions.gap >= self.tol
        self.fit_status_ = int(unsolved.any())
        if self.verbose:
            for (i, j), n_iter in zip(solutions.problems.pairs, solutions.n_iter, strict=True):
                print(f"[SVC] {self.classes_[i]} against {self.classes_[j]}: {n_iter} steps")
        if (unsolved & (solutions.n_iter == self.max_iter)).any():
            warnings.warn(
                f"Solver terminated early (max_iter={self.max_iter}).  Consider pre-processing "
                "your data with StandardScaler or MinMaxScaler.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif unsolved.any():
            warnings.warn(
                "Rounding keeps the margins from agreeing better than to "
                f"{solutions.gap.max():.2g}, where tol={self.tol:g}. Consider "
                "pre-processing your data with StandardScaler or MinMaxScaler.",
                ConvergenceWarning,
                stacklevel=4,
            )

    @staticmethod
    def _not_finite() -> ValueError:
        return ValueError(
            "The dual coefficients or intercepts are not finite. The input data may contain large "
            "values and need to be preprocessed."
        )
