"""Transposed convolutions, of arrays and of variables: the data gradient of a convolution."""

from collections.abc import Sequence
from typing import Any

from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.backends import on_device, resolve
from fastml.nn.functional._conv import _floats, _pads, described
from fastml.nn.functional._conv_nodes import convolve_data
from fastml.nn.functional._window import axes_of, number_of, numbers

__all__ = ["conv_transpose1d", "conv_transpose2d"]


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    mode: str = "correlation",
    layout: str = "NCHW",
) -> Any:
    """Spread images by the kernels of all channels: what takes `conv2d` back to its input's shape.

    ``out[n, o, stride y + dilation i - padding, stride x + dilation j - padding]`` gets
    ``weight[c, o, i, j] input[n, c, y, x]``, summed over c, i, j, y, x: the product with the
    transposed matrix of the `conv2d` with the same weight and parameters.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, h, w)
        Images, or one without the batch axis; of the order of axes that `layout` says.
    weight : Variable or array-like of shape (n_channels, n_out_channels / groups, k_h, k_w)
        A kernel for each channel of the input, whatever the layout.
    bias : Variable or array-like of shape (n_out_channels,), optional
        Added to each output channel.
    stride : int or (int, int), default=1
        Rows and columns of the result from one element of the input to the next.
    padding : int, (int, int), ((int, int), (int, int)), "same" or "valid", default=0
        That of the `conv2d` taken back: rows and columns that the result has less on both sides.
        "same" makes it `stride` times as large as the input.
    output_padding : int or (int, int), default=0
        Rows and columns that the result has more below and on the right, fewer than `stride` or
        `dilation`; not with "same".
    groups : int, default=1
        Groups of channels, each with output channels of its own.
    dilation : int or (int, int), default=1
        Rows and columns from one tap of a kernel to the next.
    mode : {"correlation", "convolution"}, default="correlation"
        That of the `conv2d` taken back.
    layout : {"NCHW", "NHWC"}, default="NCHW"
        Order of the axes of input and result. "NHWC" is computed without a copy.

    Returns
    -------
    Variable or array of shape (n, n_out_channels, h_out, w_out)
        A variable, that gradients of any order flow through, if one of input, weight and bias is;
        else of their common floating-point dtype. ``h_out = (h - 1) stride - padding
        + dilation (k_h - 1) + output_padding + 1``.

    Raises
    ------
    ValueError
        If shapes do not fit each other, or a parameter is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import functional as F
    >>> F.conv_transpose2d([[[[1.0, 2.0]]]], np.ones((1, 1, 2, 2)), stride=2)
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """
    how = stride, padding, output_padding, groups, dilation
    return _transposed(input, weight, bias, *how, mode, layout, 2)


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    mode: str = "correlation",
    layout: str = "NCL",
) -> Any:
    """Spread sequences by the kernels of all channels; see `conv_transpose2d`.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, length)
        Sequences, or one without the batch axis; of the order of axes that `layout` says.
    weight : Variable or array-like of shape (n_channels, n_out_channels / groups, k)
        A kernel for each channel of the input, whatever the layout.
    bias, stride, padding, output_padding, groups, dilation, mode
        As for `conv_transpose2d`, along one axis.
    layout : {"NCL", "NLC"}, default="NCL"
        Order of the axes of input and result. "NLC" is computed without a copy.

    Returns
    -------
    Variable or array of shape (n, n_out_channels, length_out)
        As of `conv_transpose2d`.

    Raises
    ------
    ValueError
        As `conv_transpose2d` does.
    """
    how = stride, padding, output_padding, groups, dilation
    return _transposed(input, weight, bias, *how, mode, layout, 1)


def transposed_sizes(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: Any,
    dilations: Sequence[int], more: Sequence[int],
) -> tuple[int, ...]:  # fmt: skip
    """Return the sizes behind a transposed convolution, of those before it.

    Raises
    ------
    ValueError
        Where the convolution with these parameters would not give the sizes before it back.
    """
    if any(m >= max(s, d) for m, s, d in zip(more, strides, dilations, strict=True)):
        raise ValueError(
            f"output_padding must be smaller than stride or dilation, got {tuple(more)} for "
            f"stride={tuple(strides)} and dilation={tuple(dilations)}."
        )
    if isinstance(padding, str) and padding == "same":
        if any(more):
            raise ValueError(f"output_padding must be 0 with padding='same', got {tuple(more)}.")
        return tuple(size * s for size, s in zip(sizes, strides, strict=True))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = _pads(padding, sizes, reach, strides)
    each = zip(sizes, strides, reach, pads, more, strict=True)
    found = tuple((size - 1) * s + r - sum(pad) + m for size, s, r, pad, m in each)
    if min(found) < 1:
        raise ValueError(
            f"a transposed convolution to sizes {found} has no result: padding={padding!r} takes "
            "away all of it."
        )
    return found


def _transposed(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
    groups: Any, dilation: Any, mode: str, layout: str, n: int,
) -> Any:  # fmt: skip
    x, w = _floats(input, "input"), _floats(weight, "weight")
    name = f"conv_transpose{n}d"
    last, sizes, axis = axes_of(x.shape, n, layout, name)
    if w.ndim != n + 2 or w.shape[0] != x.shape[axis] or 0 in w.shape:
        wanted = ", ".join(("n_channels", "n_out_channels / groups", *("k_h", "k_w")[2 - n :]))
        raise ValueError(
            f"{name} of input of shape {x.shape} with {x.shape[axis]} channels expects weight of "
            f"shape ({wanted}), got {w.shape}."
        )
    channels = w.shape[1] * number_of(groups, "groups", 1)
    made = transposed_sizes(
        sizes, w.shape[2:], numbers(stride, "stride", n, 1), padding,
        numbers(dilation, "dilation", n, 1), numbers(output_padding, "output_padding", n, 0),
    )  # fmt: skip
    front = x.shape[: x.ndim - n - 1]
    shape = (*front, *made, channels) if last else (*front, channels, *made)
    how = described(shape, w.shape, stride, padding, dilation, groups, mode, layout)
    # With much padding behind, the convolution would make more of the result than there was.
    n_images, *_, c = how.results
    height, width = sizes if n == 2 else (1, *sizes)
    how = how._replace(results=(n_images, height, width, c), out=x.shape)
    if Variable in (type(x), type(w)):
        out = convolve_data(x, w, how=how)
    else:
        backend = resolve(x)
        out = convolve_data(backend.asarray(x), backend.asarray(w), how=how)
        out = out if on_device(x) else backend.to_host(out)
    if bias is None:
        return out
    b = _floats(bias, "bias")
    if b.shape != (channels,):
        raise ValueError(
            f"bias must have shape ({channels},), one number for each output channel, got "
            f"{b.shape}."
        )
    return out + (b if last else p.reshape(b, shape=(channels, *(1,) * n)))
