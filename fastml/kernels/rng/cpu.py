"""Random numbers on the CPU: each depends on (seed, stream, step, index) alone."""

import math

import numpy as np

from fastml._jit import njit_parallel, prange, vecmath
from fastml._jit.philox import inlined, philox4x32, uniform_float32, uniform_float64
from fastml.kernels.rng import scalar

_philox = inlined(philox4x32)
_uniform32 = inlined(uniform_float32)
_uniform64 = inlined(uniform_float64)
_sincos32 = inlined(scalar.sincos_float32)
_sincos64 = inlined(scalar.sincos_float64)

# Counters of one task, which make 16 KiB.
TASK = 1024


@inlined
def _words(index, step, stream, seed, out, i):
    a, b, c, d = _philox(index, step, stream, seed)
    out[i], out[i + 1] = np.uint32(a), np.uint32(b)
    out[i + 2], out[i + 3] = np.uint32(c), np.uint32(d)


@inlined
def _uniform_single(index, step, stream, seed, out, i):
    a, b, c, d = _philox(index, step, stream, seed)
    out[i], out[i + 1] = _uniform32(a), _uniform32(b)
    out[i + 2], out[i + 3] = _uniform32(c), _uniform32(d)


@inlined
def _uniform_double(index, step, stream, seed, out, i):
    a, b, c, d = _philox(index, step, stream, seed)
    out[i], out[i + 1] = _uniform64(a, b), _uniform64(c, d)


@inlined
def _normal_single(index, step, stream, seed, out, i):
    a, b, c, d = _philox(index, step, stream, seed)
    one, two = np.float32(1), np.float32(2)
    # 1 - u is exact and never 0.
    radius = math.sqrt(-two * vecmath.log(one - _uniform32(a)))
    sine, cosine = _sincos32(_uniform32(b))
    out[i], out[i + 1] = radius * sine, radius * cosine
    radius = math.sqrt(-two * vecmath.log(one - _uniform32(c)))
    sine, cosine = _sincos32(_uniform32(d))
    out[i + 2], out[i + 3] = radius * sine, radius * cosine


@inlined
def _normal_double(index, step, stream, seed, out, i):
    a, b, c, d = _philox(index, step, stream, seed)
    radius = math.sqrt(-2.0 * vecmath.log(1.0 - _uniform64(a, b)))
    sine, cosine = _sincos64(_uniform64(c, d))
    out[i], out[i + 1] = radius * sine, radius * cosine


def _filler(write, width):
    """Make the kernel that fills an array with the `width` draws of each of a run of counters."""

    @njit_parallel(work=lambda seed, stream, step, out, *rest: 20 * out.size)
    def fill(seed, stream, step, out, counter, position):
        n = out.size
        n_groups = -(-(n - position) // width)
        # Counters whose draws all lie in the array: a loop without conditions, for SIMD.
        first, last = int(position < 0), (n - position) // width
        for task in prange(-(-n_groups // TASK)):
            start, stop = max(first, task * TASK), min(last, (task + 1) * TASK)
            # Indices from 0 on, as one that might be negative costs the vector stores.
            whole = out[position + start * width : position + stop * width]
            for g in range(stop - start):
                write(counter + np.uint64(start + g), step, stream, seed, whole, g * width)
        draws = np.empty(width, out.dtype)
        for g in (0, n_groups - 1):
            if n > 0 and not first <= g < last:
                write(counter + np.uint64(g), step, stream, seed, draws, 0)
                for j in range(width):
                    i = position + g * width + j
                    if 0 <= i < n:
                        out[i] = draws[j]

    return fill


_fill_bits = _filler(_words, 4)
_fill_uniform = {4: _filler(_uniform_single, 4), 8: _filler(_uniform_double, 2)}
_fill_normal = {4: _filler(_normal_single, 4), 8: _filler(_normal_double, 2)}


def _fill(kernel, seed, stream, step, out, start):
    counter, position = scalar.first_group(start, 16 // out.itemsize)
    kernel(np.uint64(seed), np.uint64(stream), np.uint64(step), out, np.uint64(counter), position)


def bits(
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    out,  # OUT (n, 4)
    start=0,  # IN scalar
):
    """Fill each row with the four words of its counter.

    Parameters
    ----------
    seed : scalar int
        Key of the generator, below 2**64.
    stream : scalar int
        Tells apart the draws of different purposes; below 2**32.
    step : scalar int
        Tells apart the draws of successive steps; below 2**32.
    out : (n, 4) uint32 array
        Written: 128 random bits a row.
    start : scalar int
        Global index of the first row.
    """
    _fill(_fill_bits, seed, stream, step, out.reshape(-1), 4 * start)


def uniform(
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    out,  # OUT (n,)
    start=0,  # IN scalar
):
    """Fill an array with uniform draws in [0, 1).

    One counter makes four float32 (24 bits each) or two float64 (53 bits each).

    Parameters
    ----------
    seed : scalar int
        Key of the generator, below 2**64.
    stream : scalar int
        Tells apart the draws of different purposes; below 2**32.
    step : scalar int
        Tells apart the draws of successive steps; below 2**32.
    out : (n,) float array
        Written: draws `start`, `start` + 1, ...
    start : scalar int
        Global index of the first element.
    """
    _fill(_fill_uniform[out.itemsize], seed, stream, step, out, start)


def normal(
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    out,  # OUT (n,)
    start=0,  # IN scalar
):
    """Fill an array with standard normal draws.

    By Box and Muller's formula, from the same uniform draws as `uniform` has at these places.

    Parameters
    ----------
    seed : scalar int
        Key of the generator, below 2**64.
    stream : scalar int
        Tells apart the draws of different purposes; below 2**32.
    step : scalar int
        Tells apart the draws of successive steps; below 2**32.
    out : (n,) float array
        Written: draws `start`, `start` + 1, ...
    start : scalar int
        Global index of the first element.
    """
    _fill(_fill_normal[out.itemsize], seed, stream, step, out, start)
