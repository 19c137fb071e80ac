"""Penalties on the weights of a network; their gradient is added by the optimiser's own pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastml.backends import Backend
from fastml.blocks import MAX_BLOCKS
from fastml.losses._sums import merged

__all__ = ["penalty_value"]

# Below this many elements a block costs more to start and to merge than to compute.
_LEAST_ELEMENTS = 1 << 15


def penalty_value(
    backend: Backend, flat: Any, l1: float, l2: float, spans: Sequence[tuple[int, int]]
) -> float:
    """Return ``l1 sum |w| + l2 / 2 sum w^2``, added up in float64 in a fixed order.

    Parameters
    ----------
    backend : Backend
        Where the parameters are.
    flat : array (n_parameters,)
        All of them.
    l1, l2 : float
        Factors, at least 0.
    spans : sequence of (int, int)
        Start and stop of the stretches that are added up.
    """
    real, found, kernel = flat.dtype.type, 0.0, backend.kernels("losses").penalty
    for start, stop in spans:
        size = max(_LEAST_ELEMENTS, -(-(stop - start) // MAX_BLOCKS))
        totals = backend.empty(-(-(stop - start) // size), np.float64)
        kernel(real(l1), real(0.5 * l2), flat[start:stop], size, totals)
        found += merged(backend, totals)
    return found
