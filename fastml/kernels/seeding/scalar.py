"""Leaf functions of the rows' keys, written once and compiled for CPU and CUDA.

Products are of 32-bit words in 64 bits and words are joined by exclusive or, so that nothing
overflows: NumPy, which runs the same lines in the reference and in the simulator, would warn.
"""

import numpy as np

LOW = np.uint64(0xFFFFFFFF)


def column_factor(column):
    """Return the odd 32-bit factor that a column's words are multiplied by."""
    z = np.uint64(column + 1) * np.uint64(0x9E3779B1) & LOW
    z = (z ^ (z >> np.uint64(15))) * np.uint64(0x85EBCA6B) & LOW
    return z ^ (z >> np.uint64(13)) | np.uint64(1)


def word_of(word):
    """Return the bits of a float32 as 64 bits, those of -0.0 as those of 0.0."""
    return np.uint64(0) if word == np.uint32(0x80000000) else np.uint64(word)


def mixed(z):
    """Return a 64-bit key to which every bit of the joined words contributes."""
    z = (z & LOW) * np.uint64(0xCC9E2D51) ^ (z >> np.uint64(32)) * np.uint64(0x9E3779B1)
    z = z ^ (z >> np.uint64(29))
    return (z & LOW) * np.uint64(0x85EBCA6B) ^ (z >> np.uint64(32)) * np.uint64(0xC2B2AE35)
