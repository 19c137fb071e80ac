"""The 64-bit key drawn from scikit-learn's `random_state`."""

import numpy as np
import pytest

from fastml._random import seed_from


def test_an_integer_gives_the_same_key_each_time():
    assert seed_from(0) == seed_from(0)
    assert seed_from(0) != seed_from(1)


def test_an_instance_is_advanced():
    state = np.random.RandomState(0)
    assert seed_from(state) == seed_from(0)
    assert seed_from(state) != seed_from(0)


def test_none_draws_from_numpys_global_state():
    state = np.random.get_state()
    try:
        np.random.seed(5)
        assert seed_from(None) == seed_from(5)
    finally:
        np.random.set_state(state)


def test_keys_are_python_integers_that_fill_64_bits():
    keys = [seed_from(i) for i in range(200)]
    assert all(type(key) is int and 0 <= key < 2**64 for key in keys)
    # Every bit is set in some keys and clear in others.
    assert np.bitwise_or.reduce(np.array(keys, np.uint64)) == np.uint64(2**64 - 1)
    assert np.bitwise_and.reduce(np.array(keys, np.uint64)) == 0
    assert len(set(keys)) == len(keys)


def test_what_is_no_random_state_is_refused():
    with pytest.raises(ValueError, match="cannot be used to seed"):
        seed_from("seed")
