"""Convolutions of sequences and images, of arrays and of variables."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from fastml.autodiff import Variable
from fastml.autodiff._real import real_values
from fastml.backends import on_device, resolve
from fastml.nn.functional._conv_nodes import Convolution, convolve
from fastml.nn.functional._window import axes_of, number_of, numbers

__all__ = ["conv1d", "conv2d"]

MODES = ("correlation", "convolution")


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    mode: str = "correlation",
    layout: str = "NCHW",
) -> Any:
    """Convolve images with the kernels of all output channels.

    ``out[n, o, y, x] = bias[o] + sum over c, i, j of weight[o, c, i, j]
    input[n, c, stride y + dilation i, stride x + dilation j]``, of the input with its padding:
    what libraries of networks call a convolution, and others a correlation.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, h, w)
        Images, or one without the batch axis; of the order of axes that `layout` says.
    weight : Variable or array-like of shape (n_out_channels, n_channels / groups, k_h, k_w)
        A kernel for each output channel, whatever the layout.
    bias : Variable or array-like of shape (n_out_channels,), optional
        Added to each output channel.
    stride : int or (int, int), default=1
        Rows and columns from one result to the next.
    padding : int, (int, int), ((int, int), (int, int)), "same" or "valid", default=0
        Rows and columns of zeros around images, the same on both sides or pairs (above, below),
        (left, right). "valid" is none, "same" as many as make ceil(size / stride) results, the odd
        one behind.
    dilation : int or (int, int), default=1
        Rows and columns from one tap of a kernel to the next.
    groups : int, default=1
        Groups of channels, each with output channels of its own that see no other group.
    mode : {"correlation", "convolution"}, default="correlation"
        Whether kernels lie on images as they are, or flipped along both axes as in mathematics.
    layout : {"NCHW", "NHWC"}, default="NCHW"
        Order of the axes of input and result. "NHWC" is computed without a copy.

    Returns
    -------
    Variable or array of shape (n, n_out_channels, h_out, w_out)
        A variable, that gradients of any order flow through, if one of input, weight and bias is;
        else of their common floating-point dtype. ``h_out = (h + padding - dilation (k_h - 1) - 1)
        // stride + 1``.

    Raises
    ------
    ValueError
        If shapes do not fit each other, a parameter is out of its range, or the kernel is larger
        than the input with its padding.

    Notes
    -----
    On the CPU, square kernels of 3 or 5 taps with stride and dilation 1, over images and channels
    that are large enough, are computed in squares of results with fewer products (Lavin & Gray,
    Fast Algorithms for Convolutional Neural Networks, 2016). Rounding errors are about twice those
    of the direct sum, and an infinite or NaN number makes whole squares of results NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import functional as F
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> F.conv2d(x, np.ones((1, 1, 3, 3)))
    array([[[[45., 54.],
             [81., 90.]]]])
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, mode, layout)


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    mode: str = "correlation",
    layout: str = "NCL",
) -> Any:
    """Convolve sequences with the kernels of all output channels; see `conv2d`.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, length)
        Sequences, or one without the batch axis; of the order of axes that `layout` says.
    weight : Variable or array-like of shape (n_out_channels, n_channels / groups, k)
        A kernel for each output channel, whatever the layout.
    bias, stride, padding, dilation, groups, mode
        As for `conv2d`, along one axis; pads that differ are ``((before, after),)``.
    layout : {"NCL", "NLC"}, default="NCL"
        Order of the axes of input and result. "NLC" is computed without a copy.

    Returns
    -------
    Variable or array of shape (n, n_out_channels, length_out)
        As of `conv2d`.

    Raises
    ------
    ValueError
        As `conv2d` does.
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, mode, layout)


def _conv(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any,
    mode: str, layout: str,
) -> Any:  # fmt: skip
    x, w = _floats(input, "input"), _floats(weight, "weight")
    how = described(x.shape, w.shape, stride, padding, dilation, groups, mode, layout)
    if bias is None:
        b = np.empty(0, w.dtype)
    else:
        b = _floats(bias, "bias")
        if b.shape != w.shape[:1]:
            raise ValueError(
                f"bias must have shape ({w.shape[0]},), one number for each output channel of the "
                f"weight of shape {w.shape}, got {b.shape}."
            )
    if Variable in (type(x), type(w), type(b)):
        return convolve(x, w, b, how=how, kept=[])
    backend = resolve(x)
    out = convolve(backend.asarray(x), backend.asarray(w), backend.asarray(b), how=how)
    return out if on_device(x) else backend.to_host(out)


def _floats(a: Any, name: str) -> Any:
    """Return a variable as it is, anything else as an array of float32 or float64."""
    a = real_values(a, name)
    if type(a) is Variable or a.dtype.char in "fd":
        return a
    return a.astype(np.float32 if a.dtype == np.float16 else np.float64)


def described(
    shape: tuple[int, ...], kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any,
    groups: Any, mode: str, layout: str,
) -> Convolution:  # fmt: skip
    """Return the convolution of images of a shape with weights of a shape, as nodes take it."""
    try:
        return _remembered(shape, kernel, stride, padding, dilation, groups, mode, layout)
    except TypeError:  # lists are as good as tuples, but cannot be looked up
        return _described(shape, kernel, stride, padding, dilation, groups, mode, layout)


def _described(
    shape: tuple[int, ...], kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any,
    groups: Any, mode: str, layout: str,
) -> Convolution:  # fmt: skip
    n = 1 if "H" not in str(layout) else 2
    name = f"conv{n}d"
    if mode not in MODES:
        raise ValueError(f"mode must be 'correlation' or 'convolution', got {mode!r}.")
    last, sizes, channel_axis = axes_of(shape, n, layout, name)
    _check_weight(shape, shape[channel_axis], kernel, n, number_of(groups, "groups", 1), name)
    strides, dilations = numbers(stride, "stride", n, 1), numbers(dilation, "dilation", n, 1)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel[2:], dilations, strict=True)]
    pads = _pads(padding, sizes, reach, strides)
    room = [size + sum(pad) - r for size, pad, r in zip(sizes, pads, reach, strict=True)]
    if min(room) < 0:
        raise ValueError(
            f"{name} of input of shape {shape} has no result: the kernel reaches over "
            f"{tuple(reach)} elements, more than the {tuple(sizes)} of the input with padding "
            f"{padding!r}."
        )
    fitting = [r // s + 1 for r, s in zip(room, strides, strict=True)]
    front = shape[: len(shape) - n - 1]
    out = (*front, *fitting, kernel[0]) if last else (*front, kernel[0], *fitting)
    n_images = front[0] if front else 1
    before = [pad[0] for pad in pads]
    return Convolution(
        _pair(strides, 1), _pair(before, 0), _pair(dilations, 1), int(groups),
        mode == "convolution", last,
        (n_images, *_pair(sizes, 1), shape[channel_axis]),
        (n_images, *_pair(fitting, 1), kernel[0]),
        shape, out, kernel,
    )  # fmt: skip


_remembered = lru_cache(maxsize=256)(_described)


def _pair(values: Sequence[int], missing: int) -> tuple[int, int]:
    return (missing, values[0]) if len(values) == 1 else (values[0], values[1])


def _check_weight(
    shape: tuple[int, ...], channels: int, kernel: tuple[int, ...], n: int, groups: int, name: str
) -> None:
    if len(kernel) != n + 2 or 0 in kernel:
        wanted = ", ".join(("n_out_channels", "n_channels / groups", *("k_h", "k_w")[2 - n :]))
        raise ValueError(f"{name} expects weight of shape ({wanted}), not empty, got {kernel}.")
    if channels != kernel[1] * groups:
        raise ValueError(
            f"{name} of input of shape {shape} with {channels} channels in groups={groups} does "
            f"not fit weight of shape {kernel}, which takes {kernel[1]} channels a group."
        )
    if kernel[0] % groups:
        raise ValueError(
            f"groups must divide the {kernel[0]} output channels of weight of shape {kernel}, got "
            f"{groups}."
        )


def _pads(
    padding: Any, sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the zeros before and behind, along each axis."""
    if isinstance(padding, str):
        if padding == "valid":
            return [(0, 0)] * len(sizes)
        if padding != "same":
            raise ValueError(
                f"padding must be 'same', 'valid', an integer or a sequence of them, got "
                f"{padding!r}."
            )
        found = []
        for size, r, s in zip(sizes, reach, strides, strict=True):
            total = max((-(-size // s) - 1) * s + r - size, 0)
            found.append((total // 2, total - total // 2))
        return found
    paired = isinstance(padding, Sequence | np.ndarray) and any(
        isinstance(item, Sequence | np.ndarray) for item in padding
    )
    if not paired:
        return [(pad, pad) for pad in numbers(padding, "padding", len(sizes), 0)]
    if len(padding) != len(sizes):
        raise ValueError(f"padding must have {len(sizes)} pairs (before, after), got {padding!r}.")
    pads = [numbers(item, "padding", 2, 0) for item in padding]
    return [(before, after) for before, after in pads]
