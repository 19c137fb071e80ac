"""Batch and layer normalisation."""

import math
from typing import Any

import numpy as np

from fastml.autodiff import Variable
from fastml.autodiff._real import real_values
from fastml.autodiff._variable import value_of
from fastml.backends import on_device, resolve
from fastml.nn.functional import _norm_nodes as nodes
from fastml.nn.functional._window import number_of

__all__ = ["batch_norm", "layer_norm"]

LAYOUTS = ("NCHW", "NHWC", "NCL", "NLC")


def _floats(x: Any, name: str) -> Any:
    """Return a variable as it is, anything else as an array of float32 or float64."""
    x = real_values(x, name)
    if type(x) is Variable or x.dtype.char in "fd":
        return x
    return x.astype(np.float32 if x.dtype == np.float16 else np.float64)


def _parameter(x: Any, shape: tuple[int, ...], name: str, default: float, like: Any) -> Any:
    """Return weights or biases of a shape."""
    if x is None:
        xp = resolve(like).xp if on_device(like) else np
        return xp.full(shape, default, like.dtype)
    x = _floats(x, name)
    if x.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {x.shape}.")
    return x


def _eps(eps: Any) -> float:
    if not (isinstance(eps, int | float | np.number) and eps >= 0 and math.isfinite(eps)):
        raise ValueError(f"eps must be a finite number of at least 0, got {eps!r}.")
    return float(eps)


def _as_given(out: Any, given: Any) -> Any:
    """Return a result in the dtype of what was given, if that is floating-point."""
    dtype = getattr(given, "dtype", None)
    if type(out) is Variable or dtype is None or dtype.kind != "f":
        return out
    return out.astype(dtype.newbyteorder("="), copy=False)


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
    *,
    layout: str = "NCHW",
) -> Any:
    """Give each channel of a batch mean 0 and variance 1, then scale and move it.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, ...)
        Samples.
    running_mean, running_var : array of shape (n_channels,), or None
        Means and variances to use unless `training`. When `training`, they are moved towards those
        of the batch, in place: ``(1 - momentum) * running + momentum * batch``, with the variance
        of n - 1 degrees of freedom.
    weight, bias : Variable or array-like of shape (n_channels,), optional
        What to multiply by, 1 by default, and then to add, 0 by default.
    training : bool, default=False
        Whether to use means and variances of the batch.
    momentum : float, default=0.1
        See above.
    eps : float, default=1e-5
        Added to the variances.
    layout : {"NCHW", "NHWC", "NCL", "NLC"}, default="NCHW"
        Whether the channels are axis 1 or the last, whatever the number of axes.

    Returns
    -------
    Variable or array of the shape of the input
        A variable, that gradients flow through, if input, weight or bias is one. Statistics add up
        in float64, with the same bits on any number of threads.

    Raises
    ------
    ValueError
        If shapes do not match; if there is a single value in each channel when training; if running
        statistics are missing when not.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", ICML 2015.

    Examples
    --------
    >>> from fastml.nn import functional as F
    >>> F.batch_norm([[1.0, 5.0], [3.0, 5.0]], None, None, training=True).round(3)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """
    x = _floats(input, "input")
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(map(repr, LAYOUTS))}, got {layout!r}.")
    if x.ndim < 2:
        raise ValueError(f"batch_norm expects input of at least 2 dimensions, got {x.shape}.")
    axis = x.ndim - 1 if layout[-1] == "C" else 1
    shape, value = (x.shape[axis],), value_of(x)
    running = _running(running_mean, running_var, shape)
    n = x.size // max(shape[0], 1)
    if training and n < 2:
        raise ValueError(
            f"batch_norm expects more than 1 value per channel when training, got shape {x.shape}."
        )
    if not training and running is None:
        raise ValueError("batch_norm needs running_mean and running_var unless it is training.")
    weight = _parameter(weight, shape, "weight", 1.0, value)
    bias = _parameter(bias, shape, "bias", 0.0, value)
    given = None if training else running
    how = nodes.Columns(axis, _eps(eps), given, {})
    out = nodes.batch_norm(x, weight, bias, how=how)
    if training and running is not None:
        _move(running, how.kept, n, momentum)
    return _as_given(out, input)


def _running(mean: Any, var: Any, shape: tuple[int, ...]) -> Any:
    if mean is None and var is None:
        return None
    for name, a in (("running_mean", mean), ("running_var", var)):
        if not hasattr(a, "shape") or tuple(a.shape) != shape or type(a) is Variable:
            raise ValueError(f"{name} must be an array of shape {shape}, got {a!r}.")
    return mean, var


def _move(running: Any, kept: dict[str, Any], n: int, momentum: float) -> None:
    """Move running statistics towards those of a batch."""
    backend = resolve(kept["variance"])
    for old, new in zip(running, (kept["mean"], kept["variance"] * (n / (n - 1))), strict=True):
        new = new if on_device(old) else backend.to_host(new)
        old[...] = (1 - momentum) * old + momentum * new


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-05
) -> Any:
    """Give each sample mean 0 and variance 1 over its last axes, then scale and move elements.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (..., *normalized_shape)
        Samples.
    normalized_shape : int or tuple of int
        Shape of what is normalised.
    weight, bias : Variable or array-like of shape `normalized_shape`, optional
        What to multiply by, 1 by default, and then to add, 0 by default.
    eps : float, default=1e-5
        Added to the variances.

    Returns
    -------
    Variable or array of the shape of the input
        As of `batch_norm`.

    Raises
    ------
    ValueError
        If shapes do not match.

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", arXiv:1607.06450.

    Examples
    --------
    >>> from fastml.nn import functional as F
    >>> F.layer_norm([[1.0, 3.0], [5.0, 9.0]], 2).round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    x = _floats(input, "input")
    listed = normalized_shape if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    shape = tuple(number_of(size, "normalized_shape", 1) for size in listed)
    if not shape or tuple(x.shape[-len(shape) :]) != shape:
        raise ValueError(f"layer_norm expects input of shape (..., {shape}), got {x.shape}.")
    value = value_of(x)
    weight = _parameter(weight, shape, "weight", 1.0, value)
    bias = _parameter(bias, shape, "bias", 0.0, value)
    out = nodes.layer_norm(x, weight, bias, how=nodes.Rows(len(shape), _eps(eps), {}))
    return _as_given(out, input)
