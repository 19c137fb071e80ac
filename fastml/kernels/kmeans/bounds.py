"""The pruned assignment of a run of rows: bounds, lists of pairs to evaluate, evaluation."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.rowwise import lane_find, lane_max, lane_runner_up
from fastml._jit.simd import TILE_COLS
from fastml._jit.stretches import lane_squared_distance, lane_subtract
from fastml._jit.tile import tile_listed, tile_rows
from fastml.kernels.kmeans.panels import FEATURE_RUN, move_row

# Rows whose pairs are listed together: enough to fill tiles, few enough to stay in L2.
CHUNK_ROWS = 480
CHUNK_BYTES = 1 << 18


@njit_leaf
def upper_distance(squared, error):
    """Return a distance not below the true one."""
    return np.sqrt(max(squared, 0.0) + error)


@njit_leaf
def lower_distance(squared, error):
    """Return a distance not above the true one."""
    return np.sqrt(max(squared - error, 0.0))


@njit_leaf
def chunk_rows(X):
    """Return how many rows to list together: whole tiles, and no more than stay in L2."""
    height = tile_rows(X)
    fitting = CHUNK_BYTES // (max(1, X.shape[1]) * X.itemsize)
    return max(height, min(CHUNK_ROWS, fitting) // height * height)


@njit_leaf
def score_listed(packed, rows, first, n_rows, panels, bias, g, scores):
    """Fill scores with x'c - |c|^2 / 2 of listed rows against the centers of one panel.

    Run by run of features, as in a full assignment: the same arithmetic, the same bits.
    """
    d = panels.shape[1]
    width = packed.shape[1]
    if d <= FEATURE_RUN:
        tile_listed(
            scores, packed, 0, width, rows, first, n_rows,
            panels, g * d * TILE_COLS, d,
            bias, g * TILE_COLS, 0,
        )  # fmt: skip
        return
    for i in range(scores.size):
        scores[i] = bias[g * TILE_COLS + i % TILE_COLS]
    tile_listed(
        scores, packed, 0, width, rows, first, n_rows,
        panels, g * d * TILE_COLS, d,
        scores, 0, TILE_COLS,
    )  # fmt: skip


@njit_leaf
def is_near(lower, row, panel_reach, bound):
    """Return whether any panel's lower bound is within `bound`."""
    near = 0
    for g in range(panel_reach.shape[0]):
        near += np.float64(lower[row, g]) - panel_reach[g] <= bound
    return near > 0


@njit_leaf
def list_pairs(
    X, first, last, offset, centers, labels, place, center_reach, panel_reach, upper, lower,
    rounding, fresh, packed, pairs, n_pairs, tight,
):  # fmt: skip
    """Pack the rows that need an evaluation; list them for each panel they have to meet.

    tight[i] becomes the upper bound of row first + i, or -1 where it needs no evaluation.
    """
    d = X.shape[1]
    n_panels = panel_reach.shape[0]
    n_pairs[:] = 0
    for row in range(first, last):
        i = row - first
        label = labels[row]
        known = not fresh and label >= 0
        tight[i] = -1.0
        if known and not is_near(
            lower, row, panel_reach, np.float64(upper[row]) + center_reach[label]
        ):
            continue
        lane_subtract(packed, i * packed.shape[1], X, row * d, offset, 0, d)
        if not known:
            tight[i] = np.inf
            for g in range(n_panels):
                pairs[g, n_pairs[g]] = i
                n_pairs[g] += 1
            continue
        squared = np.float64(
            lane_squared_distance(packed, i * packed.shape[1], centers, label * d, d)
        )
        bound = upper_distance(squared, rounding * squared)
        if not is_near(lower, row, panel_reach, bound):
            upper[row] = bound - center_reach[label] + rounding * (bound + center_reach[label])
            continue
        tight[i] = bound
        # The own panel is always met, so that scores compared come from the same arithmetic.
        own = place[label] // TILE_COLS
        for g in range(n_panels):
            pairs[g, n_pairs[g]] = i
            n_pairs[g] += (g == own) | (np.float64(lower[row, g]) - panel_reach[g] <= bound)


@njit_leaf
def assign_bounded_rows(
    X, sample_weight, offset, centers, scales, labels, sums, counts,
    order, place, center_reach, panel_reach, row_norms, upper, lower, rounding, fresh,
    panels, bias, start, stop,
):  # fmt: skip
    """Assign rows start..stop; see `assign_bounded_and_sum`."""
    n_panels = panels.shape[0]
    height = tile_rows(X)
    size = chunk_rows(X)
    packed = np.empty((size, X.shape[1] + 16), X.dtype)
    scores = np.empty(height * TILE_COLS, X.dtype)
    # One place more than there are rows: a row is written first and counted if it is near.
    pairs = np.empty((n_panels, size + 1), np.int32)
    n_pairs = np.empty(n_panels, np.int64)
    tight = np.empty(size, np.float64)
    best = np.empty(size, X.dtype)
    runner_up = np.empty(size, X.dtype)
    winner = np.empty(size, np.int64)
    largest = np.float64(0)
    for column in range(centers.shape[0]):
        largest = max(largest, -2.0 * np.float64(bias[column]))
    changed = 0
    evaluated = 0
    for first in range(start, stop, size):
        last = min(stop, first + size)
        list_pairs(
            X, first, last, offset, centers, labels, place, center_reach, panel_reach, upper,
            lower, rounding, fresh, packed, pairs, n_pairs, tight,
        )  # fmt: skip
        best[:] = -np.inf
        runner_up[:] = -np.inf
        winner[:] = 0
        for g in range(n_panels):
            evaluated += n_pairs[g]
            reach = panel_reach[g]
            listed = pairs[g]
            for begin in range(0, n_pairs[g], height):
                n_rows = min(height, n_pairs[g] - begin)
                score_listed(packed, listed, begin, n_rows, panels, bias, g, scores)
                for p in range(n_rows):
                    i = np.int64(listed[begin + p])
                    row = first + i
                    top = lane_max(scores, p * TILE_COLS)
                    norm = np.float64(row_norms[row])
                    distance = lower_distance(norm - 2.0 * top, rounding * (norm + largest))
                    lower[row, g] = distance + reach - rounding * (distance + reach)
                    if not top >= best[i]:
                        continue
                    lane = lane_find(scores, p * TILE_COLS, top)
                    # Where NaN was let in, the largest score may be the -inf of a padding lane.
                    column = min(g * TILE_COLS + lane, order.shape[0] - 1)
                    if top > best[i] or order[column] < order[winner[i]]:
                        best[i] = top
                        winner[i] = column
                        runner_up[i] = lane_runner_up(scores, p * TILE_COLS, lane)
        for row in range(first, last):
            i = row - first
            if tight[i] < 0.0:
                continue
            norm = np.float64(row_norms[row])
            error = rounding * (norm + largest)
            g = winner[i] // TILE_COLS
            label = order[winner[i]]
            reach = panel_reach[g]
            distance = lower_distance(norm - 2.0 * runner_up[i], error)
            lower[row, g] = distance + reach - rounding * (distance + reach)
            old = labels[row]
            bound = tight[i]
            if label != old:
                bound = upper_distance(norm - 2.0 * best[i], error)
                move_row(X, row, sample_weight[row], scales, old, label, sums)
                labels[row] = label
                changed += 1
            reach = center_reach[label]
            upper[row] = bound - reach + rounding * (bound + reach)
    counts[0] = changed
    counts[1] = evaluated
