"""Dropout: what is drawn, how often, and that it is drawn the same again."""

import numpy as np
import pytest

import fastml
from fastml import autodiff as ad
from fastml.nn.functional import dropout
from fastml.testing import cases


def test_values_and_shares():
    x = np.random.default_rng(0).normal(size=(200, 500))
    for p in (0.1, 0.5, 0.8):
        out = dropout(x, p, seed=1)
        stays = out != 0
        np.testing.assert_allclose(out[stays], x[stays] / (1 - p), rtol=1e-15)
        # Five standard deviations of the share of so many draws.
        assert abs(stays.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / x.size)


def test_the_backward_pass_draws_the_same():
    for dtype in (np.float32, np.float64):
        x = ad.variable(np.full((37, 11), 2, dtype))
        out = dropout(x, 0.3, seed=5, stream=2, step=9)
        out.backward(np.full((37, 11), 2, dtype))
        assert x.grad.dtype == dtype
        np.testing.assert_array_equal(x.grad, out.value)


def test_draws_depend_on_seed_stream_step_and_place_alone():
    ones = np.ones(10_001)
    how = {"seed": 7, "stream": 1, "step": 3}
    mask = dropout(ones, 0.5, **how)
    for changed in ({"seed": 8}, {"stream": 2}, {"step": 4}):
        assert 0.4 < (dropout(ones, 0.5, **{**how, **changed}) == mask).mean() < 0.6
    np.testing.assert_array_equal(dropout(ones[:77], 0.5, **how), mask[:77])
    np.testing.assert_array_equal(dropout(ones.astype(np.float32), 0.5, **how), mask)
    for n_threads in (1, 2):
        with fastml.config_context(num_threads=n_threads):
            large = dropout(np.ones(100_001), 0.5, **how)
        np.testing.assert_array_equal(large[:10_001], mask)
    with fastml.config_context(backend="reference"):
        np.testing.assert_array_equal(dropout(np.ones(100_001), 0.5, **how), large)


def test_every_place_of_a_counter_is_fair():
    case = cases.case("dropout", "apply", np.float64, "large", 0)
    stays = cases.run("dropout", "cpu", "apply", case)["out"] != 0
    for place in range(4):
        assert abs(stays[place::4].mean() - 0.5) < 0.005


def test_nothing_to_do():
    x = np.ones(5)
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0) is x
    assert dropout(x, 1, seed=0).tolist() == [0] * 5
    assert dropout(np.empty((0, 3)), 0.5, seed=0).shape == (0, 3)
    assert dropout([1, 2], 0.5, seed=0).dtype == np.float64


def test_without_a_seed_draws_differ():
    ones = np.ones(1000)
    assert (dropout(ones) != dropout(ones)).any()


@pytest.mark.parametrize(
    "how, message",
    [
        ({"p": 1.5}, "p must be a probability"),
        ({"p": np.nan}, "p must be a probability"),
        ({"seed": -1}, "seed must be from 0"),
        ({"stream": 2**32}, "stream must be from 0"),
        ({"step": -3}, "step must be from 0"),
    ],
)
def test_bad_input(how, message):
    with pytest.raises(ValueError, match=message):
        dropout(np.ones(3), **how)
