"""Coordinate descent over features under the l1 penalty, for one problem."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.rows import row_add, row_dot, row_square_dot
from fastml.kernels.linear_svm.dual import newton_step, side
from fastml.kernels.linear_svm.order import WORDS, shuffle
from fastml.kernels.linear_svm.scalar import HALVINGS, NONE, SHARE


@njit_leaf
def bend(residual, target, double):
    """Return the first and second derivatives of the loss of a row; `double` is twice its price."""
    on = residual * target > 0
    return (double * residual, double) if on else (0.0, 0.0)


@njit_leaf
def sweep_lasso(
    data, indices, indptr, targets, weights, costs, penalised, tol, seed, stream, n_epochs,
    coefs, residuals, order, progress,
):  # fmt: skip
    """Run epochs of one problem; see `lasso_epochs` of `cpu.py`."""
    n, width = targets.shape[0], coefs.shape[0]
    forces, stiffness, most = np.empty(n), np.empty(n), np.empty(n)
    words = np.empty(WORDS, np.uint64)
    bounds, dense = np.full(width, -1.0), indices.size == 0
    for i in range(n):
        most[i] = 2.0 * weights[i] * (costs[1] if targets[i] > 0 else costs[0])
        forces[i], stiffness[i] = bend(residuals[i], targets[i], most[i])
    epochs, n_active, limit, start = progress[0], np.int64(progress[1]), progress[2], progress[3]
    for _ in range(n_epochs):
        if progress[4] > 0:
            break
        shuffle(order, n_active, seed, epochs, stream, words)
        largest, total = 0.0, 0.0
        place = 0
        while place < n_active:
            j = np.int64(order[place])
            first, last = indptr[j], indptr[j + 1]
            pull = -row_dot(data, indices, first, last, forces, 0)
            curvature = max(row_square_dot(data, indices, first, last, stiffness, 0), NONE)
            price = 1.0 if penalised or j + 1 < width else 0.0
            value = coefs[j]
            above, below = pull + price, pull - price
            room = limit / n
            left, shrunk = side(value, -np.inf, np.inf, above, below, room, -room)
            if shrunk:
                n_active -= 1
                order[place], order[n_active] = order[n_active], order[place]
                continue
            place += 1
            largest, total = max(largest, abs(left)), total + abs(left)
            step = newton_step(value, above, below, curvature)
            if abs(step) < NONE:
                continue
            predicted = price * (abs(value + step) - abs(value)) + pull * step
            if bounds[j] < 0:
                bounds[j] = 0.5 * row_square_dot(data, indices, first, last, most, 0)
            taken, before = 0.0, 0.0
            for attempt in range(HALVINGS):
                rise = price * (abs(value + step) - abs(value)) - SHARE * predicted
                # A bound of the loss first: where it suffices, no loss has to be added up.
                sure = bounds[j] * step * step + pull * step + rise <= 0
                # In loops of their own: to call a function costs more than a short column.
                if attempt == 0 and not sure:
                    for e in range(first, last):
                        i = e - first if dense else np.int64(indices[e])
                        before += 0.5 * forces[i] * residuals[i]
                row_add(taken - step, data, indices, first, last, residuals, 0)
                after = 0.0
                for e in range(first, last):
                    i = e - first if dense else np.int64(indices[e])
                    forces[i], stiffness[i] = bend(residuals[i], targets[i], most[i])
                    after += 0.5 * forces[i] * residuals[i]
                taken = step
                if sure or rise + after <= before:
                    break
                step *= 0.5
                predicted *= 0.5
            coefs[j] = value + taken
        epochs += 1
        if start < 0:
            start = total
        if total <= tol * start:
            if n_active == width:
                progress[4] = 1.0
            n_active, limit = width, np.inf
        else:
            limit = largest
    progress[0], progress[1], progress[2], progress[3] = epochs, n_active, limit, start
