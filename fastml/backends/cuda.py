"""Kernels on an NVIDIA GPU, with CuPy for the arrays; NumPy takes its place in the simulator."""

import ctypes
import functools
import importlib.util
import os
import sys
from typing import Any

import numpy as np

from fastml.backends.base import Backend, kernel_dtype, on_device
from fastml.blocks import MAX_BLOCKS

INSTALL = "python -m pip install 'fastml[cuda13]' (CUDA 13) or 'fastml[cuda12]' (CUDA 12)"


class CudaBackend(Backend):
    """Arrays of CuPy, kernels on the current device and CuPy's current stream."""

    @property
    def blocks_at_once(self) -> int:
        """All of them: a device is kept busy by products of many blocks at a time."""
        return MAX_BLOCKS

    def asarray(self, a: Any, dtype: Any = None) -> Any:
        """Return `a` on the device; see `Backend.asarray`."""
        if not on_device(a):
            return self.xp.asarray(super().asarray(a, dtype))
        if not hasattr(a, "__cuda_array_interface__"):
            a = self.xp.from_dlpack(a)
        a = self.xp.asarray(a)
        wanted = kernel_dtype(np.dtype(a.dtype if dtype is None else dtype))
        return self.xp.ascontiguousarray(a, dtype=wanted).reshape(a.shape)

    def to_host(self, a: Any) -> np.ndarray[Any, Any]:
        """Return a NumPy array of what `a` holds; waits for the kernels that write it."""
        return np.asarray(a) if self.xp is np else self.xp.asnumpy(a)

    def synchronize(self) -> None:
        """Wait until the kernels launched so far have ended."""
        if self.xp is not np:
            self.xp.cuda.get_current_stream().synchronize()

    def free_memory(self) -> float:
        """Return how many bytes can still be allocated on the device, with what CuPy keeps."""
        if self.xp is np:
            return super().free_memory()
        return float(
            self.xp.cuda.Device().mem_info[0] + self.xp.get_default_memory_pool().free_bytes()
        )


@functools.cache
def device_count() -> int:
    """Return how many CUDA devices the driver offers, 0 without a driver; imports nothing."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def missing() -> list[str]:
    """Return what the backend lacks on this machine, in words; empty where it works."""
    found = []
    if device_count() == 0:
        found.append("an NVIDIA GPU with its driver")
    for package, module in (("CuPy", "cupy"), ("numba-cuda", "numba_cuda")):
        if importlib.util.find_spec(module) is None:
            found.append(f"the package {package}")
    return found


@functools.cache
def make() -> CudaBackend:
    """Return the backend.

    Raises
    ------
    RuntimeError
        Where a GPU or a package is missing; says which.
    """
    # Set before numba is imported, which alone can say so otherwise.
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0"):
        return CudaBackend("cuda", np)
    absent = missing()
    if absent:
        raise RuntimeError(
            f"backend='cuda' needs {' and '.join(absent)}, not found here. The packages come with "
            f"{INSTALL}; without a GPU use backend='cpu'."
        )
    import cupy

    return CudaBackend("cuda", cupy)
