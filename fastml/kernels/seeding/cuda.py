"""k-means++ seeding on a CUDA device."""

import numpy as np

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml.kernels.kmeans.tiles import DEPTH, THREADS, load_rows
from fastml.kernels.seeding import scalar

mixed = cuda_device(scalar.mixed)
column_factor = cuda_device(scalar.column_factor)
word_of = cuda_device(scalar.word_of)

# Potentials are promised in float64, and draws are positions on them.
FLOAT64_KERNELS = ("block_potentials", "_ordered_potentials", "_seed_pick")

# A block measures one row a thread against so many candidates at once.
CANDIDATES = 8
ROWS_SHAPE = (DEPTH, THREADS + 1)


@cuda_kernel
def _seed_distances(X, candidates, closest, distances):
    tile = cuda.shared.array(ROWS_SHAPE, X.dtype)
    sums = cuda.local.array(CANDIDATES, X.dtype)
    thread, first = cuda.threadIdx.x, cuda.blockIdx.x * THREADS
    n_candidates, d = candidates.shape
    row = first + thread
    for j0 in range(0, n_candidates, CANDIDATES):
        for j in range(CANDIDATES):
            sums[j] = X.dtype.type(0)
        for t0 in range(0, d, DEPTH):
            depth = min(DEPTH, d - t0)
            load_rows(X, first, t0, depth, tile)
            cuda.syncthreads()
            for t in range(depth):
                x = tile[t, thread]
                for j in range(CANDIDATES):
                    # The last candidate is measured again where there are no more.
                    difference = x - candidates[min(j0 + j, n_candidates - 1), t0 + t]
                    sums[j] += difference * difference
            cuda.syncthreads()
        if row < X.shape[0]:
            for j in range(CANDIDATES):
                if j0 + j < n_candidates:
                    distances[j0 + j, row] = min(sums[j], closest[row])


@cuda_kernel
def block_potentials(distances, sample_weight, block_rows, potentials):
    """Add up weight times distance of each candidate over each canonical block."""
    shares = cuda.shared.array(THREADS, np.float64)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    block, j = cuda.blockIdx.x, cuda.blockIdx.y
    total = 0.0
    stop = min(sample_weight.shape[0], (block + 1) * block_rows)
    for row in range(block * block_rows + thread, stop, n_threads):
        total += np.float64(distances[j, row]) * np.float64(sample_weight[row])
    shares[thread] = total
    cuda.syncthreads()
    if thread == 0:
        for other in range(1, n_threads):
            total += shares[other]
        potentials[block, j] = total


@cuda_kernel
def _seed_accept(distances, best, label, closest, nearest):
    for row in range(cuda.grid(1), closest.shape[0], cuda.gridsize(1)):
        if distances[best, row] < closest[row]:
            closest[row] = distances[best, row]
            nearest[row] = label


@cuda_kernel
def _row_keys(words, keys):
    n, d = words.shape
    for row in range(cuda.grid(1), n, cuda.gridsize(1)):
        total = np.uint64(0)
        for t in range(d):
            total ^= word_of(words[row, t]) * column_factor(t)
        keys[row] = mixed(total)


@cuda_kernel
def _ordered_potentials(closest, sample_weight, order, block_rows, potentials):
    shares = cuda.shared.array(THREADS, np.float64)
    thread, n_threads, block = cuda.threadIdx.x, cuda.blockDim.x, cuda.blockIdx.x
    total = 0.0
    stop = min(closest.shape[0], (block + 1) * block_rows)
    for i in range(block * block_rows + thread, stop, n_threads):
        row = order[i]
        total += np.float64(closest[row]) * np.float64(sample_weight[row])
    shares[thread] = total
    cuda.syncthreads()
    if thread == 0:
        for other in range(1, n_threads):
            total += shares[other]
        potentials[block] = total


