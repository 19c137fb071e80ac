"""Inputs for kernels, and how to find, run and check every kernel there is.

A module ``fastml.testing.cases.<family>`` holds for each kernel of the family a function of its
name, ``kernel(dtype, scale, seed) -> Case``. Kernels and cases are found by name: a new one is
tested on every backend without an edit elsewhere.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

import fastml.kernels
from fastml._jit import Kernel

BACKENDS = ("reference", "cpu", "cuda")
SCALES = ("tiny", "small", "large")
DTYPES = (np.float32, np.float64)


@dataclass(frozen=True)
class Case:
    """Arguments of one call of a kernel, and what to expect of it.

    Parameters
    ----------
    args : dict
        A value for every parameter of the kernel. Arrays that it only writes hold a sentinel.
    outputs : tuple of str
        Names of the parameters that it writes.
    rtol, atol : float
        By how much floating-point outputs may differ from the reference; other outputs must be
        equal.
    compare : callable or None
        ``compare(expected, got, args)`` in place of the comparison above, where values can tie.
        All are dictionaries of NumPy arrays; it raises AssertionError.
    """

    args: dict[str, Any]
    outputs: tuple[str, ...]
    rtol: float = 0.0
    atol: float = 0.0
    compare: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], None] | None = None


def families() -> list[str]:
    """Return the names of all families of kernels."""
    return [
        module.name
        for module in pkgutil.iter_modules(fastml.kernels.__path__)
        if module.ispkg and not module.name.startswith("_")
    ]


def kernel_module(family: str, backend: str) -> ModuleType:
    """Return the module that holds a family's kernels for a backend."""
    return importlib.import_module(f"fastml.kernels.{family}.{backend}")


def public_names(module: ModuleType) -> list[str]:
    """Return the names of the kernels in a module: what is defined there, is public and runs."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and isinstance(value, Kernel | FunctionType)
        and value.__module__ == module.__name__
    ]


def kernels(family: str) -> list[str]:
    """Return the names of a family's kernels."""
    return public_names(kernel_module(family, "reference"))


def parameters(family: str, backend: str, name: str) -> inspect.Signature:
    """Return the parameters of a kernel."""
    return inspect.signature(getattr(kernel_module(family, backend), name))


def case(family: str, name: str, dtype: Any, scale: str = "small", seed: int = 0) -> Case:
    """Return a case.

    Parameters
    ----------
    family, name : str
        Of the kernel.
    dtype : dtype
        float32 or float64; of the kernel's floating-point arrays.
    scale : {"tiny", "small", "large"}
        For Numba's simulator of CUDA (some hundred elements), for tests on the CPU, and for
        benchmarks and devices.
    seed : int
        Sizes and options at scale "small" go with it through empty, single and odd ones.

    Returns
    -------
    Case
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {SCALES}, got {scale!r}.")
    module = importlib.import_module(f"fastml.testing.cases.{family}")
    return getattr(module, name)(np.dtype(dtype).type, scale, seed)


def choose(scale: str, seed: int, tiny: Any, small: Sequence[Any], large: Any) -> Any:
    """Return what belongs to a scale; of `small` the item that is the seed's turn."""
    return {"tiny": tiny, "small": small[seed % len(small)], "large": large}[scale]


def sentinel(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array of values that no kernel writes, so that a missed element shows."""
    dtype = np.dtype(dtype)
    return np.full(shape, np.nan if dtype.kind == "f" else np.iinfo(dtype).max // 2, dtype)


def run(
    family: str,
    backend: str,
    name: str,
    case: Case,
    to_device: Callable[[np.ndarray], Any] | None = None,
    read_only: bool = False,
) -> dict[str, np.ndarray]:
    """Run a kernel on copies of a case's arrays.

    Parameters
    ----------
    family, backend, name : str
        Of the kernel.
    case : Case
        Left as it is.
    to_device : callable, optional
        Moves an array to where the kernel runs.
    read_only : bool
        Whether to make arrays that the kernel only reads read-only.

    Returns
    -------
    dict
        The outputs, as NumPy arrays.
    """
    args = {}
    for key, value in case.args.items():
        if isinstance(value, np.ndarray):
            value = value.copy() if to_device is None else to_device(value)
            if read_only and key not in case.outputs:
                value.flags.writeable = False
        args[key] = value
    getattr(kernel_module(family, backend), name)(**args)
    outputs = {key: args[key] for key in case.outputs}
    return {key: a.get() if hasattr(a, "get") else np.asarray(a) for key, a in outputs.items()}


def check(case: Case, expected: dict[str, np.ndarray], got: dict[str, np.ndarray]) -> None:
    """Raise AssertionError where outputs differ from the reference's by more than is allowed."""
    for key in case.outputs:
        assert got[key].shape == expected[key].shape
        assert got[key].dtype == expected[key].dtype
    if case.compare is not None:
        case.compare(expected, got, case.args)
        return
    for key in case.outputs:
        if expected[key].dtype.kind == "f" and (case.rtol or case.atol):
            np.testing.assert_allclose(
                got[key], expected[key], rtol=case.rtol, atol=case.atol, err_msg=key
            )
        else:
            np.testing.assert_array_equal(got[key], expected[key], err_msg=key)
