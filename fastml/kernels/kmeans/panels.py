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
from fastml._jit.nearest import side_by_side, tile_best
from fastml._jit.rowwise import lane_argmax, prefetch
from fastml._jit.simd import TILE_COLS
from fastml._jit.tile import tile, tile_rows
from fastml.kernels.kmeans import scalar

to_limbs = njit_leaf(scalar.to_limbs)

# Products are formed in runs of this many features: rows and one panel of centers stay in L1.
FEATURE_RUN = 128
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
    ahead = tile_rows(X)
    for p in range(n_rows):
        for t in range(t0, t1, 16):
            prefetch(X, (first + ahead + p) * d + t)
        for t in range(t0, t1):
            scratch[p, t - t0] = X[first + p, t] - offset[t]


@njit_leaf
def nearest_in_one_run(X, first, n_rows, offset, panels, bias, scratch, best, best_panel):
    """Fill best and best_panel where all features fit into one run."""
    d = X.shape[1]
    pack_rows(X, first, n_rows, 0, d, offset, scratch)
    for g in range(panels.shape[0]):
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
    for t in range(d):
        for p in range(n_rows):
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
        best[:] = -np.inf
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
    """Return |(x - offset) - c|^2, summed in eight interleaved parts."""
    d = X.shape[1]
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for t in range(0, d - 7, 8):
        e0 = np.float64(X[row, t] - offset[t] - centers[label, t])
        e1 = np.float64(X[row, t + 1] - offset[t + 1] - centers[label, t + 1])
        e2 = np.float64(X[row, t + 2] - offset[t + 2] - centers[label, t + 2])
        e3 = np.float64(X[row, t + 3] - offset[t + 3] - centers[label, t + 3])
        e4 = np.float64(X[row, t + 4] - offset[t + 4] - centers[label, t + 4])
        e5 = np.float64(X[row, t + 5] - offset[t + 5] - centers[label, t + 5])
        e6 = np.float64(X[row, t + 6] - offset[t + 6] - centers[label, t + 6])
        e7 = np.float64(X[row, t + 7] - offset[t + 7] - centers[label, t + 7])
        s0 += e0 * e0
        s1 += e1 * e1
        s2 += e2 * e2
        s3 += e3 * e3
        s4 += e4 * e4
        s5 += e5 * e5
        s6 += e6 * e6
        s7 += e7 * e7
    for t in range(d - d % 8, d):
        e = np.float64(X[row, t] - offset[t] - centers[label, t])
        s0 += e * e
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@njit_leaf
def add_row(X, row, weight, scales, sums, cluster):
    """Add weight * row to the fixed-point sums of a cluster; a negative weight takes it out.

    Limbs are cut off towards zero, so that those of -x are minus those of x.
    """
    d = X.shape[1]
    factor = weight * scales[0]
    if sums.shape[0] == 1:
        for t in range(d):
            sums[0, cluster, t] += to_limbs(np.float64(X[row, t]), factor)[0]
    else:
        for t in range(d):
            high, low = to_limbs(np.float64(X[row, t]), factor)
            sums[0, cluster, t] += high
            sums[1, cluster, t] += low
        sums[1, cluster, d] += to_limbs(weight, scales[1])[1]
    sums[0, cluster, d] += to_limbs(weight, scales[1])[0]


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
def column_moments_of_block(X, start, stop, mean, deviation, peaks, block):
    """Fill the block's column means, squared deviations and its peak; two passes, from L2."""
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
    peak = 0.0
    for t in range(d):
        mean[t] /= stop - start
        peak = max(peak, np.float64(highest[t]))
    peaks[block] = peak
    for row in range(start, stop):
        for t in range(d):
            difference = np.float64(X[row, t]) - mean[t]
            deviation[t] += difference * difference
