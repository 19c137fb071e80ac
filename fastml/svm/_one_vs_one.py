"""Coefficients of support vectors for all pairs of classes, as scikit-learn lays them out."""

from typing import Any

import numpy as np
from scipy import sparse

from fastml.svm._solutions import Solutions, class_pairs

__all__ = ["coefficients", "pair_weights", "votes"]


def coefficients(solutions: Solutions, n_classes: int, n_rows: int) -> tuple[Any, Any]:
    """Gather the solutions of all pairs.

    Parameters
    ----------
    solutions : Solutions
        Of all problems.
    n_classes, n_rows : int
        Number of classes, and of rows of all of them.

    Returns
    -------
    support : (n_support,) int64 array
        Rows with a coefficient that is not 0.
    dual_coef : (n_classes - 1, n_support) float64 array
        Those of a row against the other classes in their order.
    """
    problems = solutions.problems
    lines = np.array([[j - 1, i] for i, j in problems.pairs]).ravel()
    table = np.zeros((n_classes - 1, n_rows))
    table[lines[problems.sides], problems.rows] = solutions.solution
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
