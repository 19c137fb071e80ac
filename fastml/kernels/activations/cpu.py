"""Activation functions on the CPU."""

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml._jit.rowwise import lane_find, lane_max_of, lane_max_over
from fastml._jit.simd import TILE_COLS

# Elements of one task.
TASK_SIZE = 8192


@njit_leaf
def _first_largest(values, start, n):
    """Return the position of the largest of `n` values, the first where they tie."""
    if start + n + TILE_COLS > values.size:
        # A vector would reach beyond the array.
        at = 0
        for i in range(1, n):
            if values[start + i] > values[start + at]:
                at = i
        return at
    whole = n // TILE_COLS * TILE_COLS
    best = lane_max_of(values, start + whole, n - whole)
    best = max(best, lane_max_over(values, start, whole // TILE_COLS))
    for first in range(0, n, TILE_COLS):
        lane = lane_find(values, start + first, best)
        if lane < TILE_COLS:
            # Beyond the row only where it holds NaN, and so nothing that equals the largest.
            return min(first + lane, n - 1)
    return n - 1


@njit_leaf
def _any_nan(values, start, stop):
    found = False
    for i in range(start, stop):
        found |= values[i] != values[i]
    return found


@njit_parallel(work=lambda S, *rest: 2 * S.size)
def winner_take_all(
    S,  # IN (n_rows, n_units)
    out,  # INOUT (n_rows, n_units)
    has_nan,  # INOUT (1,)
):
    """Write 1 where a row has its largest value, into zeros.

    Parameters
    ----------
    S : (n_rows, n_units) float array
        Values, at least one in a row.
    out : (n_rows, n_units) float array
        Zeros (which large arrays are from the start): 1 is written at the largest value of each
        row, the first where several are. In a row with NaN it may be at any place.
    has_nan : (1,) int32 array
        Set to 1 if there is NaN.
    """
    n, k = S.shape
    values, written = S.reshape(-1), out.reshape(-1)
    task_rows = max(1, TASK_SIZE // k)
    for task in prange(-(-n // task_rows)):
        first, stop = task * task_rows, min(n, (task + 1) * task_rows)
        for row in range(first, stop):
            written[row * k + _first_largest(values, row * k, k)] = 1
        if _any_nan(values, first * k, stop * k):
            # Whichever thread writes, and how often, it is the same number.
            has_nan[0] = 1
