"""Convolutions as layers."""

import math
from typing import Any

from fastml.nn import functional as F
from fastml.nn._description import integer
from fastml.nn._field import ReceptiveField
from fastml.nn._window import (
    Window,
    check_groups,
    checked_padding,
    pairs,
    spatial_output,
    windows,
)
from fastml.nn.initializers import Initializer, initializer
from fastml.nn.layers._activation import (
    activation_function,
    checked_activation,
    default_initializer,
)
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape, checked_axes

__all__ = ["Conv1D", "Conv2D"]


class _Convolution(Layer):
    """A convolution along a number of axes."""

    n_axes = 0

    def __init__(
        self,
        filters: int,
        kernel_size: Any = 3,
        activation: Any = None,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        mode: str = "correlation",
        weight_initializer: str | Initializer | None = None,
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.filters = integer("filters", filters)
        self.kernel_size = kernel_size
        self.activation = checked_activation(activation)
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = integer("groups", groups)
        self.bias = bool(bias)
        if mode not in ("correlation", "convolution"):
            raise ValueError(f"mode must be 'correlation' or 'convolution', got {mode!r}.")
        self.mode = mode
        self.weight_initializer = weight_initializer
        self.bias_initializer = bias_initializer
        if weight_initializer is not None:
            initializer(weight_initializer, "weight_initializer")
        initializer(bias_initializer, "bias_initializer")
        # Of each axis; checked here, so that errors come where the layer is written.
        self._kernel = pairs("kernel_size", kernel_size, self.n_axes)
        self._stride = pairs("stride", stride, self.n_axes)
        self._padding = checked_padding(padding, self.n_axes)
        self._dilation = pairs("dilation", dilation, self.n_axes)

    def _windows(self, input_shape: Shape) -> list[Window]:
        sizes = input_shape[:-1]
        return windows(sizes, self._kernel, self._stride, self._padding, self._dilation)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        checked_axes(input_shape, self.n_axes)
        check_groups(input_shape[-1], self.filters, self.groups)
        return (*spatial_output(input_shape[:-1], self._windows(input_shape)), self.filters)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of weight and bias; see `Layer.parameters`."""
        taps = math.prod(self._kernel)
        fan_in = taps * input_shape[-1] // self.groups
        fan_out = taps * self.filters // self.groups
        which = initializer(self.weight_initializer or default_initializer(self.activation))
        shape = (*self._channels(input_shape[-1]), *self._kernel)
        found = {"weight": Parameter(shape, which, fan_in, fan_out)}
        if self.bias:
            made = initializer(self.bias_initializer)
            found["bias"] = Parameter((self.filters,), made, fan_in, fan_out, penalized=False)
        return found

    def _channels(self, n_channels: int) -> tuple[int, int]:
        """Return the first two axes of the weight."""
        return self.filters, n_channels // self.groups

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        each = math.prod(self._kernel) * input_shape[-1] // self.groups
        return each * math.prod(self.output_shape(input_shape))

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input; see `Layer.field`."""
        return field.behind(self._windows(input_shape))


class Conv1D(_Convolution):
    """Filters that move along a sequence of shape (length, channels).

    Parameters
    ----------
    filters : int
        Number of filters, which are the channels of the output; at least 1.
    kernel_size : int, default=3
        Length of a filter.
    activation : str, callable or None, default=None
        A name of `fastml.activations` or a function of primitives.
    stride : int, default=1
        Distance of successive outputs.
    padding : {"same", "valid"} or int, default=0
        Zeros on both ends; "valid" is 0, and "same" as many as make ceil(length / stride) outputs.
    dilation : int, default=1
        Distance of the taps of a filter.
    groups : int, default=1
        Of channels, that see only each other.
    bias : bool, default=True
        Whether each filter has a bias.
    mode : {"correlation", "convolution"}, default="correlation"
        Whether filters lie on the input as they are, or flipped.
    weight_initializer : str or Initializer, optional
        See `fastml.nn.initializers`; by default "he_uniform" for rectifiers, else
        "glorot_uniform".
    bias_initializer : str or Initializer, default="zeros"
        Likewise.

    Notes
    -----
    Parameters are "weight" (filters, channels / groups, kernel_size) and "bias" (filters,).
    """

    n_axes = 1

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        s = F.conv1d(
            x, parameters["weight"], parameters.get("bias"), self._stride, self._padding,
            self._dilation, self.groups, mode=self.mode, layout="NLC",
        )  # fmt: skip
        return activation_function(self.activation)(s)


class Conv2D(_Convolution):
    """Filters that move over an image of shape (height, width, channels).

    Parameters
    ----------
    filters : int
        Number of filters, which are the channels of the output; at least 1.
    kernel_size : int or pair of int, default=3
        Height and width of a filter.
    activation : str, callable or None, default=None
        A name of `fastml.activations` or a function of primitives.
    stride : int or pair of int, default=1
        Distance of successive outputs.
    padding : {"same", "valid"}, int or pair of int, default=0
        Zeros on both ends of each axis; "valid" is 0, and "same" as many as make
        ceil(size / stride) outputs.
    dilation : int or pair of int, default=1
        Distance of the taps of a filter.
    groups : int, default=1
        Of channels, that see only each other: as many as there are channels for a depthwise
        convolution.
    bias : bool, default=True
        Whether each filter has a bias.
    mode : {"correlation", "convolution"}, default="correlation"
        Whether filters lie on the input as they are, or flipped.
    weight_initializer : str or Initializer, optional
        See `fastml.nn.initializers`; by default "he_uniform" for rectifiers, else
        "glorot_uniform".
    bias_initializer : str or Initializer, default="zeros"
        Likewise.

    Notes
    -----
    Parameters are "weight" (filters, channels / groups, kernel height, kernel width) and "bias"
    (filters,).

    Examples
    --------
    >>> from fastml.nn import Conv2D
    >>> Conv2D(96, 11, "relu", stride=4).output_shape((227, 227, 3))
    (55, 55, 96)
    """

    n_axes = 2

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        s = F.conv2d(
            x, parameters["weight"], parameters.get("bias"), self._stride, self._padding,
            self._dilation, self.groups, mode=self.mode, layout="NHWC",
        )  # fmt: skip
        return activation_function(self.activation)(s)
