"""Copies of adjacent items."""

import numpy as np
import pytest
from numba.core.errors import TypingError
from numpy.testing import assert_array_equal

from fastml._jit import njit_serial
from fastml._jit.memory import copy_items


@njit_serial
def copy_some(out, a, n):
    copy_items(out, 3, a, 2, n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("n", [0, 1, 7, 24])
def test_copies_these_items_and_no_others(dtype, n):
    a, out = np.arange(40, dtype=dtype), np.full((5, 8), -1, dtype)
    expected = out.copy()
    expected.ravel()[3 : 3 + n] = a[2 : 2 + n]
    copy_some(out, a, n)
    assert_array_equal(out, expected)


@pytest.mark.parametrize(
    "out, message",
    [(np.zeros(9, np.float32), "one dtype"), (np.zeros(18)[::2], "C-contiguous")],
)
def test_refuses_what_it_would_misread(out, message):
    with pytest.raises(TypingError, match=message):
        copy_some(out, np.zeros(9), 1)
