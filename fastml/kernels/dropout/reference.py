"""Dropout in NumPy."""

import numpy as np

from fastml._jit.philox import philox4x32
from fastml.kernels.dropout.scalar import factor, threshold


def apply(seed, stream, step, p, x, out):
    """Multiply the elements that stay by ``1 / (1 - p)``, the others by 0."""
    counters = np.arange(-(-x.size // 4), dtype=np.uint64)
    words = philox4x32(counters, np.uint64(step), np.uint64(stream), np.uint64(seed))
    stays = np.stack(words, axis=1).reshape(-1)[: x.size] >= threshold(p)
    out[:] = np.where(stays, x * x.dtype.type(factor(p)), 0)
