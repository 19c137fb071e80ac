"""Dropout as an ensemble: the mean over all masks, weight scaling, and many masks."""

import itertools

import numpy as np
import pytest
from scipy.special import softmax

from fastml.activations import softmax as ours
from fastml.nn import (
    Conv2D,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    Network,
    ensemble_moments,
    geometric_mean,
    mask_rates,
)

RATES = [0.5, 0.2]


def build(layers, n_inputs, seed=0):
    """Make a network of float64, with biases too, and a few rows for it."""
    network = Network(layers, n_inputs, dtype="float64", seed=seed)
    rng = np.random.default_rng(seed)
    network.flat[:] = rng.normal(size=network.n_parameters)
    return network, rng.normal(size=(5, *network.input_shape))


def by_hand(network, X, rates, outputs):
    """Return the mean over all masks of a function of them, by definition."""
    total = 0
    for kept in itertools.product([0.0, 1.0], repeat=len(rates)):
        kept = np.array(kept)
        share = np.where(kept, 1 - rates, rates).prod()
        total = total + share * outputs(network.views, X, kept / (1 - rates))
    return total


@pytest.mark.parametrize("rate", RATES)
def test_weight_scaling_is_the_geometric_mean_of_one_linear_softmax_layer(rate):
    network, X = build([Dropout(rate), Dense(3)], 8)
    scaled = softmax(network.forward(X), axis=1)
    mean = geometric_mean(network, X, "all", activate=ours)
    np.testing.assert_allclose(mean, scaled, rtol=1e-12)
    # The arithmetic mean is another one.
    exact = ensemble_moments(network, X, "all", activate=ours)
    assert exact.n_members == 2**8
    assert abs(exact.mean - scaled).max() > 0.01
    # Of the sums themselves it is weight scaling, as they are linear.
    np.testing.assert_allclose(
        ensemble_moments(network, X, "all").mean, network.forward(X), rtol=1e-12
    )


@pytest.mark.parametrize("rate", RATES)
def test_the_mean_over_all_masks_is_that_by_definition(rate):
    network, X = build([Dropout(0.1), Dense(4, "relu"), Dropout(rate), Dense(3)], 3)
    rates = mask_rates(network)
    np.testing.assert_array_equal(rates, [0.1] * 3 + [rate] * 4)

    def outputs(views, X, mask):
        hidden = np.maximum((X * mask[:3]) @ views["1.weight"] + views["1.bias"], 0)
        return softmax((hidden * mask[3:]) @ views["3.weight"] + views["3.bias"], axis=1)

    exact = ensemble_moments(network, X, "all", activate=ours)
    wanted = by_hand(network, X, rates, outputs)
    np.testing.assert_allclose(exact.mean, wanted, rtol=1e-12)
    squares = by_hand(network, X, rates, lambda *args: (outputs(*args) - wanted) ** 2)
    np.testing.assert_allclose(exact.std, np.sqrt(squares), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(exact.mean.sum(axis=1), 1)


@pytest.mark.parametrize("rate", RATES)
def test_the_mean_over_all_weights_dropped_is_that_by_definition(rate):
    network, X = build([DropConnect(Dense(3, "tanh"), rate), Dense(2)], 4)
    rates = mask_rates(network)
    assert rates.shape == (12,)

    def outputs(views, X, mask):
        hidden = np.tanh(X @ (views["0.weight"] * mask.reshape(4, 3)) + views["0.bias"])
        return hidden @ views["1.weight"] + views["1.bias"]

    exact = ensemble_moments(network, X, "all")
    np.testing.assert_allclose(exact.mean, by_hand(network, X, rates, outputs), rtol=1e-10)


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(6, "relu"), Dropout(0.5), Dense(3)],
        [DropConnect(Dense(3, "relu"), 0.3), Dense(3)],
    ],
    ids=["dropout", "dropconnect"],
)
def test_many_masks_converge_to_the_exact_mean_at_the_monte_carlo_rate(layers):
    network, X = build(layers, 4, seed=1)
    exact = ensemble_moments(network, X, "all", activate=ours)
    numbers = 4 ** np.arange(1, 6)
    errors = np.zeros(len(numbers))
    n_seeds = 20
    for i, n_masks in enumerate(numbers):
        for seed in range(n_seeds):
            drawn = ensemble_moments(network, X, int(n_masks), seed=seed, activate=ours)
            errors[i] += np.mean((drawn.mean - exact.mean) ** 2) / n_seeds
    errors = np.sqrt(errors)
    # As large as the law of large numbers has it: sigma / sqrt(n), within what 20 seeds tell.
    expected = np.sqrt(np.mean(exact.std**2) / numbers)
    np.testing.assert_allclose(errors / expected, 1, atol=0.4)
    slope = np.polyfit(np.log(numbers), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.08)
    assert drawn.std == pytest.approx(exact.std, rel=0.2)


def test_a_member_is_one_network_for_all_rows():
    network, X = build([Dense(6, "tanh"), Dropout(0.5), Dense(3)], 4)
    whole = ensemble_moments(network, X, 7, seed=3)
    for i in range(len(X)):
        alone = ensemble_moments(network, X[i : i + 1], 7, seed=3)
        np.testing.assert_allclose(alone.mean, whole.mean[i : i + 1], rtol=1e-12)
        np.testing.assert_allclose(alone.std, whole.std[i : i + 1], rtol=1e-12)
    assert (ensemble_moments(network, X, 7, seed=4).mean != whole.mean).any()
    assert (whole.std > 0).all()


def test_images_lose_pixels_and_weights_of_convolutions():
    network = Network([Conv2D(2, 2), Dropout(0.4), Flatten(), Dense(2)], (3, 3, 1), dtype="float64")
    assert mask_rates(network).shape == (8,)
    X = np.random.default_rng(0).normal(size=(3, 3, 3, 1))
    exact = ensemble_moments(network, X, "all")
    np.testing.assert_allclose(exact.mean, network.forward(X), rtol=1e-10, atol=1e-12)


def test_without_dropout_all_members_are_one():
    network, X = build([Dense(3)], 2)
    for n_masks in (3, "all"):
        found = ensemble_moments(network, X, n_masks)
        np.testing.assert_allclose(found.mean, network.forward(X))
        np.testing.assert_allclose(found.std, 0, atol=1e-12)


@pytest.mark.parametrize("n_masks", [0, -1, 2.5, True, None, "some"])
def test_another_number_of_masks_is_refused(n_masks):
    network, X = build([Dropout(), Dense(1)], 2)
    with pytest.raises(ValueError, match="n_masks must be a positive integer or 'all', got"):
        ensemble_moments(network, X, n_masks)


def test_too_many_masks_are_refused():
    network, X = build([Dropout(), Dense(1)], 21)
    with pytest.raises(ValueError, match=r"would need 2\*\*21 networks.*Give a number of masks"):
        ensemble_moments(network, X, "all")
