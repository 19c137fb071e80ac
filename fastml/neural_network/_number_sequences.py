"""Sequences of numbers: as targets of an encoder and decoder, as predictions, and their scores."""

from typing import Any

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length

from fastml._validation import check_finite_wanted
from fastml.backends import fetched, on_device
from fastml.losses import _nodes as nodes
from fastml.losses._nodes import Reduction
from fastml.neural_network._decoding import roll_out
from fastml.neural_network._heads import Head, regressor_head
from fastml.neural_network._seq2seq_base import Seq2SeqEstimator
from fastml.nn import Sequences, read_sequences
from fastml.nn._reading import refuse_non_finite_steps
from fastml.nn.layers import Layer
from fastml.nn.training import Batch, Loss

__all__ = ["NumberSequences"]


class _WithEnd(Loss):
    """Half the squared error of all outputs but the last, and the log loss of that: the end."""

    def __call__(self, outputs: Any, batch: Batch) -> Any:
        """Return the mean loss; see `Loss`."""
        how, n = Reduction(False, 1.0 / batch.total, batch.weight), outputs.shape[1] - 1
        numbers = nodes.squared(outputs[:, :n], batch.y[:, :n], how=how)
        return numbers + nodes.binary_cross_entropy(outputs[:, n:], batch.y[:, n:], how=how)


class NumberSequences(Seq2SeqEstimator):
    """Estimators whose targets are sequences of numbers."""

    length: Any
    length_: Any

    def _decoder_input(self) -> tuple[list[Layer], int]:
        return [], self._n_numbers() + 1

    def _n_numbers(self) -> int:
        """Return how many numbers an element has."""
        return self.n_outputs_ - (self.length_ == "end")

    def _head(self) -> Head:
        if self.length_ == "end":
            return Head("identity", _WithEnd())
        return regressor_head("squared_error", "auto")

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = super()._validated(X, y, reset)
        if reset:
            self.length_ = self._rule(X, y)
        rule = self.length_
        wanted = X.lengths if rule == "input" else np.full(len(y), rule)
        if rule != "end" and (wanted != y.lengths).any():
            i = int((wanted != y.lengths).argmax())
            raise ValueError(
                f"y[{i}] must have {wanted[i]} elements, as length={rule!r}, got {y.lengths[i]}."
            )
        return X, y

    def _rule(self, X: Sequences, y: Sequences) -> Any:
        if self.length != "auto":
            return self.length
        lengths = y.lengths
        if (lengths == lengths[0]).all():
            return int(lengths[0])
        return "input" if (lengths == X.lengths).all() else "end"

    def _read_targets(self, y: Any) -> Sequences:
        found = read_sequences(y, labels=True, name="y")
        flat = fetched(found.flat) if on_device(found.flat) else found.flat
        flat = check_array(
            flat, dtype=np.float64, ensure_2d=False, ensure_all_finite=False, input_name="y"
        )
        found = found.with_flat(flat)
        if check_finite_wanted():
            refuse_non_finite_steps(found, "y", type(self).__name__)
        return found

    def _encoded(self, y: Any, incremental: bool) -> Any:
        shape = y.flat.shape[1:]
        if self._begins(incremental):
            self._element_shape = shape
            self.n_outputs_ = int(np.prod(shape)) + (self.length_ == "end")
        self._learn_longest(y, incremental)
        return self._numbered(y)

    def _numbered(self, y: Any) -> Any:
        if y.flat.shape[1:] != self._element_shape:
            raise ValueError(
                f"y has elements of shape {y.flat.shape[1:]}, but {type(self).__name__} was fitted "
                f"to those of {self._element_shape}."
            )
        numbers = y.flat.reshape(len(y.flat), -1)
        if self.length_ == "end":
            ends = np.zeros((len(numbers), 1))
            ends[y.offsets[1:] - 1] = 1
            numbers = np.hstack([numbers, ends])
        return y.with_flat(numbers)

    def _given(self, encoded: Sequences, dtype: Any) -> Any:
        n = self._n_numbers()
        given = np.zeros((len(encoded.flat), n + 1), dtype)
        given[1:, :n] = encoded.flat[:-1, :n]
        first = encoded.offsets[:-1]
        given[first, :n], given[first, n] = 0, 1
        return given

    def _targets(self, encoded: Any, head: Head, dtype: Any) -> Any:
        return encoded.with_flat(encoded.flat.astype(dtype, copy=False))

    def _score_of(self, sums: Any, encoded: Any, head: Head, weight: Any) -> float:
        n = self._n_numbers()
        weight = None if weight is None else weight.flat
        return float(r2_score(encoded.flat[:, :n], sums[:, :n], sample_weight=weight))

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NumberSequences":
        """Train the network for one epoch more.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        self : object
            The estimator, fitted to what it has seen.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any, lengths: Any = None) -> list[np.ndarray[Any, Any]]:
        """Return a sequence of numbers for each sequence.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        lengths : array-like of int of shape (n_sequences,), default=None
            Numbers of elements; by default what `length` says.

        Returns
        -------
        list of ndarray of shape (n_elements,) or (n_elements, n_outputs)
            In the dtype of the sequences that the network was fitted to.
        """
        return list(self._numbers(self._new_rows(X), lengths))

    def _numbers(self, X: Sequences, lengths: Any) -> Sequences:
        """Return predictions for checked sequences."""
        if lengths is not None:
            lengths = check_array(lengths, dtype=np.int64, ensure_2d=False, input_name="lengths")
            check_consistent_length(X, lengths)
            if lengths.min() < 1:
                raise ValueError(f"lengths must be at least 1, got {lengths.min()}.")
        elif self.length_ != "end":
            lengths = X.lengths if self.length_ == "input" else np.full(len(X), self.length_)
        n, parts, counts = self._n_numbers(), [], []
        for start, stepper in self._stretches(X):

            def goes_on(outputs: Any, numbers: Any, t: int, start: int = start) -> Any:
                if lengths is None:
                    return outputs[:, n] <= 0
                return lengths[start + numbers] > t + 1

            some = slice(start, start + stepper.n)
            most = self.max_length_ if lengths is None else int(lengths[some].max())
            outputs, offsets = roll_out(stepper, 0, most, goes_on)
            parts.append(outputs[:, :n])
            counts.append(np.diff(offsets))
        flat = np.concatenate(parts)
        offsets = np.append(0, np.cumsum(np.concatenate(counts)))
        return Sequences(flat.reshape(-1, *self._element_shape), offsets)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination of elements.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`. Predictions have as many elements as targets.

        Returns
        -------
        float
            1 at best.

        See Also
        --------
        sequence_score : Each sequence counts as much as any other.
        """
        return self._r2(X, y, sample_weight, by_sequence=False)

    def sequence_score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination of elements that weigh one over their number.

        Parameters
        ----------
        X, y, sample_weight
            As for `score`.

        Returns
        -------
        float
            1 at best.
        """
        return self._r2(X, y, sample_weight, by_sequence=True)

    def _r2(self, X: Any, y: Any, sample_weight: Any, by_sequence: bool) -> float:
        X, targets = self._new_rows(X), self._read_targets(y)
        check_consistent_length(X, targets)
        found = self._numbers(X, targets.lengths)
        weight = np.ones(len(X))
        if sample_weight is not None:
            weight = self._checked_weight(sample_weight, X)
        if by_sequence:
            weight = weight / targets.lengths
        weights, n = targets.repeated(weight).flat, self._n_numbers()
        numbers = self._numbered(targets).flat[:, :n]
        return float(r2_score(numbers, found.flat.reshape(-1, n), sample_weight=weights))
