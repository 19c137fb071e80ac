"""Feature maps that approximate kernels."""

from fastml.kernel_approximation._nystroem import Nystroem

__all__ = ["Nystroem"]
