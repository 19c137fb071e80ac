"""k-means++ seeding on the CPU."""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, njit_serial, prange
from fastml._jit.simd import TILE_COLS
from fastml._jit.tile import tile_rows
from fastml.kernels.kmeans.panels import BATCH, ROW_STRIDE
from fastml.kernels.seeding import scalar
from fastml.kernels.seeding.measure import (
    LANES,
    NARROW,
    are_few,
    closest_candidates,
    keep_nearer,
    list_gaining,
    measure_narrow,
    measure_one_by_one,
    measure_tiles,
)

column_factor = njit_leaf(scalar.column_factor)
word_of = njit_leaf(scalar.word_of)
mixed = njit_leaf(scalar.mixed)

# Rows of one task that is not a canonical block.
TASK_ROWS = 10 * BATCH


@njit_parallel(work=lambda X, candidates, *rest: 4 * X.size + X.shape[0] * candidates.shape[0])
def seed_distances(
    X,  # IN (n_samples, n_features)
    candidates,  # IN (n_candidates, n_features)
    chosen,  # IN (n_chosen, n_features)
    closest,  # IN (n_samples,)
    nearest,  # IN (n_samples,)
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
    chosen : (n_chosen, n_features) float array
        Centers chosen so far.
    closest : (n_samples,) float array
        Squared distance of each row to the nearest of them; inf before the first.
    nearest : (n_samples,) int32 array
        Which one that is. A candidate at twice the distance from it cannot be nearer to the row,
        which is then not measured.
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
    thresholds = np.empty(chosen.shape[0], X.dtype)
    closest_candidates(candidates, chosen, thresholds)
    narrow, few = d <= NARROW, are_few(candidates)
    for block in prange(potentials.shape[0]):
        rows = np.zeros((height, ROW_STRIDE), X.dtype)
        columns = np.zeros((d if narrow else 0, BATCH), X.dtype)
        sums = np.zeros((n_panels, height * TILE_COLS), X.dtype)
        squared = np.zeros((n_candidates, BATCH), X.dtype)
        shares = np.zeros((n_candidates, LANES), np.float64)
        listed = np.empty(BATCH + 1, np.int32)
        stop = min(n, (block + 1) * block_rows)
        for first in range(block * block_rows, stop, BATCH):
            n_rows = min(BATCH, stop - first)
            if narrow:
                measure_narrow(X, first, n_rows, candidates, columns, squared)
            else:
                n_listed = list_gaining(first, n_rows, closest, nearest, thresholds, listed)
                if few:
                    measure_one_by_one(X, first, listed, n_listed, candidates, squared)
                else:
                    measure_tiles(
                        X, first, listed, n_listed, n_candidates, panels, rows, sums, squared
                    )
            keep_nearer(first, n_rows, closest, sample_weight, squared, distances, shares)
        for j in range(n_candidates):
            total = 0.0
            for lane in range(LANES):
                total += shares[j, lane]
            potentials[block, j] = total


@njit_parallel(work=lambda distances, best, label, closest, nearest: closest.size)
def seed_accept(
    distances,  # IN (n_candidates, n_samples)
    best,  # IN scalar
    label,  # IN scalar
    closest,  # INOUT (n_samples,)
    nearest,  # INOUT (n_samples,)
):
    """Make a candidate a center: rows it is nearer to belong to it.

    Parameters
    ----------
    distances : (n_candidates, n_samples) float array
        As `seed_distances` wrote them.
    best : int
        The candidate.
    label : int
        Its number as a center.
    closest : (n_samples,) float array
        Squared distance of each row to the nearest center.
    nearest : (n_samples,) int32 array
        Which one that is.
    """
    n = closest.shape[0]
    for task in prange(-(-n // TASK_ROWS)):
        for row in range(task * TASK_ROWS, min(n, (task + 1) * TASK_ROWS)):
            if distances[best, row] < closest[row]:
                closest[row] = distances[best, row]
                nearest[row] = label


@njit_parallel(work=lambda words, keys: 2 * words.size)
def row_keys(
    words,  # IN (n_samples, n_features)
    keys,  # OUT (n_samples,)
):
    """Hash each row by its values alone.

    Parameters
    ----------
    words : (n_samples, n_features) uint32 array
        Bits of the values as float32.
    keys : (n_samples,) uint64 array
        Written: keys; those of equal rows are equal, that of zeros is the same in CSR form.
    """
    n, d = words.shape
    factors = np.empty(d, np.uint64)
    for t in range(d):
        factors[t] = column_factor(t)
    for task in prange(-(-n // TASK_ROWS)):
        for row in range(task * TASK_ROWS, min(n, (task + 1) * TASK_ROWS)):
            total = np.uint64(0)
            for t in range(d):
                total ^= word_of(words[row, t]) * factors[t]
            keys[row] = mixed(total)


@njit_parallel(work=lambda closest, *rest: 4 * closest.size)
def ordered_potentials(
    closest,  # IN (n_samples,)
    sample_weight,  # IN (n_samples,)
    order,  # IN (n_samples,)
    block_rows,  # IN scalar
    potentials,  # OUT (n_blocks,)
):
    """Add up weight times squared distance over blocks of rows in a given order.

    Parameters
    ----------
    closest : (n_samples,) float array
        Squared distances.
    sample_weight : (n_samples,) float array
        Weights.
    order : (n_samples,) int64 array
        Rows in the order in which the blocks are cut.
    block_rows : int
        Rows of a block.
    potentials : (n_blocks,) float64 array
        Written: the sum over each block.
    """
    n = closest.shape[0]
    for block in prange(potentials.shape[0]):
        total = 0.0
        for i in range(block * block_rows, min(n, (block + 1) * block_rows)):
            row = order[i]
            total += np.float64(closest[row]) * np.float64(sample_weight[row])
        potentials[block] = total


@njit_serial
def seed_pick(
    closest,  # IN (n_samples,)
    sample_weight,  # IN (n_samples,)
    order,  # IN (n_samples,)
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
    order : (n_samples,) int64 array
        Rows in the order in which they lie along the total potential.
    block_rows : int
        Rows of a block.
    potentials : (n_blocks,) float64 array
        As `ordered_potentials` wrote them.
    fractions : (n_picks,) float64 array
        Uniform draws in [0, 1), each a position on the total potential.
    picked : (n_picks,) int64 array
        Written: row at that position. A row without weight or distance is only picked if no row
        has any; then it is the first row, in order, with weight.
    """
    n = closest.shape[0]
    n_blocks = potentials.shape[0]
    total = 0.0
    last_full = 0
    for block in range(n_blocks):
        total += potentials[block]
        if potentials[block] > 0.0:
            last_full = block
    fallback = 0
    while fallback < n - 1 and not sample_weight[order[fallback]] > 0:
        fallback += 1
    for k in range(fractions.shape[0]):
        rest = fractions[k] * total
        block = 0
        while block < last_full and rest >= potentials[block]:
            rest -= potentials[block]
            block += 1
        found = -1
        for i in range(block * block_rows, min(n, (block + 1) * block_rows)):
            row = order[i]
            mass = np.float64(closest[row]) * np.float64(sample_weight[row])
            if mass > 0.0:
                # Rounding may leave the position behind the last row: that row is taken.
                found = row
                if rest < mass:
                    break
                rest -= mass
        picked[k] = found if found >= 0 else order[fallback]
