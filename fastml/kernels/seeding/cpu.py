"""k-means++ seeding on the CPU."""

import numpy as np

from fastml._jit import njit_parallel, njit_serial, prange
from fastml._jit.tile import TILE_COLS, tile_difference, tile_rows
from fastml.kernels.kmeans.panels import FEATURE_RUN, ROW_STRIDE, pack_rows


@njit_parallel(work=lambda X, candidates, *rest: X.size * TILE_COLS)
def seed_distances(
    X,  # IN (n_samples, n_features)
    candidates,  # IN (n_candidates, n_features)
    closest,  # IN (n_samples,)
    sample_weight,  # IN (n_samples,)
    block_rows,  # IN scalar
    distances,  # OUT (n_candidates, n_samples)
    potentials,  # OUT (n_blocks, n_candidates)
):
    """Measure what each candidate for the next center would leave of the potential.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    candidates : (n_candidates, n_features) float array
        Rows of X proposed as the next center.
    closest : (n_samples,) float array
        Squared distance of each row to the centers chosen so far; inf before the first.
    sample_weight : (n_samples,) float array
        Weights.
    block_rows : int
        Rows of a canonical block.
    distances : (n_candidates, n_samples) float array
        Written: `closest` as it would be with the candidate.
    potentials : (n_blocks, n_candidates) float64 array
        Written: weighted sum of `distances` over each block.
    """
    n, d = X.shape
    n_candidates = candidates.shape[0]
    n_panels = -(-n_candidates // TILE_COLS)
    panels = np.zeros((n_panels, d, TILE_COLS), X.dtype)
    for j in range(n_candidates):
        for t in range(d):
            panels[j // TILE_COLS, t, j % TILE_COLS] = candidates[j, t]
    height = tile_rows(X)
    zeros = np.zeros(max(d, TILE_COLS), X.dtype)
    for block in prange(potentials.shape[0]):
        scratch = np.zeros((height, ROW_STRIDE), X.dtype)
        scores = np.zeros(height * TILE_COLS, X.dtype)
        stop = min(n, (block + 1) * block_rows)
        for j in range(n_candidates):
            potentials[block, j] = 0.0
        for g in range(n_panels):
            left = min(TILE_COLS, n_candidates - g * TILE_COLS)
            for first in range(block * block_rows, stop, height):
                n_rows = min(height, stop - first)
                scores[:] = 0
                for t0 in range(0, d, FEATURE_RUN):
                    t1 = min(d, t0 + FEATURE_RUN)
                    pack_rows(X, first, n_rows, t0, t1, zeros, scratch)
                    tile_difference(
                        scores, 0, TILE_COLS,
                        scratch, 0, ROW_STRIDE, 0, 1,
                        panels, (g * d + t0) * TILE_COLS, 0, 1, t1 - t0,
                        scores, 0, TILE_COLS,
                    )  # fmt: skip
                for lane in range(left):
                    j = g * TILE_COLS + lane
                    total = potentials[block, j]
                    for p in range(n_rows):
                        value = min(scores[p * TILE_COLS + lane], closest[first + p])
                        distances[j, first + p] = value
                        total += np.float64(value) * np.float64(sample_weight[first + p])
                    potentials[block, j] = total


@njit_serial
def seed_pick(
    closest,  # IN (n_samples,)
    sample_weight,  # IN (n_samples,)
    block_rows,  # IN scalar
    potentials,  # IN (n_blocks,)
    fractions,  # IN (n_picks,)
    picked,  # OUT (n_picks,)
):
    """Draw rows with probability proportional to weight times squared distance.

    Parameters
    ----------
    closest : (n_samples,) float array
        Squared distances.
    sample_weight : (n_samples,) float array
        Weights.
    block_rows : int
        Rows of a canonical block.
    potentials : (n_blocks,) float64 array
        Weighted sum of `closest` over each block.
    fractions : (n_picks,) float64 array
        Uniform draws in [0, 1), each a position on the total potential.
    picked : (n_picks,) int64 array
        Written: row at that position. A row without weight or distance is only picked if no row
        has any; then it is the first row with weight.
    """
    n = closest.shape[0]
    n_blocks = potentials.shape[0]
    total = 0.0
    for block in range(n_blocks):
        total += potentials[block]
    fallback = 0
    for row in range(n):
        if sample_weight[row] > 0:
            fallback = row
            break
    for i in range(fractions.shape[0]):
        rest = fractions[i] * total
        block = 0
        last_full = 0
        for b in range(n_blocks):
            if potentials[b] > 0.0:
                last_full = b
        while block < last_full and rest >= potentials[block]:
            rest -= potentials[block]
            block += 1
        found = -1
        for row in range(block * block_rows, min(n, (block + 1) * block_rows)):
            mass = np.float64(closest[row]) * np.float64(sample_weight[row])
            if mass > 0.0:
                # Rounding may leave the position behind the last row: that row is taken.
                found = row
                if rest < mass:
                    break
                rest -= mass
        picked[i] = found if found >= 0 else fallback
