"""Real numbers, as functions that are public take them: variables, or what makes an array."""

from typing import Any

import numpy as np

from fastml.autodiff._variable import Variable
from fastml.backends import as_cupy, on_device, sparse_on_device

__all__ = ["real_values"]


def real_values(x: Any, name: str) -> Any:
    """Return a variable as it is, anything else as an array, of any dtype that is real.

    Parameters
    ----------
    x : Variable or array-like
        On the host or on a device.
    name : str
        What errors call it.

    Raises
    ------
    TypeError
        If it is sparse.
    ValueError
        If it is complex.
    """
    if type(x) is not Variable and type(x) is not np.ndarray:
        if hasattr(x, "tocsr") or sparse_on_device(x):
            raise TypeError(
                f"Sparse data was passed for {name}, but dense data is required. Use '.toarray()' "
                "to convert to a dense array."
            )
        x = as_cupy(x) if on_device(x) else np.asarray(x)
    if x.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has dtype {x.dtype}.")
    return x
