"""Coordinate descent over features under the l1 penalty, for one problem."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.rows import row_add, row_dot, row_square_dot
from fastml.kernels.linear_svm.dual import newton_step, side
from fastml.kernels.linear_svm.order import shuffle
from fastml.kernels.linear_svm.scalar import HALVINGS, NONE, SHARE


@njit_leaf
def weigh(indices, first, last, targets, weights, costs, residuals, forces, stiffness):
    """Write the first and second derivatives of the rows' losses, for rows of a column."""
    for e in range(first, last):
        i = np.int64(indices[e]) if indices.size > 0 else e - first
        cost = 2.0 * weights[i] * (costs[1] if targets[i] > 0 else costs[0])
        on = residuals[i] * targets[i] > 0
        stiffness[i] = cost if on else 0.0
        forces[i] = cost * residuals[i] if on else 0.0


@njit_leaf
def loss_of(indices, first, last, residuals, forces):
    """Return the losses of the rows of a column, from their derivatives."""
    loss = 0.0
    for e in range(first, last):
        i = np.int64(indices[e]) if indices.size > 0 else e - first
        loss += forces[i] * residuals[i]
    return 0.5 * loss


@njit_leaf
def sweep_lasso(
    data, indices, indptr, targets, weights, costs, penalised, tol, seed, stream, n_epochs,
    coefs, residuals, order, progress,
):  # fmt: skip
    """Run epochs of one problem; see `lasso_epochs` of `cpu.py`."""
    n, width = targets.shape[0], coefs.shape[0]
    forces, stiffness, most = np.empty(n), np.empty(n), np.empty(n)
    everything, bounds = indices[:0], np.full(width, -1.0)
    weigh(everything, 0, n, targets, weights, costs, residuals, forces, stiffness)
    for i in range(n):
        most[i] = 2.0 * weights[i] * (costs[1] if targets[i] > 0 else costs[0])
    epochs, n_active, limit, start = progress[0], np.int64(progress[1]), progress[2], progress[3]
    for _ in range(n_epochs):
        if progress[4] > 0:
            break
        shuffle(order, n_active, seed, epochs, stream)
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
                if attempt == 0 and not sure:
                    before = loss_of(indices, first, last, residuals, forces)
                row_add(taken - step, data, indices, first, last, residuals, 0)
                weigh(
                    indices, first, last, targets, weights, costs, residuals, forces, stiffness
                )  # fmt: skip
                taken = step
                if sure or rise + loss_of(indices, first, last, residuals, forces) <= before:
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
