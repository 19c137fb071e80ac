"""Pieces of k-means++ seeding on the CPU: which rows to measure, and measuring a batch of them."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.simd import TILE_COLS
from fastml._jit.stretches import lane_squared_distance
from fastml._jit.tile import tile_difference, tile_rows
from fastml.kernels.kmeans.panels import BATCH, FEATURE_RUN, ROW_STRIDE

# Potentials are added up in this many interleaved parts: one alone would wait for each addition.
LANES = 8
# Up to this many features, rows side by side in a vector beat the tile.
NARROW = 16


@njit_leaf
def measure_narrow(X, first, n_rows, candidates, columns, squared):
    """Measure a batch of short rows against all candidates, one row in each lane."""
    d = X.shape[1]
    for t in range(d):
        for p in range(n_rows):
            columns[t, p] = X[first + p, t]
    for j in range(candidates.shape[0]):
        for p in range(BATCH):
            squared[j, p] = 0
        for t in range(d):
            c = candidates[j, t]
            for p in range(BATCH):
                difference = columns[t, p] - c
                squared[j, p] += difference * difference


@njit_leaf
def closest_candidates(candidates, chosen, thresholds):
    """Fill for each chosen center a quarter of the squared distance to the next candidate.

    A row nearer to its center than that, in squares, gains from no candidate; rounded down.
    """
    d = candidates.shape[1]
    for a in range(chosen.shape[0]):
        least = np.inf
        for j in range(candidates.shape[0]):
            least = min(least, lane_squared_distance(candidates, j * d, chosen, a * d, d))
        thresholds[a] = 0.2499 * least


@njit_leaf
def list_gaining(first, n_rows, closest, nearest, thresholds, listed):
    """List the rows of a batch that a candidate may be nearer to; return how many."""
    if thresholds.shape[0] == 0:
        for p in range(n_rows):
            listed[p] = p
        return n_rows
    count = 0
    for p in range(n_rows):
        listed[count] = p
        count += closest[first + p] > thresholds[nearest[first + p]]
    return count


@njit_leaf
def are_few(candidates):
    """Return whether the tile would be so empty that rows are sooner measured one by one."""
    n_candidates, d = candidates.shape
    return n_candidates <= TILE_COLS // 4 or (n_candidates <= TILE_COLS // 2 and d >= 64)


@njit_leaf
def measure_one_by_one(X, first, listed, n_listed, candidates, squared):
    """Measure listed rows of a batch against all candidates, features in the lanes."""
    d = X.shape[1]
    squared[:] = np.inf
    for i in range(n_listed):
        row = (first + listed[i]) * d
        for j in range(candidates.shape[0]):
            squared[j, listed[i]] = lane_squared_distance(X, row, candidates, j * d, d)


@njit_leaf
def measure_tiles(X, first, listed, n_listed, n_candidates, panels, rows, sums, squared):
    """Measure listed rows of a batch against all candidates by the register tile."""
    d = X.shape[1]
    height = tile_rows(X)
    tile_size = height * TILE_COLS
    squared[:] = np.inf
    for begin in range(0, n_listed, height):
        left = min(height, n_listed - begin)
        sums[:] = 0
        for t0 in range(0, d, FEATURE_RUN):
            t1 = min(d, t0 + FEATURE_RUN)
            for p in range(left):
                row = first + listed[begin + p]
                for t in range(t0, t1):
                    rows[p, t - t0] = X[row, t]
            for g in range(panels.shape[0]):
                tile_difference(
                    sums, g * tile_size, TILE_COLS,
                    rows, 0, ROW_STRIDE, 0, 1,
                    panels, (g * d + t0) * TILE_COLS, 0, 1, t1 - t0,
                    sums, g * tile_size, TILE_COLS,
                )  # fmt: skip
        for p in range(left):
            for j in range(n_candidates):
                value = sums[j // TILE_COLS, p * TILE_COLS + j % TILE_COLS]
                squared[j, listed[begin + p]] = value


@njit_leaf
def keep_nearer(first, n_rows, closest, sample_weight, squared, distances, shares):
    """Write the smaller of new and old distances; add them, weighted, to the shares."""
    for j in range(squared.shape[0]):
        for p in range(n_rows):
            old = closest[first + p]
            value = squared[j, p]
            distances[j, first + p] = value if value < old else old
        whole = n_rows // LANES * LANES
        for p0 in range(0, whole, LANES):
            for lane in range(LANES):
                row = first + p0 + lane
                mass = np.float64(distances[j, row]) * np.float64(sample_weight[row])
                shares[j, lane] += mass
        for p in range(whole, n_rows):
            row = first + p
            shares[j, p - whole] += np.float64(distances[j, row]) * np.float64(sample_weight[row])
