"""Compiled kernels on the cores of the host."""

from fastml.backends.base import Backend


class CpuBackend(Backend):
    """NumPy arrays, kernels on the threads the configuration allows."""

    @property
    def n_workers(self) -> int:
        """How many threads a kernel launched now may use."""
        # Here, not above: fastml._jit imports numba.
        from fastml._jit.launch import thread_count

        return thread_count()


BACKEND = CpuBackend("cpu")
