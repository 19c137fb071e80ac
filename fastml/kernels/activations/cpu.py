"""Activation functions on the CPU."""

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml._jit.rowwise import lane_find, lane_max
from fastml._jit.simd import TILE_COLS

# Elements of one task.
TASK_SIZE = 8192


@njit_leaf
def _first_largest(values, start, n):
    """Return the position of the largest of `n` values, the first where they tie."""
    best, at = values[start], 0
    whole = n // TILE_COLS * TILE_COLS
    for first in range(0, whole, TILE_COLS):
        top = lane_max(values, start + first)
        # Not larger than it is: the first sixteen, which `best` is one of.
        if top > best or first == 0:
            best, at = top, first
    if whole:
        at += lane_find(values, start + at, best)
    for i in range(whole, n):
        if values[start + i] > best:
            best, at = values[start + i], i
    return at


@njit_parallel(work=lambda S, out: 2 * S.size)
def winner_take_all(
    S,  # IN (n_rows, n_units)
    out,  # OUT (n_rows, n_units)
):
    """Write 1 where a row has its largest value, and 0 elsewhere.

    Parameters
    ----------
    S : (n_rows, n_units) float array
        Values, at least one in a row and none NaN.
    out : (n_rows, n_units) float array
        Written: 1 at the largest value, the first where several are, else 0.
    """
    n, k = S.shape
    values, written = S.reshape(-1), out.reshape(-1)
    task_rows = max(1, TASK_SIZE // k)
    for task in prange(-(-n // task_rows)):
        for row in range(task * task_rows, min(n, (task + 1) * task_rows)):
            winner = _first_largest(values, row * k, k)
            for i in range(row * k, (row + 1) * k):
                written[i] = 0
            written[row * k + winner] = 1
