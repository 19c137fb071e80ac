"""What a fitted support vector classifier can do."""

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _ovr_decision_function
from sklearn.utils.validation import check_is_fitted

from fastml.backends import Backend, resolve
from fastml.metrics._checked_gram import RowKernel, gram_times, row_kernel, rows_on
from fastml.optimize import KKTReport
from fastml.svm._one_vs_one import pair_weights, votes
from fastml.svm._platt import coupled, sigmoid
from fastml.svm._solutions import class_pairs
from fastml.svm._svc_input import called_kernel, checked_rows
from fastml.svm._svc_report import report_of

__all__ = ["FittedSVC"]


def _warn_of(attribute: str) -> None:
    warnings.warn(
        f"Attribute `{attribute}` was deprecated in version 1.9 and will be removed in 1.11 as the "
        "`probability=True` option for SVC and NuSVC was deprecated and will be removed in 1.11.",
        FutureWarning,
        stacklevel=3,
    )


def _gives_probabilities(estimator: Any) -> bool:
    if estimator.probability == "deprecated" or not estimator.probability:
        raise AttributeError("predict_proba is not available when probability=False")
    return True


class FittedSVC(ClassifierMixin, BaseEstimator):
    """Predictions and views of the solution; see `fastml.svm.SVC`."""

    kernel: Any
    degree: int
    coef0: float
    tol: float
    probability: Any
    decision_function_shape: str
    break_ties: bool

    def decision_function(self, X: Any) -> Any:
        """Evaluate the decision function.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, or with ``kernel='precomputed'`` the kernel matrix between them and the training
            rows.

        Returns
        -------
        decisions : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes the signed distance to the boundary times ``|w|``, positive for the
            second. Else one for each of n_classes with ``decision_function_shape='ovr'``, which
            ranks classes as votes do, and one for each of the n_classes * (n_classes - 1) / 2 pairs
            with 'ovo', positive for the first of the pair.
        """
        decisions = self._pair_decisions(X)
        n_classes = len(self.classes_)
        if n_classes == 2:
            return decisions[:, 0]
        if self.decision_function_shape == "ovr":
            ranked = _ovr_decision_function(decisions < 0, -decisions, n_classes)
            return ranked.astype(decisions.dtype, copy=False)
        return decisions

    def predict(self, X: Any) -> Any:
        """Classify rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            As for `decision_function`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The class that wins most of its pairs; the first of equals, unless `break_ties`.
        """
        check_is_fitted(self)
        if self.break_ties and self.decision_function_shape == "ovo":
            raise ValueError("break_ties must be False when decision_function_shape is 'ovo'")
        n_classes = len(self.classes_)
        if n_classes == 2:
            # What is 0 is no vote for the first class.
            numbers = (self._pair_decisions(X)[:, 0] >= 0).astype(np.intp)
        elif self.break_ties:
            numbers = self.decision_function(X).argmax(axis=1)
        else:
            numbers = votes(self._pair_decisions(X), n_classes)
        return self.classes_.take(numbers)

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> Any:
        """Estimate the probabilities of classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            As for `decision_function`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Platt's sigmoids of the decision values, coupled over pairs of classes. What `fit` has
            learned of them by cross-validation need not agree with `predict`.
        """
        decisions = self._pair_decisions(X).astype(np.float64)
        if self._probA.size == 0:
            raise NotFittedError(
                "predict_proba is not available when fitted with probability=False"
            )
        n_classes = len(self.classes_)
        if n_classes == 2:
            decisions = -decisions
        of_pairs = np.column_stack(
            [sigmoid(d, *at) for d, *at in zip(decisions.T, self._probA, self._probB, strict=True)]
        )
        if n_classes == 2:
            return np.column_stack([of_pairs, 1.0 - of_pairs])
        return coupled(of_pairs, class_pairs(n_classes), n_classes)

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithms of what `predict_proba` returns.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            As for `decision_function`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The logarithms.
        """
        return np.log(self.predict_proba(X))

    def kkt_report(self, pair: int = 0, tol: float | None = None) -> KKTReport:
        """Say how nearly the KKT conditions of a fitted problem hold.

        Parameters
        ----------
        pair : int, default=0
            Which of the n_classes * (n_classes - 1) / 2 problems, in the order of `intercept_`.
        tol : float, default=None
            Up to which residual a condition holds; ten times the estimator's `tol` by default, as
            that is for one pair of rows and the duality gap adds up over many.

        Returns
        -------
        report : fastml.optimize.KKTReport
            Its `x` are the dual variables of the support vectors times the signs of their classes,
            its `value` is the primal objective ``|w|^2 / 2 + sum C_i xi_i``.

        Raises
        ------
        ValueError
            If there is no such pair.
        """
        check_is_fitted(self)
        n_pairs = len(self.duality_gap_)
        if pair not in range(n_pairs):
            raise ValueError(f"pair must be an integer from 0 to {n_pairs - 1}, got {pair!r}.")
        weights = pair_weights(self.dual_coef_, self._n_support)[:, pair]
        signed = -weights if len(self.classes_) == 2 else weights
        tol = 10 * self.tol if tol is None else tol
        return report_of(self._optimality.of(pair), signed[signed != 0], tol)

    @property
    def coef_(self) -> Any:
        """Weights of the features, of shape (n_pairs, n_features), for a linear kernel."""
        if self.kernel != "linear":
            raise AttributeError("coef_ is only available when using a linear kernel")
        weights = pair_weights(self.dual_coef_, self._n_support).T
        if sparse.issparse(self.support_vectors_):
            coef = type(self.support_vectors_)(sparse.csr_array(weights) @ self.support_vectors_)
            coef.data.flags.writeable = False
            return coef
        coef = safe_sparse_dot(weights, self.support_vectors_)
        coef.flags.writeable = False
        return coef

    @property
    def n_support_(self) -> Any:
        """Number of support vectors of each class, of dtype int32."""
        try:
            check_is_fitted(self)
        except NotFittedError:
            raise AttributeError("n_support_") from None
        return self._n_support

    @property
    def probA_(self) -> Any:
        """Slopes of Platt's sigmoids, one for each pair of classes."""
        _warn_of("probA_")
        return self._probA

    @property
    def probB_(self) -> Any:
        """Offsets of Platt's sigmoids, one for each pair of classes."""
        _warn_of("probB_")
        return self._probB

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.kernel == "precomputed"
        tags.input_tags.sparse = self.kernel != "precomputed"
        return tags

    def _row_kernel(self, backend: Backend) -> RowKernel:
        if self.kernel == "poly" and self.degree == 0:
            # What to the power of 0 is 1.
            return row_kernel("poly", backend, gamma=0.0, coef0=1.0, degree=1.0)
        return row_kernel(
            self.kernel, backend, gamma=self._gamma, coef0=self.coef0, degree=self.degree
        )

    def _pair_decisions(self, X: Any) -> Any:
        """Return the decision values of all problems, of shape (n_samples, n_pairs)."""
        check_is_fitted(self)
        X = checked_rows(self, X)
        support, n_support = self.support_, self._n_support
        if n_support.sum() != len(support):
            raise ValueError(f"The internal representation of {type(self).__name__} was altered")
        weights = pair_weights(self.dual_coef_, n_support)
        is_matrix = callable(self.kernel) or self.kernel == "precomputed"
        if callable(self.kernel):
            X = called_kernel(self, X, self._X_fit)
        backend = resolve(X)
        dtype = X.dtype if is_matrix else np.result_type(X.dtype, self.support_vectors_.dtype)
        out = backend.empty((X.shape[0], weights.shape[1]), np.float64)
        right = backend.asarray(weights, dtype)
        if is_matrix:
            rows = backend.asarray(X[:, support], dtype)
            backend.kernels("linalg").multiply(rows, right, out)
        else:
            rows, others = (rows_on(backend, a, dtype) for a in (X, self.support_vectors_))
            gram_times(self._row_kernel(backend), rows, others, right, out)
        return (backend.to_host(out) + self.intercept_).astype(dtype, copy=False)
