"""Pieces of the mini-batch kernels for the CPU: gathering rows, sorting them, moving centers."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.stretches import prefetch

CACHE_LINE = 64
# Rows are asked for so many ahead of their use: they lie anywhere in X.
AHEAD = 16


@njit_leaf
def gather(X, picked, first, n_rows, rows):
    """Copy listed rows of X side by side; few enough at a time to stay in cache."""
    d = X.shape[1]
    step = max(1, CACHE_LINE // X.itemsize)
    for p in range(n_rows):
        if first + p + AHEAD < picked.shape[0]:
            ahead = picked[first + p + AHEAD] * d
            for t in range(0, d, step):
                prefetch(X, ahead + t)
        row = picked[first + p]
        for t in range(d):
            rows[p, t] = X[row, t]


@njit_leaf
def less_offset(centers, offset):
    """Return centers less the offset, in its dtype."""
    k, d = centers.shape
    less = np.empty((k, d), offset.dtype)
    for j in range(k):
        for t in range(d):
            less[j, t] = centers[j, t] - np.float64(offset[t])
    return less


@njit_leaf
def sorted_by_cluster(labels, n_clusters):
    """Return positions cluster by cluster, in order within each, and where each begins."""
    starts = np.zeros(n_clusters + 1, np.int64)
    for label in labels:
        starts[label + 1] += 1
    for j in range(n_clusters):
        starts[j + 1] += starts[j]
    order = np.empty(labels.shape[0], np.int64)
    place = starts.copy()
    for i in range(labels.shape[0]):
        order[place[labels[i]]] = i
        place[labels[i]] += 1
    return order, starts


@njit_leaf
def move_center(center, weight, total, added):
    """Move a center to the mean of its rows so far and those added; return their weight.

    center : float64 mean of rows that weigh `weight`; written
    total, added : sum of weight * row over the rows added, and of their weights
    """
    if added <= 0:
        return weight
    share = 1.0 / (weight + added)
    for t in range(center.shape[0]):
        center[t] += (total[t] - added * center[t]) * share
    return weight + added
