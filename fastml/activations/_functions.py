"""Activation functions of arrays, on the backend that holds them."""

from typing import Any

import numpy as np

from fastml import backends
from fastml.backends import on_device


def winner_take_all(S: Any, axis: int = -1) -> Any:
    """Let the unit with the largest input be 1 and all others 0.

    Parameters
    ----------
    S : array-like of real numbers, any shape
        Inputs of the units: s = W'x for units with weights W. Infinities are compared like other
        values.
    axis : int, default=-1
        Axis along which the units compete.

    Returns
    -------
    array
        h_j = 1 where j = argmax_i s_i, the lowest j where several are largest, else 0. Of the
        shape of S and, if that is floating-point, of its dtype (else float64). On the device if S
        is on one, unless the option `backend` has it computed on the host.

    Raises
    ------
    ValueError
        If S is complex, holds NaN, or has no unit along the axis; if there is no such axis.

    References
    ----------
    D. E. Rumelhart and D. Zipser, "Feature discovery by competitive learning", Cognitive Science
    9, 1985.

    Examples
    --------
    >>> from fastml.activations import winner_take_all
    >>> winner_take_all([[0.1, 0.7, 0.2], [3.0, 3.0, 1.0]])
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    backend = backends.resolve(S)
    if not on_device(S):
        S = np.asarray(S)
    dtype = np.dtype(S.dtype)
    if dtype.kind == "c":
        raise ValueError(f"Complex data not supported: S has dtype {dtype}.")
    values = backend.asarray(S, dtype if dtype.kind == "f" else np.float64)
    last = axis == -1 and values.ndim > 0
    if not last:
        values = backend.asarray(backend.xp.moveaxis(values, axis, -1))
    if values.shape[-1] == 0:
        raise ValueError(
            f"winner_take_all needs at least one unit along axis {axis}, got an array of shape "
            f"{tuple(S.shape)}."
        )
    out = backend.zeros(values.shape, values.dtype)
    if values.size:
        rows, has_nan = (-1, values.shape[-1]), backend.zeros(1, np.int32)
        kernels = backend.kernels("activations")
        kernels.winner_take_all(values.reshape(rows), out.reshape(rows), has_nan)
        if backend.to_host(has_nan)[0]:
            raise ValueError("Input S contains NaN.")
    result = out if last else backend.xp.moveaxis(out, -1, axis)
    if not on_device(S):
        result = backend.to_host(result)
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        # float16 is computed in float32, long double in float64.
        return result.astype(dtype.newbyteorder("="))
    return result
