"""The nearest of packed rows, block by block of the others."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.nearest import tile_best, tile_nearest
from fastml._jit.rowwise import lane_argmax
from fastml._jit.simd import TILE_COLS
from fastml._jit.tile import tile_rows
from fastml.kernels.pairwise.forms import SQUARED
from fastml.kernels.pairwise.panels import (
    BLOCK,
    BLOCK_PANELS,
    FEATURE_RUN,
    ROW_STRIDE,
    band_sums,
    pack_rows,
    scratch_for,
)


@njit_leaf
def _best_of_one_run(X, first, n_rows, panels, offset, none, starts, rows, best, best_panel):
    """Meet every panel in registers: rows are no longer than one run of features."""
    n_panels, d, _ = panels.shape
    pack_rows(X, first, n_rows, 0, d, offset, none, rows)
    for g in range(n_panels):
        tile_nearest(
            best, best_panel, 0, g,
            rows, 0, ROW_STRIDE, 0, 1,
            panels, g * d * TILE_COLS, 0, 1, d,
            starts, TILE_COLS if g == n_panels - 1 else 0, 0,
        )  # fmt: skip


@njit_leaf
def _best_of_runs(
    X, first, n_rows, panels, offset, none, starts, zeros, rows, band, wide, best, best_panel
):
    """Meet the panels band by band, whose sums are added up over the runs."""
    n_panels = panels.shape[0]
    for g0 in range(0, n_panels, BLOCK_PANELS):
        g1 = min(n_panels, g0 + BLOCK_PANELS)
        band_sums(
            SQUARED, X, first, n_rows, offset, none, panels, g0, g1, zeros, rows, band, wide
        )  # fmt: skip
        for p in range(n_rows):
            for c in range((g1 - g0) * TILE_COLS):
                band[p, c] = -band[p, c]
            if g1 == n_panels:
                for lane in range(TILE_COLS):
                    band[p, (g1 - g0 - 1) * TILE_COLS + lane] += starts[1, lane]
        for g in range(g0, g1):
            tile_best(
                best, best_panel, 0, g,
                rows, 0, ROW_STRIDE, 0, 1,
                panels, 0, 0, 1, 0,
                band, (g - g0) * TILE_COLS, BLOCK,
            )  # fmt: skip


@njit_leaf
def nearest_block(X, start, stop, panels, k, indices, values):
    """Find the nearest of k packed rows to rows start ... stop - 1 of X."""
    zeros, rows, band, wide = scratch_for(X)
    n_panels, d, _ = panels.shape
    offset, none = np.zeros(d, X.dtype), np.empty(0, X.dtype)
    # What sums start from: lanes of the last panel that are no row of Y are never the best.
    starts = np.zeros((2, TILE_COLS), X.dtype)
    for lane in range(k - (n_panels - 1) * TILE_COLS, TILE_COLS):
        starts[1, lane] = -np.inf
    height = tile_rows(X)
    best = np.empty((height, TILE_COLS), X.dtype)
    best_panel = np.zeros((height, TILE_COLS), np.int32)
    for first in range(start, stop, height):
        n_rows = min(height, stop - first)
        for p in range(height):
            for lane in range(TILE_COLS):
                best[p, lane] = -np.inf
        if d <= FEATURE_RUN:
            _best_of_one_run(
                X, first, n_rows, panels, offset, none, starts, rows, best, best_panel
            )  # fmt: skip
        else:
            _best_of_runs(
                X, first, n_rows, panels, offset, none, starts, zeros, rows, band, wide,
                best, best_panel,
            )  # fmt: skip
        for p in range(n_rows):
            value, column = lane_argmax(best, best_panel, p * TILE_COLS)
            indices[first + p] = column
            values[first + p] = -value
