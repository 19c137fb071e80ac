"""k-means++ seeding in NumPy: the definition the other backends are compared with."""

import numpy as np


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


def seed_pick(closest, sample_weight, block_rows, potentials, fractions, picked):
    """Draw rows with probability proportional to weight times squared distance."""
    mass = closest.astype(np.float64) * sample_weight
    if not mass.any():
        picked[:] = np.argmax(sample_weight > 0)
        return
    ends = np.cumsum(mass)
    rows = np.searchsorted(ends, fractions * ends[-1], side="right")
    picked[:] = np.minimum(rows, np.flatnonzero(mass)[-1])
