"""Inputs for the steps of restricted Boltzmann machines."""

import numpy as np

from fastml.testing.cases import Case, choose, sentinel

# Rows, visible and hidden units.
SIZES = ((0, 5, 3), (1, 1, 1), (100, 37, 17), (150, 64, 33), (7, 130, 5), (300, 16, 64))


def _machine(dtype, scale, seed, binary):
    """Return rows, weights and biases."""
    n, n_visible, n_hidden = choose(scale, seed, (5, 6, 5), SIZES, (10_000, 784, 256))
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, n_visible))
    X = (X < 0.3 if binary else X).astype(dtype)
    weights = rng.normal(0, 0.3, (n_visible, n_hidden)).astype(dtype)
    return rng, X, weights, rng.normal(size=n_visible), rng.normal(size=n_hidden)


def _tolerances(dtype):
    """Sums of some hundred terms of order one, in another order."""
    return {"rtol": 200 * float(np.finfo(dtype).eps), "atol": 200 * float(np.finfo(dtype).eps)}


def propagate(dtype, scale, seed):
    rng, X, weights, _, bias = _machine(dtype, scale, seed, seed % 3)
    gaussian, n, n_out = seed % 4 == 2, len(X), weights.shape[1]
    wanted = seed % 2, (seed + seed // 2) % 2
    outputs = [sentinel((n * (w or not any(wanted)), n_out), dtype) for w in wanted]
    args = {
        "states": X,
        "weights": weights,
        "bias": bias.astype(dtype),
        "deviations": rng.uniform(0.5, 2, n_out * gaussian).astype(dtype),
        "seed": np.uint64(seed + 2**40),
        "stream": np.uint64(17),
        "step": np.uint64(3),
        "first_row": seed % 5,
        "means": outputs[0],
        "samples": outputs[1],
    }
    return Case(args, ("means", "samples"), **_tolerances(dtype))


def draw_labels(dtype, scale, seed):
    rng = np.random.default_rng(seed)
    n, n_labels = choose(scale, seed, (5, 3), ((0, 2), (1, 1), (300, 10), (149, 40)), (10_000, 10))
    args = {
        "logits": rng.normal(0, 2, (n, n_labels)).astype(dtype),
        "seed": np.uint64(seed + 2**40),
        "step": np.uint64(3),
        "first_row": seed % 5,
        "samples": sentinel((n, n_labels), dtype),
    }
    return Case(args, ("samples",), **_tolerances(dtype))


def hidden_terms(dtype, scale, seed):
    rng, X, weights, _, bias = _machine(dtype, scale, seed, seed % 3)
    n_flips = len(X) * (seed % 2)
    args = {
        "states": X,
        "weights": weights,
        "bias": bias.astype(dtype),
        "flipped": rng.integers(X.shape[1], size=n_flips),
        "terms": sentinel(len(X), np.float64),
        "flipped_terms": sentinel(n_flips, np.float64),
    }
    return Case(args, ("terms", "flipped_terms"), **_tolerances(dtype))


def train(dtype, scale, seed):
    gaussian, persistent, moves = seed % 5 == 3, seed % 2 == 0, seed % 3 == 0
    rng, X, weights, visible_bias, hidden_bias = _machine(dtype, scale, seed, not gaussian)
    if seed % 7 == 5:
        X[::2] *= dtype(0.5)  # some batches of bits, some of other numbers
    if seed % 7 == 6 and not gaussian:
        X += dtype(0.5)  # no zeros at all
    n, (n_visible, n_hidden) = len(X), weights.shape
    batch_size = choose(scale, seed, 3, (40, 5, 290, 1), 100)
    n_batches = -(-n // batch_size)
    n_chains = batch_size + seed % 3 if persistent else min(batch_size, n)
    n_gaussian, n_biases = n_visible * gaussian, n_visible + n_hidden + n_visible * gaussian
    args = {
        "X": X,
        "batch_size": batch_size,
        "rates": rng.uniform(0.01, 0.02, n_batches),
        "persistent": persistent,
        "n_gibbs": 1 + seed % 2,
        "momentum": 0.5 * moves,
        "weight_decay": 0.01 * (seed % 2),
        "sparsity_target": 0.1,
        "sparsity_cost": 0.3 * (seed % 4 == 1),
        "sparsity_decay": 0.9,
        "keep": 0.75 if seed % 4 == 2 else 1.0,
        "learn_variance": seed % 10 == 3,
        "n_labels": 0 if gaussian or seed % 3 == 2 else min(n_visible, (3, 37, 1)[seed % 4 - 1]),
        "seed": np.uint64(seed + 2**40),
        "first_update": np.uint64(seed),
        "weights": weights,
        "visible_bias": visible_bias,
        "hidden_bias": hidden_bias,
        "log_variance": rng.uniform(-0.3, 0.3, n_gaussian),
        "velocity": rng.normal(0, 0.01, (n_visible * moves, n_hidden)).astype(dtype),
        "bias_velocity": rng.normal(0, 0.01, n_biases * moves),
        "activity": rng.uniform(0.1, 0.9, n_hidden),
        "chains": (rng.uniform(size=(n_chains, n_hidden)) < 0.5).astype(dtype),
    }
    outputs = (
        *("weights", "visible_bias", "hidden_bias", "log_variance"),
        *("velocity", "bias_velocity", "activity", "chains"),
    )
    # Draws are the same, so that states are equal and errors do not grow faster than sums of them.
    return Case(args, outputs, **_tolerances(dtype))
