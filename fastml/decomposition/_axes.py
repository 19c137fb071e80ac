"""Signs and null space: what the data leave open about their principal axes."""

from typing import Any

import numpy as np
from scipy import linalg

from fastml.kernels.factorize.blas import one_blas_thread

__all__ = ["completed", "signs_of"]


def completed(components: Any, rank: int) -> Any:
    """Replace the components beyond the rank of the data by a basis that data alone determine.

    Along these axes data do not vary, and a solver returns any basis of that space, changed by
    the last bit of its input. This one is made of the coordinate axes that are least explained,
    so that equal data (rows repeated or weighted, another solver, another backend) give equal
    components, whatever new data are projected on them.

    Parameters
    ----------
    components : ndarray of shape (n_components, n_features)
        Orthonormal rows.
    rank : int
        How many of them to keep.

    Returns
    -------
    ndarray of shape (n_components, n_features)
        Orthonormal rows.
    """
    n_components = components.shape[0]
    if rank >= n_components:
        return components
    kept = components[:rank]
    # Projections of n_components coordinate axes on what `rank` rows leave have at least the
    # missing rank; pivoting finds those that are furthest from each other.
    chosen = np.argsort((kept**2).sum(axis=0), kind="stable")[:n_components]
    residual = -kept.T @ kept[:, chosen]
    residual[chosen, np.arange(n_components)] += 1
    with one_blas_thread():
        basis, _, _ = linalg.qr(residual, mode="economic", pivoting=True)
    return np.concatenate([kept, basis[:, : n_components - rank].T])


def signs_of(components: Any) -> Any:
    """Return, per component, the sign of the entry that is largest in size."""
    if not components.size:
        return np.empty(0)
    largest = np.abs(components).argmax(axis=1)
    return np.where(components[np.arange(len(components)), largest] < 0, -1, 1)
