"""Linear support vector classification."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from fastml._callbacks import with_callbacks
from fastml.backends import resolve
from fastml.svm._linear_base import LinearMachine, wants_dual, weighted_rows
from fastml.svm._linear_problem import Joint, Linear, Solution
from fastml.svm._linear_rows import rows_of

__all__ = ["LinearSVC"]


class LinearSVC(ClassifierMixin, SparseCoefMixin, LinearMachine):
    """Linear support vector classification.

    min R(w) + sum of C_i loss(y_i (x_i'w + b)), R being half the square of the l2 norm, or the l1
    norm. scikit-learn's `LinearSVC` with the dual solution, its gap and its KKT conditions added.

    Parameters
    ----------
    penalty : {'l1', 'l2'}, default='l2'
        R. With 'l1' many coefficients are 0.
    loss : {'hinge', 'squared_hinge'}, default='squared_hinge'
        max(0, 1 - margin), or its square. 'hinge' does not go with ``penalty='l1'``.
    dual : bool or 'auto', default='auto'
        Which problem to solve: the dual one by coordinate descent over rows, the primal one by the
        trust-region Newton method, or coordinate descent over features with ``penalty='l1'``.
        'auto' is the dual where there are fewer rows than features, and either where it is the
        only one.
    tol : float, default=1e-4
        When to stop. Above 0.
    C : float, default=1.0
        Price of a unit of loss. Above 0.
    multi_class : {'ovr', 'crammer_singer'}, default='ovr'
        Each class against the rest, or one problem of all classes (Crammer and Singer), which
        ignores `penalty`, `loss` and `dual`.
    fit_intercept : bool or 'unpenalised', default=True
        Whether there is a b. With True it is the coefficient of a last column, and R counts it, as
        in liblinear. With 'unpenalised' R does not, as in `SVC`.
    intercept_scaling : float, default=1.0
        Value of that column: the larger, the less R counts b. 'unpenalised' ignores it.
    class_weight : dict or 'balanced', default=None
        Weights of classes, by which C is multiplied.
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
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        w, in the dtype of X; one row where there are two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        b; 0.0 without.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    dual_coef_ : ndarray of shape (1, n_SV) or (n_classes, n_SV)
        Multipliers of the rows in `support_`, times 1 or -1, the side they are on. For the l2
        penalty ``coef_`` is their product with the support vectors.
    support_ : ndarray of shape (n_SV,)
        Rows of the training data that have a multiplier in any problem.
    support_vectors_ : {ndarray, sparse matrix} of shape (n_SV, n_features)
        Those rows, with ``store_support_vectors=True``.
    duality_gap_ : ndarray of shape (1,) or (n_classes,)
        The objective less that of the dual: by no more than this is the solution off.
        One for all classes with 'crammer_singer'.
    n_iter_ : int
        Epochs or steps, the most of any class.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when they are all strings.

    See Also
    --------
    sklearn.svm.LinearSVC : The class this one can replace.
    fastml.optimize.kkt_report : KKT conditions of other problems.

    Notes
    -----
    Arithmetic is in float64, whatever the dtype of X, which is not copied. Every fitted attribute
    has the same bits for any number of threads. Classes are solved side by side; the sums of the
    Newton method are too. Coordinate descent of one problem is sequential: with
    ``backend='cuda'`` it runs on the host, and the Newton method on the device.

    With ``fit_intercept='unpenalised'`` the dual coefficients have to add up to 0. In coordinate
    descent the method of multipliers sees to that; `duality_gap_` is then that at the intercept.

    References
    ----------
    C.-J. Hsieh, K.-W. Chang, C.-J. Lin, S. S. Keerthi, S. Sundararajan, "A dual coordinate descent
    method for large-scale linear SVM", ICML 2008. C.-J. Lin, R. C. Weng, S. S. Keerthi, "Trust
    region Newton method for large-scale logistic regression", JMLR 9, 2008. G.-X. Yuan,
    K.-W. Chang, C.-J. Hsieh, C.-J. Lin, "A comparison of optimization methods for large-scale
    L1-regularized linear classification", JMLR 11, 2010. S. S. Keerthi, S. Sundararajan,
    K.-W. Chang, C.-J. Hsieh, C.-J. Lin, "A sequential dual method for large scale multi-class
    linear SVMs", KDD 2008.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from fastml.svm import LinearSVC
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LinearSVC(random_state=0).fit(scale(X), y)
    >>> model.score(scale(X), y) > 0.98, bool(model.duality_gap_[0] < 0.01)
    (True, True)
    """

    classes_: np.ndarray[Any, Any]

    _parameter_constraints: dict = LinearMachine._parameter_constraints | {
        "penalty": [StrOptions({"l1", "l2"})],
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        "multi_class": [StrOptions({"ovr", "crammer_singer"})],
        "class_weight": [None, dict, StrOptions({"balanced"})],
    }

    def __init__(
        self,
        penalty: str = "l2",
        loss: str = "squared_hinge",
        *,
        dual: Any = "auto",
        tol: float = 1e-4,
        C: float = 1.0,
        multi_class: str = "ovr",
        fit_intercept: Any = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        verbose: Any = 0,
        random_state: Any = None,
        max_iter: int = 1000,
        warm_start: bool = False,
        store_support_vectors: bool = False,
    ) -> None:
        self.penalty = penalty
        self.loss = loss
        self.dual = dual
        self.tol = tol
        self.C = C
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.store_support_vectors = store_support_vectors

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LinearSVC":
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights by which C is multiplied; not negative.

        Returns
        -------
        self : LinearSVC
            The fitted estimator.
        """
        X, y = self._checked(X, y, reset=True, numeric=False)
        if y.dtype.kind not in "iu":
            check_classification_targets(y)
        weights = self._weights(sample_weight, X)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data "
                f"contains only one class: {classes[0]!r}"
            )
        if self.warm_start and not np.array_equal(getattr(self, "classes_", classes), classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {classes}."
            )
        self.classes_ = classes
        joint = self.multi_class == "crammer_singer"
        dual = joint or wants_dual(self.dual, self.penalty, self.loss, X.shape)
        X, labels, weights, kept = weighted_rows(X, labels, weights)
        problem = self._problem(X, labels, weights, self._class_weight(y, sample_weight))
        shares: Any = 1.0
        if isinstance(problem, Linear):
            positive = (problem.targets > 0).sum(axis=1)
            fewer = np.minimum(positive, len(labels) - positive)
            shares = np.maximum(fewer, 1) / len(labels)
        self._keep(X, kept, problem, self._solve(X, problem, dual, shares))
        if joint and len(classes) == 2:
            # Both classes' coefficients add up to 0.
            self.coef_ = self.coef_[1:] - self.coef_[:1]
            self.dual_coef_ = self.dual_coef_[1:] - self.dual_coef_[:1]
            if self.fit_intercept:
                self.intercept_ = self.intercept_[1:] - self.intercept_[:1]
        return self

    def _class_weight(self, y: Any, sample_weight: Any) -> Any:
        """Return the weight of each class; balanced ones are those of the weighted samples."""
        if self.class_weight is None:
            return np.ones(len(self.classes_))
        if self.class_weight != "balanced" or sample_weight is None:
            return compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        totals = np.bincount(np.searchsorted(self.classes_, y), self._weights(sample_weight, y))
        # Classes without a row of any weight have nothing to be balanced.
        return totals.sum() / (len(totals) * np.where(totals > 0, totals, totals.sum()))

    def _problem(self, X: Any, labels: Any, weights: Any, class_weight: Any) -> Linear | Joint:
        """Return what is to be minimised."""
        rows, n_classes = rows_of(resolve(X), X), len(self.classes_)
        bias, penalised = self._bias(rows)
        prices = self.C * class_weight
        if self.multi_class == "crammer_singer":
            return Joint(rows, labels, weights * prices[labels], n_classes, bias, penalised)
        if n_classes == 2:
            positive, costs = labels[None] == 1, prices[None]
        else:
            # As in liblinear the rest has the weight 1, whatever that of its classes.
            positive = labels == np.arange(n_classes)[:, None]
            costs = np.column_stack([np.full(n_classes, float(self.C)), prices])
        return Linear(
            rows, np.where(positive, 1.0, -1.0), weights, costs, bias, penalised,
            squared=self.loss == "squared_hinge", lasso=self.penalty == "l1",
        )  # fmt: skip

    def _split(self, dtype: Any) -> Solution:
        found = super()._split(dtype)
        if self.multi_class == "crammer_singer" and len(self.classes_) == 2:
            parts = (found.coefs, found.intercepts, found.beta)
            coefs, intercepts, beta = (np.concatenate([-a, a]) / 2 for a in parts)
            return Solution(coefs, intercepts, beta, found.sums, found.n_iter)
        return found

    def decision_function(self, X: Any) -> Any:
        """Return how far rows are on the side of each class, in units of 1 / |w|.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            x'w + b; of the second of two classes.
        """
        return self._scores(X)

    def predict(self, X: Any) -> Any:
        """Return the label of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        scores = self.decision_function(X)
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[chosen]

    def kkt_report(self, X: Any, y: Any, sample_weight: Any = None, *, tol: float = 1e-3) -> Any:
        """Check the Karush-Kuhn-Tucker conditions of the solution.

        Parameters
        ----------
        X, y, sample_weight
            What the model was fitted on.
        tol : float, default=1e-3
            Up to which residual a condition holds. Residuals are relative where sizes are above 1.

        Returns
        -------
        KKTReport or list of KKTReport
            Of `fastml.optimize`; a list, one for each class, where there are more than two and
            ``multi_class='ovr'``.

        Raises
        ------
        ValueError
            For another number of samples than in the fit.
        """
        check_is_fitted(self)
        from fastml.svm._linear_report import joint_report, linear_reports

        X, y = self._checked(X, y, reset=False, numeric=False)
        weights = self._weights(sample_weight, X)
        class_weight = self._class_weight(y, sample_weight)
        labels = np.searchsorted(self.classes_, y)
        X, labels, weights, kept = weighted_rows(X, labels, weights)
        problem = self._problem(X, labels, weights, class_weight)
        found, names = self._again(X, kept, problem), self._names(X.shape[1])
        numbers = np.arange(X.shape[0]) if kept is None else np.flatnonzero(kept)
        if isinstance(problem, Joint):
            return joint_report(problem, found, names, self.classes_, numbers, tol)
        reports = linear_reports(problem, found, names, numbers, tol)
        return reports[0] if len(reports) == 1 else reports
