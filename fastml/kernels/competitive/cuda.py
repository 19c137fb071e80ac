"""Competitive learning on a CUDA device.

Row by row, one block does all: its threads share out the centers for the contest, and centers times
features for the step. In batches each row's contest has a block, then each center.
"""

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_device, cuda_kernel, simulated
from fastml._jit.grid import grid_1d
from fastml._jit.philox import philox4x32
from fastml.kernels.competitive import scalar

# Counts, rates and the mean squared distance are float64 for any rows.
FLOAT64_KERNELS = ("_compete", "_contests", "_follow_batch")

THREADS = 256

_repeated = cuda_device(scalar.repeated)
_philox = cuda_device(philox4x32)


@cuda_device
def _own_rate(count, weight, rate, by_count):
    return weight / (1.0 + count + weight) if by_count else _repeated(rate, weight)


@cuda_device
def _loser_rate(count, weight, rate, by_count, leak):
    return _repeated(leak / (2.0 + count) if by_count else leak * rate, weight)


@cuda_device
def _bias(j, k, conscience, scale, frequency):
    if conscience > 0 and scale[1] > 0:
        return conscience * scale[0] / scale[1] * (1.0 / k - np.float64(frequency[j]))
    return 0.0


@cuda_device
def _keep(value, number, scores, numbers, at):
    # The lower number wins a tie.
    if value > scores[at] or (value == scores[at] and number < numbers[at]):
        scores[at] = value
        numbers[at] = number


@cuda_device
def _contest(X, row, offset, columns, conscience, scale, frequency, scores, numbers, spreads):
    """Leave winner and nearest center in numbers[0, 0], numbers[1, 0], the spread in spreads[0]."""
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    d, k = columns.shape
    for kind in range(2):
        scores[kind, thread] = -np.inf
        numbers[kind, thread] = k
    spreads[thread] = 0.0
    for j in range(thread, k, n_threads):
        total = X.dtype.type(0)
        for t in range(d):
            difference = X[row, t] - offset[t] - columns[t, j]
            total += difference * difference
        squared = np.float64(total)
        bias = _bias(j, k, conscience, scale, frequency)
        _keep(bias - squared, j, scores[0], numbers[0], thread)
        _keep(-squared, j, scores[1], numbers[1], thread)
        spreads[thread] += squared
    cuda.syncthreads()
    apart = n_threads // 2
    while apart > 0:
        if thread < apart:
            for kind in range(2):
                other = scores[kind, thread + apart]
                _keep(other, numbers[kind, thread + apart], scores[kind], numbers[kind], thread)
            spreads[thread] += spreads[thread + apart]
        cuda.syncthreads()
        apart //= 2


@cuda_device
def _scale_to_one(columns, j):
    total = columns.dtype.type(0)
    for t in range(columns.shape[0]):
        total += columns[t, j] * columns[t, j]
    if total > 0:
        length = total ** columns.dtype.type(0.5)
        for t in range(columns.shape[0]):
            columns[t, j] /= length


@cuda_kernel
def _compete(
    X, order, offset, sample_weight, rates, by_count, leak, conscience, conscience_rate,
    unit_length, columns, counts, frequency, scale, winners,
):  # fmt: skip
    scores = cuda.shared.array((2, THREADS), np.float64)
    numbers = cuda.shared.array((2, THREADS), np.int32)
    spreads = cuda.shared.array(THREADS, np.float64)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    d, k = columns.shape
    for i in range(order.shape[0]):
        row = order[i]
        weight = np.float64(sample_weight[row])
        _contest(X, row, offset, columns, conscience, scale, frequency, scores, numbers, spreads)
        winner, nearest = numbers[0, 0], numbers[1, 0]
        own = _own_rate(counts[winner], weight, rates[i], by_count)
        first, last = (0, k) if leak > 0 else (winner, winner + 1)
        for j in range(first, last):
            rate = own
            if j != winner:
                rate = _loser_rate(counts[j], weight, rates[i], by_count, leak)
            step = X.dtype.type(rate)
            for t in range(thread, d, n_threads):
                columns[t, j] += step * (X[row, t] - offset[t] - columns[t, j])
        share = frequency.dtype.type(_repeated(conscience_rate, weight))
        for j in range(thread, k, n_threads):
            frequency[j] -= share * frequency[j]
            if j == nearest:
                frequency[j] += share
        cuda.syncthreads()
        if unit_length:
            for j in range(first + thread, last, n_threads):
                _scale_to_one(columns, j)
        if thread == 0:
            counts[winner] += weight
            winners[i] = winner
            if conscience > 0:
                scale[0] += weight * spreads[0] / k
                scale[1] += weight
        cuda.syncthreads()


@cuda_kernel
def _contests(
    X, order, start, n_rows, offset, conscience, columns, frequency, scale, winners, nearest, found
):
    scores = cuda.shared.array((2, THREADS), np.float64)
    numbers = cuda.shared.array((2, THREADS), np.int32)
    spreads = cuda.shared.array(THREADS, np.float64)
    for i in range(cuda.blockIdx.x, n_rows, cuda.gridDim.x):
        row = order[start + i]
        _contest(X, row, offset, columns, conscience, scale, frequency, scores, numbers, spreads)
        if cuda.threadIdx.x == 0:
            winners[start + i] = numbers[0, 0]
            nearest[i] = numbers[1, 0]
            found[i] = spreads[0]
        cuda.syncthreads()


