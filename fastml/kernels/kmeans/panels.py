"""Pieces of the k-means kernels for the CPU: packing, the running best, fixed-point sums.

The nearest center of a row maximises ``x'c - |c|^2 / 2``. Rows are copied, less a common offset,
into a scratch of a fixed stride (so that they lie in L1 and no precision is lost to a large mean);
the register tile forms the products with `TILE_COLS` packed centers at a time.

Cluster sums are kept in fixed-point integers. Integer addition is associative, so the sums have
the same bits for any number of threads, and a row can leave one cluster and enter another without
leaving a rounding error behind: only rows that changed their label are touched.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.nearest import side_by_side, tile_best, tile_best_wide, wide_panels
from fastml._jit.rowwise import lane_argmax
from fastml._jit.simd import TILE_COLS
from fastml._jit.stretches import (
    lane_add_fixed,
    lane_squared_distance64,
    lane_subtract,
    prefetch,
    squares_side_by_side,
    vector_lanes,
)
from fastml._jit.tile import tile, tile_rows
from fastml.kernels.kmeans import scalar

to_limbs = njit_leaf(scalar.to_limbs)

# Products are formed in runs of this many features: rows and one panel of centers stay in L1.
FEATURE_RUN = 128
CACHE_LINE = 64
# Rows labelled at a time: whole tiles of any height, and whole vectors.
BATCH = 96
# The scratch's row stride: a run and one cache line more, so that rows fall into different sets.
ROW_STRIDE = FEATURE_RUN + 16


@njit_leaf
def pack_centers(centers, order, panels, bias):
    """Lay out centers as panels[g, feature, lane] and their bias -|c|^2 / 2."""
    k, d = centers.shape
    for column in range(panels.shape[0] * TILE_COLS):
        g, lane = column // TILE_COLS, column % TILE_COLS
        if column < k:
            row = order[column]
            total = 0.0
            for t in range(d):
                value = centers[row, t]
                panels[g, t, lane] = value
                total += np.float64(value) * value
            bias[column] = -0.5 * total
        else:
            for t in range(d):
                panels[g, t, lane] = 0
            bias[column] = -np.inf


@njit_leaf
def pack_rows(X, first, n_rows, t0, t1, offset, scratch):
    """Copy consecutive rows of X less the offset into the scratch."""
    d = X.shape[1]
    for p in range(n_rows):
        lane_subtract(scratch, p * ROW_STRIDE, X, (first + p) * d + t0, offset, t0, t1 - t0)


@njit_leaf
def nearest_in_one_run(X, first, n_rows, offset, panels, bias, scratch, best, best_panel):
    """Fill best and best_panel where all features fit into one run."""
    d = X.shape[1]
    pack_rows(X, first, n_rows, 0, d, offset, scratch)
    together, height = wide_panels(X), tile_rows(X)
    n_wide = panels.shape[0] // together * together
    # The next rows are fetched bit by bit while these are multiplied.
    lines = height * d * X.itemsize // CACHE_LINE
    lines = -(-lines // max(1, n_wide))
    ahead = (first + height) * d
    for g in range(0, n_wide, together):
        for p in range(0, height, height // together):
            for _ in range(lines):
                prefetch(X, ahead)
                ahead += CACHE_LINE // X.itemsize
            tile_best_wide(
                best, best_panel, p * TILE_COLS, g, g == 0,
                scratch, p * ROW_STRIDE, ROW_STRIDE,
                panels, g * d * TILE_COLS, d * TILE_COLS, d,
                bias, g * TILE_COLS,
            )  # fmt: skip
    if n_wide == 0:
        best[:] = -np.inf
    for g in range(n_wide, panels.shape[0]):
        tile_best(
            best, best_panel, 0, g,
            scratch, 0, ROW_STRIDE, 0, 1,
            panels, g * d * TILE_COLS, 0, 1, d,
            bias, g * TILE_COLS, 0,
        )  # fmt: skip


@njit_leaf
def nearest_in_runs(X, first, n_rows, offset, panels, bias, scratch, scores, best, best_panel):
    """Fill best and best_panel run by run of features, with partial scores in between."""
    d = X.shape[1]
    best[:] = -np.inf
    tile_size = tile_rows(X) * TILE_COLS
    for g in range(panels.shape[0]):
        for i in range(tile_size):
            scores[g * tile_size + i] = bias[g * TILE_COLS + i % TILE_COLS]
    for t0 in range(0, d, FEATURE_RUN):
        t1 = min(d, t0 + FEATURE_RUN)
        pack_rows(X, first, n_rows, t0, t1, offset, scratch)
        for g in range(panels.shape[0]):
            tile(
                scores, g * tile_size, TILE_COLS,
                scratch, 0, ROW_STRIDE, 0, 1,
                panels, (g * d + t0) * TILE_COLS, 0, 1, t1 - t0,
                scores, g * tile_size, TILE_COLS,
            )  # fmt: skip
    for g in range(panels.shape[0]):
        tile_best(
            best, best_panel, 0, g,
            scratch, 0, ROW_STRIDE, 0, 1,
            panels, 0, 0, 1, 0,
            scores, g * tile_size, TILE_COLS,
        )  # fmt: skip


@njit_leaf
def is_narrow(X, centers):
    """Return whether rows side by side in a vector beat the tile: few and short centers."""
    return centers.shape[0] * (X.shape[1] + 3) <= 1200


@njit_leaf
def nearest_narrow(X, first, n_rows, offset, centers, bias, columns, found):
    """Find the nearest centers with one row in each lane."""
    k, d = centers.shape
    lanes = vector_lanes(X)
    whole, rows = d // lanes * lanes, n_rows // lanes * lanes
    squares_side_by_side(columns, 0, BATCH, X, first * d, d, offset, rows // lanes, d // lanes)
    for t in range(d):
        for p in range(rows if t < whole else 0, n_rows):
            columns[t, p] = X[first + p, t] - offset[t]
    side_by_side(found, columns, BATCH, centers, k, d, bias)


@njit_leaf
def scratch_for(X, centers):
    """Return the arrays that `nearest_labels` works in: one set for each worker."""
    height = tile_rows(X)
    n_panels = -(-centers.shape[0] // TILE_COLS)
    narrow = is_narrow(X, centers)
    in_runs = X.shape[1] > FEATURE_RUN
    rows = np.zeros((height, ROW_STRIDE), X.dtype)
    scores = np.empty(n_panels * height * TILE_COLS if in_runs else 0, X.dtype)
    best = np.empty((height, TILE_COLS), X.dtype)
    best_panel = np.zeros((height, TILE_COLS), np.int32)
    columns = np.zeros((X.shape[1] if narrow else 0, BATCH), X.dtype)
    return rows, scores, best, best_panel, columns


@njit_leaf
def nearest_labels(X, first, n_rows, offset, centers, panels, bias, scratch, found):
    """Write the nearest centers of up to `BATCH` consecutive rows to `found`."""
    rows, scores, best, best_panel, columns = scratch
    if is_narrow(X, centers):
        nearest_narrow(X, first, n_rows, offset, centers, bias, columns, found)
        return
    height = tile_rows(X)
    for begin in range(0, n_rows, height):
        left = min(height, n_rows - begin)
        if X.shape[1] <= FEATURE_RUN:
            nearest_in_one_run(X, first + begin, left, offset, panels, bias, rows, best, best_panel)
        else:
            nearest_in_runs(
                X, first + begin, left, offset, panels, bias, rows, scores, best, best_panel
            )
        for p in range(left):
            found[begin + p] = lane_argmax(best, best_panel, p * TILE_COLS)[1]


@njit_leaf
def squared_distance(X, row, offset, centers, label):
    """Return |(x - offset) - c|^2, added up in float64."""
    d = X.shape[1]
    return lane_squared_distance64(X, row * d, offset, centers, np.int64(label) * d, d)


@njit_leaf
def add_row(X, row, weight, scales, sums, cluster):
    """Add weight * row to the fixed-point sums of a cluster; a negative weight takes it out.

    Limbs are cut off towards zero, so that those of -x are minus those of x.
    """
    d = X.shape[1]
    if sums.shape[0] == 1:
        lane_add_fixed(sums, np.int64(cluster) * (d + 1), X, np.int64(row) * d, weight, scales, d)
    else:
        for t in range(d):
            high, low = to_limbs(np.float64(X[row, t]), weight * scales[t])
            sums[0, cluster, t] += high
            sums[1, cluster, t] += low
        sums[1, cluster, d] += to_limbs(weight, scales[d])[1]
    sums[0, cluster, d] += to_limbs(weight, scales[d])[0]


@njit_leaf
def move_row(X, row, weight, scales, source, target, sums):
    """Take a row out of the sums of cluster `source` (-1: none) and add it to `target`."""
    if source >= 0:
        add_row(X, row, -np.float64(weight), scales, sums, source)
    add_row(X, row, np.float64(weight), scales, sums, target)


@njit_leaf
def thread_span(thread, n_threads, n_rows, unit):
    """Return the rows of one thread: equal runs, cut at multiples of `unit`."""
    n_units = -(-n_rows // unit)
    start = thread * n_units // n_threads * unit
    stop = (thread + 1) * n_units // n_threads * unit
    return start, min(stop, n_rows)


@njit_leaf
def column_moments_of_block(X, start, stop, mean, deviation, peak):
    """Fill the block's column means, squared deviations and peaks; two passes, from L2."""
    d = X.shape[1]
    mean[:] = 0.0
    deviation[:] = 0.0
    # Column by column the running values are independent: LLVM keeps several in one vector.
    highest = np.zeros(d, X.dtype)
    for row in range(start, stop):
        for t in range(d):
            value = X[row, t]
            mean[t] += np.float64(value)
            magnitude = abs(value)
            highest[t] = magnitude if magnitude > highest[t] else highest[t]
    for t in range(d):
        mean[t] /= stop - start
        peak[t] = highest[t]
    for row in range(start, stop):
        for t in range(d):
            difference = np.float64(X[row, t]) - mean[t]
            deviation[t] += difference * difference
