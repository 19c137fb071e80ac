"""Leaf functions of the rows' keys, written once and compiled for CPU and CUDA."""

import numpy as np


def mixed(z):
    """Return a 64-bit word with every bit spread over all of it (the finaliser of SplitMix64)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def column_factor(column):
    """Return the odd factor that a column's words are multiplied by."""
    z = np.uint64(column + 1) * np.uint64(0x9E3779B97F4A7C15)
    return (z ^ (z >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9) | np.uint64(1)


def word_of(word):
    """Return the bits of a float32 as 64 bits, those of -0.0 as those of 0.0."""
    return np.uint64(0) if word == np.uint32(0x80000000) else np.uint64(word)
