"""The sigmoids that make probabilities of decision values, learned by cross-validation."""

from typing import Any

import numpy as np

from fastml.svm._dual import solve_pairs
from fastml.svm._kernel_blocks import Blocks
from fastml.svm._platt import sigmoid_of
from fastml.svm._solutions import class_pairs

__all__ = ["sigmoids"]

N_FOLDS = 5


def sigmoids(
    blocks: Blocks, edges: Any, limits: Any, random_state: Any, **options: Any
) -> tuple[Any, Any]:
    """Learn the sigmoid of every pair of classes.

    Parameters
    ----------
    blocks : Blocks
        Kernel matrix of the rows, class by class.
    edges : (n_classes + 1,) int64 array
        Where the classes begin.
    limits : (n,) float64 array
        Upper bounds of the dual variables.
    random_state : RandomState
        For the folds.
    **options
        Of `solve_pairs`.

    Returns
    -------
    slopes, offsets : (n_pairs,) float64 array
        See `fastml.svm._platt.sigmoid`.
    """
    found = []
    for i, j in class_pairs(len(edges) - 1):
        index = np.r_[edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
        positive = np.arange(len(index)) < edges[i + 1] - edges[i]
        some = blocks.take(index)
        decisions = _decisions(some, positive, limits[index], random_state, options)
        found.append(sigmoid_of(decisions, positive))
    slopes, offsets = np.array(found).T
    return slopes, offsets


def _decisions(
    blocks: Blocks, positive: Any, limits: Any, random_state: Any, options: dict[str, Any]
) -> Any:
    """Return the decision value of each row, by a fit to the other folds."""
    n = len(positive)
    decisions = np.empty(n)
    shuffled = random_state.permutation(n)
    for fold in np.array_split(shuffled, N_FOLDS):
        others = np.setdiff1d(np.arange(n), fold)
        n_first = np.count_nonzero(positive[others])
        if n_first in (0, len(others)):
            # Nothing is known but one class, if any.
            decisions[fold] = float(n_first > 0) - float(n_first < len(others))
            continue
        edges = np.array([0, n_first, len(others)])
        found = solve_pairs(blocks.take(others), edges, limits[others], **options)
        support = np.flatnonzero(found.solution)
        weights = blocks.backend.asarray(found.solution[support])
        product = blocks.product(fold, others[support], weights)
        decisions[fold] = blocks.backend.to_host(product) + found.intercept[0]
    return decisions