@cuda_kernel
def _seed_pick(closest, sample_weight, order, block_rows, potentials, fractions, picked):
    # One block for each draw: it finds the canonical block, each thread adds up a run of its
    # rows, and one thread walks through the run that holds the position.
    shares = cuda.shared.array(THREADS, np.float64)
    start_of_block = cuda.shared.array(1, np.int64)
    rest_in_block = cuda.shared.array(1, np.float64)
    thread, n_threads, pick = cuda.threadIdx.x, cuda.blockDim.x, cuda.blockIdx.x
    n = closest.shape[0]
    if thread == 0:
        total = 0.0
        last_full = 0
        for b in range(potentials.shape[0]):
            total += potentials[b]
            if potentials[b] > 0.0:
                last_full = b
        rest = fractions[pick] * total
        block = 0
        while block < last_full and rest >= potentials[block]:
            rest -= potentials[block]
            block += 1
        start_of_block[0] = block * block_rows
        rest_in_block[0] = rest
    cuda.syncthreads()
    start = start_of_block[0]
    stop = min(n, start + block_rows)
    run = (stop - start + n_threads - 1) // n_threads
    share = 0.0
    for i in range(start + thread * run, min(stop, start + (thread + 1) * run)):
        row = order[i]
        share += np.float64(closest[row]) * np.float64(sample_weight[row])
    shares[thread] = share
    cuda.syncthreads()
    if thread == 0:
        rest = rest_in_block[0]
        last_full = 0
        for other in range(n_threads):
            if shares[other] > 0.0:
                last_full = other
        holder = 0
        while holder < last_full and rest >= shares[holder]:
            rest -= shares[holder]
            holder += 1
        found = -1
        for i in range(start + holder * run, min(stop, start + (holder + 1) * run)):
            row = order[i]
            mass = np.float64(closest[row]) * np.float64(sample_weight[row])
            # Rounding may leave the position behind the last row: that row is taken.
            if mass > 0.0:
                found = row
                if rest < mass:
                    break
                rest -= mass
        if found < 0:
            first = 0
            while first < n - 1 and not sample_weight[order[first]] > 0:
                first += 1
            found = order[first]
        picked[pick] = found


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
    # Every row is measured: the threads of a block load rows together, so none can be left out.
    X, candidates, closest = map(as_device, (X, candidates, closest))
    sample_weight, distances, potentials = map(as_device, (sample_weight, distances, potentials))
    n_tiles = -(-X.shape[0] // THREADS)
    _seed_distances[n_tiles, THREADS](X, candidates, closest, distances)
    n_threads = grid_1d(block_rows, THREADS)[1]
    block_potentials[potentials.shape, n_threads](distances, sample_weight, block_rows, potentials)


def seed_accept(
    distances,  # IN (n_candidates, n_samples)
    best,  # IN scalar
    label,  # IN scalar
    closest,  # INOUT (n_samples,)
    nearest,  # INOUT (n_samples,)
):
    grid = grid_1d(closest.size)
    _seed_accept[grid](as_device(distances), best, label, as_device(closest), as_device(nearest))


def row_keys(
    words,  # IN (n_samples, n_features)
    keys,  # OUT (n_samples,)
):
    grid = grid_1d(keys.size)
    _row_keys[grid](as_device(words), as_device(keys))


def ordered_potentials(
    closest,  # IN (n_samples,)
    sample_weight,  # IN (n_samples,)
    order,  # IN (n_samples,)
    block_rows,  # IN scalar
    potentials,  # OUT (n_blocks,)
):
    before = map(as_device, (closest, sample_weight, order))
    n_threads = grid_1d(block_rows, THREADS)[1]
    _ordered_potentials[len(potentials), n_threads](*before, block_rows, as_device(potentials))


def seed_pick(
    closest,  # IN (n_samples,)
    sample_weight,  # IN (n_samples,)
    order,  # IN (n_samples,)
    block_rows,  # IN scalar
    potentials,  # IN (n_blocks,)
    fractions,  # IN (n_picks,)
    picked,  # OUT (n_picks,)
):
    n_threads = grid_1d(block_rows, THREADS)[1]
    before = map(as_device, (closest, sample_weight, order))
    after = map(as_device, (potentials, fractions, picked))
    _seed_pick[len(picked), n_threads](*before, block_rows, *after)
