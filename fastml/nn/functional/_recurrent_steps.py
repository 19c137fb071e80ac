"""Where the steps of sequences lie among rows, and a way through them step by step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff import primitives as p

__all__ = ["Layout", "Watched", "by_steps"]


class Layout(NamedTuple):
    """Where sequences lie among rows.

    Attributes
    ----------
    order : (n_sequences,) int64 ndarray or None
        Numbers of the sequences by descending length; None where they are in that order.
    firsts, lengths : (n_sequences,) int64 ndarrays
        First row and number of elements of each, in that order.
    row_step : int
        Rows from one element to the next.
    """

    order: Any
    firsts: Any
    lengths: Any
    row_step: int

    @classmethod
    def of(cls, firsts: Any, lengths: Any, row_step: int) -> "Layout":
        """Return sequences put in order."""
        firsts, lengths = (np.asarray(a, np.int64) for a in (firsts, lengths))
        if not np.any(lengths[1:] > lengths[:-1]):
            return cls(None, firsts, lengths, row_step)
        order = np.argsort(-lengths, kind="stable")
        return cls(order, firsts[order], lengths[order], row_step)

    def backwards(self) -> "Layout":
        """Return the same sequences from their last elements to their first."""
        lasts = self.firsts + (self.lengths - 1) * self.row_step
        return Layout(self.order, lasts, self.lengths, -self.row_step)

    def sorted(self, a: Any) -> Any:
        """Return a row for each sequence, put in order: always a copy."""
        return a.copy() if self.order is None else a[self.order]

    def unsorted(self, a: Any) -> Any:
        """Return a row for each sequence, out of order again."""
        return a if self.order is None or not len(a) else a[np.argsort(self.order)]


class Watched(NamedTuple):
    """What recurrent units hold after a step.

    Attributes
    ----------
    rows : int array (n,)
        The rows of the step, in sequences that have so many.
    states, cells : Variables or arrays (n, n_units)
        After it; no cells but of an LSTM.
    """

    rows: Any
    states: Any
    cells: Any


def by_steps(
    step: Callable[[Any, Any, Any, Any], tuple[Any, Any]],
    h: Any,
    c: Any,
    layout: Layout,
    mask: Any = None,
    watched: list[Watched] | None = None,
) -> Any:
    """Return states of all rows, the last ones and the last cells as one, as the node does.

    Parameters
    ----------
    step : callable
        ``step(rows, h, c, mask)`` returns the next states and cells of the sequences that go on.
    h, c : Variable or array (n_sequences, n_units)
        Initial states and cells; None for cells that there are none of.
    layout : Layout
        Of the sequences.
    mask : array (n_sequences, n_units), optional
        What states are multiplied by.
    watched : list, optional
        Gets what there is after each step.
    """
    if layout.order is not None:
        h, c = (a if a is None else p.getitem(a, index=(layout.order,)) for a in (h, c))
    mask = None if mask is None else layout.sorted(mask)
    places, states, last, last_cell = [], [], [], []
    for t in range(int(layout.lengths.max(initial=0)) + 1):
        n = int(np.count_nonzero(layout.lengths > t))
        last.append(h[n:])
        last_cell.append(c if c is None else c[n:])
        if n == 0:
            break
        rows = layout.firsts[:n] + t * layout.row_step
        h, c = step(rows, h[:n], c if c is None else c[:n], mask if mask is None else mask[:n])
        places.append(rows)
        states.append(h)
        if watched is not None:
            watched.append(Watched(rows, h, c))
    found = []
    if states:
        back = np.argsort(np.concatenate(places))
        found.append(p.getitem(p.concatenate(states), index=(back,)))
    for parts in (last,) if c is None else (last, last_cell):
        whole = p.concatenate(parts[::-1])
        if layout.order is not None:
            whole = p.getitem(whole, index=(np.argsort(layout.order),))
        found.append(whole)
    return p.concatenate(found)
