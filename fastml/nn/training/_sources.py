"""Where batches come from."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastml.backends import Backend
from fastml.nn._sequences import Sequences

__all__ = ["Batch", "InMemory", "Source", "permutation"]

# Stream of the counter-based generator.
STREAM_SHUFFLE = 1


class Batch(NamedTuple):
    """Some samples.

    Attributes
    ----------
    X : array, CSR matrix (n, ...) or Sequences
        Where the network is.
    y : array (n_targets, ...)
        Targets, likewise: one for each sample, or for each step of all sequences.
    weight : ndarray (n_targets,) or None
        Of each target, on the host, in float64; None for ones.
    rows : ndarray or slice
        Which of the data set these are.
    total : float
        What the weights add up to: n_targets without weights.
    """

    X: Any
    y: Any
    weight: Any
    rows: Any
    total: float

    @classmethod
    def of(cls, X: Any, y: Any, weight: Any, rows: Any) -> "Batch":
        """Return a batch of samples with one target each, or of sequences with one in each step.

        Parameters
        ----------
        X, rows
            As the batch has them.
        y, weight : array (n, ...), Sequences or None
            Of each sample, or of each of its steps.
        """
        y, weight = (a.flat if isinstance(a, Sequences) else a for a in (y, weight))
        return cls(X, y, weight, rows, float(len(y) if weight is None else weight.sum()))

    @property
    def n_rows(self) -> int:
        """How many samples."""
        return int(self.X.shape[0])

    @property
    def n_targets(self) -> int:
        """How many targets: as many as samples, or as all their steps."""
        return int(self.y.shape[0])


class Source(Protocol):
    """Anything that gives batches, the same ones each time it is asked for an epoch.

    Attributes
    ----------
    n_rows : int
        Samples of an epoch, 0 if that is not known before its end.
    """

    n_rows: int

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, in order."""
        ...


def permutation(backend: Backend, n: int, seed: int, epoch: int) -> np.ndarray[Any, Any]:
    """Return the numbers below n in an order that depends on key and epoch alone.

    Parameters
    ----------
    backend : Backend
        Whose generator draws; all draw the same.
    n : int
        How many.
    seed, epoch : int
        Key and step of the draws.

    Returns
    -------
    ndarray (n,)
        int64: the order of 64-bit draws, one of each number.
    """
    words = backend.empty(((n + 1) // 2, 4), np.uint32)
    backend.kernels("rng").bits(seed, STREAM_SHUFFLE, epoch, words)
    return np.argsort(backend.to_host(words).view(np.uint64).reshape(-1)[:n], kind="stable")


class InMemory:
    """Batches of arrays.

    Parameters
    ----------
    backend : Backend
        Where the network is.
    X : array, CSR matrix (n_samples, ...) or Sequences
        On the backend; float32 or float64.
    y : array (n_samples, ...) or Sequences
        On the backend: a target for each sample, or for each of its steps.
    weight : ndarray (n_samples,) or Sequences, optional
        On the host, in float64; all one by default.
    batch_size : int
        Samples of a batch; the last of an epoch may have fewer. 1 is stochastic descent, and
        n_samples or more that by the whole gradient.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    seed : int, default=0
        Key of that order.
    """

    def __init__(
        self,
        backend: Backend,
        X: Any,
        y: Any,
        weight: Any = None,
        *,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        self.backend = backend
        self.X, self.y, self.weight = X, y, weight
        self.n_rows = int(X.shape[0])
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, in order.

        Parameters
        ----------
        epoch : int
            Its number.
        """
        n, size = self.n_rows, self.batch_size
        if size >= n:
            # All of them, whose order says nothing.
            yield Batch.of(self.X, self.y, self.weight, slice(0, n))
            return
        if not self.shuffle:
            for start in range(0, n, size):
                part = slice(start, min(start + size, n))
                weight = None if self.weight is None else self.weight[part]
                yield Batch.of(self.X[part], self.y[part], weight, part)
            return
        order = permutation(self.backend, n, self.seed, epoch)
        places = order if self.backend.xp is np else self.backend.asarray(order)
        for start in range(0, n, size):
            rows, there = order[start : start + size], places[start : start + size]
            X = self.X.take(there, axis=0) if hasattr(self.X, "take") else self.X[rows]
            weight = None if self.weight is None else self.weight[rows]
            yield Batch.of(X, self.y.take(there, axis=0), weight, rows)
