"""The arithmetic of networks: sizes behind windows, numbers of parameters, flipped kernels."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastml.autodiff._variable import Variable, value_of
from fastml.nn._description import integer
from fastml.nn._window import check_groups, checked_padding, pairs, spatial_output, windows

__all__ = ["conv_n_params", "conv_output_shape", "dense_n_params", "flip_kernel"]

Sizes = int | Sequence[int]


def conv_output_shape(
    input_shape: Sizes,
    kernel_size: Sizes,
    *,
    stride: Sizes = 1,
    padding: Any = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Any:
    """Return the spatial shape that a convolution or a pooling makes: (W - F + 2P) / S + 1.

    Parameters
    ----------
    input_shape : int or sequence of int
        Sizes W of the spatial axes.
    kernel_size, stride, dilation : int or sequence of int
        Sizes F of the window, steps S, and distances of taps: D of them make a window of
        D (F - 1) + 1.
    padding : {"same", "valid"}, int or sequence of int, default=0
        Zeros P on each side; "valid" is 0, and "same" as many as make ceil(W / S) outputs.
    ceil_mode : bool, default=False
        Whether to round up in place of down, as pooling may; a window that would begin behind the
        end is left out.

    Returns
    -------
    int or tuple of int
        As `input_shape` is.

    Raises
    ------
    ValueError
        If no window fits.

    Examples
    --------
    >>> from fastml.nn import conv_output_shape
    >>> conv_output_shape(227, 11, stride=4)
    55
    >>> conv_output_shape((32, 32), 5, padding=2)
    (32, 32)
    """
    alone = not isinstance(input_shape, Sequence)
    n_axes = len(_several(input_shape)) or 1
    sizes = pairs("input_shape", input_shape, n_axes)
    made = windows(
        sizes,
        pairs("kernel_size", kernel_size, n_axes),
        pairs("stride", stride, n_axes),
        checked_padding(padding, n_axes),
        pairs("dilation", dilation, n_axes),
        ceil_mode,
    )
    found = spatial_output(sizes, made)
    return found[0] if alone else found


def conv_n_params(
    kernel_size: Sizes, in_channels: int, out_channels: int, *, bias: bool = True, groups: int = 1
) -> int:
    """Return the number of parameters of a convolution: F . F . D . K, and K biases.

    Parameters
    ----------
    kernel_size : int or sequence of int
        Sizes F of the window; an integer is for a square.
    in_channels, out_channels : int
        Channels D of the input and K of the output.
    bias : bool, default=True
        Whether each output channel has a bias.
    groups : int, default=1
        Of channels, that see only each other.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the channels cannot be split into the groups.

    Examples
    --------
    >>> from fastml.nn import conv_n_params
    >>> conv_n_params(5, 3, 10)
    760
    """
    kernel = pairs("kernel_size", kernel_size, len(_several(kernel_size)) or 2)
    check_groups(integer("in_channels", in_channels), integer("out_channels", out_channels), groups)
    return out_channels * (math.prod(kernel) * in_channels // groups + bool(bias))


def _several(sizes: Sizes) -> Sequence[int]:
    return sizes if isinstance(sizes, Sequence) else ()


def dense_n_params(n_inputs: Sizes, n_outputs: Sizes, *, bias: bool = True) -> int:
    """Return the number of parameters of a dense layer: Hin . Hout, and Hout biases.

    Parameters
    ----------
    n_inputs, n_outputs : int or sequence of int
        Numbers of units, or shapes to be multiplied out.
    bias : bool, default=True
        Whether each output has a bias.

    Returns
    -------
    int

    Examples
    --------
    >>> from fastml.nn import dense_n_params
    >>> dense_n_params((7, 7, 512), 4096)
    102764544
    """
    n, k = (
        math.prod(pairs(name, value, len(_several(value)) or 1))
        for name, value in (("n_inputs", n_inputs), ("n_outputs", n_outputs))
    )
    return n * k + k * bool(bias)


def flip_kernel(kernel: Any) -> Any:
    """Reverse a kernel of a convolution: [a b c] becomes [c b a], in two dimensions both axes.

    A correlation with the flipped kernel is a convolution with the kernel.

    Parameters
    ----------
    kernel : array-like or Variable
        With one axis (length) or two (height, width); or weights of layers, with two axes more in
        front, (out_channels, in_channels, length) or (out_channels, in_channels, height, width).

    Returns
    -------
    array or Variable
        Of that shape; arrays are views.

    Examples
    --------
    >>> from fastml.nn import flip_kernel
    >>> flip_kernel([[1, 2], [3, 4]])
    array([[4, 3],
           [2, 1]])
    """
    if type(kernel) is not Variable and not hasattr(kernel, "__cuda_array_interface__"):
        kernel = np.asarray(kernel)
    n_axes = value_of(kernel).ndim
    if not 1 <= n_axes <= 4:
        raise ValueError(f"kernel must have one to four axes, got {n_axes}.")
    spatial = n_axes - 2 if n_axes > 2 else n_axes
    return kernel[(Ellipsis, *(slice(None, None, -1),) * spatial)]
