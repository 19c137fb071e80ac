"""Losses of samples, and penalties on weights, on the CPU.

Sums are float64, and cut at places that the shape alone says: the same bits on any number of
threads.
"""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange, vecmath
from fastml._jit.reductions import lane_sum64
from fastml.kernels.activations.rows import exponentials, exponentiate, shift
from fastml.kernels.losses.elements import (
    losses_of,
    penalties_of,
    penalty_slopes_of,
    slopes_of,
)

# Elements that are worked on at a time, and stay in L1.
RUN_SIZE = 1024
# Elements of one task, where tasks need not be blocks.
TASK_SIZE = 8192


@njit_leaf
def _row_sum(kind, o, t, spare):
    """Return the sum of the losses of one sample's outputs."""
    total = 0.0
    for first in range(0, o.size, RUN_SIZE):
        stop = min(o.size, first + RUN_SIZE)
        losses_of(kind, o[first:stop], t[first:stop], spare)
        total += lane_sum64(spare, 0, stop - first)
    return total


@njit_leaf
def _block_of_rows(kind, o, t, n_columns, sample_weight, start, stop, losses):
    """Return the weighted sum of the losses of rows start ... stop - 1."""
    spare = np.empty(RUN_SIZE, o.dtype)
    total = 0.0
    run = RUN_SIZE // n_columns
    if run == 0:
        for row in range(start, stop):
            first = row * n_columns
            last = first + n_columns
            found = _row_sum(kind, o[first:last], t[first:last], spare)
            if losses.size:
                losses[row] = found
            total += found * sample_weight[row] if sample_weight.size else found
        return total
    for row0 in range(start, stop, run):
        last_row = min(stop, row0 + run)
        first, last = row0 * n_columns, last_row * n_columns
        losses_of(kind, o[first:last], t[first:last], spare)
        if not losses.size and not sample_weight.size:
            # Nobody asks for single rows.
            total += lane_sum64(spare, 0, last - first)
            continue
        for row in range(row0, last_row):
            found = lane_sum64(spare, (row - row0) * n_columns, n_columns)
            if losses.size:
                losses[row] = found
            total += found * sample_weight[row] if sample_weight.size else found
    return total


@njit_parallel(work=lambda kind, outputs, *rest: 8 * outputs.size)
def forward(
    kind,  # IN scalar
    outputs,  # IN (n_samples, n_outputs)
    targets,  # IN (n_samples, n_outputs)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    losses,  # OUT (n_losses,)
    totals,  # OUT (n_blocks,)
):
    """Add up the losses of the outputs of each sample, and those of the samples of each block.

    Parameters
    ----------
    kind : int
        Which loss: one of `forms`.
    outputs : (n_samples, n_outputs) float array
        What was predicted: at least one number for each sample.
    targets : (n_samples, n_outputs) float array
        What was to be predicted.
    sample_weight : (n_weights,) float array
        Weights of the samples in the totals: n_samples of them, or none.
    block_rows : int
        Samples of a block; the last has what is left.
    losses : (n_losses,) float array
        Written: the loss of each sample, without its weight; none where not wanted.
    totals : (n_blocks,) float64 array
        Written: the sum over each block, ``ceil(n_samples / block_rows)`` of them.
    """
    n, k = outputs.shape
    o, t = outputs.reshape(-1), targets.reshape(-1)
    for block in prange(totals.size):
        start, stop = block * block_rows, min(n, (block + 1) * block_rows)
        totals[block] = _block_of_rows(kind, o, t, k, sample_weight, start, stop, losses)


