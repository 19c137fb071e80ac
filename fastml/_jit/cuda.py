"""CUDA kernels: the only file that imports numba.cuda.

Nothing here needs a GPU or a driver: kernels compile at their first launch. numba.cuda is
numba-cuda's where that package is installed, else the one inside numba, which serves for the
simulator (NUMBA_ENABLE_CUDASIM=1, set before numba is imported).

`cuda` is the module itself, as kernels must name it: the simulator puts another one in its place
while a kernel runs.
"""

import contextlib
import functools
import sys

import numba
import numpy as np
from numba import cuda, types

__all__ = ["array_module", "as_device", "cuda", "cuda_device", "cuda_kernel", "current_stream"]
__all__ += ["record_launches", "simulated"]

# Small grids are meant: block counts follow the data, not the number of multiprocessors.
numba.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

# What the simulator's cuda.jit takes; the rest concerns generated code, of which it has none.
_SIMULATOR_OPTIONS = {"device", "fastmath", "debug", "opt"}


def simulated() -> bool:
    """Return whether kernels run in Numba's simulator, on NumPy arrays."""
    return bool(numba.config.ENABLE_CUDASIM)


def _import_array_functions():
    """Import what numba-cuda 0.30 cannot under NumPy 2.5: it registers the removed np.row_stack."""
    if simulated() or getattr(cuda, "implementation", "") != "NVIDIA":
        return
    if np.lib.NumpyVersion(np.__version__) < "2.5.0.dev0" or "row_stack" in vars(np):
        return
    np.row_stack = np.vstack  # noqa: NPY201
    try:
        import numba.cuda.np.arrayobj  # noqa: F401
    finally:
        del np.row_stack  # noqa: NPY201


_import_array_functions()


def _jit(func, options):
    if simulated():
        options = {name: options[name] for name in options.keys() & _SIMULATOR_OPTIONS}
    return cuda.jit(**options)(func)


class CudaKernel:
    """A kernel to be launched as ``kernel[grid, block](*args)``; made by `cuda_kernel`.

    The third item of the configuration, the stream, is CuPy's current one unless given; the
    fourth is the size of dynamic shared memory in bytes. An empty grid launches nothing.
    """

    def __init__(self, func, options):
        functools.update_wrapper(self, func)
        self.py_func = func
        self.options = options

    @functools.cached_property
    def dispatcher(self):
        """What Numba made of the function."""
        return _jit(self.py_func, self.options)

    def __getitem__(self, config):
        return functools.partial(self._launch, config)

    def _launch(self, config, *args):
        grid, block, *rest = config
        if 0 in (grid if isinstance(grid, tuple) else (grid,)):
            return
        if _recorded is not None:
            _recorded.append((self, tuple(map(_argument_type, args))))
            return
        stream = rest[0] if rest else current_stream()
        self.dispatcher[(grid, block, stream, *rest[1:])](*args)

    def __repr__(self):
        return f"<CUDA kernel {self.__module__}.{self.__qualname__}>"


def cuda_kernel(func=None, **options):
    """Make a CUDA kernel of a function.

    Parameters
    ----------
    func : callable
        The function; None when options are given.
    **options
        Of ``numba.cuda.jit``. The simulator is not told of those that it does not know.

    Returns
    -------
    CudaKernel
        Compiled for the types of its arguments at the first launch.
    """
    if func is None:
        return functools.partial(cuda_kernel, **options)
    return CudaKernel(func, options)


def cuda_device(func=None, **options):
    """Make a function that CUDA kernels call."""
    if func is None:
        return functools.partial(cuda_device, **options)
    return _jit(func, {**options, "device": True})


_recorded = None


@contextlib.contextmanager
def record_launches():
    """Collect launches in place of running them, so that no device is needed.

    Yields
    ------
    list of (CudaKernel, tuple of numba types)
        One entry a launch. NumPy arrays stand for device arrays of their dtype and layout.
    """
    global _recorded
    before, _recorded = _recorded, []
    try:
        yield _recorded
    finally:
        _recorded = before


def _argument_type(value):
    kind = numba.typeof(value)
    if isinstance(kind, types.Array):
        # Device arrays are never read-only or unaligned to Numba.
        return types.Array(kind.dtype, kind.ndim, kind.layout)
    return kind


def array_module(*arrays):
    """Return cupy where an argument is a CuPy array, else numpy."""
    cupy = sys.modules.get("cupy")
    if cupy is not None and any(isinstance(a, cupy.ndarray) for a in arrays):
        return cupy
    return np


def as_device(a):
    """Return an array as a kernel takes it: a CuPy array as Numba's view of it.

    Numba needs some 30 microseconds for each CuPy array of a launch, so wrap once a call. NumPy
    arrays, for the simulator and for recording, and Numba's own stay as they are.
    """
    if isinstance(a, np.ndarray) or not hasattr(a, "__cuda_array_interface__"):
        return a
    if cuda.is_cuda_array(a) and type(a).__module__.startswith("numba"):
        return a
    # Launches go to the stream on which CuPy wrote the array: nothing to wait for.
    return cuda.as_cuda_array(a, sync=False)


def current_stream():
    """Return CuPy's current stream as Numba takes it; 0, the default stream, without CuPy."""
    cupy = sys.modules.get("cupy")
    if cupy is None or simulated():
        return 0
    pointer = cupy.cuda.get_current_stream().ptr
    return _external_stream(pointer) if pointer else 0


@functools.lru_cache(maxsize=64)
def _external_stream(pointer):
    return cuda.external_stream(pointer)
