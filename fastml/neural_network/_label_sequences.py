"""Sequences of labels: as targets of an encoder and decoder, as predictions, and their scores."""

from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, column_or_1d

from fastml.backends import fetched, on_device
from fastml.neural_network._decoding import beam_search, roll_out
from fastml.neural_network._heads import Head, classifier_head
from fastml.neural_network._seq2seq_base import Seq2SeqEstimator
from fastml.nn import Sequences, read_sequences
from fastml.nn._reading import refuse_non_finite_steps
from fastml.nn.initializers import Normal
from fastml.nn.layers import Embedding, Layer

__all__ = ["LabelSequences"]


class LabelSequences(Seq2SeqEstimator):
    """Estimators whose targets are sequences of labels."""

    classes_: np.ndarray[Any, Any]
    target_embedding_size: int
    beam_width: int
    length_penalty: float

    def _decoder_input(self) -> tuple[list[Layer], int]:
        sizes = self.n_outputs_, self.target_embedding_size
        return [Embedding(*sizes, weight_initializer=Normal(1.0))], 0

    def _head(self) -> Head:
        return classifier_head("log_loss", "softmax", True)

    def _read_targets(self, y: Any) -> Sequences:
        found = read_sequences(y, labels=True, name="y")
        labels = found.flat
        labels = column_or_1d(fetched(labels) if on_device(labels) else labels)
        if labels.dtype.kind == "f":
            refuse_non_finite_steps(found, "y", type(self).__name__)
        check_classification_targets(labels)
        return found.with_flat(labels)

    def _encoded(self, y: Any, incremental: bool) -> Any:
        classes = self.__dict__.pop("_announced", None)
        if self._begins(incremental):
            self.classes_ = np.unique(y.flat if classes is None else classes)
        self._learn_longest(y, incremental)
        self.n_outputs_ = len(self.classes_) + 1
        return self._numbered(y)

    def _numbered(self, y: Any) -> Any:
        new = np.setdiff1d(y.flat, self.classes_)
        if len(new):
            raise ValueError(
                f"y has labels {new}, which were not in the fit; those known are {self.classes_}."
            )
        numbers = np.searchsorted(self.classes_, y.flat)
        # The end is one more label of each sequence.
        ends = y.offsets[1:]
        return Sequences(
            np.insert(numbers, ends, len(self.classes_)), y.offsets + np.arange(len(y) + 1)
        )

    def _given(self, encoded: Sequences, dtype: Any) -> Any:
        # The end of one sequence is where the next one starts, and that of the last comes first.
        return np.roll(encoded.flat, 1)

    def _targets(self, encoded: Any, head: Head, dtype: Any) -> Any:
        return encoded

    def _score_of(self, sums: Any, encoded: Any, head: Head, weight: Any) -> float:
        right = sums.argmax(axis=1) == encoded.flat
        return float(np.average(right, weights=None if weight is None else weight.flat))

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> "LabelSequences":
        """Train the network for one epoch more.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that there will be, for the first call; by default those of its targets.

        Returns
        -------
        self : object
            The estimator, fitted to what it has seen.
        """
        if classes is not None:
            self._announced = np.asarray(classes)
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> list[np.ndarray[Any, Any]]:
        """Return a sequence of labels for each sequence.

        Parameters
        ----------
        X : sequences
            As for `fit`.

        Returns
        -------
        list of ndarray of shape (n_labels,)
            Without the end; empty where that came first. With `beam_width` the best that was found.
        """
        X = self._new_rows(X)
        if self.beam_width > 1:
            found = [best[0].tokens for best in self._beams(X)]
            return [self.classes_[np.array(tokens, np.int64)] for tokens in found]
        end = len(self.classes_)
        parts: list[Any] = []

        def goes_on(outputs: Any, numbers: Any, t: int) -> Any:
            return outputs.argmax(axis=1) != end

        for _, stepper in self._stretches(X):
            outputs, offsets = roll_out(stepper, end, self.max_length_, goes_on)
            numbers = outputs.argmax(axis=1)
            for some in np.split(numbers, offsets[1:-1]):
                parts.append(self.classes_[some[:-1] if some[-1] == end else some])
        return parts

    def _beams(self, X: Sequences) -> list[Any]:
        """Return the hypotheses for each sequence, the best one first."""
        how = self.max_length_, int(self.beam_width), float(self.length_penalty)
        return [
            best
            for _, stepper in self._stretches(X)
            for best in beam_search(stepper, len(self.classes_), *how)
        ]

    def predict_beams(self, X: Any) -> list[list[tuple[np.ndarray[Any, Any], float]]]:
        """Return all outputs that a beam search ends with.

        Parameters
        ----------
        X : sequences
            As for `fit`.

        Returns
        -------
        list of lists of (labels, log_probability)
            For each sequence up to `beam_width` outputs, the best one by `length_penalty` first.
        """
        X = self._new_rows(X)
        return [
            [
                (self.classes_[np.array(found.tokens, np.int64)], found.log_probability)
                for found in best
            ]
            for best in self._beams(X)
        ]

    def log_likelihood(self, X: Any, y: Any) -> np.ndarray[Any, Any]:
        """Return the logarithm of the probability of each target.

        Parameters
        ----------
        X, y
            As for `fit`.

        Returns
        -------
        float64 ndarray of shape (n_sequences,)
            Of all its labels and of the end after them.

        Raises
        ------
        ValueError
            For labels that were not in the fit.
        """
        sums, encoded = self._teacher_forced(X, y)
        shares = log_softmax(sums.astype(np.float64), axis=1)
        said = shares[np.arange(len(sums)), encoded.flat]
        return np.add.reduceat(said, encoded.offsets[:-1])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of sequences that are predicted without a mistake.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        float
            In [0, 1].

        See Also
        --------
        token_score : The share of right labels.
        """
        pairs, weight = self._predicted(X, y, sample_weight)
        right = [len(a) == len(b) and bool(np.all(a == b)) for a, b in pairs]
        return float(np.average(right, weights=weight))

    def token_score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of labels that are predicted at their places.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        float
            In [0, 1]. Labels that are missing at the end, or too many, are mistakes.
        """
        pairs, weight = self._predicted(X, y, sample_weight)
        right = np.array([np.sum(a[: len(b)] == b[: len(a)]) for a, b in pairs])
        of = np.array([max(len(a), len(b)) for a, b in pairs])
        return float(np.average(right / of, weights=of if weight is None else of * weight))

    def _predicted(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Return pairs of predictions and targets, and weights."""
        found, targets = self.predict(X), self._read_targets(y)
        check_consistent_length(found, targets)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, targets, dtype=np.float64)
        return list(zip(found, targets, strict=True)), weight
