"""Classification by a network: labels of any kind, class weights, probabilities."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted, column_or_1d

from fastml._callbacks import with_callbacks
from fastml.neural_network._base import BaseNetworkEstimator
from fastml.neural_network._ensemble import moments_over_masks
from fastml.neural_network._heads import Head, activated, classifier_head
from fastml.neural_network._rows_and_targets import checked_pair

__all__ = ["NetworkClassifier", "has_margins"]


def has_margins(estimator: Any) -> bool:
    """Return whether an estimator's loss gives margins, and no probabilities."""
    return estimator.loss in ("hinge", "squared_hinge")


class NetworkClassifier(ClassifierMixin, BaseNetworkEstimator):
    """Classifiers that are networks; see `BaseNetworkEstimator`."""

    classes_: np.ndarray[Any, Any]
    loss: Any
    class_weight: Any

    # Of the outputs; single layers have a parameter for it.
    _output_activation: Any = "auto"

    def _several(self) -> bool:
        """Whether a sample belongs to exactly one of more than two classes."""
        return bool(self._label_binarizer.y_type_ == "multiclass")

    def _head(self) -> Head:
        return classifier_head(self.loss, self._output_activation, self._several())

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = checked_pair(self, X, y, reset=reset, accept_sparse=self._accept_sparse)
        return X, self._checked_targets(y)

    def _checked_targets(self, y: Any) -> Any:
        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _encoded(self, y: Any, incremental: bool) -> Any:
        fresh = not hasattr(self, "classes_") or (not self.warm_start and not incremental)
        if fresh:
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        encoded = self._numbered(y)
        self.n_outputs_ = len(self.classes_) if self._several() else encoded.shape[1]
        return encoded

    def _numbered(self, y: Any) -> Any:
        if self._several():
            return np.searchsorted(self.classes_, y)
        shares = self._label_binarizer.transform(y)
        return (shares.toarray() if sp.issparse(shares) else shares).astype(bool)

    def _binarizer(self, y: Any, classes: Any) -> LabelBinarizer:
        """Return what numbers the labels of a first `partial_fit`, and of all that follow."""
        many = type_of_target(y).startswith("multilabel")
        return LabelBinarizer().fit(y if many else classes)

    def _check_classes(self, classes: Any) -> None:
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same "
                    "classes as in the previous call to fit. Previously "
                    f"got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _targets(self, encoded: Any, head: Head, dtype: Any) -> Any:
        if head.targets == "labels":
            return encoded
        shares = encoded.astype(dtype)
        if self._several():
            shares = np.eye(self.n_outputs_, dtype=dtype)[encoded]
        return 2 * shares - 1 if head.targets == "signs" else shares

    def _score_of(self, sums: Any, encoded: Any, head: Head, weight: Any) -> float:
        outputs = activated(head.activation, sums)
        if self._several():
            right = outputs.argmax(axis=1) == encoded
        else:
            right = ((outputs > head.threshold) == encoded).all(axis=1)
        return float(np.average(right, weights=weight))

    def _class_weights(self, y: Any, weight: Any, incremental: bool) -> Any:
        if self.class_weight is None:
            return weight
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit and sources of batches, "
                "which do not see all samples. Pass the weights of the classes as a dict."
            )
        of_classes = compute_sample_weight(self.class_weight, y)
        return of_classes if weight is None else weight * of_classes

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "NetworkClassifier":
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or source of batches
            Rows; float32 stays float32, other dtypes become float64. Of a `numpy.memmap` each
            batch is read when it is its turn, so that it may be larger than memory. A source of
            batches is a function that is called with the number of each epoch, from 0 on, and
            returns an iterable, or an object to iterate over once for each epoch. Either yields
            ``(X, y)`` or ``(X, y, sample_weight)``. It is gone through once more before training.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels of any dtype; a matrix of 0 and 1 where a sample may have several. None where
            batches bring them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, none negative; all one by default.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        DivergenceError
            A ValueError, for a loss that becomes NaN or infinite. The estimator keeps the last
            weights of a finite loss, and can be used.
        """
        return self._fit(X, y, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> "NetworkClassifier":
        """Train the network for one epoch more.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels there will be; the first call needs them.

        Returns
        -------
        self : object
            The estimator, fitted to what it has seen.
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = self._binarizer(y, classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Any:
        """Return the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Labels, or 0 and 1 for each of several.
        """
        check_is_fitted(self)
        return self._decoded(self._outputs(X))

    def _decoded(self, outputs: Any) -> Any:
        """Return the labels that outputs stand for."""
        if self._several():
            return self.classes_[outputs.argmax(axis=1)]
        outputs = outputs.ravel() if self.n_outputs_ == 1 else outputs
        return self._label_binarizer.inverse_transform(outputs, self._head().threshold)

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_proba(
        self, X: Any, n_masks: Any = None, random_state: Any = 0
    ) -> np.ndarray[Any, Any]:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_masks : int, "all" or None, default=None
            None scales weights to stand for all networks that dropout makes. With a number, the
            probabilities are the mean over so many networks, whose masks are drawn and are the
            same for all rows; "all" is the exact mean over each mask there is, for tiny networks.
        random_state : int, RandomState instance or None, default=0
            Determines the masks.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; of several labels a sample each is on its own.

        See Also
        --------
        predict_std : How much the networks disagree.
        """
        check_is_fitted(self)
        if n_masks is None:
            return self._both(self._outputs(X))
        return self._both(moments_over_masks(self, X, n_masks, random_state).mean)

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_std(
        self, X: Any, n_masks: Any = 100, random_state: Any = 0
    ) -> np.ndarray[Any, Any]:
        """Return how much the networks that dropout makes disagree on the probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_masks, random_state
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Standard deviation over masks; 0 for a network without dropout.

        References
        ----------
        Y. Gal and Z. Ghahramani, "Dropout as a Bayesian approximation", ICML 2016.
        """
        check_is_fitted(self)
        std = moments_over_masks(self, X, n_masks, random_state).std
        return np.hstack([std, std]) if self.n_outputs_ == 1 else std

    def _both(self, outputs: Any) -> Any:
        """Return the probability of both classes where there is one output."""
        if self.n_outputs_ > 1:
            return outputs
        return np.hstack([1 - outputs, outputs])

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_log_proba(self, X: Any) -> np.ndarray[Any, Any]:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``log(predict_proba(X))``.
        """
        shares = self.predict_proba(X)
        return np.log(shares, out=shares)

    @available_if(has_margins)
    def decision_function(self, X: Any) -> np.ndarray[Any, Any]:
        """Return the outputs of a network trained by a hinge loss.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Positive for members of the class; of two classes that of the second one.
        """
        check_is_fitted(self)
        outputs = self._outputs(X)
        return outputs.ravel() if self.n_outputs_ == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
