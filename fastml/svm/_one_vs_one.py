"""Coefficients of support vectors for all pairs of classes, as scikit-learn lays them out."""

from typing import Any

import numpy as np
from scipy import sparse

from fastml.svm._dual import PairSolution, class_pairs

__all__ = ["coefficients", "pair_weights", "votes"]


def coefficients(solutions: list[PairSolution], edges: Any) -> tuple[Any, Any]:
    """Gather the solutions of all pairs.

    Parameters
    ----------
    solutions : list of PairSolution
        In the order of `class_pairs`.
    edges : (n_classes + 1,) array
        Where the rows of a class begin.

    Returns
    -------
    support : (n_support,) int64 array
        Rows with a coefficient that is not 0.
    dual_coef : (n_classes - 1, n_support) float64 array
        Those of a row against the other classes in their order.
    """
    table = np.zeros((len(edges) - 2, int(edges[-1])))
    for found in solutions:
        i, j = found.classes
        n_first = edges[i + 1] - edges[i]
        table[j - 1, edges[i] : edges[i + 1]] = found.solution[:n_first]
        table[i, edges[j] : edges[j + 1]] = found.solution[n_first:]
    support = np.flatnonzero(table.any(axis=0))
    return support, np.ascontiguousarray(table[:, support])


def pair_weights(dual_coef: Any, n_support: Any) -> Any:
    """Return the coefficients of all support vectors in all problems.

    Parameters
    ----------
    dual_coef : (n_classes - 1, n_support) array or sparse matrix
        As `coefficients` returns them.
    n_support : (n_classes,) array
        Support vectors of each class.

    Returns
    -------
    (n_support, n_pairs) float64 array
    """
    dual_coef = dual_coef.toarray() if sparse.issparse(dual_coef) else dual_coef
    edges = np.concatenate([[0], np.cumsum(n_support)])
    pairs = class_pairs(len(n_support))
    weights = np.zeros((dual_coef.shape[1], len(pairs)))
    for p, (i, j) in enumerate(pairs):
        first, other = slice(edges[i], edges[i + 1]), slice(edges[j], edges[j + 1])
        weights[first, p] = dual_coef[j - 1, first]
        weights[other, p] = dual_coef[i, other]
    return weights


def votes(decisions: Any, n_classes: int) -> Any:
    """Return the class that wins most of its pairs, of equals the first.

    Parameters
    ----------
    decisions : (n, n_pairs) array
        Positive for the first class of a pair.
    n_classes : int
        Number of classes.
    """
    counts = np.zeros((len(decisions), n_classes), np.int64)
    for p, (i, j) in enumerate(class_pairs(n_classes)):
        first = decisions[:, p] > 0
        counts[:, i] += first
        counts[:, j] += ~first
    return counts.argmax(axis=1)
