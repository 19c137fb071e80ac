"""Bounds on distances between rows and centers, kept from one iteration to the next."""

from typing import Any

import numpy as np

from fastml.cluster._rows import Array, DenseRows

# Centers that share one lower bound per row: the columns of the register tile.
PANEL = 16
# With fewer multiplications per row than this a full assignment is cheaper than any bound.
LEAST_WORK = 512


def panel_order(centers: Array) -> Array:
    """Return an order of the centers in which neighbours lie close together.

    Halves are split off along the direction in which the centers spread most, down to panels.
    Close centers in one panel have close lower bounds, so that whole panels are ruled out.
    """

    def split(members: Array) -> list[Array]:
        if len(members) <= PANEL:
            return [np.sort(members)]
        spread = centers[members].astype(np.float64)
        spread = spread - spread.mean(axis=0)
        direction = spread[np.argmax((spread**2).sum(axis=1))]
        for _ in range(3):
            direction = (spread @ direction) @ spread
            direction /= max(float(np.linalg.norm(direction)), np.finfo(np.float64).tiny)
        along = members[np.argsort(spread @ direction, kind="stable")]
        half = -(-len(members) // (2 * PANEL)) * PANEL
        return split(along[:half]) + split(along[half:])

    return np.concatenate(split(np.arange(len(centers))))


class Bounds:
    """Upper and lower bounds of all rows, for `assign_bounded_and_sum`.

    Parameters
    ----------
    rows : DenseRows
        The data.
    centers : ndarray of shape (n_clusters, n_features)
        Centers less the offset, at the time the bounds start.
    """

    def __init__(self, rows: DenseRows, centers: Array) -> None:
        backend, n = rows.backend, rows.n_rows
        n_clusters = len(centers)
        n_panels = -(-n_clusters // PANEL)
        self.rows = rows
        self.backend = backend
        self.host_order = panel_order(centers)
        self.order = backend.asarray(self.host_order)
        self.center_reach = np.zeros(n_clusters)
        self.panel_reach = np.zeros(n_panels)
        self.upper = backend.empty(n, rows.dtype)
        self.lower = backend.empty((n, n_panels), rows.dtype)
        # |x - offset|^2 is the distance to a single center at zero.
        origin = backend.zeros((1, rows.n_features), rows.dtype)
        norms = rows.distances_to(origin, backend.zeros(n, np.int32))
        self.row_norms = backend.asarray(norms, rows.dtype)
        self.rounding = (rows.n_features + 8) * float(np.finfo(rows.dtype).eps)
        self.fresh = True

    @staticmethod
    def start_below(rows: DenseRows, n_clusters: int) -> float:
        """Return below which share of rows changing their label bounds save more than they cost.

        While more change, centers move too far for bounds to rule much out. The shares were
        measured on normal data, the worst case for pruning: reading a row's bounds costs about
        as much as evaluating three panels.
        """
        n_panels = -(-n_clusters // PANEL)
        if n_clusters * rows.n_features < LEAST_WORK or n_panels > rows.n_features:
            return 0.0
        return 0.03 if n_panels >= 8 else 0.01

    def arguments(self) -> tuple[Any, ...]:
        """Return the kernel's arguments from `order` on; the next call is not fresh."""
        asarray, fresh = self.backend.asarray, self.fresh
        self.fresh = False
        return (
            self.order, asarray(self.center_reach), asarray(self.panel_reach), self.row_norms,
            self.upper, self.lower, self.rounding, fresh,
        )  # fmt: skip

    def centers_moved(self, distances: Array) -> None:
        """Account for a move of each center; rounded up, so that bounds stay bounds."""
        moved = distances * (1.0 + 1e-12)
        self.center_reach += moved
        starts = np.arange(0, len(moved), PANEL)
        self.panel_reach += np.maximum.reduceat(moved[self.host_order], starts)
