"""Pooling as layers."""

import math
from typing import Any

from fastml.autodiff import primitives as p
from fastml.nn import functional as F
from fastml.nn._field import ReceptiveField
from fastml.nn._window import Window, checked_padding, pairs, spatial_output, windows
from fastml.nn.layers._layer import Layer, Run, Shape, checked_axes

__all__ = ["AvgPool1D", "AvgPool2D", "GlobalAvgPool", "MaxPool1D", "MaxPool2D"]


class _Pooling(Layer):
    """What windows over spatial axes share."""

    n_axes = 0
    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any = 1
    ceil_mode: bool

    def _check(self) -> None:
        self._kernel = pairs("kernel_size", self.kernel_size, self.n_axes)
        given = self.kernel_size if self.stride is None else self.stride
        self._stride = pairs("stride", given, self.n_axes)
        self._padding = checked_padding(self.padding, self.n_axes)
        self._dilation = pairs("dilation", self.dilation, self.n_axes)
        if not isinstance(self._padding, str):
            each = zip(self._padding, self._kernel, self._dilation, strict=True)
            if any(2 * pad > Window(size, 1, gap).extent for pad, size, gap in each):
                raise ValueError(
                    "padding must be at most half of the window, so that no window lies in it, got "
                    f"padding={self.padding!r} and kernel_size={self.kernel_size!r}."
                )

    def _windows(self, input_shape: Shape) -> list[Window]:
        return windows(
            input_shape[:-1], self._kernel, self._stride, self._padding, self._dilation,
            self.ceil_mode,
        )  # fmt: skip

    def _pads(self, x: Any) -> Any:
        """Return how far windows reach over both ends of each axis of a batch."""
        if self._padding == "same":
            return [(w.before, w.after) for w in self._windows(x.shape[1:])]
        return 0 if self._padding == "valid" else self._padding

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        checked_axes(input_shape, self.n_axes)
        return (*spatial_output(input_shape[:-1], self._windows(input_shape)), input_shape[-1])

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input; see `Layer.field`."""
        return field.behind(self._windows(input_shape))


class _MaxPool(_Pooling):
    def __init__(
        self,
        kernel_size: Any = 2,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = bool(ceil_mode)
        self._check()


class _AvgPool(_Pooling):
    def __init__(
        self,
        kernel_size: Any = 2,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.ceil_mode = bool(ceil_mode)
        self.count_include_pad = bool(count_include_pad)
        self._check()

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        return math.prod(self._kernel) * math.prod(self.output_shape(input_shape))


class MaxPool1D(_MaxPool):
    """The largest value of each channel in windows along a sequence of shape (length, channels).

    Parameters
    ----------
    kernel_size, stride, padding, dilation, ceil_mode
        As of `MaxPool2D`, for one axis.
    """

    n_axes = 1

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return F.max_pool1d(
            x, self._kernel, self._stride, self._pads(x), self._dilation, self.ceil_mode,
            layout="NLC",
        )  # fmt: skip


class MaxPool2D(_MaxPool):
    """The largest value of each channel in windows over an image (height, width, channels).

    Parameters
    ----------
    kernel_size : int or pair of int, default=2
        Height and width of the window.
    stride : int or pair of int, optional
        Distance of successive windows; `kernel_size` by default.
    padding : {"same", "valid"}, int or pair of int, default=0
        How far windows reach over each end, at most half of the window; "valid" is 0, and "same"
        as much as makes ceil(size / stride) outputs. Only values of the input are compared.
    dilation : int or pair of int, default=1
        Distance of the values that a window looks at.
    ceil_mode : bool, default=False
        Whether a last window may reach over the end, as long as it begins before it.

    Examples
    --------
    >>> from fastml.nn import MaxPool2D
    >>> MaxPool2D(3, stride=2).output_shape((55, 55, 96))
    (27, 27, 96)
    """

    n_axes = 2

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return F.max_pool2d(
            x, self._kernel, self._stride, self._pads(x), self._dilation, self.ceil_mode,
            layout="NHWC",
        )  # fmt: skip


class AvgPool1D(_AvgPool):
    """The mean of each channel in windows along a sequence of shape (length, channels).

    Parameters
    ----------
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As of `AvgPool2D`, for one axis.
    """

    n_axes = 1

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return F.avg_pool1d(
            x, self._kernel, self._stride, self._pads(x), self.ceil_mode, self.count_include_pad,
            layout="NLC",
        )  # fmt: skip


class AvgPool2D(_AvgPool):
    """The mean of each channel in windows over an image (height, width, channels).

    Parameters
    ----------
    kernel_size : int or pair of int, default=2
        Height and width of the window.
    stride : int or pair of int, optional
        Distance of successive windows; `kernel_size` by default.
    padding : {"same", "valid"}, int or pair of int, default=0
        As of `MaxPool2D`.
    ceil_mode : bool, default=False
        Whether a last window may reach over the end, as long as it begins before it.
    count_include_pad : bool, default=True
        Whether padding counts, as zeros.
    """

    n_axes = 2

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return F.avg_pool2d(
            x, self._kernel, self._stride, self._pads(x), self.ceil_mode, self.count_include_pad,
            layout="NHWC",
        )  # fmt: skip


class GlobalAvgPool(Layer):
    """The mean of each channel over all of a sample."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        if len(input_shape) < 2:
            raise ValueError(f"expected axes before that of channels, got shape {input_shape}.")
        return input_shape[-1:]

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        n, *sizes, channels = x.shape
        column = p.reshape(x, shape=(n, math.prod(sizes), 1, channels))
        return p.reshape(F.global_avg_pool2d(column, layout="NHWC"), shape=(n, channels))

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        return math.prod(input_shape)

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input; see `Layer.field`."""
        return field.over(input_shape)
