"""Probabilities of classes from decision values of two classes each."""

from typing import Any

import numpy as np

__all__ = ["coupled", "sigmoid", "sigmoid_of"]

# Newton steps, the ridge of the Hessian, and the shortest step.
MOST_STEPS, RIDGE, SHORTEST = 100, 1e-12, 1e-10
# Probabilities of two classes are kept off 0 and 1.
LEAST = 1e-7


def sigmoid(values: Any, slope: float, offset: float) -> Any:
    """Return ``1 / (1 + exp(slope * values + offset))`` without overflow."""
    z = slope * values + offset
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, e, 1.0) / (1.0 + e)


def sigmoid_of(values: Any, positive: Any) -> tuple[float, float]:
    """Fit the probability of the first of two classes to decision values.

    Parameters
    ----------
    values : (n,) float64 array
        Decision values of rows that their classifier has not seen.
    positive : (n,) bool array
        Which rows are of the first class.

    Returns
    -------
    slope, offset : float
        For `sigmoid`: where its likelihood is largest, for targets that Platt pulls in a little.

    References
    ----------
    H.-T. Lin, C.-J. Lin and R. C. Weng, "A note on Platt's probabilistic outputs for support
    vector machines", Machine Learning 68 (2007).
    """
    n_positive = np.count_nonzero(positive)
    n_negative = positive.size - n_positive
    high, low = (n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0)
    targets = np.where(positive, high, low)

    def loss(at: Any) -> float:
        z = at[0] * values + at[1]
        return float((targets * z + np.logaddexp(0.0, -z)).sum())

    at = np.array([0.0, np.log((n_negative + 1.0) / (n_positive + 1.0))])
    value = loss(at)
    for _ in range(MOST_STEPS):
        p = sigmoid(values, *at)
        residual, weight = targets - p, p * (1.0 - p)
        gradient = np.array([values @ residual, residual.sum()])
        if np.abs(gradient).max() < 1e-5:
            break
        mixed = values @ weight
        hessian = np.array([[values @ (values * weight), mixed], [mixed, weight.sum()]])
        direction = -np.linalg.solve(hessian + RIDGE * np.eye(2), gradient)
        descent, step = float(gradient @ direction), 1.0
        while step >= SHORTEST:
            trial = at + step * direction
            trial_value = loss(trial)
            if trial_value < value + 1e-4 * step * descent:
                break
            step /= 2.0
        else:
            break
        at, value = trial, trial_value
    return float(at[0]), float(at[1])


def coupled(of_pairs: Any, pairs: list[tuple[int, int]], n_classes: int) -> Any:
    """Return the probabilities of classes that agree best with those of pairs of them.

    Parameters
    ----------
    of_pairs : (n, n_pairs) float64 array
        Probability of the first class of a pair, given that it is one of the two.
    pairs : list of tuple
        The pairs.
    n_classes : int
        Number of classes.

    Returns
    -------
    (n, n_classes) float64 array
        Rows add up to 1.

    References
    ----------
    T.-F. Wu, C.-J. Lin and R. C. Weng, "Probability estimates for multi-class classification by
    pairwise coupling", JMLR 5 (2004), the second method.
    """
    of_pairs = np.clip(of_pairs, LEAST, 1.0 - LEAST)
    n = len(of_pairs)
    r = np.zeros((n, n_classes, n_classes))
    for p, (i, j) in enumerate(pairs):
        r[:, i, j], r[:, j, i] = of_pairs[:, p], 1.0 - of_pairs[:, p]
    # min p'Qp subject to sum p = 1: a linear system with a multiplier.
    system = np.zeros((n, n_classes + 1, n_classes + 1))
    system[:, :n_classes, :n_classes] = -np.transpose(r, (0, 2, 1)) * r
    classes = np.arange(n_classes)
    system[:, classes, classes] = (r**2).sum(axis=1)
    system[:, :n_classes, n_classes] = system[:, n_classes, :n_classes] = 1.0
    right = np.zeros((n, n_classes + 1, 1))
    right[:, n_classes] = 1.0
    found = np.clip(np.linalg.solve(system, right)[:, :n_classes, 0], 0.0, None)
    return found / found.sum(axis=1, keepdims=True)
