"""What a backend offers, and all of it for arrays in the memory of the host."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# Kernels take these as they are.
_TAKEN = frozenset(map(np.dtype, ("f4", "f8", "i4", "i8", "u4", "u8", "u1", "bool")))


def on_device(a: Any) -> bool:
    """Return whether an array, or a sparse matrix of CuPy, lives on a CUDA device."""
    if isinstance(a, np.ndarray):
        return False
    if hasattr(a, "__cuda_array_interface__") or sparse_on_device(a):
        return True
    try:
        device_type = a.__dlpack_device__()[0]
    except (AttributeError, BufferError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    # kDLCUDA, and kDLCUDAManaged for memory that both sides can reach.
    return device_type in (2, 13)


def kernel_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which kernels take values of a dtype: native, no half, no long double."""
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        return np.dtype(np.float32 if dtype.itemsize < 4 else np.float64)
    return dtype if dtype.isnative else dtype.newbyteorder("=")


def free_host_memory() -> float:
    """Return the free bytes of the host, or of the control group that this process is in."""
    free = float("inf")
    try:
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = 1024.0 * int(fields["MemAvailable"].split()[0])
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            free = min(free, int(limit) - int((group / "memory.current").read_text()))
    except (OSError, KeyError, ValueError):
        pass  # another system, or no limit on this one
    return max(free, 0.0)


class Backend:
    """Where arrays live and kernels run.

    Parameters
    ----------
    name : str
        "cpu", "reference" or "cuda": also the name of the kernels' modules.

    Attributes
    ----------
    name : str
        See above.
    xp : module
        The array library: numpy, or cupy.
    """

    def __init__(self, name: str, xp: ModuleType = np) -> None:
        self.name = name
        self.xp: Any = xp
        self._kernels: dict[str, ModuleType] = {}

    @property
    def n_workers(self) -> int:
        """How many shares a kernel that keeps one partial result per worker should be given."""
        return 1

    @property
    def blocks_at_once(self) -> int:
        """How many blocks of rows keep a kernel busy: more take memory for their results."""
        return self.n_workers

    def asarray(self, a: Any, dtype: Any = None) -> Any:
        """Return `a` as kernels take it, the same array where it is so already.

        Parameters
        ----------
        a : array-like
            On the host or on a device.
        dtype : dtype, optional
            The dtype wanted; that of `a` by default.

        Returns
        -------
        array
            In native byte order, C-contiguous and aligned; float16 becomes float32.
        """
        if type(a) is np.ndarray and a.dtype in _TAKEN and (dtype is None or a.dtype == dtype):
            flags = a.flags
            if flags.c_contiguous and flags.aligned:
                # What is found below too, in ten times as long: this is called every iteration.
                return a
        if on_device(a):
            a = fetched(a)
        a = np.asarray(a)
        wanted = kernel_dtype(a.dtype if dtype is None else np.dtype(dtype))
        return np.require(a, wanted, ["C_CONTIGUOUS", "ALIGNED"])

    def empty(self, shape: int | tuple[int, ...], dtype: Any) -> Any:
        """Return an array with any content."""
        return self.xp.empty(shape, dtype)

    def zeros(self, shape: int | tuple[int, ...], dtype: Any) -> Any:
        """Return an array of zeros."""
        return self.xp.zeros(shape, dtype)

    def to_host(self, a: Any) -> np.ndarray[Any, Any]:
        """Return a NumPy array of what `a` holds."""
        return np.asarray(a)

    def synchronize(self) -> None:
        """Wait until the kernels launched so far have ended."""

    def free_memory(self) -> float:
        """Return how many bytes can still be allocated, infinity where nothing tells."""
        return free_host_memory()

    def kernels(self, family: str) -> ModuleType:
        """Return the module that holds a family's kernels."""
        # Each node of a graph asks, and an import takes its time even of what is there.
        found = self._kernels.get(family)
        if found is None:
            found = importlib.import_module(f"fastml.kernels.{family}.{self.name}")
            self._kernels[family] = found
        return found

    def __repr__(self) -> str:
        return f"<backend {self.name}>"


def sparse_on_device(a: Any) -> bool:
    """Return whether `a` is a sparse matrix of CuPy."""
    return type(a).__module__.startswith("cupyx.")


def fetched(a: Any) -> Any:
    """Copy an array, or a sparse matrix of CuPy, from a device."""
    return as_cupy(a).get()


def as_cupy(a: Any) -> Any:
    """Return what lives on a device as CuPy's, without a copy.

    Raises
    ------
    RuntimeError
        If CuPy is not installed.
    """
    try:
        import cupy
    except ImportError:
        raise RuntimeError(
            f"Input of type {type(a).__name__} lives on a CUDA device, and reading it needs CuPy: "
            "install it with python -m pip install 'fastml[cuda13]' (or 'fastml[cuda12]'), or "
            "pass an array in host memory."
        ) from None
    if sparse_on_device(a):
        return a
    return cupy.asarray(a) if hasattr(a, "__cuda_array_interface__") else cupy.from_dlpack(a)
