"""Linear support vector machines on the CPU: products with rows, and epochs of each solver.

Rows are entries of `data`, from ``indptr[i]`` to ``indptr[i + 1]``. Where `indices` is empty they
are dense; else it holds the column of each entry. An intercept is the coefficient of a last column,
which is `bias` in every row.
"""

import numpy as np

from fastml._jit import njit_parallel, njit_serial, prange
from fastml._jit.rows import row_dot
from fastml.kernels.linear_svm import newton
from fastml.kernels.linear_svm.dual import sweep_dual
from fastml.kernels.linear_svm.joint import sweep_joint
from fastml.kernels.linear_svm.lasso import sweep_lasso
from fastml.kernels.linear_svm.scalar import ETA, INNER, ROUNDING

TASK_ROWS = 256
block_gradient, block_product = newton.block_gradient, newton.block_product
penalty, product, with_penalty = newton.penalty, newton.product, newton.with_penalty
n_blocks_of, new_radius, to_boundary = newton.n_blocks, newton.new_radius, newton.to_boundary


def _entries(data, *rest):
    """Multiplications of one pass over X."""
    return 2 * data.size


def _entries_of_classes(data, indices, indptr, coefs, *rest):
    """Multiplications of one pass over X for every class."""
    return 2 * data.size * coefs.shape[0]


def _problems(data, indices, indptr, *rest):
    """Operations of an epoch; none for a single problem, whose steps wait for each other."""
    n_problems = next(a for a in rest if isinstance(a, np.ndarray) and a.ndim == 2).shape[0]
    return 4 * data.size * n_problems if n_problems > 1 else 0


