"""What units of a network see of its input."""

from collections.abc import Sequence
from typing import NamedTuple

from fastml.nn._window import Window

__all__ = ["ReceptiveField"]


class ReceptiveField(NamedTuple):
    """What units see of the input, along each of its spatial axes.

    The unit at place i sees `size` values from ``start + jump * i`` on, as far as there are any.

    Attributes
    ----------
    size, jump, start : tuple of int
        One for each spatial axis.
    """

    size: tuple[int, ...]
    jump: tuple[int, ...]
    start: tuple[int, ...]

    @classmethod
    def of_input(cls, n_axes: int) -> "ReceptiveField":
        """Return the field of the input's own values.

        Parameters
        ----------
        n_axes : int
            Number of spatial axes.
        """
        return cls((1,) * n_axes, (1,) * n_axes, (0,) * n_axes)

    def behind(self, made: Sequence[Window]) -> "ReceptiveField":
        """Return the field of units that see these through windows.

        Parameters
        ----------
        made : sequence of Window
            One for each axis.
        """
        each = list(zip(self.size, self.jump, self.start, made, strict=True))
        return ReceptiveField(
            tuple(size + (w.extent - 1) * jump for size, jump, _, w in each),
            tuple(jump * w.stride for _, jump, _, w in each),
            tuple(start - w.before * jump for _, jump, start, w in each),
        )

    def over(self, shape: Sequence[int]) -> "ReceptiveField":
        """Return the field of a unit that sees all of a sample of these.

        Parameters
        ----------
        shape : sequence of int
            Of the sample, channels last; of one axis if there are no others, or if they were
            flattened.
        """
        sizes = tuple(shape[:-1]) or tuple(shape)
        if len(sizes) != len(self.size):
            sizes = (1,) * len(self.size)
        each = zip(self.size, self.jump, sizes, strict=True)
        return ReceptiveField(
            tuple(size + jump * (n - 1) for size, jump, n in each),
            (0,) * len(self.size),
            self.start,
        )

    def joined(self, other: "ReceptiveField") -> "ReceptiveField":
        """Return the field of units that see both what these see and what others do.

        Parameters
        ----------
        other : ReceptiveField
            Of units at the same places.
        """
        start = tuple(map(min, self.start, other.start))
        ends = (a + b for a, b in zip(self.start, self.size, strict=True))
        other_ends = (a + b for a, b in zip(other.start, other.size, strict=True))
        size = tuple(max(a, b) - s for a, b, s in zip(ends, other_ends, start, strict=True))
        return ReceptiveField(size, self.jump, start)

    def within(self, place: Sequence[int], sizes: Sequence[int]) -> tuple[slice, ...]:
        """Return where in the input a unit looks.

        Parameters
        ----------
        place : sequence of int
            Of the unit, along each axis.
        sizes : sequence of int
            Of the input.
        """
        found = []
        for i, size, jump, start, n in zip(
            place, self.size, self.jump, self.start, sizes, strict=True
        ):
            first = start + jump * i
            found.append(slice(max(first, 0), min(first + size, n)))
        return tuple(found)
