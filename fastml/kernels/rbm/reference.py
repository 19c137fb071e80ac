"""Restricted Boltzmann machines in NumPy: the definition of the other backends."""

import numpy as np

from fastml._jit.philox import philox4x32, uniform_float32
from fastml.kernels.activations.formulas import sigmoid, softplus
from fastml.kernels.rbm.scalar import HIDDEN, MASK, VISIBLE, uniform_word_float64


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


def hidden_terms(states, weights, bias, flipped, terms, flipped_terms):
    """What hidden units take from the free energy: the sum of ``log(1 + exp(input))``."""
    inputs = states @ weights + bias
    terms[:] = softplus(inputs).sum(axis=1, dtype=np.float64)
    if len(flipped):
        change = 1 - 2 * states[np.arange(len(states)), flipped]
        inputs = inputs + change[:, None] * weights[flipped]
        flipped_terms[:] = softplus(inputs).sum(axis=1, dtype=np.float64)


def _move(parameter, gradient, rate, momentum, velocity):
    """Move a parameter along its gradient."""
    change = rate * gradient + (momentum * velocity if len(velocity) else 0)
    velocity[:] = change[: len(velocity)]
    parameter += change.astype(parameter.dtype)


def train(
    X, batch_size, rates, persistent, n_gibbs, momentum, weight_decay, sparsity_target,
    sparsity_cost, sparsity_decay, keep, learn_variance, seed, first_update, weights, visible_bias,
    hidden_bias, log_variance, velocity, bias_velocity, activity, chains,
):  # fmt: skip
    """Learn from successive batches of rows by contrastive divergence or its persistent form."""
    n_visible, n_hidden = weights.shape
    bias_velocities = np.split(bias_velocity, [n_visible, n_visible + n_hidden])

    def hidden_means(v, update):
        means = sigmoid(v @ weights + hidden_bias.astype(v.dtype))
        if keep < 1:
            means *= _uniforms(means.shape, means.dtype, seed, MASK, update) < keep
        return means

    def sample_visible(h, step):
        inputs = h @ weights.T + visible_bias.astype(h.dtype)
        key = (inputs.shape, inputs.dtype, seed, VISIBLE, step)
        if not len(log_variance):
            return (_uniforms(*key) < sigmoid(inputs)).astype(h.dtype)
        return inputs + np.exp(0.5 * log_variance).astype(h.dtype) * _normals(*key)

    for batch, rate in enumerate(rates):
        data = X[batch * batch_size : (batch + 1) * batch_size]
        update = int(first_update) + batch
        step = update * (int(n_gibbs) + 1)
        precision = np.exp(-log_variance).astype(X.dtype) if len(log_variance) else X.dtype.type(1)
        data_means = hidden_means(data * precision, update)
        if not persistent:
            chains[: len(data)] = (
                _uniforms(data_means.shape, X.dtype, seed, HIDDEN, step) < data_means
            )
        samples = chains if persistent else chains[: len(data)]
        for _ in range(n_gibbs):
            step += 1
            model = sample_visible(samples, step)
            model_means = hidden_means(model * precision, update)
            samples[:] = _uniforms(samples.shape, X.dtype, seed, HIDDEN, step) < model_means
        pull = np.zeros(n_hidden)
        if sparsity_cost > 0:
            activity *= sparsity_decay
            activity += (1 - sparsity_decay) * data_means.mean(axis=0, dtype=np.float64)
            pull = sparsity_cost * (sparsity_target - activity)

        def expected(of_data, of_model):
            return of_data.mean(axis=0, dtype=np.float64) - of_model.mean(axis=0, dtype=np.float64)

        data_scaled, model_scaled = data * precision, model * precision
        gradient = data_scaled.T @ data_means / len(data) - model_scaled.T @ model_means / len(
            model
        )
        if len(log_variance) and learn_variance:
            spread = expected((data - visible_bias) ** 2, (model - visible_bias) ** 2)
            slope = 0.5 * spread * precision - (weights * gradient).sum(axis=1)
            _move(log_variance, slope, rate, momentum, bias_velocities[2])
        pulled = np.outer(data_scaled.mean(axis=0, dtype=np.float64), pull)
        _move(weights, gradient + pulled - weight_decay * weights, rate, momentum, velocity)
        _move(visible_bias, expected(data_scaled, model_scaled), rate, momentum, bias_velocities[0])
        _move(
            hidden_bias,
            expected(data_means, model_means) + pull,
            rate,
            momentum,
            bias_velocities[1],
        )
