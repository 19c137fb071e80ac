"""Penalties on the weights of a network, whose gradient the optimiser adds in its own pass."""

from typing import Any, NamedTuple

import numpy as np

from fastml.backends import Backend
from fastml.losses._sums import block_rows, merged

__all__ = ["Penalty"]


class Penalty(NamedTuple):
    """``l1 sum |w| + l2 / 2 sum w^2`` over stretches of a flat array.

    Attributes
    ----------
    l1, l2 : float
        At least 0.
    spans : list of (int, int)
        Start and stop of each stretch.
    """

    l1: float
    l2: float
    spans: list[tuple[int, int]]

    @property
    def is_none(self) -> bool:
        """Whether there is nothing to add."""
        return not self.spans or (self.l1 == 0 and self.l2 == 0)

    def value(self, backend: Backend, flat: Any) -> float:
        """Return its value, added up in float64 in a fixed order.

        Parameters
        ----------
        backend : Backend
            Where the array is.
        flat : array (n_parameters,)
            All parameters.
        """
        real, found = flat.dtype.type, 0.0
        for start, stop in self.spans:
            size = block_rows(stop - start, 1)
            totals = backend.empty(-(-(stop - start) // size), np.float64)
            backend.kernels("losses").penalty(
                real(self.l1), real(0.5 * self.l2), flat[start:stop], size, totals
            )
            found += merged(backend, totals)
        return found
