"""The register tile of any height, against NumPy."""

import numpy as np
import pytest

from fastml._jit import njit_serial
from fastml._jit.block import block_cols, block_tile, half_block_tile, most_rows


@njit_serial
def run_tile(height, half, out, a, a0, a_row, a_inner, b, b_inner, n, init, init_row):
    wide = block_cols(a)
    if half:
        half_block_tile(height, out, 0, wide, a, a0, a_row, a_inner, b, 0, b_inner, n, init, 0,
                        init_row)  # fmt: skip
    else:
        block_tile(height, out, 0, wide, a, a0, a_row, a_inner, b, 0, b_inner, n, init, 0,
                   init_row)  # fmt: skip


@njit_serial
def shape_of(a, found):
    found[0], found[1] = most_rows(a), block_cols(a)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [0, 1, 9, 300])
@pytest.mark.parametrize("half", [False, True])
def test_every_height(dtype, n, half):
    rng = np.random.default_rng(n)
    shape = np.zeros(2, np.int64)
    shape_of(np.zeros(1, dtype), shape)
    most, wide = shape.tolist()
    columns = wide // 2 if half else wide
    rows = rng.normal(size=(most + 1, n)).astype(dtype)
    b = rng.normal(size=(max(n, 1), wide + 3)).astype(dtype)
    init = rng.normal(size=(most, wide)).astype(dtype)
    tolerance = {"rtol": 0, "atol": 10 * (n + 1) * float(np.finfo(dtype).eps)}
    for height in range(1, most + 1):
        product = rows[1 : height + 1] @ b[:n, :columns]
        # Rows of a as they lie, and those of a transposed; one start for all rows, and one each.
        lying = np.ascontiguousarray(rows), n, n, 1
        across = np.ascontiguousarray(rows.T), 1, 1, most + 1
        for (a, *strides), init_row in ((lying, 0), (across, wide)):
            out = np.full((most, wide), np.nan, dtype)
            run_tile(height, half, out.ravel(), a.ravel(), *strides, b.ravel(), wide + 3, n,
                     init.ravel(), init_row)  # fmt: skip
            start = init[:height] if init_row else init[:1]
            np.testing.assert_allclose(
                out[:height, :columns], product + start[:, :columns], **tolerance
            )
            assert np.isnan(out[height:]).all() and np.isnan(out[:, columns:]).all()
