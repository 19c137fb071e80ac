"""Sequences of several lengths as one array."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastml.backends import Backend, fetched, on_device

__all__ = ["Sequences", "checked_offsets", "elements"]


def checked_offsets(offsets: Any, n_rows: int, name: str = "offsets") -> Any:
    """Return offsets as int64, if they are those of sequences none of which is empty.

    Parameters
    ----------
    offsets : array-like of int of shape (n_sequences + 1,)
        Between two of them are the elements of a sequence.
    n_rows : int
        How many elements there are.
    name : str, default="offsets"
        What errors call them.

    Raises
    ------
    ValueError
        If they are not, naming the first sequence that is empty.
    """
    found = np.asarray(offsets)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a one-dimensional array of integers, got shape {found.shape} of "
            f"dtype {found.dtype}."
        )
    found = found.astype(np.int64)
    lengths = np.diff(found)
    fits = bool(found.size) and found[0] == 0 and found[-1] == n_rows
    if not fits or np.any(lengths < 1):
        empty = f" Sequence {np.argmin(lengths)} has no step." if fits else ""
        raise ValueError(
            f"{name} must go up from 0 to the {n_rows} elements that there are, with no sequence "
            f"empty, got {found}.{empty}"
        )
    return found


def elements(firsts: Any, lengths: Any, step: int = 1) -> Any:
    """Return the rows of the elements of sequences, one sequence after the other.

    Parameters
    ----------
    firsts, lengths : int64 ndarrays (n_sequences,)
        First row and number of elements of each.
    step : int, default=1
        Rows from one element to the next.
    """
    ends = np.cumsum(lengths)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    return np.repeat(firsts, lengths) + within * step


class Sequences:
    """Sequences one after the other in one array, and where each begins.

    Networks, the training loop and scikit-learn's splitters take it as they take an array.

    Parameters
    ----------
    flat : array (n_elements, ...)
        Elements of all sequences: rows of features, tokens, or targets.
    offsets : array-like of int of shape (n_sequences + 1,)
        From 0 to n_elements: sequence i is ``flat[offsets[i]:offsets[i + 1]]``. None is empty.

    Attributes
    ----------
    flat : array (n_elements, ...)
        As given.
    offsets : int64 ndarray (n_sequences + 1,)
        On the host.
    lengths : int64 ndarray (n_sequences,)
        Numbers of elements.
    shape : tuple of int
        ``(n_sequences, longest, ...)``.
    dtype : dtype
        Of `flat`.

    Raises
    ------
    ValueError
        If offsets do not fit, or a sequence is empty.

    See Also
    --------
    fastml.nn.read_sequences : Makes it of lists, padded arrays and DataFrames.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import Sequences
    >>> X = Sequences(np.arange(10.0).reshape(5, 2), [0, 2, 5])
    >>> X.shape, X.lengths.tolist(), X[0].tolist()
    ((2, 3, 2), [2, 3], [[0.0, 1.0], [2.0, 3.0]])
    >>> X[[1, 0]].lengths.tolist()
    [3, 2]
    """

    def __init__(self, flat: Any, offsets: Any) -> None:
        self.flat = flat
        self.offsets = checked_offsets(offsets, len(flat))

    @classmethod
    def _of(cls, flat: Any, offsets: Any) -> "Sequences":
        """Return sequences whose offsets are known to fit."""
        made = cls.__new__(cls)
        made.flat, made.offsets = flat, offsets
        return made

    @property
    def lengths(self) -> Any:
        """Numbers of elements."""
        return np.diff(self.offsets)

    @property
    def dtype(self) -> Any:
        """Of the elements."""
        return self.flat.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of sequences, that of the elements of the longest, and shape of an element."""
        return (len(self), int(self.lengths.max(initial=0)), *self.flat.shape[1:])

    @property
    def ndim(self) -> int:
        """How many axes that shape has."""
        return int(self.flat.ndim) + 1

    def with_flat(self, flat: Any) -> "Sequences":
        """Return sequences of the same lengths.

        Parameters
        ----------
        flat : array (n_elements, ...)
            Their elements.
        """
        return Sequences._of(flat, self.offsets)

    def repeated(self, values: Any) -> "Sequences":
        """Return sequences of the same lengths whose elements are all alike.

        Parameters
        ----------
        values : ndarray (n_sequences, ...)
            Of each sequence.
        """
        return self.with_flat(np.repeat(values, self.lengths, axis=0))

    def to(self, backend: Backend, dtype: Any = None) -> "Sequences":
        """Return the sequences where a backend computes.

        Parameters
        ----------
        backend : Backend
            Of `fastml.backends`.
        dtype : dtype, optional
            By default their own.
        """
        return self.with_flat(backend.asarray(self.flat, dtype))

    def take(self, rows: Any, axis: int = 0) -> "Sequences":
        """Return some of the sequences.

        Parameters
        ----------
        rows : int array (n,)
            Their numbers.
        axis : int, default=0
            The axis of sequences, which is the only one.
        """
        rows = np.asarray(fetched(rows) if on_device(rows) else rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        lengths = self.lengths[rows]
        places = elements(self.offsets[:-1][rows], lengths)
        return Sequences._of(self.flat[places], np.append(0, np.cumsum(lengths)))

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, tuple):
            # scikit-learn indexes arrays by (rows, ...).
            rows = rows[0]
        if isinstance(rows, int | np.integer):
            start = range(len(self))[int(rows)]
            return self.flat[self.offsets[start] : self.offsets[start + 1]]
        if not isinstance(rows, slice):
            return self.take(rows)
        start, stop, step = rows.indices(len(self))
        if step != 1:
            return self.take(np.arange(start, stop, step))
        offsets = self.offsets[start : max(start, stop) + 1]
        return Sequences._of(self.flat[offsets[0] : offsets[-1]], offsets - offsets[0])

    def __iter__(self) -> Iterator[Any]:
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield self.flat[start:stop]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return f"<{len(self)} sequences of {len(self.flat)} elements, {self.flat.dtype}>"
