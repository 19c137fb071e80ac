"""Numba, tamed in one place: the only package of fastml that imports numba and llvmlite."""

import numba
from numba import prange

FASTMATH = frozenset({"contract", "nsz", "arcp", "afn"})


def njit_parallel(func=None, *, work=None):
    if func is None:
        return lambda f: njit_parallel(f, work=work)
    return numba.njit(func, parallel=True, fastmath=set(FASTMATH), error_model="numpy", nogil=True)


def njit_serial(func):
    return numba.njit(func, fastmath=set(FASTMATH), error_model="numpy", nogil=True)


def njit_leaf(func):
    return numba.njit(func, fastmath=set(FASTMATH), error_model="numpy", nogil=True)


__all__ = ["FASTMATH", "njit_leaf", "njit_parallel", "njit_serial", "prange"]
