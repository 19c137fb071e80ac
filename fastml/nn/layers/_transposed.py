"""Layers that make images larger: transposed convolutions, repeated values; and other shapes."""

import math
from typing import Any

from fastml.autodiff import primitives as p
from fastml.nn import functional as F
from fastml.nn._description import integer
from fastml.nn._field import ReceptiveField
from fastml.nn._window import check_groups, pairs
from fastml.nn.functional._conv_transpose import transposed_sizes
from fastml.nn.initializers import Initializer
from fastml.nn.layers._activation import activation_function
from fastml.nn.layers._convolution import _Convolution
from fastml.nn.layers._layer import Layer, Run, Shape, checked_axes

__all__ = ["Conv1DTranspose", "Conv2DTranspose", "Reshape", "UpSampling1D", "UpSampling2D"]


class _Transposed(_Convolution):
    """A transposed convolution along a number of axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any = 3,
        activation: Any = None,
        *,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        mode: str = "correlation",
        weight_initializer: str | Initializer | None = None,
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            activation,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            mode=mode,
            weight_initializer=weight_initializer,
            bias_initializer=bias_initializer,
        )
        self.output_padding = output_padding
        self._more = pairs("output_padding", output_padding, self.n_axes, low=0)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        checked_axes(input_shape, self.n_axes)
        check_groups(input_shape[-1], self.filters, self.groups)
        sizes = transposed_sizes(
            input_shape[:-1], self._kernel, self._stride, self._padding, self._dilation, self._more
        )
        return (*sizes, self.filters)

    def _channels(self, n_channels: int) -> tuple[int, int]:
        return n_channels, self.filters // self.groups

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        return math.prod(self._kernel) * self.filters // self.groups * math.prod(input_shape)

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input: no more is said than all of it."""
        return field.over(input_shape)


class Conv1DTranspose(_Transposed):
    """Filters that spread each value of a sequence of shape (length, channels).

    Parameters
    ----------
    filters : int
        Number of filters, which are the channels of the output; at least 1.
    kernel_size, activation, stride, padding, output_padding, dilation, groups, bias, mode
        As of `Conv2DTranspose`, for one axis.
    weight_initializer, bias_initializer : str or Initializer
        As of `Conv1D`.

    Notes
    -----
    Parameters are "weight" (channels, filters / groups, kernel_size) and "bias" (filters,).
    """

    n_axes = 1

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        s = F.conv_transpose1d(
            x, parameters["weight"], parameters.get("bias"), self._stride, self._padding,
            self._more, self.groups, self._dilation, mode=self.mode, layout="NLC",
        )  # fmt: skip
        return activation_function(self.activation)(s)


class Conv2DTranspose(_Transposed):
    """Filters that spread each value of an image (height, width, channels): a `Conv2D` taken back.

    Parameters
    ----------
    filters : int
        Number of filters, which are the channels of the output; at least 1.
    kernel_size : int or pair of int, default=3
        Height and width of a filter.
    activation : str, callable or None, default=None
        A name of `fastml.activations` or a function of primitives.
    stride : int or pair of int, default=1
        Distance in the output of successive inputs.
    padding : {"same", "valid"}, int or pair of int, default=0
        That of the convolution taken back, which makes the output smaller. "valid" is 0, and with
        "same" the output is `stride` times as large as the input.
    output_padding : int or pair of int, default=0
        How much larger the output is behind, less than `stride` or `dilation`.
    dilation : int or pair of int, default=1
        Distance of the taps of a filter.
    groups : int, default=1
        Of channels, that see only each other.
    bias : bool, default=True
        Whether each filter has a bias.
    mode : {"correlation", "convolution"}, default="correlation"
        That of the convolution taken back.
    weight_initializer, bias_initializer : str or Initializer
        As of `Conv2D`.

    Notes
    -----
    Parameters are "weight" (channels, filters / groups, kernel height, kernel width) and "bias"
    (filters,).

    References
    ----------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter
    4.

    Examples
    --------
    >>> from fastml.nn import Conv2DTranspose
    >>> Conv2DTranspose(1, 3, stride=2, padding="same").output_shape((4, 4, 16))
    (8, 8, 1)
    """

    n_axes = 2

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        s = F.conv_transpose2d(
            x, parameters["weight"], parameters.get("bias"), self._stride, self._padding,
            self._more, self.groups, self._dilation, mode=self.mode, layout="NHWC",
        )  # fmt: skip
        return activation_function(self.activation)(s)


class _UpSampling(Layer):
    """Values repeated along a number of axes."""

    n_axes = 0

    def __init__(self, size: Any = 2) -> None:
        self.size = size
        self._size = pairs("size", size, self.n_axes)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        checked_axes(input_shape, self.n_axes)
        sizes = (n * times for n, times in zip(input_shape[:-1], self._size, strict=True))
        return (*sizes, input_shape[-1])

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        n, *sizes, channels = x.shape
        each = list(zip(sizes, self._size, strict=True))
        thin = [m for size, _ in each for m in (size, 1)]
        wide = [m for pair in each for m in pair]
        x = p.reshape(x, shape=(n, *thin, channels))
        x = p.broadcast_to(x, shape=(n, *wide, channels))
        return p.reshape(x, shape=(n, *(size * times for size, times in each), channels))

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input: no more is said than all of it."""
        return field.over(input_shape)


class UpSampling1D(_UpSampling):
    """Each value of a sequence of shape (length, channels) several times.

    Parameters
    ----------
    size : int, default=2
        How often.
    """

    n_axes = 1


class UpSampling2D(_UpSampling):
    """Each value of an image of shape (height, width, channels) as a block of the same values.

    Parameters
    ----------
    size : int or pair of int, default=2
        Height and width of a block.

    Examples
    --------
    >>> from fastml.nn import UpSampling2D
    >>> UpSampling2D(2).output_shape((7, 7, 8))
    (14, 14, 8)
    """

    n_axes = 2


class Reshape(Layer):
    """The values of a sample in another shape: `Flatten` taken back.

    Parameters
    ----------
    shape : tuple of int
        Of a sample, channels last; of as many values.

    Examples
    --------
    >>> from fastml.nn import Reshape
    >>> Reshape((4, 4, 2)).output_shape((32,))
    (4, 4, 2)
    """

    def __init__(self, shape: Any) -> None:
        self.shape = shape
        self._shape = tuple(integer(f"shape[{i}]", n) for i, n in enumerate(shape))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        if math.prod(input_shape) != math.prod(self._shape):
            raise ValueError(
                f"expected samples of {math.prod(self._shape)} values, got shape {input_shape}."
            )
        return self._shape

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return p.reshape(x, shape=(x.shape[0], *self._shape))

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input: all, as places are lost."""
        return field.over(input_shape)
