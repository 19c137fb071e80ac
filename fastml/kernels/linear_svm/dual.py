"""Dual coordinate descent for one problem: its epochs, with shrinking."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.rows import fetch_ahead, row_add, row_dot
from fastml.kernels.linear_svm import scalar
from fastml.kernels.linear_svm.order import WORDS, shuffle
from fastml.kernels.linear_svm.scalar import NONE

# Bytes of a cache line; coordinates by which memory is asked for before it is used.
LINE = 64
AHEAD = 4
# Bytes of X that stay near the core by themselves.
NEAR = 1 << 18

side = njit_leaf(scalar.side)
newton_step = njit_leaf(scalar.newton_step)


@njit_leaf
def sweep_dual(
    data, indices, indptr, norms, targets, offset, weights, costs, bias, epsilon, symmetric,
    squared, tol, seed, stream, n_epochs, beta, coefs, order, progress,
):  # fmt: skip
    """Run epochs of one problem; see `dual_epochs` of `cpu.py`."""
    n, d = targets.shape[0], coefs.shape[0] - 1
    epochs, n_active, first = progress[0], np.int64(progress[1]), progress[4]
    up, down = progress[2], progress[3]
    words = np.empty(WORDS, np.uint64)
    far = data.size * data.itemsize > NEAR
    for _ in range(n_epochs):
        if progress[5] > 0:
            break
        shuffle(order, n_active, seed, epochs, stream, words)
        highest, lowest, total = -np.inf, np.inf, 0.0
        place = 0
        while place < n_active:
            i = np.int64(order[place])
            if far and place + AHEAD < n_active:
                near = np.int64(order[place + AHEAD])
                fetch_ahead(beta, near)
                fetch_ahead(targets, near)
                fetch_ahead(norms, near)
                fetch_ahead(weights, near)
                fetch_ahead(indptr, np.int64(order[min(place + 2 * AHEAD, n_active - 1)]))
                last = indptr[near + 1]
                for e in range(indptr[near], last, LINE // data.itemsize):
                    fetch_ahead(data, e)
                if indices.size > 0:
                    for e in range(indptr[near], last, LINE // indices.itemsize):
                        fetch_ahead(indices, e)
            sign = 1.0 if symmetric or targets[i] > 0 else -1.0
            cost = weights[i] * (costs[1] if targets[i] > 0 else costs[0])
            high = np.inf if squared else cost
            low = -high if symmetric else 0.0
            ridge = 0.5 / cost if squared else 0.0
            value = sign * beta[i]
            score = row_dot(data, indices, indptr[i], indptr[i + 1], coefs, 0) + coefs[d] * bias
            slope = sign * (score + offset - targets[i]) + ridge * value
            above, below = slope + epsilon, slope - epsilon
            left, shrunk = side(value, low, high, above, below, up, down)
            if shrunk:
                n_active -= 1
                order[place], order[n_active] = order[n_active], order[place]
                continue
            place += 1
            highest, lowest, total = max(highest, left), min(lowest, left), total + abs(left)
            if abs(left) > NONE:
                step = newton_step(value, above, below, norms[i] + ridge)
                new = min(max(value + step, low), high)
                beta[i] = sign * new
                factor = sign * (new - value)
                row_add(factor, data, indices, indptr[i], indptr[i + 1], coefs, 0)
                coefs[d] += factor * bias
        epochs += 1
        if first < 0:
            first = total
        small = total <= tol * first if symmetric else highest - lowest <= tol
        if small:
            if n_active == n:
                progress[5] = 1.0
            n_active, up, down = n, np.inf, -np.inf
        elif symmetric:
            up = max(highest, -lowest)
            down = -up
        else:
            up = highest if highest > 0 else np.inf
            down = lowest if lowest < 0 else -np.inf
    progress[0], progress[1], progress[2], progress[3], progress[4] = (
        epochs, n_active, up, down, first,
    )  # fmt: skip
