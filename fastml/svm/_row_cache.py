"""Rows of a kernel matrix, those kept that were asked for last."""

from typing import Any

import numpy as np

from fastml.svm._kernel_blocks import Blocks, buffer_for, put_rows

__all__ = ["RowCache"]


class RowCache:
    """A least recently used cache of the rows of a kernel matrix, in float32.

    Parameters
    ----------
    blocks : Blocks
        The matrix.
    n_bytes : float
        What the rows may take; two rows have room always.

    Attributes
    ----------
    blocks : Blocks
        The matrix over the rows that are left.
    rows : array of shape (n_slots, n)
        What is kept, on the backend.
    """

    def __init__(self, blocks: Blocks, n_bytes: float) -> None:
        self.blocks = blocks
        n_slots = int(min(blocks.n, max(2, n_bytes // (4 * blocks.n))))
        self._memory = blocks.backend.empty(n_slots * blocks.n, np.float32)
        self._start_over()

    @property
    def n_slots(self) -> int:
        """How many rows have room."""
        return int(self.rows.shape[0])

    def _start_over(self) -> None:
        """Forget all rows; there may be room for more of them, or fewer."""
        n = self.blocks.n
        n_slots = min(n, self._memory.size // n)
        self.rows = self._memory[: n_slots * n].reshape(n_slots, n)
        self._buffer = buffer_for(self.blocks, n)
        self._slot = np.full(n, -1, np.int64)
        self._owner = np.full(n_slots, -1, np.int64)
        self._used = np.full(n_slots, -1, np.int64)
        self._now = 0

    def fetch(self, wanted: Any) -> Any:
        """Return the slots of some rows, no more than there are, after computing what is missing.

        Parameters
        ----------
        wanted : (n_wanted,) int64 array
            Different rows.

        Returns
        -------
        (n_wanted,) int64 array
            Where in `rows` they are, until the next call.
        """
        self._now += 1
        slots = self._slot[wanted]
        self._used[slots[slots >= 0]] = self._now
        missing = wanted[slots < 0]
        if missing.size:
            oldest = np.argsort(self._used, kind="stable")[: missing.size]
            given_up = self._owner[oldest]
            self._slot[given_up[given_up >= 0]] = -1
            self._slot[missing], self._owner[oldest] = oldest, missing
            self._used[oldest] = self._now
            put_rows(self.blocks, missing, oldest, self.rows, self._buffer)
        return self._slot[wanted]

    def restrict(self, kept: Any) -> None:
        """Leave out variables from rows and columns, and keep what is kept of the rest.

        Parameters
        ----------
        kept : (n_kept,) int64 array
            The variables that stay, in order.
        """
        before, slots, used = self.rows, self._slot[kept], self._used
        self.blocks = self.blocks.take(kept)
        n = self.blocks.n
        moved = np.flatnonzero(slots >= 0)
        moved = moved[np.argsort(slots[moved])]
        slots = slots[moved]
        self._start_over()
        columns = self.blocks.backend.asarray(kept)
        for place, slot in enumerate(slots):
            # Rows become shorter and move forward: none is overwritten before it has moved.
            self._memory[place * n : (place + 1) * n] = before[slot][columns]
        self._slot[moved], self._owner[: moved.size] = np.arange(moved.size), moved
        self._used[: moved.size] = used[slots]
        self._now = int(used.max(initial=0))

    def widen(self, blocks: Blocks) -> None:
        """Take another matrix, with rows that are not kept yet."""
        self.blocks = blocks
        self._start_over()
