"""Canonical blocks of rows and the fixed tree that merges their partial results.

Every reduction over rows is cut at the same places whatever the number of threads, chunks or
workers: the size of a block is a function of the number of rows alone. Each block is summed by
serial code in one order, and blocks are merged pairwise along a fixed binary tree, so that the
result has the same bits wherever and however often it is computed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Moments(NamedTuple):
    """What is known of some rows: their weight, their mean, their scatter about that mean.

    The scatter is a matrix, or a vector when it is that of single columns.
    """

    weight: float
    mean: Any
    scatter: Any


# Enough blocks to keep some tens of threads busy, few enough that the partial results stay small.
MAX_BLOCKS = 64
# A block is a whole number of these, a common multiple of every register tile's rows (24, 12, 6).
ROW_UNIT = 24
# Below this a block costs more to start and to merge than to compute.
MIN_BLOCK_ROWS = 240


def block_rows(n_rows: int) -> int:
    """Return the number of rows of a canonical block.

    Parameters
    ----------
    n_rows : int
        Rows of the whole data set, not of one chunk of it.

    Returns
    -------
    int
        A multiple of `ROW_UNIT`, at least `MIN_BLOCK_ROWS`. The last block may hold fewer rows.
    """
    rows = -(-n_rows // MAX_BLOCKS)
    rows = -(-rows // ROW_UNIT) * ROW_UNIT
    return max(rows, MIN_BLOCK_ROWS)


def n_blocks(n_rows: int) -> int:
    """Return how many canonical blocks `n_rows` rows make (0 for no rows)."""
    return -(-n_rows // block_rows(n_rows))


def spans(n_rows: int) -> Iterator[tuple[int, int]]:
    """Yield the (start, stop) rows of every canonical block, in order."""
    step = block_rows(n_rows)
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


def merge_tree(parts: Sequence[T], merge: Callable[[T, T], T]) -> T:
    """Merge partial results pairwise, neighbours first, in an order fixed by their number.

    Parameters
    ----------
    parts : sequence
        Partial results of blocks 0, 1, 2, ... in order; at least one.
    merge : callable
        ``merge(left, right)`` of two neighbours.

    Returns
    -------
    object
        The merged result.
    """
    if len(parts) == 0:
        raise ValueError("merge_tree needs at least one part, got none.")
    level = list(parts)
    while len(level) > 1:
        pairs = [merge(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]
    return level[0]


def merge_moments(left: Moments, right: Moments) -> Moments:
    """Return the moments of the rows of both, from theirs (Chan, Golub and LeVeque 1983)."""
    weight = left.weight + right.weight
    if weight == 0:
        return left
    share = right.weight / weight
    step = right.mean - left.mean
    root = step * (left.weight * share) ** 0.5
    outer = root[:, None] * root if left.scatter.ndim == 2 else root * root
    outer += left.scatter
    outer += right.scatter
    return Moments(weight, left.mean + share * step, outer)
