"""Distances between rows on the CPU."""

import numpy as np

from fastml._jit import njit_parallel, prange
from fastml._jit.simd import TILE_COLS
from fastml._jit.tile import tile_difference, tile_rows
from fastml.kernels.kmeans.panels import FEATURE_RUN, ROW_STRIDE, pack_rows

# Rows of one task: enough to pay for its scratch.
TASK_ROWS = 480


@njit_parallel(work=lambda X, Y, *rest: X.size * Y.shape[0])
def euclidean(
    X,  # IN (n_samples, n_features)
    Y,  # IN (n_others, n_features)
    squared,  # IN scalar
    out,  # OUT (n_samples, n_others)
):
    """Compute the distance of every row of X to every row of Y, by differences.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    Y : (n_others, n_features) float array
        Other rows, of the same dtype.
    squared : bool
        Leave out the square root.
    out : (n_samples, n_others) float array
        Written: distances. Those of equal rows are zero exactly.
    """
    n, d = X.shape
    k = Y.shape[0]
    n_panels = -(-k // TILE_COLS)
    panels = np.zeros((n_panels, d, TILE_COLS), X.dtype)
    for j in range(k):
        for t in range(d):
            panels[j // TILE_COLS, t, j % TILE_COLS] = Y[j, t]
    origin = np.zeros(d, X.dtype)
    height = tile_rows(X)
    for task in prange(-(-n // TASK_ROWS)):
        scratch = np.zeros((height, ROW_STRIDE), X.dtype)
        sums = np.zeros((n_panels, height * TILE_COLS), X.dtype)
        tile_size = height * TILE_COLS
        stop = min(n, (task + 1) * TASK_ROWS)
        for first in range(task * TASK_ROWS, stop, height):
            n_rows = min(height, stop - first)
            sums[:] = 0
            for t0 in range(0, d, FEATURE_RUN):
                t1 = min(d, t0 + FEATURE_RUN)
                pack_rows(X, first, n_rows, t0, t1, origin, scratch)
                for g in range(n_panels):
                    tile_difference(
                        sums, g * tile_size, TILE_COLS,
                        scratch, 0, ROW_STRIDE, 0, 1,
                        panels, (g * d + t0) * TILE_COLS, 0, 1, t1 - t0,
                        sums, g * tile_size, TILE_COLS,
                    )  # fmt: skip
            for p in range(n_rows):
                for g in range(n_panels):
                    left = min(TILE_COLS, k - g * TILE_COLS)
                    for lane in range(left):
                        value = sums[g, p * TILE_COLS + lane]
                        if not squared:
                            value = np.sqrt(value)
                        out[first + p, g * TILE_COLS + lane] = value
