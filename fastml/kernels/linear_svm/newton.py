"""Pieces of the trust-region Newton method: sums over a block of rows, vectors of coefficients."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.rows import row_add, row_dot
from fastml.kernels.linear_svm import scalar

# Rows of a block at the least, blocks at the most.
ROWS = 240
BLOCKS = 64
# Entries of X for each number of a block's sum, which has to be added to those of other blocks.
ENTRIES = 16

new_radius = njit_leaf(scalar.new_radius)


@njit_leaf
def n_blocks(n_samples, n_entries, width):
    """Return into how many blocks rows are cut: a function of the data's shape alone."""
    return max(1, min(BLOCKS, -(-n_samples // ROWS), n_entries // (ENTRIES * width)))


@njit_leaf
def excess(score, target, epsilon, symmetric):
    """Return by how much a score misses its target beyond what is free, with its sign."""
    apart = score - target
    if symmetric:
        return max(apart - epsilon, 0.0) + min(apart + epsilon, 0.0)
    # Beyond its target a score on the right side is free.
    return min(apart, 0.0) if target > 0 else max(apart, 0.0)


@njit_leaf
def block_gradient(
    data, indices, indptr, start, stop, targets, weights, costs, bias, epsilon, symmetric, coefs,
    partial, active,
):  # fmt: skip
    """Add up losses and their gradient over rows; return the loss and how many rows have one."""
    d = coefs.shape[0] - 1
    partial[:] = 0.0
    loss, count = 0.0, 0
    for i in range(start, stop):
        first, last = indptr[i], indptr[i + 1]
        score = row_dot(data, indices, first, last, coefs, 0) + coefs[d] * bias
        over = excess(score, targets[i], epsilon, symmetric)
        if over != 0:
            cost = weights[i] * (costs[1] if targets[i] > 0 else costs[0])
            loss += cost * over * over
            row_add(2.0 * cost * over, data, indices, first, last, partial, 0)
            partial[d] += 2.0 * cost * over * bias
            active[start + count] = i
            count += 1
    return loss, count


@njit_leaf
def block_product(
    data, indices, indptr, start, count, targets, weights, costs, bias, active, vector, partial
):  # fmt: skip
    """Add up the product of the losses' second derivatives with a vector, over active rows."""
    d = vector.shape[0] - 1
    partial[:] = 0.0
    for k in range(start, start + count):
        i = np.int64(active[k])
        first, last = indptr[i], indptr[i + 1]
        cost = weights[i] * (costs[1] if targets[i] > 0 else costs[0])
        along = row_dot(data, indices, first, last, vector, 0) + vector[d] * bias
        row_add(2.0 * cost * along, data, indices, first, last, partial, 0)
        partial[d] += 2.0 * cost * along * bias


@njit_leaf
def with_penalty(vector, partials, penalised, out):
    """Add the blocks' sums to the vector itself, but for an intercept that is not penalised."""
    out[:] = vector
    if not penalised:
        out[-1] = 0.0
    for b in range(partials.shape[0]):
        for j in range(out.shape[0]):
            out[j] += partials[b, j]


@njit_leaf
def penalty(coefs, penalised, none):
    """Return half the square of the coefficients."""
    square = product(coefs, coefs, none)
    return 0.5 * (square if penalised else square - coefs[-1] * coefs[-1])


@njit_leaf
def product(a, b, none):
    """Return the product of two vectors; `none` are the indices of a dense row."""
    return row_dot(a, none, 0, a.shape[0], b, 0)


@njit_leaf
def to_boundary(step, direction, radius, none):
    """Return how far along a direction a step reaches the boundary of the trust region."""
    std = product(step, direction, none)
    sts = product(step, step, none)
    dtd = product(direction, direction, none)
    root = np.sqrt(std * std + dtd * max(radius * radius - sts, 0.0))
    return (radius * radius - sts) / (std + root) if std >= 0 else (root - std) / dtd
