"""Products along lists of what is not zero, against NumPy's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastml._jit import njit_serial
from fastml._jit.listed import add_listed, add_to_listed, list_items
from fastml._jit.simd import TILE_COLS
from fastml._jit.subsets import PANEL_COLS


@njit_serial
def products(rows, matrix, hidden, numbers, values, counts, sums, total):
    for r in range(rows.shape[0]):
        first, n = r * numbers.shape[1], 0
        for i in range(0, rows.shape[1], TILE_COLS):
            n += list_items(numbers, values, first + n, rows, r * rows.shape[1] + i, i)
        counts[r] = n
        add_listed(sums, r * PANEL_COLS, matrix, 0, numbers, values, first, n)
        add_to_listed(total, 0, hidden, r * PANEL_COLS, numbers, values, first, n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_products_along_lists(dtype, share):
    rng = np.random.default_rng(0)
    shape = 7, 5 * TILE_COLS
    rows = (rng.normal(size=shape) * (rng.uniform(size=shape) < share)).astype(dtype)
    matrix = rng.normal(size=(shape[1], PANEL_COLS)).astype(dtype)
    hidden = rng.normal(size=(shape[0], PANEL_COLS)).astype(dtype)
    room = shape[0], shape[1] + PANEL_COLS
    numbers, values, counts = np.zeros(room, np.int32), np.zeros(room, dtype), np.zeros(7, np.int64)
    sums, total = np.ones(hidden.shape, dtype), np.ones(matrix.shape, dtype)
    products(rows, matrix, hidden, numbers, values, counts, sums, total)
    for row, number, value, n in zip(rows, numbers, values, counts, strict=True):
        assert_array_equal(number[:n], np.flatnonzero(row))
        assert_array_equal(value[:n], row[row != 0])
    allowed = 100 * np.finfo(dtype).eps
    assert_allclose(sums, 1 + rows @ matrix, rtol=allowed, atol=allowed)
    assert_allclose(total, 1 + rows.T @ hidden, rtol=allowed, atol=allowed)
