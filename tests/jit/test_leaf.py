"""What a kernel is made of is optimised and turned into machine code once, as a part of it."""

import numpy as np
import pytest
from numba.core.codegen import JITCodeLibrary

from fastml._jit import njit_leaf, njit_parallel, njit_serial, prange
from fastml._jit.lanes import widest_vectors
from fastml._jit.simd import simd_level


@njit_leaf
def doubled(x):
    return x + x


@njit_leaf
def doubled_twice(x):
    return doubled(doubled(x))


@njit_leaf
def add_wide(a, b):
    widest_vectors()
    for i in range(a.size):
        a[i] += b[i]


def loops(a, out):
    for i in prange(a.size):
        out[i] = doubled_twice(a[i])


@pytest.fixture
def emitted(monkeypatch):
    """Names of what becomes machine code."""
    names = []
    emit = JITCodeLibrary._finalize_specific

    def record(library):
        names.append(library.name)
        emit(library)

    monkeypatch.setattr(JITCodeLibrary, "_finalize_specific", record)
    return names


@pytest.mark.parametrize("variant", ["serial", "parallel"])
def test_pieces_make_no_machine_code_of_their_own(emitted, variant, monkeypatch, tmp_path):
    kernel = getattr(njit_parallel(loops), variant)
    # A cached kernel would not be compiled.
    monkeypatch.setattr(kernel._cache, "load_overload", lambda *args: None)
    a = np.arange(1000, dtype=np.int16)
    out = np.empty_like(a)
    kernel(a, out)
    np.testing.assert_array_equal(out, 4 * a)
    assert emitted.count("loops") == 1
    assert not [name for name in emitted if "doubled" in name or "gufunc" in name]


def test_a_leaf_called_from_python_says_that_it_cannot_be():
    with pytest.raises(TypeError, match="doubled is compiled into the kernels that call it"):
        doubled(np.float32(1))
    assert doubled.py_func(2) == 4


def test_loops_that_ask_for_wide_vectors_keep_them_in_a_kernel():
    @njit_serial
    def kernel(a, b):
        add_wide(a, b)

    a, b = np.arange(100, dtype=np.float32), np.ones(100, np.float32)
    kernel(a, b)
    np.testing.assert_array_equal(a, np.arange(1, 101))
    (code,) = kernel.serial.inspect_llvm().values()
    assert ("<16 x float>" in code) == (simd_level() == "avx512")