@njit_parallel(work=lambda kind, outputs, *rest: 8 * outputs.size)
def backward(
    kind,  # IN scalar
    outputs,  # IN (n_samples, n_outputs)
    targets,  # IN (n_samples, n_outputs)
    scale,  # IN (n_scales,)
    gradient,  # OUT (n_samples, n_outputs)
):
    """Return the derivatives of the losses by the outputs, times a number for each sample.

    Parameters
    ----------
    kind : int
        As for `forward`.
    outputs : (n_samples, n_outputs) float array
        As for `forward`.
    targets : (n_samples, n_outputs) float array
        As for `forward`.
    scale : (n_scales,) float array
        Factors of the samples: n_samples of them, or one for all.
    gradient : (n_samples, n_outputs) float array
        Written: the gradient.
    """
    n, k = outputs.shape
    o, t, written = outputs.reshape(-1), targets.reshape(-1), gradient.reshape(-1)
    if scale.size == 1:
        for task in prange(-(-o.size // TASK_SIZE)):
            first = task * TASK_SIZE
            last = min(o.size, first + TASK_SIZE)
            slopes_of(kind, scale[0], o[first:last], t[first:last], written[first:last])
        return
    task_rows = max(1, TASK_SIZE // k)
    for task in prange(-(-n // task_rows)):
        for row in range(task * task_rows, min(n, (task + 1) * task_rows)):
            slopes_of(kind, scale[row], outputs[row], targets[row], gradient[row])


@njit_leaf
def _entropy(shifted, log_total, t):
    """Return ``-sum t log p`` of a row whose log p is ``shifted - log_total``."""
    total = 0.0
    for j in range(t.size):
        if t[j] != 0:
            total += np.float64(t[j]) * (log_total - np.float64(shifted[j]))
    return total


@njit_leaf
def _block_of_logits(x, n_columns, labels, targets, sample_weight, start, stop, losses):
    """Return the weighted sum of the cross-entropies of rows start ... stop - 1."""
    run = max(1, RUN_SIZE // n_columns)
    shifted, powers = np.empty(run * n_columns, x.dtype), np.empty(run * n_columns, x.dtype)
    total = 0.0
    for row0 in range(start, stop, run):
        last_row = min(stop, row0 + run)
        shift(x, row0 * n_columns, last_row - row0, n_columns, shifted)
        exponentials(shifted, (last_row - row0) * n_columns, powers)
        for row in range(row0, last_row):
            first = (row - row0) * n_columns
            log_total = vecmath.log(lane_sum64(powers, first, n_columns))
            if labels.size:
                found = log_total - np.float64(shifted[first + labels[row]])
            else:
                here = shifted[first : first + n_columns]
                found = _entropy(here, log_total, targets[row])
            if losses.size:
                losses[row] = found
            total += found * sample_weight[row] if sample_weight.size else found
    return total


@njit_parallel(work=lambda logits, *rest: 16 * logits.size)
def softmax_forward(
    logits,  # IN (n_samples, n_classes)
    labels,  # IN (n_labels,)
    targets,  # IN (n_rows, n_classes)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    losses,  # OUT (n_losses,)
    totals,  # OUT (n_blocks,)
):
    """Return the cross-entropy of each sample's targets and the softmax of its logits.

    Parameters
    ----------
    logits : (n_samples, n_classes) float array
        Scores of at least one class for each sample.
    labels : (n_labels,) int64 array
        The right class of each sample, or none where `targets` says it.
    targets : (n_rows, n_classes) float array
        Probabilities of the classes of each sample, or no rows where `labels` says it.
    sample_weight : (n_weights,) float array
        As for `forward`.
    block_rows : int
        As for `forward`.
    losses : (n_losses,) float array
        As for `forward`.
    totals : (n_blocks,) float64 array
        As for `forward`.
    """
    n, k = logits.shape
    flat = logits.reshape(-1)
    for block in prange(totals.size):
        start, stop = block * block_rows, min(n, (block + 1) * block_rows)
        totals[block] = _block_of_logits(
            flat, k, labels, targets, sample_weight, start, stop, losses
        )


@njit_leaf
def _entropy_gradient(label, t, scale, powers):
    """Turn exponentials of a row, less its largest, into the gradient."""
    n = powers.size
    whole = lane_sum64(t, 0, n) if t.size else 1.0
    factor = scale * powers.dtype.type(whole / lane_sum64(powers, 0, n))
    if t.size:
        for j in range(n):
            powers[j] = powers[j] * factor - scale * t[j]
    else:
        for j in range(n):
            powers[j] *= factor
        powers[label] -= scale


@njit_parallel(work=lambda logits, *rest: 16 * logits.size)
def softmax_backward(
    logits,  # IN (n_samples, n_classes)
    labels,  # IN (n_labels,)
    targets,  # IN (n_rows, n_classes)
    scale,  # IN (n_scales,)
    gradient,  # OUT (n_samples, n_classes)
):
    """Return the gradient of the cross-entropies by the logits, times a number for each sample.

    Parameters
    ----------
    logits : (n_samples, n_classes) float array
        As for `softmax_forward`.
    labels : (n_labels,) int64 array
        As for `softmax_forward`.
    targets : (n_rows, n_classes) float array
        As for `softmax_forward`.
    scale : (n_scales,) float array
        As for `backward`.
    gradient : (n_samples, n_classes) float array
        Written: the gradient.
    """
    n, k = logits.shape
    flat, written = logits.reshape(-1), gradient.reshape(-1)
    run = max(1, RUN_SIZE // k)
    task_rows = run * max(1, TASK_SIZE // (run * k))
    nothing = np.empty(0, logits.dtype)
    for task in prange(-(-n // task_rows)):
        stop = min(n, (task + 1) * task_rows)
        for row0 in range(task * task_rows, stop, run):
            n_rows = min(run, stop - row0)
            here = written[row0 * k : (row0 + n_rows) * k]
            shift(flat, row0 * k, n_rows, k, here)
            exponentiate(here)
            for row in range(row0, row0 + n_rows):
                label = labels[row] if labels.size else 0
                t = nothing if labels.size else targets[row]
                factor = scale[row] if scale.size > 1 else scale[0]
                line = here[(row - row0) * k : (row - row0 + 1) * k]
                _entropy_gradient(label, t, factor, line)


@njit_leaf
def _block_of_weights(l1, l2, w):
    spare = np.empty(RUN_SIZE, np.float64)
    total = 0.0
    for first in range(0, w.size, RUN_SIZE):
        stop = min(w.size, first + RUN_SIZE)
        penalties_of(l1, l2, w[first:stop], spare)
        total += lane_sum64(spare, 0, stop - first)
    return total


@njit_parallel(work=lambda l1, l2, W, *rest: W.size / 3)
def penalty(
    l1,  # IN scalar
    l2,  # IN scalar
    W,  # IN (n,)
    block_size,  # IN scalar
    totals,  # OUT (n_blocks,)
):
    """Add up ``l1 |w| + l2 w^2`` over the elements of each block.

    Parameters
    ----------
    l1, l2 : float
        Factors, of the dtype of W.
    W : (n,) float array
        Weights.
    block_size : int
        Elements of a block; the last has what is left.
    totals : (n_blocks,) float64 array
        Written: the sum over each block, ``ceil(n / block_size)`` of them.
    """
    for block in prange(totals.size):
        start, stop = block * block_size, min(W.size, (block + 1) * block_size)
        totals[block] = _block_of_weights(np.float64(l1), np.float64(l2), W[start:stop])


@njit_parallel(work=lambda l1, l2, W, *rest: 2 * W.size)
def penalty_backward(
    l1,  # IN scalar
    l2,  # IN scalar
    W,  # IN (n,)
    scale,  # IN scalar
    gradient,  # OUT (n,)
):
    """Return scale times ``l1 sign(w) + 2 l2 w``.

    Parameters
    ----------
    l1, l2 : float
        As for `penalty`.
    W : (n,) float array
        As for `penalty`.
    scale : float
        Of the dtype of W.
    gradient : (n,) float array
        Written: the gradient, 0 for the sign of 0.
    """
    for task in prange(-(-W.size // TASK_SIZE)):
        start = task * TASK_SIZE
        stop = min(W.size, start + TASK_SIZE)
        penalty_slopes_of(scale * l1, scale * l2, W[start:stop], gradient[start:stop])
