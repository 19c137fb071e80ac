"""Crammer and Singer's joint problem of all classes: dual coordinate descent over rows."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.rows import row_add, row_dot
from fastml.kernels.linear_svm.order import WORDS, shuffle
from fastml.kernels.linear_svm.scalar import NONE


@njit_leaf
def solve_row(rest, own, norm, upper, shrunk, ranked, new):
    """Minimise over the dual variables of one row, which add up to 0, those not shrunk.

    `rest` are the slopes less what the variables themselves add to them. Algorithm 3 of Keerthi
    and others (2008): the level at which the variables meet is found from the largest down.
    """
    count = 0
    for m in range(rest.shape[0]):
        if not shrunk[m]:
            value = rest[m] + (norm * upper if m == own else 0.0)
            k = count
            while k > 0 and ranked[k - 1] < value:
                ranked[k] = ranked[k - 1]
                k -= 1
            ranked[k] = value
            count += 1
    level = ranked[0] - norm * upper
    r = 1
    while r < count and level < r * ranked[r]:
        level += ranked[r]
        r += 1
    level /= r
    for m in range(rest.shape[0]):
        if not shrunk[m]:
            new[m] = min(upper if m == own else 0.0, (level - rest[m]) / norm)


@njit_leaf
def shrink(slopes, alpha, own, upper, shrunk):
    """Shrink variables at their bounds; return how far the others are from agreeing, and how many.

    Variables agree where slopes of those that can grow are at least those of all.
    """
    low, high = np.inf, -np.inf
    for m in range(slopes.shape[0]):
        if not shrunk[m]:
            high = max(high, slopes[m])
            if alpha[m] < (upper if m == own else 0.0):
                low = min(low, slopes[m])
    count = 0
    for m in range(slopes.shape[0]):
        if not shrunk[m]:
            if alpha[m] == (upper if m == own else 0.0) and slopes[m] < low:
                shrunk[m] = 1
            else:
                count += 1
    return high - low, count


@njit_leaf
def sweep_joint(
    data, indices, indptr, norms, labels, uppers, offsets, bias, tol, seed, n_epochs,
    alpha, coefs, order, shrunk, progress,
):  # fmt: skip
    """Run epochs; see `joint_epochs` of `cpu.py`."""
    n, (n_classes, width) = labels.shape[0], coefs.shape
    flat = coefs.reshape(coefs.size)
    words = np.empty(WORDS, np.uint64)
    slopes, rest = np.empty(n_classes), np.empty(n_classes)
    ranked, new = np.empty(n_classes), np.empty(n_classes)
    epochs, n_active, rough, whole = progress[0], np.int64(progress[1]), progress[2], progress[3]
    for _ in range(n_epochs):
        if progress[4] > 0:
            break
        shuffle(order, n_active, seed, epochs, 0, words)
        worst = -np.inf
        place = 0
        while place < n_active:
            i = np.int64(order[place])
            if norms[i] <= 0:
                place += 1
                continue
            own, upper = np.int64(labels[i]), uppers[i]
            first, last = indptr[i], indptr[i + 1]
            for m in range(n_classes):
                if not shrunk[i, m]:
                    score = row_dot(data, indices, first, last, flat, m * width)
                    score += coefs[m, width - 1] * bias + offsets[m]
                    slopes[m] = score + (0.0 if m == own else 1.0)
            apart, count = shrink(slopes, alpha[i], own, upper, shrunk[i])
            if count <= 1:
                n_active -= 1
                order[place], order[n_active] = order[n_active], order[place]
                continue
            place += 1
            if apart <= NONE:
                continue
            worst = max(worst, apart)
            for m in range(n_classes):
                rest[m] = slopes[m] - norms[i] * alpha[i, m]
            solve_row(rest, own, norms[i], upper, shrunk[i], ranked, new)
            for m in range(n_classes):
                if not shrunk[i, m]:
                    step = new[m] - alpha[i, m]
                    alpha[i, m] = new[m]
                    if abs(step) >= NONE:
                        row_add(step, data, indices, first, last, flat, m * width)
                        coefs[m, width - 1] += step * bias
        epochs += 1
        if worst < rough:
            if worst < tol and whole > 0:
                progress[4] = 1.0
            n_active, rough, whole = n, max(rough / 2, tol), 1.0
            shrunk[:] = 0
        else:
            whole = 0.0
    progress[0], progress[1], progress[2], progress[3] = epochs, n_active, rough, whole
