"""Targets of sequences: one for each of them, or one for each of their steps."""

from typing import Any

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import check_array
from sklearn.utils.validation import _check_y, check_consistent_length

from fastml._validation import check_finite_wanted
from fastml.backends import fetched, on_device
from fastml.neural_network._heads import Head
from fastml.neural_network._sequence_input import SequenceInput
from fastml.nn import Sequences, read_sequences
from fastml.nn._reading import is_list_of_sequences, refuse_non_finite_steps
from fastml.nn._sequences import elements

__all__ = ["StepTargets", "flat_of"]


def flat_of(a: Any) -> Any:
    """Return the elements of sequences, anything else as it is."""
    return a.flat if isinstance(a, Sequences) else a


def _are_of_steps(y: Any, X: Sequences) -> bool:
    """Return whether targets look like those of each step."""
    if isinstance(y, Sequences) or getattr(y, "ndim", 0) == 3:
        return True
    if isinstance(y, tuple) and len(y) == 2 and hasattr(y[0], "ndim"):
        return len(y[0]) == len(X.flat)
    if not is_list_of_sequences(y):
        return False
    lengths = [len(a) for a in y]
    return lengths == X.lengths.tolist() or len(set(lengths)) > 1


def _of_steps(a: Any, X: Sequences, name: str) -> Sequences:
    """Return what each step has."""
    if not isinstance(a, Sequences | tuple) and not is_list_of_sequences(a):
        # Padded as X may have been.
        a = np.asarray(fetched(a) if on_device(a) else a)
        if a.ndim not in (2, 3) or a.shape[0] != len(X) or a.shape[1] < X.shape[1]:
            raise ValueError(
                f"{name} must have something for each of {len(X)} sequences and {X.shape[1]} "
                f"steps, got an array of shape {a.shape}."
            )
        whole = read_sequences(a, labels=True, name=name)
        return X.with_flat(whole.flat[elements(whole.offsets[:-1], X.lengths)])
    found = read_sequences(a, labels=True, name=name)
    check_consistent_length(X, found)
    wrong = found.lengths != X.lengths
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(
            f"{name} must have as many elements as X for each sample, but {name}[{i}] has "
            f"{found.lengths[i]}, X[{i}] {X.lengths[i]}."
        )
    return found


class StepTargets(SequenceInput):
    """Estimators of sequences, each of which has a target, or each step of which has one."""

    per_step_: bool
    targets: str

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X = self._read(X, reset)
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        if reset:
            self.per_step_ = self._wants_steps(y, X)
        if self.per_step_:
            return X, self._step_targets(y, X)
        y = _check_y(
            fetched(y) if on_device(y) else y, multi_output=True, y_numeric=is_regressor(self),
            estimator=self,
        )  # fmt: skip
        check_consistent_length(X, y)
        return X, self._checked_targets(y)

    def _is_of_steps(self, y: Any) -> bool:
        """Return whether targets of sequences that are not known yet look like those of steps."""
        if self.targets != "auto":
            return self.targets == "step"
        return isinstance(y, Sequences) or is_list_of_sequences(y)

    def _scored(self, metric: Any, X: Sequences, y: Any, found: Any, sample_weight: Any) -> Any:
        """Return what a metric of scikit-learn says of targets and predictions."""
        weight = None
        if sample_weight is not None:
            weight = flat_of(self._checked_weight(sample_weight, X))
        targets = _of_steps(y, X, "y").flat if self.per_step_ else y
        return metric(targets, found, sample_weight=weight)

    def _wants_steps(self, y: Any, X: Sequences) -> bool:
        return self.targets == "step" or (self.targets == "auto" and _are_of_steps(y, X))

    def _step_targets(self, y: Any, X: Sequences) -> Sequences:
        found = _of_steps(y, X, "y")
        flat = found.flat
        if flat.dtype.kind == "f" and check_finite_wanted():
            refuse_non_finite_steps(found, "y", type(self).__name__)
        if flat.ndim == 2 and flat.shape[1] == 1:
            flat = flat.reshape(-1)
        flat = _check_y(flat, multi_output=True, y_numeric=is_regressor(self), estimator=self)
        return found.with_flat(self._checked_targets(flat))

    def _checked_weight(self, sample_weight: Any, X: Any) -> Any:
        if not self.per_step_:
            return super()._checked_weight(sample_weight, X)
        whole = isinstance(sample_weight, Sequences | tuple) or is_list_of_sequences(sample_weight)
        if not whole and np.ndim(sample_weight) < 2:
            return X.repeated(super()._checked_weight(sample_weight, X))
        found = _of_steps(sample_weight, X, "sample_weight")
        flat = check_array(
            found.flat, dtype=np.float64, ensure_2d=False, ensure_non_negative=True,
            input_name="sample_weight",
        )  # fmt: skip
        return found.with_flat(flat)

    # What follows does for elements what others do for samples.

    def _encoded(self, y: Any, incremental: bool) -> Any:
        encoded = super()._encoded(flat_of(y), incremental)
        return y.with_flat(encoded) if isinstance(y, Sequences) else encoded

    def _numbered(self, y: Any) -> Any:
        found = super()._numbered(flat_of(y))
        return y.with_flat(found) if isinstance(y, Sequences) else found

    def _targets(self, encoded: Any, head: Head, dtype: Any) -> Any:
        found = super()._targets(flat_of(encoded), head, dtype)
        return encoded.with_flat(found) if isinstance(encoded, Sequences) else found

    def _score_of(self, sums: Any, encoded: Any, head: Head, weight: Any) -> float:
        return super()._score_of(sums, flat_of(encoded), head, flat_of(weight))

    def _class_weights(self, y: Any, weight: Any, incremental: bool) -> Any:
        found = super()._class_weights(flat_of(y), flat_of(weight), incremental)
        whole = isinstance(y, Sequences) and found is not None
        return y.with_flat(found) if whole else found

    def _by_sequence(self, X: Sequences, found: Any) -> Any:
        """Return results of steps as a list of those of each sequence."""
        return list(X.with_flat(found)) if self.per_step_ else found
