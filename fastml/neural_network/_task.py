"""What one fit of a network works on: rows, targets, weights, and those held out."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split

from fastml._callbacks import root_context
from fastml._validation import canonical
from fastml.backends import Backend, resolve
from fastml.neural_network._heads import Head
from fastml.nn import Network, Sequences, TreeBatch
from fastml.nn.training import Batch, InMemory, RowsOnDisk, Source, TrainingState

__all__ = ["Held", "Task", "backend_of", "batch_rows", "placed", "prepared_rows", "stretches"]


class Held(NamedTuple):
    """Which rows are learned from, and which are held out to validate with."""

    learned: np.ndarray[Any, Any]
    validated: np.ndarray[Any, Any]


@dataclass(frozen=True)
class Task:
    """What a fit works on.

    Attributes
    ----------
    estimator : BaseNetworkEstimator
        Whose fit it is.
    network : Network
        What learns.
    head : Head
        Of the network.
    backend : Backend
        Where the network is.
    dtype : dtype
        Of what is fitted.
    X : array (n_samples, ...), CSR matrix, RowsOnDisk or Sequences
        Rows as the network takes them, on the backend.
    y : array (n_samples, ...) or Sequences
        Targets as they were given.
    encoded : ndarray (n_samples, n_outputs) or (n_samples,), or Sequences
        Targets by number; sequences of them where each step has one.
    weight : ndarray (n_samples,), Sequences or None
        In float64; None for ones.
    """

    estimator: Any
    network: Network
    head: Head
    backend: Backend
    dtype: Any
    X: Any
    y: Any
    encoded: Any
    weight: Any

    @property
    def n_rows(self) -> int:
        """Rows that there are."""
        return int(self.X.shape[0])

    def _some(self, rows: Any) -> tuple[Any, Any, Any]:
        """Return rows, targets for the loss, and weights; all of them for None."""
        X, encoded, weight = self.X, self.encoded, self.weight
        if rows is not None:
            if isinstance(X, RowsOnDisk):
                X = X.some(rows)
            else:
                X = X[rows] if self.backend.xp is np else X[self.backend.asarray(rows)]
            encoded = encoded[rows]
            weight = None if weight is None else weight[rows]
        targets = self.estimator._targets(encoded, self.head, self.network.dtype)
        return X, placed(self.backend, targets), weight

    def batch(self) -> Batch:
        """Return everything as one batch."""
        X, y, weight = self._some(None)
        return Batch.of(_in_memory(X), y, weight, slice(0, len(y)))

    def source(self, held: Held | None, size: int, seed: int) -> Source:
        """Return batches of the rows that are learned from."""
        X, y, weight = self._some(None if held is None else held.learned)
        shuffle = self.estimator.shuffle
        if size >= X.shape[0]:
            X = _in_memory(X)
        return InMemory(self.backend, X, y, weight, batch_size=size, shuffle=shuffle, seed=seed)

    def hold_out(self, random_state: Any) -> Held:
        """Split the rows as scikit-learn does."""
        estimator, n = self.estimator, self.n_rows
        # Of several labels a sample no class is left out by chance alone.
        alone = is_classifier(estimator) and estimator.n_outputs_ == 1
        # Nor is it known what the steps of a sequence would have in common.
        alone = alone and not isinstance(self.encoded, Sequences)
        learned, validated = train_test_split(
            np.arange(n),
            random_state=random_state,
            test_size=estimator.validation_fraction,
            stratify=self.encoded if alone else None,
        )
        if len(validated) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
        return Held(learned, validated)

    def scorer(self, held: Held) -> Callable[[], float]:
        """Return a function that scores the network on the rows held out."""
        rows = held.validated
        X, _, weight = self._some(rows)
        compared = self.estimator._to_compare(X, self.encoded[rows])

        def score() -> float:
            size = self.estimator._rows_at_once
            parts = [self.network.forward(part) for part in stretches(X, size)]
            sums = np.concatenate([self.backend.to_host(part) for part in parts])
            if not np.isfinite(sums).all():
                return np.nan
            return float(self.estimator._score_of(sums, compared, self.head, weight))

        return score

    @contextmanager
    def callbacks(self, name: str, n_most: int) -> Iterator[Callable[[TrainingState], bool] | None]:
        """Open the context of a fit; yield what tells it of epochs, None if nobody listens.

        Parameters
        ----------
        name : str
            Of one of its tasks.
        n_most : int
            The most of them.
        """
        estimator = self.estimator
        if not getattr(estimator, "_skl_callbacks", ()):
            yield None
            return
        told = {"estimator": estimator, "X": self.X, "y": self.y}
        fit = root_context(estimator, max_subtasks=n_most)
        fit.call_on_fit_task_begin(**told)

        def on_epoch(state: TrainingState) -> bool:
            task = fit.subcontext(task_name=name)
            task.call_on_fit_task_begin(**told)
            return task.call_on_fit_task_end(
                **told,
                reconstruction_attributes=lambda: estimator._attributes(self.network, self.dtype),
            )

        yield on_epoch
        fit.call_on_fit_task_end(**told)


def batch_rows(batch_size: Any, n_samples: int) -> int:
    """Return the samples of a batch.

    Parameters
    ----------
    batch_size : int, "auto" or "full"
        As estimators take it.
    n_samples : int
        Of an epoch.
    """
    if batch_size == "auto":
        return min(200, n_samples)
    if batch_size == "full":
        return n_samples
    if batch_size > n_samples:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=6,
        )
    return min(batch_size, n_samples)


def prepared_rows(backend: Backend, X: Any, dtype: Any = None) -> Any:
    """Return checked rows as networks take them: an array on the backend, or CSR.

    Parameters
    ----------
    backend : Backend
        Where the network is.
    X : array or sparse matrix
        Checked, or sequences; what is on disk stays there, unless the dtype differs.
    dtype : dtype, optional
        float32 or float64; that of X by default.
    """
    if isinstance(X, RowsOnDisk):
        return X if dtype in (None, X.dtype) else backend.asarray(X[:], dtype)
    if sp.issparse(X):
        return canonical(X.tocsr()).astype(dtype or X.dtype, copy=False)
    return placed(backend, X, dtype)


def backend_of(X: Any) -> Backend:
    """Return the backend for checked rows, sequences or trees."""
    if isinstance(X, TreeBatch):
        X = X.features
    return resolve(X.flat if isinstance(X, Sequences) else X)


def placed(backend: Backend, a: Any, dtype: Any = None) -> Any:
    """Return an array, sequences or trees where a backend computes.

    Parameters
    ----------
    backend : Backend
        Where.
    a : array, Sequences or TreeBatch
        What.
    dtype : dtype, optional
        By default that of `a`.
    """
    if isinstance(a, Sequences | TreeBatch):
        return a.to(backend, dtype)
    return backend.asarray(a, dtype)


def stretches(X: Any, n_rows: int = 4096) -> Iterator[Any]:
    """Yield rows in stretches, so that what layers compute of them stays small.

    Parameters
    ----------
    X : array, CSR matrix or Sequences
        All rows.
    n_rows : int, default=4096
        Of a stretch.
    """
    if X.shape[0] <= n_rows:
        yield _in_memory(X)
        return
    for start in range(0, X.shape[0], n_rows):
        yield X[start : start + n_rows]


def _in_memory(X: Any) -> Any:
    return X[:] if isinstance(X, RowsOnDisk) else X