@cuda_kernel
def _follow_batch(
    X, order, start, n_rows, offset, sample_weight, rates, by_count, leak, conscience,
    conscience_rate, unit_length, columns, counts, frequency, scale, winners, nearest, found,
):  # fmt: skip
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    d, k = columns.shape
    for j in range(cuda.blockIdx.x, k, cuda.gridDim.x):
        count, often = counts[j], frequency[j]
        for i in range(n_rows):
            row = order[start + i]
            weight = np.float64(sample_weight[row])
            share = frequency.dtype.type(_repeated(conscience_rate, weight))
            often -= share * often
            if nearest[i] == j:
                often += share
            won = winners[start + i] == j
            if won or leak > 0:
                if won:
                    rate = _own_rate(count, weight, rates[start + i], by_count)
                    count += weight
                else:
                    rate = _loser_rate(count, weight, rates[start + i], by_count, leak)
                step = X.dtype.type(rate)
                for t in range(thread, d, n_threads):
                    columns[t, j] += step * (X[row, t] - offset[t] - columns[t, j])
                if unit_length:
                    cuda.syncthreads()
                    if thread == 0:
                        _scale_to_one(columns, j)
                    cuda.syncthreads()
        cuda.syncthreads()
        if thread == 0:
            counts[j] = count
            frequency[j] = often
    if conscience > 0 and cuda.grid(1) == 0:
        for i in range(n_rows):
            weight = np.float64(sample_weight[order[start + i]])
            scale[0] += weight * found[i] / k
            scale[1] += weight


@cuda_kernel
def _shuffle_keys(keys, seed, stream, step, bits, out):
    for i in range(cuda.grid(1), keys.shape[0], cuda.gridsize(1)):
        low, high, _, _ = _philox(keys[i], step, stream, seed)
        hashed = high << np.uint64(32) | low
        out[i] = (hashed >> bits << bits) | np.uint64(i)


def compete(
    X,  # IN (n_samples, n_features)
    order,  # IN (n_visits,)
    offset,  # IN (n_features,)
    sample_weight,  # IN (n_samples,)
    rates,  # IN (n_visits,)
    by_count,  # IN scalar
    leak,  # IN scalar
    conscience,  # IN scalar
    conscience_rate,  # IN scalar
    unit_length,  # IN scalar
    centers,  # INOUT (n_clusters, n_features)
    counts,  # INOUT (n_clusters,)
    frequency,  # INOUT (n_clusters,)
    scale,  # INOUT (2,)
    winners,  # OUT (n_visits,)
):
    # Threads read neighbouring centers: those have to be neighbours in memory.
    columns = array_module(centers).ascontiguousarray(centers.T)
    rows = map(as_device, (X, order, offset, sample_weight, rates))
    state = map(as_device, (columns, counts, frequency, scale, winners))
    _compete[1, _block_threads()](
        *rows, by_count, leak, conscience, conscience_rate, unit_length, *state
    )
    centers[:] = columns.T


def compete_in_batches(
    X,  # IN (n_samples, n_features)
    order,  # IN (n_visits,)
    offset,  # IN (n_features,)
    sample_weight,  # IN (n_samples,)
    rates,  # IN (n_visits,)
    by_count,  # IN scalar
    batch_size,  # IN scalar
    leak,  # IN scalar
    conscience,  # IN scalar
    conscience_rate,  # IN scalar
    unit_length,  # IN scalar
    centers,  # INOUT (n_clusters, n_features)
    counts,  # INOUT (n_clusters,)
    frequency,  # INOUT (n_clusters,)
    scale,  # INOUT (2,)
    winners,  # OUT (n_visits,)
):
    xp, n_visits = array_module(centers), len(order)
    size = min(batch_size, n_visits)
    columns = xp.ascontiguousarray(centers.T)
    rows, visits, less, weights, steps = map(as_device, (X, order, offset, sample_weight, rates))
    state = tuple(map(as_device, (columns, counts, frequency, scale, winners)))
    own_columns, _, often, unit, won = state
    found = as_device(xp.empty(size, np.int32)), as_device(xp.empty(size, np.float64))
    for start in range(0, n_visits, size or 1):
        n_rows = min(size, n_visits - start)
        batch = rows, visits, start, n_rows, less
        _contests[_blocks(n_rows), _block_threads()](
            *batch, conscience, own_columns, often, unit, won, *found
        )
        _follow_batch[_blocks(len(centers)), _block_threads()](
            *batch, weights, steps, by_count, leak, conscience, conscience_rate, unit_length,
            *state, *found,
        )  # fmt: skip
    centers[:] = columns.T


def shuffle_keys(
    keys,  # IN (n,)
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    out,  # OUT (n,)
):
    n = len(keys)
    words = (np.uint64(word) for word in (seed, stream, step, n.bit_length()))
    _shuffle_keys[grid_1d(n)](as_device(keys), *words, as_device(out))


def _block_threads():
    """Return threads of a block, a power of two."""
    return 4 if simulated() else THREADS


def _blocks(n_items):
    """Return blocks for items that have one each."""
    return min(n_items, 2 if simulated() else 16384)
