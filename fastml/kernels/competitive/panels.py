"""Pieces of the competitive kernels for the CPU: packed centers, one contest, one step."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.competing import lean_towards, row_contest
from fastml._jit.rowwise import lane_argmax
from fastml._jit.simd import TILE_COLS
from fastml._jit.stretches import lane_subtract, prefetch
from fastml.kernels.competitive import scalar

repeated = njit_leaf(scalar.repeated)


# Rows come in no order that hardware could guess: each is asked for some visits ahead, its first
# lines only, as the hardware goes on by itself.
AHEAD = 6
LINES = 4
CACHE_LINE = 64


@njit_leaf
def packed(centers):
    """Return centers as panels[g, feature, lane]."""
    k, d = centers.shape
    panels = np.zeros((-(-k // TILE_COLS), d, TILE_COLS), centers.dtype)
    for j in range(k):
        for t in range(d):
            panels[j // TILE_COLS, t, j % TILE_COLS] = centers[j, t]
    return panels


@njit_leaf
def unpack(panels, centers):
    """Copy centers out of their panels."""
    for j in range(centers.shape[0]):
        for t in range(centers.shape[1]):
            centers[j, t] = panels[j // TILE_COLS, t, j % TILE_COLS]


@njit_leaf
def no_bias(n_panels, centers):
    """Return a bias of zero for every center, and of -inf for lanes without one."""
    bias = np.full(n_panels * TILE_COLS, -np.inf, centers.dtype)
    bias[: centers.shape[0]] = 0
    return bias


@njit_leaf
def scale_to_one(panels, first, stop):
    """Scale some centers to length one; a center at zero stays there."""
    for j in range(first, stop):
        g, lane = j // TILE_COLS, j % TILE_COLS
        total = panels.dtype.type(0)
        for t in range(panels.shape[1]):
            total += panels[g, t, lane] * panels[g, t, lane]
        length = np.sqrt(total) if total > 0 else panels.dtype.type(1)
        for t in range(panels.shape[1]):
            panels[g, t, lane] /= length


@njit_leaf
def set_bias(conscience, scale, frequency, bias):
    """Write DeSieno's bias C (1/k - p_j), in units of the mean squared distance so far."""
    k = frequency.shape[0]
    unit = conscience * scale[0] / scale[1] if scale[1] > 0 else 0.0
    for j in range(k):
        bias[j] = unit * (1.0 / k - np.float64(frequency[j]))


@njit_leaf
def count_nearest(frequency, nearest, share):
    """Let the share of the nearest center rise, and those of the others fall."""
    for j in range(frequency.shape[0]):
        frequency[j] -= share * frequency[j]
    frequency[nearest] += share


@njit_leaf
def set_pulls(leak, rate, by_count, counts, weight, pulls):
    """Write the rates of losers."""
    for j in range(counts.shape[0]):
        other = 1.0 / (2.0 + counts[j]) if by_count else rate
        pulls[j] = repeated(leak * other, weight)


@njit_leaf
def visit(
    X, order, offset, sample_weight, rates, by_count, leak, conscience, conscience_rate,
    unit_length, first, stop, decided, panels, counts, frequency, scale, bias, pulls, winners,
    nearest, spreads,
):  # fmt: skip
    """Visit rows `first` ... `stop` - 1 of the order: contest, step, counts.

    Where contests are `decided`, `winners`, `nearest` and `spreads` hold their results.
    """
    # One long loop: a function that is called for every row and is handed a dozen arrays spends
    # more time on their reference counts than on short rows.
    d, k, n_panels = X.shape[1], counts.shape[0], panels.shape[0]
    n_lines = min(LINES, -(-d * X.itemsize // CACHE_LINE))
    x = np.empty(d, X.dtype)
    best, best_panel = np.empty(TILE_COLS, X.dtype), np.empty(TILE_COLS, np.int32)
    least, least_panel = np.empty(TILE_COLS, X.dtype), np.empty(TILE_COLS, np.int32)
    spread = np.empty(TILE_COLS, X.dtype)
    for i in range(first, stop):
        row = order[i]
        weight = np.float64(sample_weight[row])
        ahead = order[min(i + AHEAD, stop - 1)] * d
        for line in range(n_lines):
            prefetch(X, ahead + line * (CACHE_LINE // X.itemsize))
        lane_subtract(x, 0, X, row * d, offset, 0, d)
        if decided:
            winner, closest = np.int64(winners[i]), np.int64(nearest[i - first])
            total = spreads[i - first]
        else:
            if conscience > 0:
                set_bias(conscience, scale, frequency, bias)
            row_contest(best, best_panel, least, least_panel, spread, x, panels, n_panels, bias)
            winner = lane_argmax(best, best_panel, 0)[1]
            closest, total = winner, 0.0
            if conscience > 0:
                closest = lane_argmax(least, least_panel, 0)[1]
                for lane in range(TILE_COLS):
                    total += np.float64(spread[lane])
            winners[i] = winner
        count = counts[winner]
        own = weight / (1.0 + count + weight) if by_count else repeated(rates[i], weight)
        if leak > 0:
            set_pulls(leak, rates[i], by_count, counts, weight, pulls)
            pulls[winner] = own
            lean_towards(panels, n_panels, x, pulls)
        else:
            g, lane = winner // TILE_COLS, winner % TILE_COLS
            step = X.dtype.type(own)
            for t in range(d):
                panels[g, t, lane] += step * (x[t] - panels[g, t, lane])
        if unit_length:
            moved = (0, k) if leak > 0 else (winner, winner + 1)
            scale_to_one(panels, moved[0], moved[1])
        counts[winner] = count + weight
        if conscience > 0:
            share = X.dtype.type(repeated(conscience_rate, weight))
            count_nearest(frequency, closest, share)
            scale[0] += weight * total / k
            scale[1] += weight


@njit_leaf
def decide(
    X, order, offset, conscience, first, start, stop, panels, bias, winners, nearest, spreads
):
    """Hold the contests of visits `start` ... `stop` - 1 with the centers as they are.

    `nearest` and `spreads` begin with visit `first`, the first of the batch.
    """
    d, n_panels = X.shape[1], panels.shape[0]
    x = np.empty(d, X.dtype)
    best, best_panel = np.empty(TILE_COLS, X.dtype), np.empty(TILE_COLS, np.int32)
    least, least_panel = np.empty(TILE_COLS, X.dtype), np.empty(TILE_COLS, np.int32)
    spread = np.empty(TILE_COLS, X.dtype)
    for i in range(start, stop):
        lane_subtract(x, 0, X, order[i] * d, offset, 0, d)
        row_contest(best, best_panel, least, least_panel, spread, x, panels, n_panels, bias)
        winners[i] = lane_argmax(best, best_panel, 0)[1]
        if conscience > 0:
            nearest[i - first] = lane_argmax(least, least_panel, 0)[1]
            total = 0.0
            for lane in range(TILE_COLS):
                total += np.float64(spread[lane])
            spreads[i - first] = total
