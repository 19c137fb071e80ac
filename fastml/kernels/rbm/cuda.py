"""Restricted Boltzmann machines on a CUDA device: products by CuPy, the rest in one pass."""

import math

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.philox import philox4x32, uniform_float32
from fastml.kernels.rbm import batches
from fastml.kernels.rbm.scalar import HIDDEN, LABEL, MASK, VISIBLE, uniform_word_float64
from fastml.kernels.rng.scalar import sincos_float32, sincos_float64

_philox = cuda_device(philox4x32)
_sincos32 = cuda_device(sincos_float32)
_sincos64 = cuda_device(sincos_float64)
_uniform32 = cuda_device(uniform_float32)
_uniform64 = cuda_device(uniform_word_float64)

_ONE = np.float32(1)
_TWO = np.float32(2)

# Terms of many hidden units are added up in float64.
FLOAT64_KERNELS = ("_terms",)


@cuda_device
def _binary_unit(inputs, bias, row, unit, word, mask, shift, scale, keep, means, samples):
    real = inputs.dtype.type
    one = real(1)
    x = inputs[row, unit] + bias[unit]
    e = math.exp(-abs(x))
    mean = (one if x >= 0 else e) / (one + e)
    if real(mask >> shift) * scale >= keep:
        mean = real(0)
    if means.shape[0] > 0:
        means[row, unit] = mean
    if samples.shape[0] > 0:
        samples[row, unit] = one if real(word >> shift) * scale < mean else real(0)


@cuda_kernel
def _binary(
    inputs, bias, keep, update, seed, stream, step, mask_stream, first_row, shift, scale, means,
    samples,
):  # fmt: skip
    n_rows, n_units = inputs.shape
    n_groups = (n_units + 3) // 4
    for i in range(cuda.grid(1), n_rows * n_groups, cuda.gridsize(1)):
        row, unit = i // n_groups, 4 * (i % n_groups)
        index = first_row * np.uint64(n_groups) + np.uint64(i)
        a, b, c, d = _philox(index, step, stream, seed)
        e, f, g, h = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
        if keep < 1:
            e, f, g, h = _philox(index, update, mask_stream, seed)
        _binary_unit(inputs, bias, row, unit, a, e, shift, scale, keep, means, samples)
        if unit + 1 < n_units:
            _binary_unit(inputs, bias, row, unit + 1, b, f, shift, scale, keep, means, samples)
        if unit + 2 < n_units:
            _binary_unit(inputs, bias, row, unit + 2, c, g, shift, scale, keep, means, samples)
        if unit + 3 < n_units:
            _binary_unit(inputs, bias, row, unit + 3, d, h, shift, scale, keep, means, samples)


@cuda_device
def _gaussian_unit(inputs, bias, deviations, row, unit, draw, means, samples):
    if unit < inputs.shape[1]:
        mean = inputs[row, unit] + bias[unit]
        if means.shape[0] > 0:
            means[row, unit] = mean
        if samples.shape[0] > 0:
            samples[row, unit] = mean + deviations[unit] * draw


@cuda_kernel
def _gaussian_single(
    inputs, bias, deviations, seed, stream, step, first_row, means, samples
):  # fmt: skip
    n_rows, n_units = inputs.shape
    n_groups = (n_units + 3) // 4
    for i in range(cuda.grid(1), n_rows * n_groups, cuda.gridsize(1)):
        row, unit = i // n_groups, 4 * (i % n_groups)
        index = first_row * np.uint64(n_groups) + np.uint64(i)
        a, b, c, d = _philox(index, step, stream, seed)
        # 1 - u is exact and never 0.
        r0 = math.sqrt(-_TWO * math.log(_ONE - _uniform32(a)))
        r1 = math.sqrt(-_TWO * math.log(_ONE - _uniform32(c)))
        s0, c0 = _sincos32(_uniform32(b))
        s1, c1 = _sincos32(_uniform32(d))
        _gaussian_unit(inputs, bias, deviations, row, unit, r0 * s0, means, samples)
        _gaussian_unit(inputs, bias, deviations, row, unit + 1, r0 * c0, means, samples)
        _gaussian_unit(inputs, bias, deviations, row, unit + 2, r1 * s1, means, samples)
        _gaussian_unit(inputs, bias, deviations, row, unit + 3, r1 * c1, means, samples)


