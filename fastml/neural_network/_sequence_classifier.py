"""Classification of sequences, or of their steps."""

from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.metaestimators import available_if

from fastml._callbacks import with_callbacks
from fastml.neural_network._classifier import NetworkClassifier, has_margins
from fastml.neural_network._recurrent_base import RecurrentEstimator

__all__ = ["SequenceClassifier"]


class SequenceClassifier(RecurrentEstimator, NetworkClassifier):
    """Classifiers of sequences; see `NetworkClassifier`."""

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "SequenceClassifier":
        """Train the network.

        Parameters
        ----------
        X : list of array-like of shape (n_steps, n_features), or another form of sequences
            Sequences, each of as many steps as it has; of arrays (n_steps,) they are of one
            feature, or of tokens. Other forms are those of `fastml.nn.read_sequences`. float32
            stays float32, other dtypes become float64; networks of tokens are of float32. A source
            of batches of sequences is taken too, as by `MLPClassifier`.
        y : array-like of shape (n_sequences,) or (n_sequences, n_classes), or list of arrays
            Labels of any dtype; a matrix of 0 and 1 where a sequence may have several. A label for
            each step is a list of arrays (n_steps,), or (n_steps, n_classes); see `targets`.
        sample_weight : array-like of shape (n_sequences,), or list of arrays, default=None
            Weights, none negative, of sequences, or of their steps; all one by default.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For sequences that are empty, have other numbers of features than the first one, or NaN
            or infinity in them, by the number of the sequence and of the step.
        DivergenceError
            A ValueError, for a loss that becomes NaN or infinite. The estimator keeps the last
            weights of a finite loss, and can be used.
        """
        return self._fit(X, y, sample_weight)

    def _binarizer(self, y: Any, classes: Any) -> LabelBinarizer:
        if not self._is_of_steps(y):
            return super()._binarizer(y, classes)
        first = np.asarray(next(iter(y)))
        many = first.ndim == 2 and first.shape[1] > 1
        return LabelBinarizer().fit(first if many else classes)

    def predict(self, X: Any) -> Any:
        """Return the class of each sequence, or of each step.

        Parameters
        ----------
        X : sequences
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_classes), or list of such of steps
            Labels, or 0 and 1 for each of several.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, super().predict(X))

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_proba(self, X: Any, n_masks: Any = None, random_state: Any = 0) -> Any:
        """Return the probability of each class.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        n_masks : int, "all" or None, default=None
            None scales weights to stand for all networks that dropout makes. With a number, the
            probabilities are the mean over so many networks, whose masks are drawn and are the
            same for all sequences; "all" is the exact mean over each mask there is, for tiny
            networks.
        random_state : int, RandomState instance or None, default=0
            Determines the masks.

        Returns
        -------
        ndarray of shape (n_sequences, n_classes), or list of such of steps
            In the order of ``classes_``.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, super().predict_proba(X, n_masks, random_state))

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_std(self, X: Any, n_masks: Any = 100, random_state: Any = 0) -> Any:
        """Return how much the networks that dropout makes disagree on the probabilities.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        n_masks, random_state
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (n_sequences, n_classes), or list of such of steps
            Standard deviation over masks; 0 for a network without dropout.

        References
        ----------
        Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in recurrent
        neural networks", NIPS 2016.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, super().predict_std(X, n_masks, random_state))

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : sequences
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_sequences, n_classes), or list of such of steps
            Logarithms of what `predict_proba` returns.
        """
        found = self.predict_proba(X)
        return [np.log(a) for a in found] if self.per_step_ else np.log(found)

    @available_if(has_margins)
    def decision_function(self, X: Any) -> Any:
        """Return the outputs of a network trained by a hinge loss.

        Parameters
        ----------
        X : sequences
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_classes), or list of such of steps
            Positive for members of the class; of two classes that of the second one.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, super().decision_function(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of sequences, or of steps, whose class is right.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        y, sample_weight
            As for `fit`.

        Returns
        -------
        float
            In [0, 1].
        """
        X = self._new_rows(X)
        found = NetworkClassifier.predict(self, X)
        return float(self._scored(accuracy_score, X, y, found, sample_weight))

    def _answer(self, outputs: Any, response_method: str) -> Any:
        answers: dict[str, Any] = {"predict": self._decoded}
        if has_margins(self):
            answers["decision_function"] = lambda a: a.ravel() if self.n_outputs_ == 1 else a
        else:
            answers["predict_proba"] = self._both
        if response_method not in answers:
            raise ValueError(
                f"response_method must be one of {sorted(answers)}, got {response_method!r}."
            )
        return answers[response_method](outputs)
