"""Philox 4x32-10, the counter-based generator of Salmon et al. (2011), defined once.

The functions below are plain arithmetic on 32-bit words held in uint64, so that the same source
runs on NumPy arrays (the reference), is compiled by `inlined` for CPU kernels, whose loops LLVM
vectorises, and by `cuda_device` for CUDA kernels; all give the same bits.

The key is the seed and the counter is (low word of the index, high word, step, stream): a draw
depends on these alone, not on the order of draws, on threads or on chunks.
"""

import numpy as np
from numba import njit

# NumPy scalars, as Numba makes float64 of a uint64 and a Python int.
_WORD = np.uint64(0xFFFFFFFF)
_WORD_BITS = np.uint64(32)
_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)

_DROP_8 = np.uint64(8)
_DROP_5 = np.uint64(5)
_DROP_6 = np.uint64(6)
_BITS_26 = np.uint64(26)
_UNIT_24 = np.float32(2.0**-24)
_UNIT_53 = np.float64(2.0**-53)


def philox4x32(index, step, stream, seed):
    """Return four random words.

    Parameters
    ----------
    index : uint64, or an array of it
        The first two words of the counter.
    step, stream : uint64
        The last two words of the counter, below 2**32.
    seed : uint64
        The key.

    Returns
    -------
    tuple of four uint64, or of arrays of it
        Words below 2**32.
    """
    c0, c1, c2, c3 = index & _WORD, index >> _WORD_BITS, step, stream
    k0, k1 = seed & _WORD, seed >> _WORD_BITS
    for _ in range(10):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0 = (product_1 >> _WORD_BITS) ^ c1 ^ k0
        c1 = product_1 & _WORD
        c2 = (product_0 >> _WORD_BITS) ^ c3 ^ k1
        c3 = product_0 & _WORD
        k0 = (k0 + _WEYL_0) & _WORD
        k1 = (k1 + _WEYL_1) & _WORD
    return c0, c1, c2, c3


def uniform_float32(word):
    """Return a float32 in [0, 1), a multiple of 2**-24, made of one word."""
    return np.float32(word >> _DROP_8) * _UNIT_24


def uniform_float64(word_0, word_1):
    """Return a float64 in [0, 1), a multiple of 2**-53, made of two words."""
    return np.float64(((word_0 >> _DROP_5) << _BITS_26) | (word_1 >> _DROP_6)) * _UNIT_53


def inlined(func):
    """Compile a function for CPU kernels so that LLVM always inlines it."""
    # Ten rounds are too much for LLVM to inline of its own accord, and a loop with a call in it is
    # not vectorised: 3.6 ns a word instead of 0.5.
    return njit(forceinline=True, error_model="numpy")(func)
