"""Random numbers on a CUDA device: one thread makes the draws of a counter."""

import math

import numpy as np

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.philox import philox4x32, uniform_float32, uniform_float64
from fastml.kernels.rng import scalar

_philox = cuda_device(philox4x32)
_uniform32 = cuda_device(uniform_float32)
_uniform64 = cuda_device(uniform_float64)
_sincos32 = cuda_device(scalar.sincos_float32)
_sincos64 = cuda_device(scalar.sincos_float64)

_ONE = np.float32(1)
_TWO = np.float32(2)


@cuda_device
def _store4(out, first, a, b, c, d):
    if 0 <= first < out.size:
        out[first] = a
    if 0 <= first + 1 < out.size:
        out[first + 1] = b
    if 0 <= first + 2 < out.size:
        out[first + 2] = c
    if 0 <= first + 3 < out.size:
        out[first + 3] = d


@cuda_device
def _store2(out, first, a, b):
    if 0 <= first < out.size:
        out[first] = a
    if 0 <= first + 1 < out.size:
        out[first + 1] = b


@cuda_kernel
def _bits(seed, stream, step, out, counter):
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        w0, w1, w2, w3 = _philox(counter + np.uint64(i), step, stream, seed)
        out[i, 0] = w0
        out[i, 1] = w1
        out[i, 2] = w2
        out[i, 3] = w3


@cuda_kernel
def _uniform_single(seed, stream, step, out, counter, position, n_groups):
    for g in range(cuda.grid(1), n_groups, cuda.gridsize(1)):
        w0, w1, w2, w3 = _philox(counter + np.uint64(g), step, stream, seed)
        u0, u1, u2, u3 = _uniform32(w0), _uniform32(w1), _uniform32(w2), _uniform32(w3)
        _store4(out, position + 4 * g, u0, u1, u2, u3)


@cuda_kernel
def _uniform_double(seed, stream, step, out, counter, position, n_groups):
    for g in range(cuda.grid(1), n_groups, cuda.gridsize(1)):
        w0, w1, w2, w3 = _philox(counter + np.uint64(g), step, stream, seed)
        _store2(out, position + 2 * g, _uniform64(w0, w1), _uniform64(w2, w3))


@cuda_kernel
def _normal_single(seed, stream, step, out, counter, position, n_groups):
    for g in range(cuda.grid(1), n_groups, cuda.gridsize(1)):
        w0, w1, w2, w3 = _philox(counter + np.uint64(g), step, stream, seed)
        r0 = math.sqrt(-_TWO * math.log(_ONE - _uniform32(w0)))
        r1 = math.sqrt(-_TWO * math.log(_ONE - _uniform32(w2)))
        s0, c0 = _sincos32(_uniform32(w1))
        s1, c1 = _sincos32(_uniform32(w3))
        _store4(out, position + 4 * g, r0 * s0, r0 * c0, r1 * s1, r1 * c1)


@cuda_kernel
def _normal_double(seed, stream, step, out, counter, position, n_groups):
    for g in range(cuda.grid(1), n_groups, cuda.gridsize(1)):
        w0, w1, w2, w3 = _philox(counter + np.uint64(g), step, stream, seed)
        r = math.sqrt(-2.0 * math.log(1.0 - _uniform64(w0, w1)))
        s, c = _sincos64(_uniform64(w2, w3))
        _store2(out, position + 2 * g, r * s, r * c)


def _fill(kernel, seed, stream, step, out, start):
    width = 16 // out.itemsize
    counter, position = scalar.first_group(start, width)
    n_groups = -(-(out.size - position) // width) if out.size else 0
    key = np.uint64(seed), np.uint64(stream), np.uint64(step)
    kernel[grid_1d(n_groups)](*key, as_device(out), np.uint64(counter), position, n_groups)


def bits(
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    out,  # OUT (n, 4)
    start=0,  # IN scalar
):
    key = np.uint64(seed), np.uint64(stream), np.uint64(step)
    _bits[grid_1d(out.shape[0])](*key, as_device(out), np.uint64(start))


def uniform(
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    out,  # OUT (n,)
    start=0,  # IN scalar
):
    kernel = _uniform_single if out.itemsize == 4 else _uniform_double
    _fill(kernel, seed, stream, step, out, start)


def normal(
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    out,  # OUT (n,)
    start=0,  # IN scalar
):
    kernel = _normal_single if out.itemsize == 4 else _normal_double
    _fill(kernel, seed, stream, step, out, start)