@njit_parallel(work=_entries)
def squared_norms(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    bias,  # IN scalar
    norms,  # OUT (n_samples,)
):
    """Compute the square of each row's length, with the column of the intercept.

    Parameters
    ----------
    data, indices, indptr : (n_entries,) float, (n_indices,) int32, (n_samples + 1,) int64 arrays
        Rows; no indices where they are dense.
    bias : float
        Value of the last column.
    norms : (n_samples,) float64 array
        Written.
    """
    n = norms.shape[0]
    for task in prange(-(-n // TASK_ROWS)):
        for i in range(task * TASK_ROWS, min(n, (task + 1) * TASK_ROWS)):
            total = bias * bias
            for e in range(indptr[i], indptr[i + 1]):
                total += np.float64(data[e]) * np.float64(data[e])
            norms[i] = total


@njit_parallel(work=_entries_of_classes)
def decision_values(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    coefs,  # IN (n_problems, n_features + 1)
    bias,  # IN scalar
    scores,  # OUT (n_problems, n_samples)
):
    """Compute each row's product with every problem's coefficients.

    Parameters
    ----------
    data, indices, indptr : (n_entries,) float, (n_indices,) int32, (n_samples + 1,) int64 arrays
        Rows; no indices where they are dense.
    coefs : (n_problems, n_features + 1) float64 array
        Coefficients, the last one for the intercept.
    bias : float
        Value of the last column.
    scores : (n_problems, n_samples) float64 array
        Written.
    """
    n_problems, n = scores.shape
    width = coefs.shape[1]
    flat = coefs.reshape(coefs.size)
    for task in prange(-(-n // TASK_ROWS)):
        for i in range(task * TASK_ROWS, min(n, (task + 1) * TASK_ROWS)):
            for k in range(n_problems):
                score = row_dot(data, indices, indptr[i], indptr[i + 1], flat, k * width)
                scores[k, i] = score + flat[(k + 1) * width - 1] * bias


@njit_parallel(work=_problems)
def dual_epochs(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    norms,  # IN (n_samples,)
    targets,  # IN (n_problems, n_samples)
    offsets,  # IN (n_problems,)
    weights,  # IN (n_samples,)
    costs,  # IN (n_problems, 2)
    bias,  # IN scalar
    epsilon,  # IN scalar
    symmetric,  # IN scalar
    squared,  # IN scalar
    tol,  # IN scalar
    seed,  # IN scalar
    n_epochs,  # IN scalar
    beta,  # INOUT (n_problems, n_samples)
    coefs,  # INOUT (n_problems, n_features + 1)
    order,  # INOUT (n_problems, n_samples)
    progress,  # INOUT (n_problems, 6)
):
    """Run epochs of dual coordinate descent (Hsieh and others 2008; Ho and Lin 2012).

    Parameters
    ----------
    data, indices, indptr : (n_entries,) float, (n_indices,) int32, (n_samples + 1,) int64 arrays
        Rows; no indices where they are dense.
    norms : (n_samples,) float64 array
        Squares of the rows' lengths.
    targets : (n_problems, n_samples) float64 array
        What scores should be; for classes 1 and -1.
    offsets : (n_problems,) float64 array
        Added to every score.
    weights : (n_samples,) float64 array
        Weight of each row, positive.
    costs : (n_problems, 2) float64 array
        Price of a unit of loss, for targets up to 0 and above.
    bias : float
        Value of the last column.
    epsilon : float
        How far scores may be from their targets at no price.
    symmetric : bool
        Whether scores beyond their targets have a price too (regression).
    squared : bool
        Whether the price is that of the distance's square.
    tol : float
        When to stop: the range of projected gradients for classes; in regression the sum of their
        sizes, as a share of the first epoch's.
    seed : uint64
        Of the random order.
    n_epochs : int
        Epochs at the most.
    beta : (n_problems, n_samples) float64 array
        Dual coefficients, updated: the coefficients are their sum with the rows.
    coefs : (n_problems, n_features + 1) float64 array
        Updated likewise.
    order : (n_problems, n_samples) int32 array
        The order of the rows; those that are shrunk come last.
    progress : (n_problems, 6) float64 array
        Epochs so far, rows not shrunk, the two limits of shrinking, the first epoch's sum (negative
        before), whether the problem is solved.
    """
    for k in prange(targets.shape[0]):
        sweep_dual(
            data, indices, indptr, norms, targets[k], offsets[k], weights, costs[k], bias, epsilon,
            symmetric, squared, tol, seed, k, n_epochs, beta[k], coefs[k], order[k], progress[k],
        )  # fmt: skip


@njit_parallel(work=_problems)
def lasso_epochs(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_columns + 1,)
    targets,  # IN (n_problems, n_samples)
    weights,  # IN (n_samples,)
    costs,  # IN (n_problems, 2)
    penalised,  # IN scalar
    tols,  # IN (n_problems,)
    seed,  # IN scalar
    n_epochs,  # IN scalar
    coefs,  # INOUT (n_problems, n_columns)
    residuals,  # INOUT (n_problems, n_samples)
    order,  # INOUT (n_problems, n_columns)
    progress,  # INOUT (n_problems, 5)
):
    """Run epochs of coordinate descent under the l1 penalty (Yuan and others 2010).

    Parameters
    ----------
    data, indices, indptr : (n_entries,) float, (n_indices,) int32, (n_columns + 1,) int64 arrays
        Columns of X, and the one of the intercept; no indices where they are dense.
    targets : (n_problems, n_samples) float64 array
        1 and -1.
    weights : (n_samples,) float64 array
        As for `dual_epochs`.
    costs : (n_problems, 2) float64 array
        As for `dual_epochs`, of the hinge's square.
    penalised : bool
        Whether the penalty counts the intercept.
    tols : (n_problems,) float64 array
        When to stop: the sum of the sizes of what is left of the gradient, as a share of the first
        epoch's.
    seed : uint64
        Of the random order.
    n_epochs : int
        Epochs at the most.
    coefs : (n_problems, n_columns) float64 array
        Coefficients, updated.
    residuals : (n_problems, n_samples) float64 array
        Targets less scores, updated.
    order : (n_problems, n_columns) int32 array
        The order of the columns; those that are shrunk come last.
    progress : (n_problems, 5) float64 array
        Epochs so far, columns not shrunk, the limit of shrinking, the first epoch's sum (negative
        before), whether the problem is solved.
    """
    for k in prange(targets.shape[0]):
        sweep_lasso(
            data, indices, indptr, targets[k], weights, costs[k], penalised, tols[k], seed, k,
            n_epochs, coefs[k], residuals[k], order[k], progress[k],
        )  # fmt: skip


@njit_serial
def joint_epochs(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    norms,  # IN (n_samples,)
    labels,  # IN (n_samples,)
    uppers,  # IN (n_samples,)
    offsets,  # IN (n_classes,)
    bias,  # IN scalar
    tol,  # IN scalar
    seed,  # IN scalar
    n_epochs,  # IN scalar
    alpha,  # INOUT (n_samples, n_classes)
    coefs,  # INOUT (n_classes, n_features + 1)
    order,  # INOUT (n_samples,)
    shrunk,  # INOUT (n_samples, n_classes)
    progress,  # INOUT (5,)
):
    """Run epochs of dual coordinate descent on Crammer and Singer's problem (Keerthi 2008).

    Parameters
    ----------
    data, indices, indptr : (n_entries,) float, (n_indices,) int32, (n_samples + 1,) int64 arrays
        Rows; no indices where they are dense.
    norms : (n_samples,) float64 array
        Squares of the rows' lengths.
    labels : (n_samples,) int32 array
        Class of each row.
    uppers : (n_samples,) float64 array
        Price of a unit of each row's loss.
    offsets : (n_classes,) float64 array
        Added to the scores of each class.
    bias : float
        Value of the last column.
    tol : float
        When to stop: the largest difference between slopes that should agree.
    seed : uint64
        Of the random order.
    n_epochs : int
        Epochs at the most.
    alpha : (n_samples, n_classes) float64 array
        Dual coefficients, updated; those of a row add up to 0.
    coefs : (n_classes, n_features + 1) float64 array
        Updated likewise.
    order : (n_samples,) int32 array
        The order of the rows; those that are shrunk come last.
    shrunk : (n_samples, n_classes) uint8 array
        Which dual coefficients are left alone, updated.
    progress : (5,) float64 array
        Epochs so far, rows not shrunk, the tolerance for now, whether the last epoch began with all
        rows, whether the problem is solved.
    """
    sweep_joint(
        data, indices, indptr, norms, labels, uppers, offsets, bias, tol, seed, n_epochs,
        alpha, coefs, order, shrunk, progress,
    )  # fmt: skip


@njit_parallel(work=_entries)
def newton_steps(
    data,  # IN (n_entries,)
    indices,  # IN (n_indices,)
    indptr,  # IN (n_samples + 1,)
    targets,  # IN (n_problems, n_samples)
    weights,  # IN (n_samples,)
    costs,  # IN (n_problems, 2)
    bias,  # IN scalar
    epsilon,  # IN scalar
    symmetric,  # IN scalar
    penalised,  # IN scalar
    tols,  # IN (n_problems,)
    n_steps,  # IN scalar
    coefs,  # INOUT (n_problems, n_features + 1)
    gradients,  # OUT (n_problems, n_features + 1)
    progress,  # INOUT (n_problems, 4)
):
    """Take steps of the trust-region Newton method (Lin, Weng, Keerthi 2008).

    Parameters
    ----------
    data, indices, indptr : (n_entries,) float, (n_indices,) int32, (n_samples + 1,) int64 arrays
        Rows; no indices where they are dense.
    targets : (n_problems, n_samples) float64 array
        As for `dual_epochs`.
    weights : (n_samples,) float64 array
        As for `dual_epochs`.
    costs : (n_problems, 2) float64 array
        As for `dual_epochs`, of the distance's square.
    bias : float
        Value of the last column.
    epsilon : float
        How far scores may be from their targets at no price.
    symmetric : bool
        Whether scores beyond their targets have a price too (regression).
    penalised : bool
        Whether the penalty counts the intercept.
    tols : (n_problems,) float64 array
        When to stop: the gradient's length as a share of that at the start.
    n_steps : int
        Steps at the most; with 0 the gradient is all that is computed.
    coefs : (n_problems, n_features + 1) float64 array
        Coefficients, updated.
    gradients : (n_problems, n_features + 1) float64 array
        Written: the gradient at the coefficients.
    progress : (n_problems, 4) float64 array
        Steps so far, radius of the trust region, the first gradient's length (negative before),
        whether the problem is solved.
    """
    n_problems, n = targets.shape
    width = coefs.shape[1]
    none = np.empty(0, np.int32)
    n_blocks = n_blocks_of(n, data.shape[0], width)
    rows = -(-n // n_blocks)
    partials, losses = np.empty((n_blocks, width)), np.empty(n_blocks)
    # Rows that have a loss: at the coefficients, and where a step leads.
    active, counts = np.empty((2, n), np.int32), np.zeros((2, n_blocks), np.int64)
    trial, step, residual = np.empty(width), np.empty(width), np.empty(width)
    direction, curved, slope = np.empty(width), np.empty(width), np.empty(width)
    for k in range(n_problems):
        steps, radius, first, solved = progress[k]
        left, now, fresh = n_steps, 0, True
        value, along, predicted, length = 0.0, 0.0, 0.0, 0.0
        trial[:] = coefs[k]
        while True:
            for b in prange(n_blocks):
                losses[b], counts[1 - now, b] = block_gradient(
                    data, indices, indptr, min(n, b * rows), min(n, (b + 1) * rows), targets[k],
                    weights, costs[k], bias, epsilon, symmetric, trial, partials[b],
                    active[1 - now],
                )  # fmt: skip
            new = penalty(trial, penalised, none)
            for b in range(n_blocks):
                new += losses[b]
            actual = value - new
            if not fresh:
                if steps == 0:
                    radius = min(radius, length)
                radius = new_radius(radius, length, actual, predicted, along)
            if fresh or actual > ETA[0] * predicted:
                with_penalty(trial, partials, penalised, slope)
                coefs[k], gradients[k] = trial, slope
                value, now = new, 1 - now
                size = np.sqrt(product(slope, slope, none))
                if first < 0:
                    first = radius = size
                if not fresh:
                    steps, left = steps + 1, left - 1
                if size <= tols[k] * first:
                    solved = 1.0
            if not fresh:
                if actual <= 0 and predicted <= 0:
                    solved = 1.0
                if abs(actual) <= ROUNDING * value and abs(predicted) <= ROUNDING * value:
                    solved = 1.0
            if solved > 0 or left == 0:
                break
            fresh = False
            slope[:] = gradients[k]
            step[:] = 0.0
            for j in range(width):
                residual[j] = -slope[j]
            direction[:] = residual
            square = product(residual, residual, none)
            enough = INNER * np.sqrt(square)
            for _ in range(width + 50):
                if np.sqrt(square) <= enough:
                    break
                for b in prange(n_blocks):
                    block_product(
                        data, indices, indptr, min(n, b * rows), counts[now, b], targets[k],
                        weights, costs[k], bias, active[now], direction, partials[b],
                    )  # fmt: skip
                with_penalty(direction, partials, penalised, curved)
                curvature = product(direction, curved, none)
                far = square / curvature if curvature > 0 else np.inf
                for j in range(width):
                    trial[j] = step[j] + far * direction[j]
                beyond = not product(trial, trial, none) <= radius * radius
                if beyond:
                    far = to_boundary(step, direction, radius, none)
                for j in range(width):
                    step[j] += far * direction[j]
                    residual[j] -= far * curved[j]
                if beyond:
                    break
                before, square = square, product(residual, residual, none)
                for j in range(width):
                    direction[j] = residual[j] + square / before * direction[j]
            along = product(slope, step, none)
            predicted = -0.5 * (along - product(step, residual, none))
            length = np.sqrt(product(step, step, none))
            for j in range(width):
                trial[j] = coefs[k, j] + step[j]
        progress[k, 0], progress[k, 1], progress[k, 2], progress[k, 3] = (
            steps, radius, first, solved,
        )  # fmt: skip
