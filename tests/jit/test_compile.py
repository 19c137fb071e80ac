"""Kernels: two variants with the same bits, one compilation for each dtype."""

import inspect
import math

import numpy as np
import pytest

from fastml._jit import FASTMATH, compile, njit_leaf, njit_parallel, njit_serial, prange
from tests.jit.toy import run


@njit_leaf
def softplus(x):
    return math.log1p(math.exp(x))


@njit_parallel
def mixed(x, scale, out):
    """What LLVM may fuse, approximate, hoist or vectorise in one variant and not the other."""
    for i in prange(x.shape[0]):
        norm = x.dtype.type(0)
        for j in range(x.shape[1]):
            norm += x[i, j] * x[i, j]
        norm = math.sqrt(norm)
        for j in range(x.shape[1]):
            v = x[i, j] / norm / scale
            out[i, j] = softplus(v * scale + v) / scale - v * v


@njit_parallel
def quotients(x, y, out):
    for i in prange(x.shape[0]):
        out[i] = x[i] / math.sqrt(y[i]) + x[i] * y[i] / y[0]


@njit_parallel(work=lambda x, out, factor: x.size)
def doubled(x, out, factor=2):
    for i in prange(x.shape[0]):
        out[i] = factor * x[i]


@njit_serial
def first(x, start=0):
    return x[start]


@pytest.fixture
def variants(monkeypatch):
    """Names of the variants run, in order."""
    names = []

    def launch(kernel, n_threads, args):
        names.append(f"parallel on {n_threads}")
        return kernel(*args)

    monkeypatch.setattr(compile, "launch_parallel", launch)
    monkeypatch.setattr(compile, "thread_count", lambda: 2)
    return names


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 33), (301, 100)])
def test_variants_give_the_same_bits(dtype, shape):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    serial, parallel = np.empty_like(x), np.empty_like(x)
    mixed.serial(x, dtype(3), serial)
    mixed.parallel(x, dtype(3), parallel)
    np.testing.assert_array_equal(serial, parallel)
    np.testing.assert_allclose(
        serial.sum(), mixed_sum(x.astype(float)), rtol=1e-4 if dtype == np.float32 else 1e-12
    )


def mixed_sum(x):
    v = x / np.linalg.norm(x, axis=1, keepdims=True) / 3
    return np.sum(np.log1p(np.exp(4 * v)) / 3 - v * v)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_do_not_depend_on_where_loops_are_cut(dtype):
    rng = np.random.default_rng(1)
    x, y = rng.uniform(1, 2, (2, 1003)).astype(dtype)
    whole, pieces = np.empty_like(x), np.empty_like(x)
    quotients.serial(x, y, whole)
    for i in range(1003):
        ends = np.array([y[0], y[i]], dtype), np.array([x[0], x[i]], dtype)
        out = np.empty(2, dtype)
        quotients.serial(ends[1], ends[0], out)
        pieces[i] = out[1]
    np.testing.assert_array_equal(whole, pieces)


def test_division_is_exact_and_nan_is_seen():
    x = np.random.default_rng(2).uniform(1, 2, 1001).astype(np.float32)
    out = np.empty_like(x)

    @njit_serial
    def divide(x, s, out):
        for i in range(x.shape[0]):
            out[i] = x[i] / s if not math.isnan(x[i]) else -1

    x[5] = np.nan
    divide(x, np.float32(3.1), out)
    expected = x / np.float32(3.1)
    expected[5] = -1
    np.testing.assert_array_equal(out, expected)
    assert not FASTMATH & {"nnan", "ninf", "reassoc", "arcp", "fast"}


def test_division_by_zero_gives_infinity():
    out = np.empty(3)
    quotients(np.ones(3), np.zeros(3), out)
    assert np.isnan(out).all()  # inf + 0 / 0; no ZeroDivisionError


def test_small_work_is_serial(variants):
    x = np.arange(10.0)
    out = np.empty_like(x)
    doubled(x, out)
    assert variants == []
    np.testing.assert_array_equal(out, 2 * x)
    big = np.ones(compile.SERIAL_WORK)
    doubled(big, np.empty_like(big))
    assert variants == ["parallel on 2"]


def test_without_an_estimate_threads_are_used(variants):
    quotients(np.ones(1), np.ones(1), np.empty(1))
    assert variants == ["parallel on 2"]


def test_one_thread_is_serial(monkeypatch, variants):
    monkeypatch.setattr(compile, "thread_count", lambda: 1)
    quotients(np.ones(1), np.ones(1), np.empty(1))
    assert variants == []


def test_arguments_by_name_and_defaults():
    x = np.arange(3.0)
    out = np.empty_like(x)
    doubled(out=out, x=x)
    np.testing.assert_array_equal(out, 2 * x)
    doubled(x, out, factor=3)
    np.testing.assert_array_equal(out, 3 * x)
    assert len(doubled.serial.signatures) == 1
    assert first(x) == 0
    assert first(x, start=2) == 2
    with pytest.raises(TypeError, match="missing a required argument: 'out'"):
        doubled(x)


def test_read_only_input_is_not_compiled_again_nor_copied():
    x = np.arange(1.0, 5.0).reshape(2, 2)
    x.flags.writeable = False
    assert first(x[0]) == 1
    assert first(x[0].copy()) == 1
    assert len(first.serial.signatures) == 1
    assert not x.flags.writeable
    view = compile._mutable_type(x)
    assert np.shares_memory(view, x)
    assert view.flags.writeable
    empty = np.empty((0, 3))
    empty.flags.writeable = False
    assert compile._mutable_type(empty).shape == (0, 3)


def test_a_kernel_looks_like_its_function():
    assert list(inspect.signature(doubled).parameters) == ["x", "out", "factor"]
    assert mixed.__doc__.startswith("What LLVM")
    assert mixed.__module__ == __name__
    assert repr(mixed) == f"<kernel {__name__}.mixed>"
    with pytest.raises(AttributeError, match="first is a serial kernel"):
        _ = first.parallel


def test_prange_alone_runs_in_parallel():
    @njit_parallel
    def sums(x, out):
        out[0] = np.sum(x)
        for i in prange(1, out.shape[0]):
            out[i] = x[i]

    x = np.random.default_rng(3).normal(size=100_001).astype(np.float32)
    out = np.empty((2, 3), np.float32)
    sums.serial(x, out[0])
    sums.parallel(x, out[1])
    np.testing.assert_array_equal(out[0], out[1])


def test_array_expressions_before_the_loop_bring_no_warning():
    @njit_parallel
    def centered(x, out):
        shifted = x * 2 - 1
        for i in prange(x.shape[0]):
            out[i] = shifted[i]

    out = np.empty(4)
    centered.parallel(np.ones(4), out)
    np.testing.assert_array_equal(out, 1)


def test_without_numbas_compiler():
    code = """
import numpy as np
from fastml._jit import njit_leaf, njit_parallel, prange
@njit_leaf
def inc(x): return x + 1
@njit_parallel
def f(x):
    for i in prange(x.shape[0]):
        x[i] = inc(x[i])
x = np.zeros(3)
f(x)
print(x.sum())
"""
    assert run(code, NUMBA_DISABLE_JIT="1") == "3.0"
