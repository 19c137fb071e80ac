"""Pieces of the competitive kernels for the CPU: packed centers, one contest, one step."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.competing import lean_towards, row_contest
from fastml._jit.rowwise import lane_argmax
from fastml._jit.simd import TILE_COLS
from fastml._jit.stretches import lane_subtract
from fastml.kernels.competitive import scalar

repeated = njit_leaf(scalar.repeated)


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
def no_bias(n_panels, n_clusters, like):
    """Return a bias of zero for every center, and of -inf for lanes without one."""
    bias = np.full(n_panels * TILE_COLS, -np.inf, like.dtype)
    bias[:n_clusters] = 0
    return bias


@njit_leaf
def set_bias(conscience, scale, frequency, bias):
    """Write DeSieno's bias C (1/k - p_j), in units of the mean squared distance so far."""
    k = frequency.shape[0]
    unit = conscience * scale[0] / scale[1] if scale[1] > 0 else 0.0
    for j in range(k):
        bias[j] = unit * (1.0 / k - np.float64(frequency[j]))


@njit_leaf
def contest_scratch(X):
    """Return the arrays that `contest` works in."""
    floats = np.empty((3, TILE_COLS), X.dtype)
    numbers = np.empty((2, TILE_COLS), np.int32)
    return np.empty(X.shape[1], X.dtype), floats, numbers


@njit_leaf
def contest(X, row, offset, panels, bias, biased, scratch):
    """Return winner, nearest center and the sum of squared distances; leave the row in scratch.

    The last two are only looked for where there is a bias.
    """
    x, floats, numbers = scratch
    d = X.shape[1]
    lane_subtract(x, 0, X, np.int64(row) * d, offset, 0, d)
    row_contest(
        floats[0], numbers[0], floats[1], numbers[1], floats[2], x, panels, panels.shape[0], bias
    )
    winner = lane_argmax(floats[0], numbers[0], 0)[1]
    nearest, spread = winner, 0.0
    if biased:
        nearest = lane_argmax(floats[1], numbers[1], 0)[1]
        for lane in range(TILE_COLS):
            spread += np.float64(floats[2, lane])
    return winner, nearest, spread


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
def follow(
    x, winner, nearest, weight, rate, by_count, leak, conscience_rate, unit_length,
    panels, counts, frequency, rates,
):  # fmt: skip
    """Move the winner, and by leaky learning the losers, towards a row; count who won."""
    k = counts.shape[0]
    if by_count:
        own = weight / (1.0 + counts[winner] + weight)
    else:
        own = repeated(rate, weight)
    if leak > 0:
        for j in range(k):
            other = 1.0 / (2.0 + counts[j]) if by_count else rate
            rates[j] = repeated(leak * other, weight)
        rates[winner] = own
        lean_towards(panels, panels.shape[0], x, rates)
        if unit_length:
            scale_to_one(panels, 0, k)
    else:
        g, lane = winner // TILE_COLS, winner % TILE_COLS
        step = x.dtype.type(own)
        for t in range(x.shape[0]):
            panels[g, t, lane] += step * (x[t] - panels[g, t, lane])
        if unit_length:
            scale_to_one(panels, winner, winner + 1)
    counts[winner] += weight
    if conscience_rate > 0:
        share = frequency.dtype.type(repeated(conscience_rate, weight))
        for j in range(k):
            frequency[j] -= share * frequency[j]
        frequency[nearest] += share
