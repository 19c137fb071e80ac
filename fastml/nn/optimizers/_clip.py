"""Gradients that are too large."""

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastml.backends import resolve
from fastml.blocks import merge_tree

__all__ = ["clip_norm", "clip_scale", "clip_value", "gradient_norm"]

_BLOCK_SIZE = 8192


def gradient_norm(grads: Sequence[Any]) -> float:
    """Return the Euclidean norm of all gradients together, the same bits on any number of threads.

    Parameters
    ----------
    grads : list of float arrays
        Gradients.
    """
    total = 0.0
    for grad in grads:
        backend = resolve(grad)
        flat = backend.asarray(grad).reshape(-1)
        totals = backend.empty(-(-flat.size // _BLOCK_SIZE), np.float64)
        backend.kernels("optim").squared_norm(flat, _BLOCK_SIZE, totals)
        parts = backend.to_host(totals).tolist()
        total += merge_tree(parts, operator.add) if parts else 0.0
    return math.sqrt(total)


def clip_scale(grads: Sequence[Any], max_norm: float) -> float:
    """Return what to multiply gradients by so that their norm is `max_norm` at most.

    Parameters
    ----------
    grads : list of float arrays
        Gradients, which are left as they are.
    max_norm : float
        Largest norm, above 0.

    Returns
    -------
    float
        1 where the norm is no larger; NaN where it is not a number.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0, got {max_norm!r}.")
    norm = gradient_norm(grads)
    return 1.0 if norm <= max_norm else max_norm / norm


def clip_norm(grads: Sequence[Any], max_norm: float) -> float:
    """Scale gradients in place so that their norm, all together, is `max_norm` at most.

    Parameters
    ----------
    grads : list of float arrays
        Gradients.
    max_norm : float
        Largest norm, above 0.

    Returns
    -------
    float
        The norm that they had.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn.optimizers import clip_norm
    >>> gradient = np.array([3.0, 4.0])
    >>> clip_norm([gradient], 1.0)
    5.0
    >>> gradient
    array([0.6, 0.8])
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0, got {max_norm!r}.")
    norm = gradient_norm(grads)
    if not norm <= max_norm:
        for grad in grads:
            grad *= grad.dtype.type(max_norm / norm)
    return norm


def clip_value(grads: Sequence[Any], max_value: float) -> None:
    """Cut gradients off in place at plus and minus `max_value`.

    Parameters
    ----------
    grads : list of float arrays
        Gradients.
    max_value : float
        Largest absolute value, at least 0.
    """
    if not max_value >= 0:
        raise ValueError(f"max_value must be at least 0, got {max_value!r}.")
    for grad in grads:
        grad.clip(-max_value, max_value, out=grad)
