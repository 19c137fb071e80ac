"""Inputs for the losses and the penalties."""

import numpy as np

from fastml.kernels.losses.forms import (
    CROSS_ENTROPY,
    HINGE,
    POISSON,
    SQUARED,
    SQUARED_HINGE,
)
from fastml.testing.cases import Case, choose, sentinel

_SHAPES = ((7, 3), (0, 4), (1, 1), (300, 5), (2, 2500), (4001, 1), (9, 17))


def _shape(scale, seed):
    return choose(scale, seed, (9, 5), _SHAPES, (200_000, 10))


def _samples(dtype, scale, seed):
    """Return kind, outputs and targets."""
    shape = _shape(scale, seed)
    rng = np.random.default_rng(seed)
    # Of the simulator's three seeds and two dtypes each sees another.
    turn = seed + 3 * (scale == "tiny" and dtype is np.float64)
    kind = turn % (POISSON + 1)
    outputs, targets = rng.normal(0, 2, shape), rng.uniform(0, 1, shape)
    targets[rng.random(shape) < 0.2] = 0
    if kind == CROSS_ENTROPY:
        outputs = rng.uniform(0.01, 1, shape)
        outputs[targets == 0] *= rng.integers(0, 2)
    elif kind == SQUARED:
        targets = rng.normal(0, 2, shape)
    elif kind in (HINGE, SQUARED_HINGE):
        targets = rng.choice([-1.0, 1.0], shape)
    elif scale == "small" and outputs.size:
        outputs[-1, -1] = -1e4
    return kind, outputs.astype(dtype), targets.astype(dtype)


def _sums(dtype, n, seed):
    """Return weights, rows of a block, and where losses and totals go."""
    rng = np.random.default_rng(seed + 1)
    block_rows = (4, 1, 100, 1000)[seed % 4]
    return {
        "sample_weight": rng.uniform(0, 2, n * (seed % 3 == 1)).astype(dtype),
        "block_rows": block_rows,
        "losses": sentinel(n * (seed % 2), dtype),
        "totals": sentinel(-(-n // block_rows), np.float64),
    }


def _scale(dtype, n, seed):
    return np.random.default_rng(seed + 2).normal(size=n if seed % 2 else 1).astype(dtype)


def forward(dtype, scale, seed):
    kind, outputs, targets = _samples(dtype, scale, seed)
    args = {"kind": kind, "outputs": outputs, "targets": targets}
    eps = float(np.finfo(dtype).eps)
    # Losses differ by some units in the last place; sums are float64, and may cancel.
    args |= _sums(dtype, len(outputs), seed)
    return Case(args, ("losses", "totals"), rtol=50 * eps, atol=50 * eps)


def backward(dtype, scale, seed):
    kind, outputs, targets = _samples(dtype, scale, seed)
    args = {"kind": kind, "outputs": outputs, "targets": targets}
    args |= {"scale": _scale(dtype, len(outputs), seed), "gradient": sentinel(outputs.shape, dtype)}
    eps = float(np.finfo(dtype).eps)
    return Case(args, ("gradient",), rtol=20 * eps, atol=20 * eps)


def _logits(dtype, scale, seed):
    shape = _shape(scale, seed)
    rng = np.random.default_rng(seed)
    logits, by_label = rng.normal(0, 3, shape).astype(dtype), seed % 2 == 0
    if scale == "small" and min(shape) > 1:
        logits[-1, 0] = (1e4, -1e4, -np.inf)[seed % 3]
    targets = rng.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype)
    # Impossible, where the logit says so.
    targets[logits == -np.inf] = 0
    labels = rng.integers(int(np.isinf(logits).any()), shape[1], shape[0])
    nothing = np.empty((0, shape[1]), dtype)
    return {
        "logits": logits,
        "labels": labels if by_label else labels[:0],
        "targets": nothing if by_label else targets,
    }


def softmax_forward(dtype, scale, seed):
    args = _logits(dtype, scale, seed)
    args |= _sums(dtype, len(args["logits"]), seed // 2)
    eps = float(np.finfo(dtype).eps)
    return Case(args, ("losses", "totals"), rtol=50 * eps, atol=50 * eps)


def softmax_backward(dtype, scale, seed):
    args = _logits(dtype, scale, seed)
    args["scale"] = _scale(dtype, len(args["logits"]), seed // 2)
    args["gradient"] = sentinel(args["logits"].shape, dtype)
    eps = float(np.finfo(dtype).eps)
    # Sums of 2500 exponentials, in other orders.
    return Case(args, ("gradient",), rtol=200 * eps, atol=200 * eps)


def _weights(dtype, scale, seed):
    n = choose(scale, seed, 37, (17, 0, 1, 2500, 9000), 1_000_003)
    W = np.random.default_rng(seed).normal(size=n).astype(dtype)
    W[::7] = 0
    return {"l1": dtype((0.3, 0, 1)[seed % 3]), "l2": dtype((0.7, 1, 0)[seed % 3]), "W": W}


def penalty(dtype, scale, seed):
    args = _weights(dtype, scale, seed)
    args |= {"block_size": 1000, "totals": sentinel(-(-args["W"].size // 1000), np.float64)}
    return Case(args, ("totals",), rtol=1e-12)


def penalty_backward(dtype, scale, seed):
    args = _weights(dtype, scale, seed)
    args |= {"scale": dtype(1.7), "gradient": sentinel(args["W"].size, dtype)}
    return Case(args, ("gradient",), rtol=5 * float(np.finfo(dtype).eps))
