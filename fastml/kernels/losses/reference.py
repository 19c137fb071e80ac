"""Losses of samples, and penalties on weights, in NumPy."""

import numpy as np

from fastml.kernels.activations.formulas import log_softmax, sigmoid, softmax


def _cross_entropy(o, t):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(t == 0, 0, -t * np.log(o))


def _cross_entropy_slope(o, t):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(t == 0, 0, -t / o)


def _binary_cross_entropy(o, t):
    # softplus(o) - o t, without the difference of large numbers.
    size, off = np.abs(o), np.where(o > 0, 1 - t, t)
    with np.errstate(invalid="ignore"):
        return np.where(off == 0, 0, size * off) + np.log1p(np.exp(-size))


def _squared_hinge_slope(o, t):
    return -2 * t * np.maximum(1 - t * o, 0)


# Loss and derivative by the output, by the numbers of `forms`.
_LOSSES = (
    (lambda o, t: 0.5 * (o - t) ** 2, lambda o, t: o - t),
    (_cross_entropy, _cross_entropy_slope),
    (_binary_cross_entropy, lambda o, t: sigmoid(o) - t),
    (lambda o, t: np.maximum(1 - t * o, 0), lambda o, t: np.where(t * o < 1, -t, 0)),
    (lambda o, t: np.maximum(1 - t * o, 0) ** 2, _squared_hinge_slope),
    (lambda o, t: np.exp(o) - t * o, lambda o, t: np.exp(o) - t),
)


def _weights(sample_weight, n):
    return sample_weight if sample_weight.size else np.ones(n)


def _add_up(found, sample_weight, block_rows, losses, totals):
    losses[:] = found[: losses.size]
    weighted = found.astype(np.float64) * _weights(sample_weight, len(found))
    for block in range(len(totals)):
        totals[block] = weighted[block * block_rows : (block + 1) * block_rows].sum()


def forward(kind, outputs, targets, sample_weight, block_rows, losses, totals):
    """Add up the losses of the outputs of each sample, and those of the samples of each block."""
    found = _LOSSES[kind][0](outputs, targets).sum(axis=1, dtype=np.float64)
    _add_up(found, sample_weight, block_rows, losses, totals)


def backward(kind, outputs, targets, scale, gradient):
    """Multiply derivatives by the outputs by the scale of each sample."""
    gradient[:] = scale[:, None] * _LOSSES[kind][1](outputs, targets)


def _shares(logits, labels, targets):
    return targets if len(targets) else np.eye(logits.shape[1], dtype=logits.dtype)[labels]


def softmax_forward(logits, labels, targets, sample_weight, block_rows, losses, totals):
    """Return the cross-entropy of each sample's targets and the softmax of its logits."""
    shares = _shares(logits, labels, targets)
    with np.errstate(invalid="ignore"):
        terms = np.where(shares == 0, 0, -shares * log_softmax(logits.astype(np.float64)))
    _add_up(terms.sum(axis=1), sample_weight, block_rows, losses, totals)


def softmax_backward(logits, labels, targets, scale, gradient):
    """Return the gradient of that by the logits, times the scale of each sample."""
    shares = _shares(logits, labels, targets)
    whole = shares.sum(axis=1, keepdims=True)
    gradient[:] = scale[:, None] * (whole * softmax(logits) - shares)


def penalty(l1, l2, W, block_size, totals):
    """Add up ``l1 |w| + l2 w^2`` over the elements of each block."""
    terms = l1 * np.abs(W.astype(np.float64)) + l2 * W.astype(np.float64) ** 2
    for block in range(len(totals)):
        totals[block] = terms[block * block_size : (block + 1) * block_size].sum()


def penalty_backward(l1, l2, W, scale, gradient):
    """Return scale times ``l1 sign(w) + 2 l2 w``."""
    gradient[:] = scale * (l1 * np.sign(W) + 2 * l2 * W)
