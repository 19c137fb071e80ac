"""The register tile and the operations on its lanes, against NumPy, on more than one shape."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastml._jit import njit_serial
from fastml._jit.nearest import side_by_side, tile_best, tile_best_wide, wide_panels
from fastml._jit.reductions import lane_sum64, lane_top
from fastml._jit.rowwise import (
    lane_argmax,
    lane_find,
    lane_max,
    lane_runner_up,
)
from fastml._jit.simd import TILE_COLS, simd_level, tile_shape
from fastml._jit.stretches import (
    lane_add_fixed,
    lane_squared_distance,
    lane_squared_distance64,
    lane_subtract,
    squares_side_by_side,
    vector_lanes,
)
from fastml._jit.tile import (
    tile,
    tile_absolute,
    tile_chi_squared,
    tile_difference,
    tile_listed,
    tile_rows,
)

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rounding(dtype, n):
    return {"rtol": 0, "atol": 20 * max(n, 1) * np.finfo(dtype).eps}


@njit_serial
def run_tile(out, out0, out_row, a, a0, strides, b, b0, b_outer, n_outer, n_inner, init, init_row):
    tile(
        out, out0, out_row,
        a, a0, strides[0], strides[1], strides[2],
        b, b0, b_outer, n_outer, n_inner,
        init, 0, init_row,
    )  # fmt: skip


@njit_serial
def run_difference(out, a, a_row, b, n_inner, init):
    tile_difference(out, 0, TILE_COLS, a, 0, a_row, 0, 1, b, 0, 0, 1, n_inner, init, 0, TILE_COLS)


@njit_serial
def run_other_terms(out, a, a_row, b, n_inner, init):
    tile_absolute(out[0], 0, TILE_COLS, a, 0, a_row, 0, 1, b, 0, 0, 1, n_inner, init, 0, TILE_COLS)
    tile_chi_squared(
        out[1], 0, TILE_COLS, a, 0, a_row, 0, 1, b, 0, 0, 1, n_inner, init, 0, TILE_COLS
    )


@njit_serial
def run_listed(out, a, a_row, rows, rows0, n_rows, b, n_inner, init):
    tile_listed(out, a, 0, a_row, rows, rows0, n_rows, b, 0, n_inner, init, 0, 0)


@njit_serial
def run_best(best, best_panel, a, a_row, panels, n_inner, bias, found):
    for g in range(panels.shape[0]):
        tile_best(
            best, best_panel, 0, g,
            a, 0, a_row, 0, 1,
            panels, g * n_inner * TILE_COLS, 0, 1, n_inner,
            bias, g * TILE_COLS, 0,
        )  # fmt: skip
    for p in range(tile_rows(a)):
        found[p] = lane_argmax(best, best_panel, p * TILE_COLS)[1]


@njit_serial
def run_lanes(values, results):
    top = lane_max(values, 0)
    lane = lane_find(values, 0, top)
    results[0], results[1], results[2] = top, lane, lane_runner_up(values, 0, lane)


@njit_serial
def run_squared_distance(a, a0, b, n):
    return lane_squared_distance(a, a0, b, 0, n)


@njit_serial
def run_best_wide(best, best_panel, a, a_row, panels, n_inner, bias, found):
    together, height = wide_panels(a), tile_rows(a)
    for g in range(0, panels.shape[0] // together * together, together):
        for p in range(0, height, height // together):
            tile_best_wide(
                best, best_panel, p * TILE_COLS, g, g == 0,
                a, p * a_row, a_row,
                panels, g * n_inner * TILE_COLS, n_inner * TILE_COLS, n_inner,
                bias, g * TILE_COLS,
            )  # fmt: skip
    for p in range(height):
        found[p] = lane_argmax(best, best_panel, p * TILE_COLS)[1]


@njit_serial
def run_stretches(a, offset, b, weight, scales, less, sums, results):
    n = offset.shape[0]
    lane_subtract(less, 1, a, 2, offset, 0, n)
    lane_add_fixed(sums, 3, a, 2, weight, scales, n)
    results[0] = lane_squared_distance64(a, 2, offset, b, 1, n)
    results[1] = lane_sum64(a, 2, n)
    results[2] = lane_top(a, 2, n)


@njit_serial
def run_squares(columns, a, a0, offset, n_rows):
    lanes = vector_lanes(a)
    n_lanes, d = columns.shape[1], a.shape[1]
    squares_side_by_side(columns, 0, n_lanes, a, a0, d, offset, n_rows // lanes, d // lanes)
    return lanes


@njit_serial
def run_side_by_side(found, columns, centers, bias):
    n_features, n_lanes = columns.shape
    side_by_side(found, columns, n_lanes, centers, centers.shape[0], n_features, bias)


def draw(dtype, shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@DTYPES
@settings(max_examples=25, deadline=None)
@given(n_outer=st.integers(0, 3), n_inner=st.integers(0, 17), seed=st.integers(0, 99))
def test_tile_with_general_strides(dtype, n_outer, n_inner, seed):
    rows, _ = tile_shape(np.dtype(dtype).itemsize)
    a_row, a_outer, a_inner = 1, 7 * rows, rows  # a reduction over rows: the transposed product
    a = draw(dtype, 1 + rows + a_outer * 3 + a_inner * 17, seed)
    b = draw(dtype, (3, 17, TILE_COLS), seed + 1)
    init = draw(dtype, TILE_COLS, seed + 2)
    out_row = TILE_COLS + 3
    out = np.zeros(2 + rows * out_row, dtype)
    strides = np.array([a_row, a_outer, a_inner])
    run_tile(out, 2, out_row, a, 1, strides, b, 0, 17 * TILE_COLS, n_outer, n_inner, init, 0)
    expected = np.tile(init.astype(np.float64), (rows, 1))
    for o in range(n_outer):
        for i in range(n_inner):
            column = a[1 + o * a_outer + i * a_inner + np.arange(rows) * a_row]
            expected += np.multiply.outer(column.astype(np.float64), b[o, i])
    got = out[2:].reshape(rows, out_row)
    np.testing.assert_allclose(got[:, :TILE_COLS], expected, **rounding(dtype, n_outer * n_inner))
    assert not got[:, TILE_COLS:].any()
    assert not out[:2].any()


@DTYPES
@pytest.mark.parametrize("n_inner", [0, 1, 5, 64])
def test_differences_of_equal_rows_are_zero(dtype, n_inner):
    rows, _ = tile_shape(np.dtype(dtype).itemsize)
    a = draw(dtype, (rows, n_inner + 1), 0)
    b = draw(dtype, (n_inner, TILE_COLS), 1)
    b[:, 3] = a[1, :n_inner]
    out = np.zeros((rows, TILE_COLS), dtype)
    run_difference(out, a, n_inner + 1, b, n_inner, out.copy())
    x = a[:, :n_inner].astype(np.float64)
    expected = ((x[:, None, :] - b.T[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(out, expected, **rounding(dtype, n_inner))
    assert out[1, 3] == 0


@DTYPES
@pytest.mark.parametrize("n_inner", [0, 1, 40])
def test_sums_of_absolute_and_relative_differences(dtype, n_inner):
    rows, _ = tile_shape(np.dtype(dtype).itemsize)
    a, b = (
        np.abs(draw(dtype, shape, seed))
        for seed, shape in enumerate([(rows, n_inner + 1), (n_inner, TILE_COLS)])
    )
    a[0] = 0
    b[:, 3] = 0
    init = draw(dtype, (rows, TILE_COLS), 2)
    out = np.zeros((2, rows, TILE_COLS), dtype)
    run_other_terms(out, a, n_inner + 1, b, n_inner, init)
    x, y = a[:, None, :n_inner].astype(np.float64), b.T[None].astype(np.float64)
    whole = np.where(x + y == 0, 1, x + y)
    for got, terms in zip(out, (abs(x - y), (x - y) ** 2 / whole), strict=True):
        expected = init + terms.sum(axis=2)
        np.testing.assert_allclose(got, expected, **rounding(dtype, n_inner))


@DTYPES
@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_listed_rows(dtype, n_rows):
    height, _ = tile_shape(np.dtype(dtype).itemsize)
    a, b = draw(dtype, (9, 6), 0), draw(dtype, (5, TILE_COLS), 1)
    bias = draw(dtype, TILE_COLS, 2)
    rows = np.array([99, 8, 0, 3, 3, 7], np.int32)
    out = np.zeros((height, TILE_COLS), dtype)
    count = min(n_rows, height)
    run_listed(out, a, 6, rows, 1, count, b, 5, bias)
    expected = a[rows[1 : 1 + count], :5].astype(np.float64) @ b + bias
    np.testing.assert_allclose(out[:count], expected, **rounding(dtype, 5))


@DTYPES
@pytest.mark.parametrize("n_panels", [1, 3])
def test_best_is_the_lowest_of_equal_columns(dtype, n_panels):
    rows, _ = tile_shape(np.dtype(dtype).itemsize)
    a = draw(dtype, (rows, 4), 0)
    panels = draw(dtype, (n_panels, 4, TILE_COLS), 1)
    bias = np.zeros(n_panels * TILE_COLS, dtype)
    # Row 0 meets equal columns: in one panel, and in another at a lower lane.
    panels[0, :, 9] = panels[0, :, 12] = panels[-1, :, 2] = 100 * a[0]
    best = np.full((rows, TILE_COLS), -np.inf, dtype)
    best_panel, found = np.zeros((rows, TILE_COLS), np.int32), np.zeros(rows, np.int64)
    run_best(best, best_panel, a, 4, panels, 4, bias, found)
    columns = panels.transpose(0, 2, 1).reshape(-1, 4)
    scores = a.astype(np.float64) @ columns.T
    assert found[0] == (2 if n_panels == 1 else 9)
    chosen = scores[np.arange(rows), found]
    np.testing.assert_allclose(chosen, scores.max(axis=1), rtol=1e-5)


@DTYPES
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999))
def test_lanes(dtype, seed):
    values = np.random.default_rng(seed).integers(-9, 9, size=TILE_COLS).astype(dtype)
    results = np.zeros(3)
    run_lanes(values, results)
    assert results[0] == values.max()
    assert results[1] == values.argmax()
    assert results[2] == np.delete(values, values.argmax()).max()


@DTYPES
@pytest.mark.parametrize("n", [0, 1, 7, 16, 33])
def test_squared_distance(dtype, n):
    a, b = draw(dtype, 40, 0), draw(dtype, 40, 1)
    expected = ((a[2 : 2 + n].astype(np.float64) - b[:n]) ** 2).sum()
    np.testing.assert_allclose(run_squared_distance(a, 2, b, n), expected, **rounding(dtype, n))


@DTYPES
@pytest.mark.parametrize("n_inner", [0, 1, 33])
def test_several_panels_at_once(dtype, n_inner):
    rows, _ = tile_shape(np.dtype(dtype).itemsize)
    a, panels = draw(dtype, (rows, n_inner + 2), 0), draw(dtype, (8, n_inner, TILE_COLS), 1)
    bias = draw(dtype, 8 * TILE_COLS, 2)
    bias[5] = bias[70] = 1000  # equal columns in two panels: the lower one is found
    panels.reshape(8, n_inner, TILE_COLS)[[0, 4], :, [5, 6]] = 0
    best, found = np.full((rows, TILE_COLS), np.nan, dtype), np.zeros(rows, np.int64)
    best_panel = np.zeros((rows, TILE_COLS), np.int32)
    run_best_wide(best, best_panel, a, n_inner + 2, panels, n_inner, bias, found)
    assert (found == 5).all()


@DTYPES
@pytest.mark.parametrize("n", [0, 1, 7, 16, 33])
def test_stretches(dtype, n):
    a, offset, b = draw(dtype, n + 4, 0), draw(dtype, n, 1), draw(dtype, n + 1, 2)
    less, sums, results = np.zeros(n + 2, dtype), np.full(n + 5, 7), np.zeros(3)
    scales = 2.0 ** np.random.default_rng(3).integers(0, 40, n)
    run_stretches(a, offset, b, -1.5, scales, less, sums, results)
    x = a[2 : 2 + n]
    np.testing.assert_array_equal(less[1 : 1 + n], x - offset)
    units = (x.astype(np.float64) * -1.5 * scales).astype(np.int64)
    np.testing.assert_array_equal(sums[3 : 3 + n], 7 + units)
    assert less[0] == less[-1] == 0
    assert (np.delete(sums, np.s_[3 : 3 + n]) == 7).all()
    expected = (((x - offset) - b[1:]).astype(np.float64) ** 2).sum()
    np.testing.assert_allclose(results[0], expected, rtol=1e-14)
    np.testing.assert_allclose(results[1], x.sum(dtype=np.float64), rtol=1e-13, atol=1e-15)
    assert results[2] == x.max(initial=-np.inf)
    a[2 : 2 + n : 3] = np.nan
    run_stretches(a, offset, b, -1.5, scales, less, sums, results)
    assert results[2] == np.nanmax(x, initial=-np.inf)


@DTYPES
@pytest.mark.parametrize(("n", "d"), [(0, 16), (5, 40), (32, 16), (48, 3), (96, 35)])
def test_squares(dtype, n, d):
    a, offset = draw(dtype, (n + 1, d), 0), draw(dtype, d, 1)
    columns = np.full((d, 96), 7, dtype)
    lanes = run_squares(columns, a, d, offset, n)
    assert lanes == tile_shape(np.dtype(dtype).itemsize)[1]
    expected = np.full((d, 96), 7, dtype)
    n_whole, d_whole = n // lanes * lanes, d // lanes * lanes
    expected[:d_whole, :n_whole] = (a[1:] - offset).T[:d_whole, :n_whole]
    np.testing.assert_array_equal(columns, expected)


@DTYPES
@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 2), (40, 7)])
def test_side_by_side(dtype, k, d):
    columns, centers = draw(dtype, (d, 192), 0), draw(dtype, (k, d), 1)
    bias = draw(dtype, k, 2)
    found = np.full(192, -1, np.int32)
    run_side_by_side(found, columns, centers, bias)
    scores = columns.T.astype(np.float64) @ centers.T + bias
    chosen = scores[np.arange(192), found]
    np.testing.assert_allclose(chosen, scores.max(axis=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "level"), [("haswell", "avx2"), ("nehalem", "generic"), ("znver4", "avx512")]
)
def test_shape_goes_by_the_named_cpu(name, level):
    env = {**os.environ, "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ""}
    code = "from fastml._jit.simd import simd_level; print(simd_level())"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.strip() == level, done.stderr


@pytest.mark.skipif(simd_level() != "avx512", reason="this run has the AVX2 shape already")
def test_this_file_passes_on_the_avx2_shape():
    env = {**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "-avx512f"}
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(simd_level() != "avx512", reason="this run has the AVX2 shape already")
def test_kernels_pass_on_the_avx2_shape():
    env = {**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "-avx512f"}
    tests = os.path.join(os.path.dirname(os.path.dirname(__file__)), "kernels", "test_cpu.py")
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", tests]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
