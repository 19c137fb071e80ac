"""Elementary functions of every element, on a CUDA device."""

import math

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml.kernels.elementwise import scalar

_logistic = cuda_device(scalar.sigmoid)


@cuda_kernel
def _exp(x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = math.exp(x[i])


@cuda_kernel
def _log(x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = math.log(x[i])


@cuda_kernel
def _log1p(x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = math.log1p(x[i])


@cuda_kernel
def _tanh(x, out):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = math.tanh(x[i])


@cuda_kernel
def _sigmoid(x, out):
    one = x.dtype.type(1)
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = _logistic(x[i], one)


def exp(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    _exp[grid_1d(x.size)](as_device(x), as_device(out))


def log(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    _log[grid_1d(x.size)](as_device(x), as_device(out))


def log1p(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    _log1p[grid_1d(x.size)](as_device(x), as_device(out))


def tanh(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    _tanh[grid_1d(x.size)](as_device(x), as_device(out))


def sigmoid(
    x,  # IN (n,)
    out,  # OUT (n,)
):
    _sigmoid[grid_1d(x.size)](as_device(x), as_device(out))
