"""The pruned assignment of a run of rows: bounds, lists of pairs to evaluate, evaluation."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.tile import (
    TILE_COLS,
    lane_find,
    lane_max,
    lane_runner_up,
    tile,
    tile_rows,
)
from fastml.kernels.kmeans.panels import (
    FEATURE_RUN,
    ROW_STRIDE,
    gather_rows,
    move_row,
    squared_distance,
)

# Rows whose pairs are listed together: enough to fill tiles, few enough to stay in L2.
CHUNK_ROWS = 480


@njit_leaf
def upper_distance(squared, error):
    """Return a distance not below the true one."""
    return np.sqrt(max(squared, 0.0) + error)


@njit_leaf
def lower_distance(squared, error):
    """Return a distance not above the true one."""
    return np.sqrt(max(squared - error, 0.0))


@njit_leaf
def score_in_one_run(X, rows, first, n_rows, offset, panels, bias, g, scratch, scores):
    """Fill scores where all features fit into one run."""
    d = X.shape[1]
    gather_rows(X, rows, first, n_rows, 0, d, offset, scratch)
    tile(
        scores, 0, TILE_COLS,
        scratch, 0, ROW_STRIDE, 0, 1,
        panels, g * d * TILE_COLS, 0, 1, d,
        bias, g * TILE_COLS, 0,
    )  # fmt: skip


@njit_leaf
def score_in_runs(X, rows, first, n_rows, offset, panels, bias, g, scratch, scores):
    """Fill scores run by run of features."""
    d = X.shape[1]
    for i in range(scores.size):
        scores[i] = bias[g * TILE_COLS + i % TILE_COLS]
    for t0 in range(0, d, FEATURE_RUN):
        t1 = min(d, t0 + FEATURE_RUN)
        gather_rows(X, rows, first, n_rows, t0, t1, offset, scratch)
        tile(
            scores, 0, TILE_COLS,
            scratch, 0, ROW_STRIDE, 0, 1,
            panels, (g * d + t0) * TILE_COLS, 0, 1, t1 - t0,
            scores, 0, TILE_COLS,
        )  # fmt: skip


@njit_leaf
def score_gathered(X, rows, first, n_rows, offset, panels, bias, g, scratch, scores):
    """Fill scores with x'c - |c|^2 / 2 of listed rows against the centers of one panel."""
    if X.shape[1] <= FEATURE_RUN:
        score_in_one_run(X, rows, first, n_rows, offset, panels, bias, g, scratch, scores)
    else:
        score_in_runs(X, rows, first, n_rows, offset, panels, bias, g, scratch, scores)


@njit_leaf
def list_pairs(
    X, first, last, offset, centers, labels, place, center_reach, panel_reach, upper, lower,
    rounding, fresh, pairs, n_pairs, tight,
):  # fmt: skip
    """List for each panel the rows that have to meet it; return nothing, fill `tight`.

    tight[i] is the upper bound of row first + i, or -1 where the row needs no evaluation.
    """
    n_panels = lower.shape[1]
    n_pairs[:] = 0
    for row in range(first, last):
        label = labels[row]
        if fresh or label < 0:
            tight[row - first] = np.inf
            for g in range(n_panels):
                pairs[g, n_pairs[g]] = row
                n_pairs[g] += 1
            continue
        bound = np.float64(upper[row]) + center_reach[label]
        near = 0
        for g in range(n_panels):
            near += np.float64(lower[row, g]) - panel_reach[g] <= bound
        tight[row - first] = -1.0
        if near == 0:
            continue
        squared = squared_distance(X, row, offset, centers, label)
        bound = upper_distance(squared, rounding * squared)
        near = 0
        for g in range(n_panels):
            near += np.float64(lower[row, g]) - panel_reach[g] <= bound
        if near == 0:
            upper[row] = bound - center_reach[label] + rounding * (bound + center_reach[label])
            continue
        tight[row - first] = bound
        # The own panel is always met, so that scores compared come from the same arithmetic.
        own = place[label] // TILE_COLS
        for g in range(n_panels):
            if g == own or np.float64(lower[row, g]) - panel_reach[g] <= bound:
                pairs[g, n_pairs[g]] = row
                n_pairs[g] += 1


@njit_leaf
def assign_bounded_rows(
    X, sample_weight, offset, centers, scales, labels, sums, counts,
    order, place, center_reach, panel_reach, row_norms, upper, lower, rounding, fresh,
    panels, bias, start, stop,
):  # fmt: skip
    """Assign rows start..stop; see `assign_bounded_and_sum`."""
    n_panels = panels.shape[0]
    height = tile_rows(X)
    scratch = np.zeros((height, ROW_STRIDE), X.dtype)
    scores = np.empty(height * TILE_COLS, X.dtype)
    pairs = np.empty((n_panels, CHUNK_ROWS), np.int64)
    n_pairs = np.empty(n_panels, np.int64)
    tight = np.empty(CHUNK_ROWS, np.float64)
    best = np.empty(CHUNK_ROWS, X.dtype)
    runner_up = np.empty(CHUNK_ROWS, X.dtype)
    winner = np.empty(CHUNK_ROWS, np.int64)
    largest = np.float64(0)
    for column in range(centers.shape[0]):
        largest = max(largest, -2.0 * np.float64(bias[column]))
    changed = 0
    evaluated = 0
    for first in range(start, stop, CHUNK_ROWS):
        last = min(stop, first + CHUNK_ROWS)
        list_pairs(
            X, first, last, offset, centers, labels, place, center_reach, panel_reach, upper,
            lower, rounding, fresh, pairs, n_pairs, tight,
        )  # fmt: skip
        best[:] = -np.inf
        for g in range(n_panels):
            evaluated += n_pairs[g]
            for begin in range(0, n_pairs[g], height):
                n_rows = min(height, n_pairs[g] - begin)
                score_gathered(X, pairs[g], begin, n_rows, offset, panels, bias, g, scratch, scores)
                for p in range(n_rows):
                    row = pairs[g, begin + p]
                    i = row - first
                    top = lane_max(scores, p * TILE_COLS)
                    norm = np.float64(row_norms[row])
                    distance = lower_distance(norm - 2.0 * top, rounding * (norm + largest))
                    reach = panel_reach[g]
                    lower[row, g] = distance + reach - rounding * (distance + reach)
                    if top < best[i]:
                        continue
                    lane = lane_find(scores, p * TILE_COLS, top)
                    column = g * TILE_COLS + lane
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
                bound = np.inf
                move_row(X, row, sample_weight[row], scales, old, label, sums)
                labels[row] = label
                changed += 1
            bound = min(bound, upper_distance(norm - 2.0 * best[i], error))
            reach = center_reach[label]
            upper[row] = bound - reach + rounding * (bound + reach)
    counts[0] = changed
    counts[1] = evaluated
