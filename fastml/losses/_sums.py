"""Sums over canonical blocks, which have the same bits on any number of threads."""

import operator
from typing import Any

from fastml.backends import Backend
from fastml.blocks import MAX_BLOCKS, merge_tree

# Below this many elements a block costs more to start than to compute.
_LEAST_ELEMENTS = 4096


def block_rows(n_rows: int, n_columns: int) -> int:
    """Return the rows of a block, from the shape alone.

    Unlike `blocks.block_rows` it counts elements: 128 rows of 1000 scores are work for several
    threads, 1000 rows of one number are not.
    """
    return max(1, -(-n_rows // MAX_BLOCKS), -(-_LEAST_ELEMENTS // max(n_columns, 1)))


def merged(backend: Backend, totals: Any) -> float:
    """Return the sum of the blocks' totals, added along the fixed tree."""
    parts = backend.to_host(totals).tolist()
    if len(parts) < 2:
        return parts[0] if parts else 0.0
    return merge_tree(parts, operator.add)


def as_number(backend: Backend, value: float, dtype: Any, on_device: bool) -> Any:
    """Return a number as the value of a node: a scalar of NumPy, or an array on the device."""
    return backend.xp.asarray(value, dtype) if on_device else dtype.type(value)
