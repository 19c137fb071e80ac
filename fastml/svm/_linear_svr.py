"""Linear support vector regression."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastml._callbacks import with_callbacks
from fastml.backends import resolve
from fastml.svm._linear_base import LinearMachine, wants_dual, weighted_rows
from fastml.svm._linear_problem import Linear
from fastml.svm._linear_rows import rows_of

__all__ = ["LinearSVR"]


class LinearSVR(RegressorMixin, LinearMachine):
    """Linear support vector regression.

    min |w|^2 / 2 + C sum of loss(x_i'w + b - y_i), where a distance up to epsilon is free.
    scikit-learn's `LinearSVR` with the dual solution, its gap and its KKT conditions added.

    Parameters
    ----------
    epsilon : float, default=0.0
        How far from its target a prediction may be for nothing, in units of y.
    tol : float, default=1e-4
        When to stop. Above 0.
    C : float, default=1.0
        Price of a unit of loss. Above 0.
    loss : {'epsilon_insensitive', 'squared_epsilon_insensitive'}, default='epsilon_insensitive'
        max(0, |distance| - epsilon), or its square.
    fit_intercept : bool or 'unpenalised', default=True
        As in `LinearSVC`.
    intercept_scaling : float, default=1.0
        As in `LinearSVC`.
    dual : bool or 'auto', default='auto'
        Which problem to solve: the dual one by coordinate descent over rows, or the primal one by
        the trust-region Newton method, for the squared loss only. 'auto' is the dual where there
        are fewer rows than features, or where it is the only one.
    verbose : int, default=0
        Whether to print how a fit ended.
    random_state : int, RandomState instance or None, default=None
        Of the order of visits in coordinate descent.
    max_iter : int, default=1000
        Epochs or steps at the most.
    warm_start : bool, default=False
        Whether a fit starts from the solution of the one before.
    store_support_vectors : bool, default=False
        Whether to keep the rows that are support vectors.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        w, in the dtype of X.
    intercept_ : ndarray of shape (1,)
        b; 0.0 without.
    dual_coef_ : ndarray of shape (1, n_SV)
        Multipliers of the rows in `support_`, negative for those below the prediction. ``coef_`` is
        their product with the support vectors.
    support_ : ndarray of shape (n_SV,)
        Rows of the training data that have a multiplier.
    support_vectors_ : {ndarray, sparse matrix} of shape (n_SV, n_features)
        Those rows, with ``store_support_vectors=True``.
    duality_gap_ : ndarray of shape (1,)
        The objective less that of the dual: by no more than this is the solution off.
    n_iter_ : int
        Epochs or steps.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when they are all strings.

    See Also
    --------
    sklearn.svm.LinearSVR : The class this one can replace.

    Notes
    -----
    As for `LinearSVC`.

    References
    ----------
    C.-H. Ho, C.-J. Lin, "Large-scale linear support vector regression", JMLR 13, 2012.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from fastml.svm import LinearSVR
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = LinearSVR(C=1e3, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.5
    True
    """

    _parameter_constraints: dict = LinearMachine._parameter_constraints | {
        "epsilon": [Interval(Real, 0.0, None, closed="left")],
        "loss": [StrOptions({"epsilon_insensitive", "squared_epsilon_insensitive"})],
    }

    def __init__(
        self,
        *,
        epsilon: float = 0.0,
        tol: float = 1e-4,
        C: float = 1.0,
        loss: str = "epsilon_insensitive",
        fit_intercept: Any = True,
        intercept_scaling: float = 1.0,
        dual: Any = "auto",
        verbose: Any = 0,
        random_state: Any = None,
        max_iter: int = 1000,
        warm_start: bool = False,
        store_support_vectors: bool = False,
    ) -> None:
        self.epsilon = epsilon
        self.tol = tol
        self.C = C
        self.loss = loss
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.dual = dual
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.store_support_vectors = store_support_vectors

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LinearSVR":
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights by which C is multiplied; not negative.

        Returns
        -------
        self : LinearSVR
            The fitted estimator.
        """
        X, y = self._checked(X, y, reset=True, numeric=True)
        weights = self._weights(sample_weight, X)
        dual = wants_dual(self.dual, "l2", self.loss, X.shape)
        X, y, weights, kept = weighted_rows(X, y, weights)
        problem = self._problem(X, y, weights)
        self._keep(X, kept, problem, self._solve(X, problem, dual, [1.0]))
        return self

    def _problem(self, X: Any, y: Any, weights: Any) -> Linear:
        """Return what is to be minimised."""
        rows = rows_of(resolve(X), X)
        bias, penalised = self._bias(rows)
        return Linear(
            rows, np.asarray(y, np.float64)[None], weights, np.full((1, 2), float(self.C)), bias,
            penalised, squared=self.loss == "squared_epsilon_insensitive",
            epsilon=float(self.epsilon), symmetric=True,
        )  # fmt: skip

    def _shaped(self, coefs: Any, intercepts: Any, dtype: Any) -> dict[str, Any]:
        return super()._shaped(coefs[0], intercepts, dtype)

    def predict(self, X: Any) -> Any:
        """Return the prediction for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            x'w + b.
        """
        return self._scores(X)

    def kkt_report(self, X: Any, y: Any, sample_weight: Any = None, *, tol: float = 1e-3) -> Any:
        """Check the Karush-Kuhn-Tucker conditions of the solution; see `LinearSVC.kkt_report`.

        Parameters
        ----------
        X, y, sample_weight
            What the model was fitted on.
        tol : float, default=1e-3
            Up to which residual a condition holds. Residuals are relative where sizes are above 1.

        Returns
        -------
        KKTReport
            Of `fastml.optimize`.
        """
        check_is_fitted(self)
        from fastml.svm._linear_report import linear_reports

        X, y = self._checked(X, y, reset=False, numeric=True)
        X, y, weights, kept = weighted_rows(X, y, self._weights(sample_weight, X))
        problem = self._problem(X, y, weights)
        numbers = np.arange(X.shape[0]) if kept is None else np.flatnonzero(kept)
        found, names = self._again(X, kept, problem), self._names(X.shape[1])
        return linear_reports(problem, found, names, numbers, tol)[0]