@cuda_kernel
def _gaussian_double(
    inputs, bias, deviations, seed, stream, step, first_row, means, samples
):  # fmt: skip
    n_rows, n_units = inputs.shape
    n_groups = (n_units + 3) // 4
    for i in range(cuda.grid(1), n_rows * n_groups, cuda.gridsize(1)):
        row, unit = i // n_groups, 4 * (i % n_groups)
        index = first_row * np.uint64(n_groups) + np.uint64(i)
        a, b, c, d = _philox(index, step, stream, seed)
        r0 = math.sqrt(-2.0 * math.log(1.0 - _uniform64(a)))
        r1 = math.sqrt(-2.0 * math.log(1.0 - _uniform64(c)))
        s0, c0 = _sincos64(_uniform64(b))
        s1, c1 = _sincos64(_uniform64(d))
        _gaussian_unit(inputs, bias, deviations, row, unit, r0 * s0, means, samples)
        _gaussian_unit(inputs, bias, deviations, row, unit + 1, r0 * c0, means, samples)
        _gaussian_unit(inputs, bias, deviations, row, unit + 2, r1 * s1, means, samples)
        _gaussian_unit(inputs, bias, deviations, row, unit + 3, r1 * c1, means, samples)


@cuda_device
def _softplus(x):
    zero = x * 0
    return max(x, zero) + math.log1p(math.exp(-abs(x)))


@cuda_kernel
def _terms(inputs, bias, states, weights, flipped, terms, flipped_terms):
    for row in range(cuda.grid(1), inputs.shape[0], cuda.gridsize(1)):
        total, other = 0.0, 0.0
        for j in range(inputs.shape[1]):
            x = inputs[row, j] + bias[j]
            total += np.float64(_softplus(x))
            if flipped.shape[0] > 0:
                unit = flipped[row]
                change = inputs.dtype.type(1) - states[row, unit] - states[row, unit]
                other += np.float64(_softplus(x + change * weights[unit, j]))
        terms[row] = total
        if flipped.shape[0] > 0:
            flipped_terms[row] = other


@cuda_kernel
def _labels(logits, seed, stream, step, first_row, shift, scale, samples):
    real = logits.dtype.type
    n_labels = logits.shape[1]
    for row in range(cuda.grid(1), logits.shape[0], cuda.gridsize(1)):
        word, _, _, _ = _philox(first_row + np.uint64(row), step, stream, seed)
        top = logits[row, 0]
        for j in range(1, n_labels):
            top = max(top, logits[row, j])
        total = real(0)
        for j in range(n_labels):
            total += math.exp(logits[row, j] - top)
        bar = real(word >> shift) * scale * total
        total, chosen = real(0), 0
        for j in range(n_labels - 1):
            total += math.exp(logits[row, j] - top)
            if total <= bar:
                chosen = j + 1
        for j in range(n_labels):
            samples[row, j] = real(1) if j == chosen else real(0)


def _words_to_uniforms(like):
    """Return how draws are made of words; of a word float32 holds 24 bits."""
    shift, scale = (8, 2.0**-24) if like.itemsize == 4 else (0, 2.0**-32)
    return np.uint64(shift), like.dtype.type(scale)


def draw_labels(
    logits,  # IN (n_rows, n_labels)
    seed,  # IN scalar
    step,  # IN scalar
    first_row,  # IN scalar
    samples,  # OUT (n_rows, n_labels)
):
    key = map(np.uint64, (seed, LABEL, step, first_row))
    draws = _words_to_uniforms(logits)
    _labels[grid_1d(logits.shape[0])](as_device(logits), *key, *draws, as_device(samples))


