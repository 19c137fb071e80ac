"""winner_take_all: shapes, axes, dtypes, ties, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal

import fastml
from fastml.activations import winner_take_all


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    with fastml.config_context(backend=request.param):
        yield request.param


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(data=st.data(), dtype=st.sampled_from([np.float32, np.float64, np.float16, np.int64]))
def test_one_winner_the_first_of_the_largest(data, dtype):
    shape = data.draw(arrays.array_shapes(max_dims=4, max_side=20))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    S = data.draw(arrays.arrays(np.int8, shape)).astype(dtype)
    expected = np.zeros(shape)
    np.put_along_axis(expected, np.expand_dims(S.argmax(axis=axis), axis), 1, axis=axis)
    out = winner_take_all(S, axis=axis)
    assert_array_equal(out, expected)
    assert out.dtype == (dtype if np.dtype(dtype).kind == "f" else np.float64)


def test_any_layout(backend):
    S = np.random.default_rng(0).standard_normal((50, 40))
    expected = winner_take_all(S)
    read_only = S.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(S), S.astype(">f8"), read_only, S.tolist(), S.astype(object)):
        assert_array_equal(winner_take_all(same), expected)
    assert_array_equal(winner_take_all(S[::2, ::-3]), np.eye(14)[S[::2, ::-3].argmax(axis=1)])
    assert winner_take_all(S.astype(">f4")).dtype == np.float32
    assert_array_equal(winner_take_all([[-np.inf, -np.inf], [np.inf, 0]]), [[1, 0], [1, 0]])
    assert winner_take_all(np.empty((0, 3), np.float32)).shape == (0, 3)


def test_it_is_the_winner_of_competitive_learning(backend):
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((30, 5)), rng.standard_normal((5, 7))
    H = winner_take_all(X @ W)
    assert_array_equal(H.sum(axis=1), 1)
    assert_array_equal((H * (X @ W)).sum(axis=1), (X @ W).max(axis=1))


@pytest.mark.parametrize(
    "S, axis, message",
    [
        ([[1.0, np.nan]], -1, "Input S contains NaN"),
        (np.empty((3, 0)), -1, r"at least one unit along axis -1, got an array of shape \(3, 0\)"),
        (np.empty((0, 3)), 0, "at least one unit along axis 0"),
        (np.ones(3), 1, "axis 1 is out of bounds for array of dimension 1"),
        (3.0, -1, "axis -1 is out of bounds for array of dimension 0"),
        ([[1j, 2.0]], -1, "Complex data not supported"),
        ([["a", "b"]], -1, "could not convert string to float"),
    ],
)
def test_refusals(backend, S, axis, message):
    with pytest.raises(ValueError, match=message):
        winner_take_all(S, axis=axis)
