"""Initial centers: greedy k-means++ and weighted draws without replacement."""

from typing import Any

import numpy as np

from fastml.cluster._rows import Array, Rows

# Streams of the counter-based generator: which draw a number belongs to.
STREAM_PLUSPLUS = 1
STREAM_RANDOM = 2


def uniforms(rows: Rows, seed: int, stream: int, step: int, size: int) -> Array:
    """Return draws in [0, 1)."""
    out = rows.backend.empty(size, np.float64)
    rows.backend.kernels("rng").uniform(seed, stream, step, out)
    return rows.backend.to_host(out)


def kmeans_plusplus(
    rows: Rows, n_clusters: int, seed: int, run: int = 0, n_local_trials: int | None = None
) -> tuple[Array, Array]:
    """Choose rows as initial centers by greedy k-means++.

    Every next center is drawn with probability proportional to weight times squared distance to
    the centers so far; of several draws the one that lowers the potential most is kept. A draw is
    a position on the total potential, along which rows lie in an order that depends on their
    values alone: centers change neither with the order of the rows nor if rows are repeated
    instead of weighted.

    Parameters
    ----------
    rows : Rows
        The data.
    n_clusters : int
        How many to choose.
    seed : int
        64-bit key of the draws.
    run : int
        Number of the initialisation, so that repeated ones differ.
    n_local_trials : int, optional
        Draws for each center; ``2 + log(n_clusters)`` by default.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
        Chosen rows less the offset.
    indices : ndarray of shape (n_clusters,)
        Where they are.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    """
    backend, n = rows.backend, rows.n_rows
    trials = 2 + int(np.log(n_clusters)) if n_local_trials is None else n_local_trials
    draws = uniforms(rows, seed, STREAM_PLUSPLUS, run, 1 + trials * (n_clusters - 1))
    indices = np.full(n_clusters, -1, np.int64)
    centers = np.empty((n_clusters, rows.n_features), rows.dtype)

    order = backend.asarray(np.argsort(rows.keys(), kind="stable"))
    # All rows are equally far from no center: the first draw goes by weight alone.
    closest = backend.asarray(np.ones(n, rows.dtype))
    along = backend.empty(rows.n_blocks, np.float64)
    nearest = backend.zeros(n, np.int32)
    distances = backend.empty((trials, n), rows.dtype)
    for c in range(n_clusters):
        n_draws = trials if c else 1
        fractions = draws[:1] if c == 0 else draws[1 + (c - 1) * trials : 1 + c * trials]
        picked = backend.empty(n_draws, np.int64)
        masses = closest, rows.sample_weight, order, rows.block_rows, along
        rows.seeding.ordered_potentials(*masses)
        rows.seeding.seed_pick(*masses, backend.asarray(fractions), picked)
        proposed = backend.to_host(picked)
        candidates = rows.take(proposed)
        if c == 0:
            closest = backend.asarray(np.full(n, np.inf, rows.dtype))
        tried = distances[:n_draws], backend.empty((rows.n_blocks, n_draws), np.float64)
        rows.seed_distances(candidates, centers[:c], closest, nearest, *tried)
        best = int(np.argmin(backend.to_host(tried[1]).sum(axis=0)))
        rows.seeding.seed_accept(tried[0], best, c, closest, nearest)
        indices[c], centers[c] = proposed[best], candidates[best]
    return centers, indices


def random_rows(rows: Rows, n_clusters: int, seed: int, run: int = 0) -> Array:
    """Draw rows without replacement, with probability proportional to their weight.

    The rows with the largest ``log(u) / weight`` are such a draw (Efraimidis and Spirakis,
    "Weighted random sampling with a reservoir", 2006).

    Returns
    -------
    ndarray of shape (n_clusters, n_features)
        Drawn rows less the offset.
    """
    weight = rows.host_weight.astype(np.float64)
    if np.count_nonzero(weight) < n_clusters:
        raise ValueError(
            f"init='random' needs at least n_clusters={n_clusters} samples with a positive "
            f"sample_weight, got {np.count_nonzero(weight)}."
        )
    uniform = uniforms(rows, seed, STREAM_RANDOM, run, rows.n_rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        # 1 - u is never zero, so only rows without weight reach -inf.
        keys = np.where(weight > 0, np.log1p(-uniform) / weight, -np.inf)
    return rows.take(np.argsort(-keys, kind="stable")[:n_clusters])


def starting_centers(rows: Rows, init: Any, n_clusters: int, seed: int, run: int) -> Array:
    """Return initial centers, less the offset, for a named `init`."""
    if init == "random":
        return random_rows(rows, n_clusters, seed, run)
    return kmeans_plusplus(rows, n_clusters, seed, run)[0]
