"""Competitive learning in NumPy: the definition the other backends are compared with."""

import numpy as np

from fastml._jit.philox import philox4x32
from fastml.kernels.competitive.scalar import repeated


def _follow(
    x, winner, nearest, weight, rate, by_count, leak, conscience_rate, unit_length,
    centers, counts, frequency,
):  # fmt: skip
    """Move the winner, and by leaky learning the losers, towards a row; count who won."""
    rates = repeated(leak * (1 / (2 + counts) if by_count else np.full(len(counts), rate)), weight)
    rates[winner] = weight / (1 + counts[winner] + weight) if by_count else repeated(rate, weight)
    centers += rates.astype(x.dtype)[:, None] * (x - centers)
    if unit_length:
        moved = rates > 0
        lengths = np.sqrt((centers[moved] ** 2).sum(axis=1, keepdims=True))
        centers[moved] /= np.where(lengths > 0, lengths, 1)
    counts[winner] += weight
    share = frequency.dtype.type(repeated(conscience_rate, weight))
    frequency -= share * frequency
    frequency[nearest] += share


def compete_in_batches(
    X, order, offset, sample_weight, rates, by_count, batch_size, leak, conscience,
    conscience_rate, unit_length, centers, counts, frequency, scale, winners,
):  # fmt: skip
    """Let centers compete for rows; those of a batch are won by the centers at its start."""
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        rows = X[batch] - offset
        unit = conscience * scale[0] / scale[1] if scale[1] > 0 else 0.0
        bias = unit * (1 / len(centers) - frequency.astype(np.float64))
        squared = np.array([((x - centers) ** 2).sum(axis=1) for x in rows])
        won, nearest = (squared - bias).argmin(axis=1), squared.argmin(axis=1)
        winners[start : start + batch_size] = won
        for i, row in enumerate(batch):
            weight = float(sample_weight[row])
            _follow(
                rows[i], won[i], nearest[i], weight, rates[start + i], by_count, leak,
                conscience_rate, unit_length, centers, counts, frequency,
            )  # fmt: skip
            if conscience > 0:
                scale += weight * squared[i].mean(dtype=np.float64), weight


def compete(
    X, order, offset, sample_weight, rates, by_count, leak, conscience, conscience_rate,
    unit_length, centers, counts, frequency, scale, winners,
):  # fmt: skip
    """Let centers compete for rows, one row after the other."""
    compete_in_batches(
        X, order, offset, sample_weight, rates, by_count, 1, leak, conscience, conscience_rate,
        unit_length, centers, counts, frequency, scale, winners,
    )  # fmt: skip


def shuffle_keys(keys, seed, stream, step, out):
    """Hash keys of rows; the low bits hold the row's index, so that sorting gives an order."""
    words = philox4x32(keys, *(np.uint64(value) for value in (step, stream, seed)))
    bits = np.uint64(len(keys).bit_length())
    hashed = (words[1] << np.uint64(32) | words[0]) >> bits << bits
    out[:] = hashed | np.arange(len(keys), dtype=np.uint64)