def _binary_step(inputs, bias, keep, key, update, first_row, means, samples):
    real = inputs.dtype.type
    seed, stream, step = map(np.uint64, key)
    grid = grid_1d(inputs.shape[0] * -(-inputs.shape[1] // 4))
    views = map(as_device, (means, samples))
    _binary[grid](
        as_device(inputs), as_device(bias), real(keep), np.uint64(update), seed, stream, step,
        np.uint64(MASK), np.uint64(first_row), *_words_to_uniforms(inputs), *views,
    )  # fmt: skip


def propagate(
    states,  # IN (n_rows, n_in)
    weights,  # IN (n_in, n_out)
    bias,  # IN (n_out,)
    deviations,  # IN (n_deviations,)
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    first_row,  # IN scalar
    means,  # OUT (n_means, n_out)
    samples,  # OUT (n_samples, n_out)
):
    inputs = states @ weights
    key = seed, stream, step
    if not len(deviations):
        _binary_step(inputs, bias, 1, key, 0, first_row, means, samples)
        return
    kernel = _gaussian_single if inputs.itemsize == 4 else _gaussian_double
    grid = grid_1d(inputs.shape[0] * -(-inputs.shape[1] // 4))
    arrays = map(as_device, (inputs, bias, deviations))
    numbers = map(np.uint64, (*key, first_row))
    kernel[grid](*arrays, *numbers, *map(as_device, (means, samples)))


def hidden_terms(
    states,  # IN (n_rows, n_visible)
    weights,  # IN (n_visible, n_hidden)
    bias,  # IN (n_hidden,)
    flipped,  # IN (n_flips,)
    terms,  # OUT (n_rows,)
    flipped_terms,  # OUT (n_flips,)
):
    arrays = states @ weights, bias, states, weights, flipped, terms, flipped_terms
    _terms[grid_1d(states.shape[0])](*map(as_device, arrays))


def train(
    X,  # IN (n_rows, n_visible)
    batch_size,  # IN scalar
    rates,  # IN (n_batches,)
    persistent,  # IN scalar
    n_gibbs,  # IN scalar
    momentum,  # IN scalar
    weight_decay,  # IN scalar
    sparsity_target,  # IN scalar
    sparsity_cost,  # IN scalar
    sparsity_decay,  # IN scalar
    keep,  # IN scalar
    learn_variance,  # IN scalar
    n_labels,  # IN scalar
    seed,  # IN scalar
    first_update,  # IN scalar
    weights,  # INOUT (n_visible, n_hidden)
    visible_bias,  # INOUT (n_visible,)
    hidden_bias,  # INOUT (n_hidden,)
    log_variance,  # INOUT (n_gaussian,)
    velocity,  # INOUT (n_moving, n_hidden)
    bias_velocity,  # INOUT (n_biases,)
    activity,  # INOUT (n_hidden,)
    chains,  # INOUT (n_chains, n_hidden)
):
    xp = array_module(X)

    def hidden_step(visible, update, step):
        inputs = visible @ weights
        means, drawn = xp.zeros_like(inputs), xp.zeros_like(inputs)
        key = seed, HIDDEN, step
        _binary_step(inputs, hidden_bias.astype(X.dtype), keep, key, update, 0, means, drawn)
        return means, drawn

    def visible_step(hidden, step):
        drawn = xp.zeros((len(hidden), len(weights)), X.dtype)
        bias, spread = visible_bias.astype(X.dtype), xp.exp(0.5 * log_variance).astype(X.dtype)
        propagate(hidden, weights.T, bias, spread, seed, VISIBLE, step, 0, drawn[:0], drawn)
        if n_labels:
            logits = hidden @ weights[-n_labels:].T + bias[-n_labels:]
            labels = xp.zeros_like(logits)
            draw_labels(logits, seed, step, 0, labels)
            drawn[:, -n_labels:] = labels
        return drawn

    batches.train(
        hidden_step, visible_step, xp, X, batch_size, rates, persistent, n_gibbs, momentum,
        weight_decay, sparsity_target, sparsity_cost, sparsity_decay, learn_variance, first_update,
        weights, visible_bias, hidden_bias, log_variance, velocity, bias_velocity, activity, chains,
    )  # fmt: skip
