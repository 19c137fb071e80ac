"""Sequences, each with another one of its own length."""

from typing import Any

from fastml.nn._sequences import Sequences

__all__ = ["SequencePairs"]


class SequencePairs(Sequences):
    """Sequences, and for each what a decoder is given beside it.

    Attributes
    ----------
    given : Sequences
        As many sequences, of lengths of their own.
    """

    given: Sequences

    @classmethod
    def of(cls, X: Sequences, given: Sequences) -> "SequencePairs":
        """Return pairs.

        Parameters
        ----------
        X, given : Sequences
            As many of both.
        """
        made = cls.__new__(cls)
        made.flat, made.offsets, made.given = X.flat, X.offsets, given
        return made

    def with_flat(self, flat: Any) -> "SequencePairs":
        """Return pairs whose first sequences have other elements; see `Sequences`."""
        return SequencePairs.of(super().with_flat(flat), self.given)

    def take(self, rows: Any, axis: int = 0) -> "SequencePairs":
        """Return some of the pairs; see `Sequences`."""
        return SequencePairs.of(super().take(rows), self.given.take(rows))

    def __getitem__(self, rows: Any) -> Any:
        found = super().__getitem__(rows)
        if isinstance(found, Sequences) and not isinstance(found, SequencePairs):
            return SequencePairs.of(found, self.given[rows])
        return found
