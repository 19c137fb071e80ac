"""Random numbers in NumPy: the definition that the other backends repeat bit by bit."""

import numpy as np

from fastml._jit.philox import philox4x32, uniform_float32, uniform_float64


def _words(seed, stream, step, first, stop):
    """Return the words of counters first ... stop - 1, one after another."""
    index = np.arange(first, stop, dtype=np.uint64)
    step, stream, seed = (np.uint64(v) for v in (step, stream, seed))
    return np.stack(philox4x32(index, step, stream, seed), axis=1)


def _uniform(seed, stream, step, dtype, first, stop):
    """Return the draws of some counters, one row each."""
    words = _words(seed, stream, step, first, stop)
    if dtype == np.float32:
        return uniform_float32(words)
    return uniform_float64(words[:, ::2], words[:, 1::2])


def bits(seed, stream, step, out, start=0):
    """Fill each row with the four words of its counter."""
    out[:] = _words(seed, stream, step, start, start + len(out))


def uniform(seed, stream, step, out, start=0):
    """Fill an array with uniform draws in [0, 1)."""
    width = 16 // out.itemsize
    draws = _uniform(seed, stream, step, out.dtype, start // width, (start + len(out)) // width + 1)
    out[:] = draws.ravel()[start % width :][: len(out)]


def normal(seed, stream, step, out, start=0):
    """Fill an array with standard normal draws (Box-Muller: radius, then angle)."""
    width = 16 // out.itemsize
    draws = _uniform(seed, stream, step, out.dtype, start // width, (start + len(out)) // width + 1)
    radius = np.sqrt(-2 * np.log1p(-draws[:, ::2].astype(np.float64)))
    angle = 2 * np.pi * draws[:, 1::2].astype(np.float64)
    pairs = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=2)
    out[:] = pairs.ravel()[start % width :][: len(out)]
