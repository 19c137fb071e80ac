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
    values = backend.xp.moveaxis(values, axis, -1)
    if values.shape[-1] == 0:
        raise ValueError(
            f"winner_take_all needs at least one unit along axis {axis}, got an array of shape "
            f"{tuple(S.shape)}."
        )
    if values.size and bool(np.isnan(values.max())):
        raise ValueError("Input S contains NaN.")
    out = backend.empty(values.shape, values.dtype)
    rows = (-1, values.shape[-1])
    if values.size:
        flat = backend.asarray(values).reshape(rows)
        backend.kernels("activations").winner_take_all(flat, out.reshape(rows))
    result = backend.xp.moveaxis(out, -1, axis)
    if not on_device(S):
        result = backend.to_host(result)
    # float16 came back as float32, which its values are computed in.
    return result.astype(dtype.newbyteorder("="), copy=False) if dtype.kind == "f" else result
