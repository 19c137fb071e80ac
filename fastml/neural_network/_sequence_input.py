"""Sequences as estimators take them, checked in scikit-learn's words."""

from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import _check_feature_names, check_is_fitted

from fastml._validation import FLOATS, check_finite_wanted, validate
from fastml.backends import on_device
from fastml.neural_network._base import BaseNetworkEstimator
from fastml.nn import Sequences, read_sequences
from fastml.nn._reading import has_cells, is_list_of_sequences, refuse_non_finite_steps

__all__ = ["SequenceInput"]

# Tokens go through networks as float32, which has each integer up to here.
MOST_TOKENS = 1 << 24


def _is_table(X: Any) -> bool:
    """Return whether X has rows of single values, which are sequences of one feature."""
    if isinstance(X, Sequences | tuple) or has_cells(X) or is_list_of_sequences(X):
        return False
    return int(getattr(X, "ndim", 2)) < 3


def _is_rectangle(X: Any) -> bool:
    """Return whether X is a list of lists of numbers, as many in each."""
    if not isinstance(X, list) or not all(isinstance(row, list) for row in X):
        return False
    return len({len(row) for row in X}) == 1 and np.ndim(X[0]) == 1


class _Checked(Sequences):
    """Sequences that this estimator has checked: methods that call others hand them on."""


class SequenceInput(BaseNetworkEstimator):
    """Estimators whose samples are sequences."""

    n_features_in_: int
    n_tokens_: int
    embedding_size: int | None
    n_tokens: int | None

    _accept_sparse = False
    # Sequences of a prediction that go through the network at a time.
    _rows_at_once = 512

    def _new_rows(self, X: Any) -> Any:
        check_is_fitted(self)
        if isinstance(X, _Checked):
            return X
        found = self._read(X, reset=False)
        return _Checked._of(found.flat, found.offsets)

    def _sample_shape(self, X: Any) -> tuple[int, ...]:
        # A network takes any number of steps, and says what it says of one of them.
        return (1, *X.shape[2:])

    def _read(self, X: Any, reset: bool) -> Sequences:
        """Return checked sequences; learn what their steps are, or compare with it."""
        if self.embedding_size is not None:
            return self._read_tokens(X, reset)
        # A table may be fitted to as lists; those that come later may be of other lengths.
        if _is_table(X) or (reset and _is_rectangle(X)):
            return self._read_table(X, reset)
        found = read_sequences(X)
        self._check_some(found)
        flat = found.flat
        if on_device(flat):
            flat = flat if flat.dtype in FLOATS else flat.astype(np.float64)
        else:
            flat = check_array(flat, dtype=FLOATS, ensure_all_finite=False, input_name="X")
        found = found.with_flat(flat)
        self._check_steps(flat.shape[1], reset)
        if reset:
            self._of_table, self.n_features_in_ = False, flat.shape[1]
        _check_feature_names(self, X, reset=reset)
        if check_finite_wanted():
            refuse_non_finite_steps(found, "X", type(self).__name__)
        return found

    def _read_table(self, X: Any, reset: bool) -> Sequences:
        if reset or self._of_table:
            rows = validate(self, X, reset=reset)
        else:
            # Of those of the fit only the number of features is known, not that of steps.
            finite = check_finite_wanted()
            rows = X if on_device(X) else check_array(X, dtype=FLOATS, ensure_all_finite=finite)
        self._check_steps(1, reset)
        if reset:
            self._of_table = True
        return read_sequences(rows)

    def _read_tokens(self, X: Any, reset: bool) -> Sequences:
        found = read_sequences(X, tokens=True)
        self._check_some(found)
        values = found.flat
        n_tokens = self.n_tokens if reset else self.n_tokens_
        wrong = ~((values >= 0) & (values < (n_tokens or MOST_TOKENS)) & (values % 1 == 0))
        if bool(wrong.any()):
            row = int(wrong.argmax())
            sequence = int(np.searchsorted(found.offsets, row, side="right")) - 1
            raise ValueError(
                f"X must have tokens from 0 to {(n_tokens or MOST_TOKENS) - 1}, got "
                f"{values[row]} in sequence {sequence}, step {row - found.offsets[sequence]}."
            )
        if reset:
            self.n_tokens_ = n_tokens or int(values.max()) + 1
            self._of_table, self.n_features_in_ = False, 1
        _check_feature_names(self, X, reset=reset)
        return found.with_flat(values.astype(np.float32))

    def _check_some(self, X: Any) -> None:
        if not len(X):
            raise ValueError(
                f"Found array with 0 sample(s) while a minimum of 1 is required by "
                f"{type(self).__name__}."
            )

    def _check_steps(self, n: int, reset: bool) -> None:
        """Refuse steps of another number of features than those of the fit."""
        if reset:
            self._n_step_features = n
        elif n != self._n_step_features:
            raise ValueError(
                f"X has {n} features in each step, but {type(self).__name__} is expecting "
                f"{self._n_step_features} features as input."
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
