"""Dropout on a CUDA device: one thread draws for four elements."""

import numpy as np

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.philox import philox4x32
from fastml.kernels.dropout.scalar import factor, threshold

_philox = cuda_device(philox4x32)


@cuda_device
def _keep(word, least, scale, x, i, out):
    if i < x.size:
        out[i] = scale * x[i] if word >= least else x.dtype.type(0)


@cuda_kernel
def _apply(seed, stream, step, least, scale, x, out):
    for g in range(cuda.grid(1), (x.size + 3) // 4, cuda.gridsize(1)):
        a, b, c, d = _philox(np.uint64(g), step, stream, seed)
        _keep(a, least, scale, x, 4 * g, out)
        _keep(b, least, scale, x, 4 * g + 1, out)
        _keep(c, least, scale, x, 4 * g + 2, out)
        _keep(d, least, scale, x, 4 * g + 3, out)


def apply(
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    p,  # IN scalar
    x,  # IN (n,)
    out,  # OUT (n,)
):
    key = np.uint64(seed), np.uint64(stream), np.uint64(step)
    numbers = threshold(p), x.dtype.type(factor(p))
    _apply[grid_1d(-(-x.size // 4))](*key, *numbers, as_device(x), as_device(out))
