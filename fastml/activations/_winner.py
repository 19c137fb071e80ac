"""Winner-take-all of arrays on the backend in force."""

from typing import Any

import numpy as np

from fastml.backends import on_device, resolve


def winner_take_all_of(S: Any, axis: int = -1) -> Any:
    """Let the unit with the largest input be 1 and all others 0."""
    backend = resolve(S)
    values = backend.asarray(S)
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
    return result if on_device(S) else backend.to_host(result)
