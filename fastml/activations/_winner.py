"""Winner-take-all of arrays on the backend in force."""

from typing import Any

import numpy as np

from fastml.backends import on_device, resolve


def winner_take_all_of(S: Any, axis: int = -1) -> Any:
    """Let the unit with the largest input be 1 and all others 0."""
    backend = resolve(S)
    values = backend.xp.moveaxis(backend.asarray(S), axis, -1)
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
    return result if on_device(S) else backend.to_host(result)
