"""Restricted Boltzmann machines in NumPy: the definition of the other backends."""

import numpy as np

from fastml._jit.philox import philox4x32, uniform_float32
from fastml.kernels.activations.formulas import sigmoid, softplus
from fastml.kernels.rbm import batches
from fastml.kernels.rbm.scalar import HIDDEN, LABEL, MASK, VISIBLE, uniform_word_float64


def _uniforms(shape, dtype, seed, stream, step, first_row=0):
    """Return the uniform draws of rows of units."""
    groups = -(-shape[1] // 4)
    index = np.arange(first_row * groups, (first_row + shape[0]) * groups, dtype=np.uint64)
    words = np.stack(philox4x32(index, *map(np.uint64, (step, stream, seed))), axis=1)
    words = words.reshape(shape[0], 4 * groups)[:, : shape[1]]
    return uniform_float32(words) if dtype == np.float32 else uniform_word_float64(words)


def _normals(shape, dtype, *key):
    """Return standard normal draws, made of the uniform ones (Box-Muller: radius, then angle)."""
    even = (shape[0], shape[1] + shape[1] % 2)
    draws = _uniforms(even, dtype, *key).astype(np.float64)
    radius, angle = np.sqrt(-2 * np.log1p(-draws[:, ::2])), 2 * np.pi * draws[:, 1::2]
    pairs = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=2)
    return pairs.reshape(even)[:, : shape[1]].astype(dtype)


def propagate(
    states, weights, bias, deviations, seed, stream, step, first_row, means, samples
):  # fmt: skip
    """Half of a Gibbs step: the units of one layer, given those of the other."""
    inputs = states @ weights + bias
    expected = inputs if len(deviations) else sigmoid(inputs)
    means[:] = expected[: len(means)]
    key = (samples.shape, inputs.dtype, seed, stream, step, first_row)
    if len(samples) and len(deviations):
        samples[:] = expected + deviations * _normals(*key)
    elif len(samples):
        samples[:] = _uniforms(*key) < expected


def draw_labels(logits, seed, step, first_row, samples):
    """Draw one of the labels for each row: units of which exactly one is on."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
    key = (len(logits), 1), logits.dtype, seed, LABEL, step, first_row
    chosen = (weights[:, :-1] <= _uniforms(*key) * weights[:, -1:]).sum(axis=1)
    samples[:] = np.eye(logits.shape[1])[chosen]


def hidden_terms(states, weights, bias, flipped, terms, flipped_terms):
    """What hidden units take from the free energy: the sum of ``log(1 + exp(input))``."""
    inputs = states @ weights + bias
    terms[:] = softplus(inputs).sum(axis=1, dtype=np.float64)
    if len(flipped):
        change = 1 - 2 * states[np.arange(len(states)), flipped]
        inputs = inputs + change[:, None] * weights[flipped]
        flipped_terms[:] = softplus(inputs).sum(axis=1, dtype=np.float64)


def train(
    X, batch_size, rates, persistent, n_gibbs, momentum, weight_decay, sparsity_target,
    sparsity_cost, sparsity_decay, keep, learn_variance, n_labels, seed, first_update, weights,
    visible_bias, hidden_bias, log_variance, velocity, bias_velocity, activity, chains,
):  # fmt: skip
    """Learn from successive batches of rows by contrastive divergence or its persistent form."""

    def hidden_step(visible, update, step):
        means = sigmoid(visible @ weights + hidden_bias.astype(visible.dtype))
        means *= _uniforms(means.shape, means.dtype, seed, MASK, update) < keep
        return means, _uniforms(means.shape, means.dtype, seed, HIDDEN, step) < means

    def visible_step(hidden, step):
        drawn = np.empty((len(hidden), len(weights)), hidden.dtype)
        bias = visible_bias.astype(hidden.dtype)
        spread = np.exp(0.5 * log_variance).astype(hidden.dtype)
        propagate(hidden, weights.T, bias, spread, seed, VISIBLE, step, 0, drawn[:0], drawn)
        if n_labels:
            logits = hidden @ weights[-n_labels:].T + bias[-n_labels:]
            draw_labels(logits, seed, step, 0, drawn[:, -n_labels:])
        return drawn

    batches.train(
        hidden_step, visible_step, np, X, batch_size, rates, persistent, n_gibbs, momentum,
        weight_decay, sparsity_target, sparsity_cost, sparsity_decay, learn_variance, first_update,
        weights, visible_bias, hidden_bias, log_variance, velocity, bias_velocity, activity, chains,
    )  # fmt: skip
