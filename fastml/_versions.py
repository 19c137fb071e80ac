"""What a report of a problem needs to say about the machine."""

import ctypes
import importlib.metadata
import platform
import sys

from fastml import __version__
from fastml.config import get_config

__all__ = ["show_versions"]

PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "numba", "llvmlite", "joblib", "threadpoolctl"),
    *("numba-cuda", "cupy-cuda12x", "cupy-cuda13x", "dask", "onnx", "matplotlib", "rich"),
)


def show_versions() -> None:
    """Print versions of fastml and what it stands on, the CPU's tile shape, threads and CUDA.

    Examples
    --------
    >>> import fastml
    >>> fastml.show_versions()  # doctest: +SKIP
    """
    from fastml._jit.info import describe

    sections = {
        "System": {
            "python": sys.version.replace("\n", " "),
            "executable": sys.executable,
            "machine": platform.platform(),
        },
        "Packages": {"fastml": __version__, **{name: _version(name) for name in PACKAGES}},
        "CPU kernels": describe(),
        "CUDA": {"driver": _cuda_driver()},
        "Options": {name: str(value) for name, value in vars(get_config()).items()},
    }
    for title, facts in sections.items():
        print(f"\n{title}:")
        for name, fact in facts.items():
            print(f"{name:>18}: {fact}")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cuda_driver() -> str:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "not found"
    version, devices = ctypes.c_int(), ctypes.c_int()
    driver.cuDriverGetVersion(ctypes.byref(version))
    supports = f"for CUDA {version.value // 1000}.{version.value % 1000 // 10}"
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(devices)) != 0:
        return f"{supports}, no device"
    return f"{supports}, devices: {devices.value}"
