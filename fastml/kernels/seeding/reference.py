"""k-means++ seeding in NumPy: the definition the other backends are compared with."""

import numpy as np

from fastml.kernels.seeding import scalar


def seed_distances(
    X, candidates, chosen, closest, nearest, sample_weight, block_rows, distances, potentials
):  # fmt: skip
    """Measure what each candidate would leave of the potential; every row against every one."""
    for j, candidate in enumerate(candidates):
        squared = ((X - candidate) ** 2).sum(axis=1)
        np.minimum(squared, closest, out=distances[j])
        mass = distances[j].astype(np.float64) * sample_weight
        for b in range(len(potentials)):
            potentials[b, j] = mass[b * block_rows : (b + 1) * block_rows].sum()


def seed_accept(distances, best, label, closest, nearest):
    """Make a candidate a center: rows it is nearer to belong to it."""
    nearest[distances[best] < closest] = label
    np.minimum(closest, distances[best], out=closest)


def row_keys(words, keys):
    """Hash each row by its values alone."""
    factors = scalar.column_factor(np.arange(words.shape[1], dtype=np.uint64))
    words = np.where(words == 0x80000000, 0, words).astype(np.uint64)
    keys[:] = scalar.mixed(np.bitwise_xor.reduce(words * factors, axis=1))


def ordered_potentials(closest, sample_weight, order, block_rows, potentials):
    """Add up weight times squared distance over blocks of rows in a given order."""
    mass = (closest.astype(np.float64) * sample_weight)[order]
    for b in range(len(potentials)):
        potentials[b] = mass[b * block_rows : (b + 1) * block_rows].sum()


def seed_pick(closest, sample_weight, order, block_rows, potentials, fractions, picked):
    """Draw rows with probability proportional to weight times squared distance."""
    mass = (closest.astype(np.float64) * sample_weight)[order]
    if not mass.any():
        picked[:] = order[np.argmax(sample_weight[order] > 0)]
        return
    ends = np.cumsum(mass)
    places = np.searchsorted(ends, fractions * ends[-1], side="right")
    picked[:] = order[np.minimum(places, np.flatnonzero(mass)[-1])]
