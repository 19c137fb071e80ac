"""Batches of what does not fit into memory: rows of a file, or whatever an iterator brings."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from fastml.backends import Backend, on_device
from fastml.nn.training._sources import Batch

__all__ = ["RowsOnDisk", "Stream", "epoch_batches", "is_stream"]


class RowsOnDisk:
    """An array on disk, as the rows of a fit: each batch is read when it is its turn.

    Parameters
    ----------
    backend : Backend
        Where the network is: what is read goes there.
    X : memmap (n_samples, ...)
        Of any real dtype.
    dtype : dtype
        Of what is read: float32 or float64.
    shape : tuple of int, optional
        Of one sample, for the network; that of a row of X by default.
    rows : int array, optional
        Which rows of X these are; all by default.
    """

    def __init__(
        self,
        backend: Backend,
        X: np.ndarray,
        dtype: Any,
        shape: tuple[int, ...] | None = None,
        rows: np.ndarray | None = None,
    ) -> None:
        self.backend, self.X, self.dtype, self.rows = backend, X, np.dtype(dtype), rows
        n_rows = len(X) if rows is None else len(rows)
        self.shape = (n_rows, *(X.shape[1:] if shape is None else shape))
        self.ndim = len(self.shape)

    def some(self, rows: np.ndarray) -> "RowsOnDisk":
        """Return some of the rows, still on disk.

        Parameters
        ----------
        rows : int array
            Their numbers.
        """
        if self.rows is not None:
            rows = self.rows[rows]
        return RowsOnDisk(self.backend, self.X, self.dtype, self.shape[1:], rows)

    def reshape(self, n_rows: int, *shape: int) -> "RowsOnDisk":
        """Return the rows in another shape, still on disk.

        Parameters
        ----------
        n_rows : int
            As many as there are, or -1.
        *shape : int
            Of one sample.
        """
        return RowsOnDisk(self.backend, self.X, self.dtype, shape, self.rows)

    def take(self, rows: Any, axis: int = 0) -> Any:
        """Return rows by their numbers.

        Parameters
        ----------
        rows : int array (n,)
            The numbers.
        axis : int, default=0
            The axis of rows, which is the only one.
        """
        return self[self.backend.to_host(rows)]

    def __getitem__(self, rows: Any) -> Any:
        read = np.asarray(self.X[rows if self.rows is None else self.rows[rows]])
        return self.backend.asarray(read.reshape(-1, *self.shape[1:]), self.dtype)

    def __len__(self) -> int:
        return self.shape[0]


class Stream:
    """Batches that come from a user's iterator or function.

    Parameters
    ----------
    source : callable or iterable
        See `epoch_batches`.
    prepare : callable
        ``prepare(X, y, sample_weight)`` checks what was brought, and returns the three as a
        `Batch` has them.
    """

    # Not known before the end of an epoch.
    n_rows = 0

    def __init__(
        self, source: Any, prepare: Callable[[Any, Any, Any], tuple[Any, Any, Any]]
    ) -> None:
        self.source, self.prepare = source, prepare

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, in order.

        Parameters
        ----------
        epoch : int
            Its number.
        """
        start = 0
        for given in epoch_batches(self.source, epoch):
            X, y, weight = self.prepare(*given)
            yield Batch.of(X, y, weight, slice(start, start + len(y)))
            start += len(y)


def is_stream(X: Any) -> bool:
    """Return whether X is a source of batches, and not an array or what can become one.

    Parameters
    ----------
    X : object
        What was given to `fit`.
    """
    if callable(X):
        return True
    of_rows = isinstance(X, list | tuple | str) or on_device(X)
    arrays = ("__array__", "__dataframe__", "__array_interface__", "shape")
    return not of_rows and isinstance(X, Iterable) and not any(hasattr(X, a) for a in arrays)


def epoch_batches(source: Any, epoch: int) -> Iterator[tuple[Any, Any, Any]]:
    """Yield what a user's source has for an epoch.

    Parameters
    ----------
    source : callable or iterable
        A function, called with the number of the epoch, that returns an iterable; or an object
        that can be iterated over anew for each epoch, such as a data loader. Either yields batches
        ``(X, y)`` or ``(X, y, sample_weight)``.
    epoch : int
        Its number, from 0 on.

    Yields
    ------
    X, y, sample_weight : tuple
        Of a batch, as they came; None for weights that did not.

    Raises
    ------
    TypeError
        If the source can be gone through only once, or yields something else.
    ValueError
        If an epoch has no batches.
    """
    if not callable(source) and iter(source) is source:
        raise TypeError(
            f"A {type(source).__name__} is used up after one epoch. Give a function of the number "
            "of the epoch that returns one, or an object that can be iterated over again."
        )
    batch = None
    for batch in source(epoch) if callable(source) else source:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise TypeError(
                "A source of batches must yield (X, y) or (X, y, sample_weight), got "
                f"{type(batch).__name__}"
                + (f" of {len(batch)}." if isinstance(batch, tuple | list) else ".")
            )
        X, y, *weight = batch
        yield X, y, weight[0] if weight else None
    if batch is None:
        raise ValueError(f"The source of batches has none for epoch {epoch}.")
