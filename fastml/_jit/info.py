"""What kernels are compiled for, and what runs them, in words."""

import llvmlite.binding
import numba

from fastml._jit.cache import cache_root
from fastml._jit.simd import TILE_COLS, simd_level, tile_shape


def describe() -> dict[str, str]:
    """Return facts about the compiler, the CPU and the thread pool, by name.

    Returns
    -------
    dict of str to str
        In the order in which they are worth reading.
    """
    try:
        layer = numba.threading_layer()
    except ValueError:
        layer = f"{numba.config.THREADING_LAYER} (no parallel kernel has run yet)"
    tiles = {bits: tile_shape(bits // 8) for bits in (32, 64)}
    return {
        "CPU": numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
        "SIMD": simd_level(),
        **{
            f"tile, float{bits}": f"{rows} x {TILE_COLS}, {lanes} lanes"
            for bits, (rows, lanes) in tiles.items()
        },
        "threading layer": layer,
        "threads": str(numba.config.NUMBA_NUM_THREADS),
        "kernel cache": str(cache_root()),
    }
