"""What estimators from sequences to sequences share."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from fastml._callbacks import with_callbacks
from fastml.backends import Backend
from fastml.neural_network._decoding import Stepper
from fastml.neural_network._encoder_decoder import EncoderDecoder
from fastml.neural_network._parameters import CONSTRAINTS
from fastml.neural_network._sequence_input import SequenceInput
from fastml.neural_network._task import backend_of, placed, prepared_rows, stretches
from fastml.nn import Sequences
from fastml.nn._pairs import SequencePairs
from fastml.nn.initializers import Normal, initializer
from fastml.nn.layers import GRU, LSTM, Dense, Dropout, Embedding, Layer, SimpleRNN
from fastml.nn.training import is_stream

__all__ = ["Seq2SeqEstimator"]

_COUNT = Interval(Integral, 1, None, closed="left")
_RATE = [Interval(Real, 0, 1, closed="left")]


class Seq2SeqEstimator(SequenceInput):
    """Estimators of an encoder and a decoder; a subclass says what sequences come out."""

    hidden_sizes: Any
    cell: str
    forget_bias: float
    dropout: float
    recurrent_dropout: float
    recurrent_initializer: Any
    teacher_forcing: float
    max_length: int | None

    max_length_: int

    _parameter_constraints: dict = CONSTRAINTS | {
        "hidden_sizes": ["array-like", _COUNT],
        "cell": [StrOptions({"lstm", "gru", "tanh", "relu"})],
        "forget_bias": [Interval(Real, None, None, closed="neither")],
        "dropout": _RATE,
        "recurrent_dropout": _RATE,
        "recurrent_initializer": "no_validation",
        "embedding_size": [_COUNT, None],
        "n_tokens": [_COUNT, None],
        "teacher_forcing": [Interval(Real, 0, 1, closed="both")],
        "max_length": [_COUNT, None],
    }

    # What a subclass says.

    def _decoder_input(self) -> tuple[list[Layer], int]:
        """Return layers that the decoder begins with, and its features; 0 of them for tokens."""
        raise NotImplementedError

    def _read_targets(self, y: Any) -> Sequences:
        """Return the elements of targets, checked."""
        raise NotImplementedError

    def _given(self, encoded: Sequences, dtype: Any) -> Any:
        """Return what the decoder is given for each row of the targets."""
        raise NotImplementedError

    # Of the network.

    def _check_more(self) -> None:
        sizes = self._sizes()
        if not sizes or any(not isinstance(size, Integral) or size <= 0 for size in sizes):
            raise ValueError(f"hidden_sizes must be one or more integers > 0, got {sizes}.")
        initializer(self.recurrent_initializer, "recurrent_initializer")
        if self.n_tokens is not None and self.embedding_size is None:
            raise ValueError("n_tokens is for sequences of tokens, which need an embedding_size.")

    def _sizes(self) -> tuple[Any, ...]:
        sizes = self.hidden_sizes
        return tuple(sizes) if hasattr(sizes, "__iter__") else (sizes,)

    def _cells(self, return_sequences: bool) -> Layer:
        shared: dict[str, Any] = {
            "return_sequences": return_sequences,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "recurrent_initializer": self.recurrent_initializer,
        }
        sizes = tuple(int(size) for size in self._sizes())
        if self.cell == "lstm":
            return LSTM(sizes, forget_bias=self.forget_bias, **shared)
        if self.cell == "gru":
            return GRU(sizes, **shared)
        return SimpleRNN(sizes, self.cell, **shared)

    def _layers(self, n_outputs: int) -> list[Layer]:
        encoder, (decoder, n_given) = [self._cells(False)], self._decoder_input()
        if self.embedding_size is not None:
            sizes = self.n_tokens_, self.embedding_size
            encoder.insert(0, Embedding(*sizes, weight_initializer=Normal(1.0)))
        decoder.append(self._cells(True))
        if self.dropout:
            decoder.append(Dropout(self.dropout))
        decoder.append(Dense(n_outputs))
        return [
            EncoderDecoder(encoder, decoder, n_given, teacher_forcing=float(self.teacher_forcing))
        ]

    # Of a fit.

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X = self._read(X, reset)
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        y = self._read_targets(y)
        check_consistent_length(X, y)
        return X, y

    def _rows_of_fit(self, backend: Backend, X: Any, encoded: Any, dtype: Any) -> Any:
        given = encoded.with_flat(self._given(encoded, dtype))
        return SequencePairs.of(prepared_rows(backend, X, dtype), placed(backend, given))

    def _class_weights(self, y: Any, weight: Any, incremental: bool) -> Any:
        return None if weight is None else self._numbered(y).repeated(weight)

    def _begins(self, incremental: bool) -> bool:
        """Whether nothing is known of targets yet, or all is forgotten."""
        return not self._is_begun() or not (self.warm_start or incremental)

    def _learn_longest(self, y: Sequences, incremental: bool) -> None:
        """Learn how long sequences may become."""
        longest = 2 * int(y.lengths.max())
        if not self._begins(incremental):
            longest = max(longest, self.max_length_)
        self.max_length_ = longest if self.max_length is None else int(self.max_length)

    def _refuse_stream(self, X: Any) -> None:
        if is_stream(X):
            raise ValueError(
                f"{type(self).__name__} takes sequences, not a source of batches: give a list."
            )

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Seq2SeqEstimator":
        """Train the network.

        Parameters
        ----------
        X : list of array-like of shape (n_steps, n_features), or another form of sequences
            Sequences, each of as many steps as it has; of arrays (n_steps,) they are of one
            feature, or of tokens. Other forms are those of `fastml.nn.read_sequences`. float32
            stays float32, other dtypes become float64; networks of tokens are of float32.
        y : list of array-like of shape (n_elements,) or (n_elements, n_outputs)
            A sequence for each of X, of a length of its own, but not empty: in one of those forms.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of sequences, none negative; all one by default.

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
        self._refuse_stream(X)
        return self._fit(X, y, sample_weight)

    @_fit_context(prefer_skip_nested_validation=True)
    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Any:
        self._refuse_stream(X)
        return self._fit(X, y, sample_weight, incremental=True)

    # Of a prediction.

    def _stretches(self, X: Sequences) -> Any:
        """Yield some sequences after others, and the first number of each such part."""
        backend = backend_of(X)
        start = 0
        for part in stretches(prepared_rows(backend, X), self._rows_at_once):
            yield start, Stepper(self._network_on(backend), part)
            start += len(part)

    def _teacher_forced(self, X: Any, y: Any) -> tuple[np.ndarray[Any, Any], Sequences]:
        """Return sums for each target, of those before it, and the encoded targets."""
        check_is_fitted(self)
        X, y = self._validated(X, y, reset=False)
        encoded = self._numbered(y)
        backend = backend_of(X)
        network = self._network_on(backend)
        pairs = self._rows_of_fit(backend, X, encoded, network.dtype)
        parts = [network.forward(part) for part in stretches(pairs, self._rows_at_once)]
        return np.concatenate([backend.to_host(part) for part in parts]), encoded

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
