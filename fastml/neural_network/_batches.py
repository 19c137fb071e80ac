"""Fits to batches that come from a user's iterator or function, one pass for each epoch."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier

from fastml.neural_network._task import Held, Task, placed, prepared_rows
from fastml.nn import Sequences
from fastml.nn.training import Stream, epoch_batches

__all__ = ["BatchTask", "FirstPass", "first_pass", "refuse_for_batches"]


class FirstPass(NamedTuple):
    """What an epoch of batches shows.

    Attributes
    ----------
    X : array (n, n_features)
        The rows of the first batch, checked.
    y : array
        What tells an estimator of all targets: each label once, or the first batch's targets.
    n_rows : int
        Of all batches.
    """

    X: Any
    y: Any
    n_rows: int


def first_pass(estimator: Any, source: Any, reset: bool) -> FirstPass:
    """Go through a source once, for the shapes, the labels and the number of rows.

    Parameters
    ----------
    estimator : BaseNetworkEstimator
        Gets `n_features_in_`, or is checked against it.
    source : callable or iterable
        As `fastml.nn.training.epoch_batches` takes it.
    reset : bool
        Whether this is a fit from the beginning.
    """
    rows, targets, n_rows = None, [], 0
    for X, y, _ in epoch_batches(source, 0):
        X, y = estimator._validated(X, y, reset=reset and rows is None)
        rows = X if rows is None else rows
        n_rows += len(y)
        labels = y.flat if isinstance(y, Sequences) else y
        if is_classifier(estimator) and labels.ndim == 1:
            targets.append(np.unique(labels))
        elif not targets:
            targets.append(y)
    return FirstPass(
        rows, np.unique(np.concatenate(targets)) if targets[1:] else targets[0], n_rows
    )


def refuse_for_batches(estimator: Any, y: Any, sample_weight: Any, incremental: bool) -> None:
    """Refuse what needs all rows at once, or comes with the batches.

    Parameters
    ----------
    estimator : BaseNetworkEstimator
        Whose fit it is.
    y, sample_weight : object
        As they were given beside the source.
    incremental : bool
        Whether this is a `partial_fit`.
    """
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"{name} must be None where X is a source of batches, which bring it.")
    if incremental:
        raise ValueError("partial_fit takes arrays; a source of batches is for fit.")
    for name, value in (("solver", "lbfgs"), ("early_stopping", True)):
        if getattr(estimator, name) == value:
            raise ValueError(
                f"{name}={value!r} needs all rows at once, X is a source of batches. Give a "
                "numpy.memmap, or an array."
            )


@dataclass(frozen=True)
class BatchTask(Task):
    """What a fit to batches works on: `X` is their source.

    Attributes
    ----------
    count : int
        Rows of an epoch.
    """

    count: int = 0

    @property
    def n_rows(self) -> int:
        """Rows of an epoch."""
        return self.count

    def source(self, held: Held | None, size: int, seed: int) -> Stream:
        """Return the batches, as they come."""
        return Stream(self.X, self._prepared)

    def _prepared(self, X: Any, y: Any, weight: Any) -> tuple[Any, Any, Any]:
        estimator = self.estimator
        X, y = estimator._validated(X, y, reset=False)
        labels = y.flat if isinstance(y, Sequences) else y
        if is_classifier(estimator) and labels.ndim == 1:
            new = np.setdiff1d(labels, estimator.classes_)
            if len(new):
                raise ValueError(
                    f"A batch has labels {new}, which the source did not bring before; those known "
                    f"are {estimator.classes_}."
                )
        if weight is not None:
            weight = estimator._checked_weight(weight, X)
        weight = estimator._class_weights(y, weight, True)
        targets = estimator._targets(estimator._numbered(y), self.head, self.network.dtype)
        rows = prepared_rows(self.backend, X, self.network.dtype)
        return rows, placed(self.backend, targets), weight
