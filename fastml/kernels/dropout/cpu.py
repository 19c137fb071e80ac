"""Dropout on the CPU: the mask is made where it is used, and never stored."""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml._jit.lanes import select, widest_vectors
from fastml._jit.philox import inlined, philox4x32
from fastml.kernels.dropout.scalar import factor, threshold

_philox = inlined(philox4x32)

# Counters of one task, each of which draws for four elements.
TASK = 1024


@njit_leaf
def _whole(seed, stream, step, least, scale, counter, x, out):
    """Drop elements of a stretch whose draws are those of whole counters."""
    widest_vectors()
    zero = x.dtype.type(0)
    for g in range(x.size // 4):
        a, b, c, d = _philox(counter + np.uint64(g), step, stream, seed)
        i = 4 * g
        out[i] = select(a >= least, scale * x[i], zero)
        out[i + 1] = select(b >= least, scale * x[i + 1], zero)
        out[i + 2] = select(c >= least, scale * x[i + 2], zero)
        out[i + 3] = select(d >= least, scale * x[i + 3], zero)


@njit_parallel(work=lambda seed, stream, step, least, scale, x, out: 8 * x.size)
def _apply(seed, stream, step, least, scale, x, out):
    n_groups = x.size // 4
    for task in prange(-(-n_groups // TASK)):
        start, stop = task * TASK, min(n_groups, (task + 1) * TASK)
        first, last = 4 * start, 4 * stop
        _whole(seed, stream, step, least, scale, np.uint64(start), x[first:last], out[first:last])
    if 4 * n_groups < x.size:
        ends = np.zeros((2, 4), x.dtype)
        rest = x.size - 4 * n_groups
        ends[0, :rest] = x[4 * n_groups :]
        _whole(seed, stream, step, least, scale, np.uint64(n_groups), ends[0], ends[1])
        out[4 * n_groups :] = ends[1, :rest]


def apply(
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    p,  # IN scalar
    x,  # IN (n,)
    out,  # OUT (n,)
):
    """Multiply the elements that stay by ``1 / (1 - p)``, the others by 0.

    Element i is judged by word i % 4 of counter i // 4 of Philox 4x32-10: the same ones stay in
    float32 and float64, forwards and backwards, and on every backend.

    Parameters
    ----------
    seed : scalar int
        Key of the generator, below 2**64.
    stream : scalar int
        Tells apart the draws of different layers; below 2**32.
    step : scalar int
        Tells apart the draws of successive steps; below 2**32.
    p : scalar float
        Probability that an element is dropped, from 0 to 1.
    x : (n,) float array
        What to drop elements of: values, or gradients on their way back.
    out : (n,) float array
        Written: the result.
    """
    seed, stream, step = np.uint64(seed), np.uint64(stream), np.uint64(step)
    _apply(seed, stream, step, threshold(p), x.dtype.type(factor(p)), x, out)
