"""Numba, tamed in one place: the only package of fastml that imports numba and llvmlite."""

from fastml._jit.pool import grow_pool

# Before numba is imported, which the next line does.
grow_pool()

from fastml._jit.compile import (  # noqa: E402
    FASTMATH,
    Kernel,
    njit_exact,
    njit_leaf,
    njit_parallel,
    njit_serial,
    prange,
)

__all__ = ["FASTMATH", "Kernel", "njit_exact", "njit_leaf", "njit_parallel"]
__all__ += ["njit_serial", "prange"]
