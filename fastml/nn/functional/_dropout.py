"""Dropout: a mask that is drawn anew in the backward pass, and never stored."""

from typing import Any

import numpy as np

from fastml._random import seed_from
from fastml.autodiff import Variable, primitive
from fastml.autodiff._primitive import Operation
from fastml.autodiff._real import real_values
from fastml.backends import resolve

__all__ = ["dropout"]


def _dropped(x: Any, p: float, seed: int, stream: int, step: int) -> Any:
    """Elements that stay, divided by the probability that they do, and zeros."""
    backend = resolve(x)
    values = backend.asarray(x, x.dtype if x.dtype.char in "fd" else np.float64)
    out = backend.empty(values.shape, values.dtype)
    run = backend.kernels("dropout").apply
    run(seed, stream, step, p, values.reshape(-1), out.reshape(-1))
    return backend.to_host(out) if type(x) is np.ndarray else out


def _adjoint(g: Any, out: Any, x: Any, **how: Any) -> Any:
    return node(g, **how)


def _example(rng: np.random.Generator) -> Any:
    return (rng.standard_normal((3, 5)),), {"p": 0.4, "seed": 1, "stream": 2, "step": 3}


node: Operation = primitive("dropout", _dropped, _adjoint, text="dropout({0})", example=_example)


def dropout(
    input: Any,
    p: float = 0.5,
    training: bool = True,
    *,
    seed: int | None = None,
    stream: int = 0,
    step: int = 0,
) -> Any:
    """Set elements to 0 with probability p in training, and divide the others by ``1 - p``.

    Parameters
    ----------
    input : Variable or array-like, any shape
        Values.
    p : float, default=0.5
        Probability that an element is dropped, from 0 to 1.
    training : bool, default=True
        The input comes back as it is if False.
    seed : int, optional
        Key of the generator, below 2**64. By default drawn from NumPy's global generator.
    stream, step : int, default=0
        Which draws of that key: of a layer, and of a step. Below 2**32.

    Returns
    -------
    Variable or array
        Of the shape and dtype of the input; float16 and integers are taken as floats. Which
        elements stay depends on seed, stream, step and their index alone: not on dtype, threads or
        device.

    Raises
    ------
    ValueError
        For a p outside [0, 1], or numbers of the generator out of range.

    References
    ----------
    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn.functional import dropout
    >>> dropout(np.ones(8), 0.5, seed=0)
    array([0., 2., 2., 2., 2., 0., 2., 0.])
    """
    x = real_values(input, "input")
    if type(x) is not Variable and x.dtype.char not in "fd":
        x = x.astype(np.float32 if x.dtype == np.float16 else np.float64)
    if not 0 <= p <= 1:
        raise ValueError(f"p must be a probability from 0 to 1, got {p!r}.")
    for name, value, bits in (("seed", seed, 64), ("stream", stream, 32), ("step", step, 32)):
        if value is not None and not 0 <= value < 1 << bits:
            raise ValueError(f"{name} must be from 0 to 2**{bits} - 1, got {value!r}.")
    if not training or p == 0:
        return x
    key = seed_from(None) if seed is None else int(seed)
    return node(x, p=float(p), seed=key, stream=int(stream), step=int(step))
