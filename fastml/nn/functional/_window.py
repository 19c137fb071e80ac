"""Windows that slide over images: what they are, and where they fit."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["LAYOUTS", "Window", "axes_of", "number_of", "numbers", "pads_of", "placed"]

# Names of the axes of a batch, by the number of axes that windows slide along.
LAYOUTS = {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC")}


class Window(NamedTuple):
    """A window and the images that it slides over, as kernels see them.

    Attributes
    ----------
    kernel, strides, dilations : (int, int)
        Rows and columns.
    pads : (int, int, int, int)
        Above, left, below, right.
    images, pooled : (int, int, int, int)
        Shapes of images and result with channels last; images of which each channel is a plane of
        its own count as so many images of one channel.
    shape : tuple of int
        Shape of the result as the user sees it.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    images: tuple[int, int, int, int]
    pooled: tuple[int, int, int, int]
    shape: tuple[int, ...]


def number_of(value: Any, name: str, low: int) -> int:
    """Return an integer that is not below a limit."""
    try:
        found = int(value)
    except (TypeError, ValueError):
        found = low - 1
    if found < low or found != value or isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be an integer of at least {low}, got {value!r}.")
    return found


def numbers(value: Any, name: str, n: int, low: int) -> tuple[int, ...]:
    """Return one integer for each of n axes, of one for all or a sequence of them."""
    if not isinstance(value, Sequence | np.ndarray):
        return (number_of(value, name, low),) * n
    if len(value) not in (1, n):
        raise ValueError(
            f"{name} must be an integer or {'a pair' if n == 2 else 'one'} of them, got {value!r}."
        )
    found = tuple(number_of(item, name, low) for item in value)
    return found * n if len(found) < n else found


def pads_of(padding: Any, reach: Sequence[int]) -> list[tuple[int, int]]:
    """Return by how much windows may reach out of an image before and after it, for each axis.

    Parameters
    ----------
    padding : int, sequence of int, or sequence of pairs
        The same on both sides, at most half of what a window reaches; or pairs (before, after),
        smaller than what it reaches.
    reach : sequence of int
        How many elements a window reaches over, along each axis.
    """
    paired = isinstance(padding, Sequence | np.ndarray) and any(
        isinstance(item, Sequence | np.ndarray) for item in padding
    )
    if not paired:
        found = [(p, p) for p in numbers(padding, "padding", len(reach), 0)]
        if any(2 * p > r for (p, _), r in zip(found, reach, strict=True)):
            raise ValueError(
                f"padding must be at most half of the window, which reaches over {tuple(reach)} "
                f"elements, got {padding!r}."
            )
        return found
    if len(padding) != len(reach):
        raise ValueError(f"padding must have {len(reach)} pairs (before, after), got {padding!r}.")
    found = []
    for item, r in zip(padding, reach, strict=True):
        before, after = numbers(item, "padding", 2, 0)
        if max(before, after) >= r:
            raise ValueError(
                f"padding must be smaller than the window, which reaches over {tuple(reach)} "
                f"elements, got {padding!r}."
            )
        found.append((before, after))
    return found


def axes_of(shape: tuple[int, ...], n: int, layout: str, name: str) -> tuple[bool, list[int], int]:
    """Return whether channels come last, the sizes windows slide along, and the channel axis.

    Parameters
    ----------
    shape : tuple of int
        Of a batch, or of one sample without the batch axis.
    n : int
        Axes along which windows slide.
    layout, name : str
        The order of the axes; the function, for errors.
    """
    if layout not in LAYOUTS[n]:
        known = " or ".join(map(repr, LAYOUTS[n]))
        raise ValueError(f"layout must be {known}, got {layout!r}.")
    if len(shape) not in (n + 1, n + 2):
        raise ValueError(
            f"{name} expects input of {n + 1} or {n + 2} dimensions ({layout[1:]} or {layout}), "
            f"got shape {shape}."
        )
    last = layout[-1] == "C"
    first = len(shape) - n - last
    # Only the batch may be empty.
    if 0 in shape[len(shape) - n - 1 :]:
        raise ValueError(
            f"{name} expects input with elements along every axis but that of the batch, got "
            f"shape {shape}."
        )
    return last, list(shape[first : first + n]), len(shape) - 1 if last else first - 1


def _size(n: int, k: int, s: int, d: int, pads: tuple[int, int], ceil_mode: bool) -> int:
    """Return how many windows fit along an axis."""
    room = n + sum(pads) - d * (k - 1) - 1
    size = (-(-room // s) if ceil_mode else room // s) + 1
    # The last window has to begin in the image, or in the padding before it.
    if ceil_mode and (size - 1) * s >= n + pads[0]:
        size -= 1
    return size


def placed(
    shape: tuple[int, ...],
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    layout: str,
    n: int,
    name: str,
) -> Window:
    """Return a window as it slides over input of a shape; the parameters are PyTorch's.

    Raises
    ------
    ValueError
        Where a parameter is not what it may be, or no window fits.
    """
    given = (shape, kernel_size, stride, padding, dilation, ceil_mode, layout, n, name)
    try:
        return _placed_before(*given)
    except TypeError:  # lists and arrays
        return _placed(*given)


def _placed(
    shape: tuple[int, ...],
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    layout: str,
    n: int,
    name: str,
) -> Window:
    last, sizes, _ = axes_of(shape, n, layout, name)
    kernel = numbers(kernel_size, "kernel_size", n, 1)
    strides = kernel if stride is None else numbers(stride, "stride", n, 1)
    dilations = numbers(dilation, "dilation", n, 1)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = pads_of(padding, reach)
    fitting = [
        _size(*axis, bool(ceil_mode))
        for axis in zip(sizes, kernel, strides, dilations, pads, strict=True)
    ]
    if min(fitting) < 1:
        raise ValueError(
            f"{name} of input of shape {shape} would have the size {tuple(fitting)}: the window "
            f"reaches over {tuple(reach)} elements, more than the {tuple(sizes)} of the input with "
            f"padding {padding!r}."
        )
    return _window(shape, last, sizes, fitting, kernel, strides, dilations, pads)


def _window(
    shape: tuple[int, ...],
    last: bool,
    sizes: list[int],
    fitting: list[int],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: list[tuple[int, int]],
) -> Window:
    if last:
        front, channels = shape[: len(shape) - len(sizes) - 1], shape[-1]
        pooled_shape = (*front, *fitting, channels)
    else:
        front, channels = shape[: len(shape) - len(sizes)], 1
        pooled_shape = (*front, *fitting)
    n_images = 1
    for size in front:
        n_images *= size
    if len(sizes) == 1:
        sizes, fitting, pads = [1, *sizes], [1, *fitting], [(0, 0), *pads]
        kernel, strides, dilations = (1, *kernel), (1, *strides), (1, *dilations)
    return Window(
        (kernel[0], kernel[1]), (strides[0], strides[1]), (dilations[0], dilations[1]),
        (pads[0][0], pads[1][0], pads[0][1], pads[1][1]),
        (n_images, sizes[0], sizes[1], channels), (n_images, fitting[0], fitting[1], channels),
        pooled_shape,
    )  # fmt: skip


# A network calls with few shapes, and checks take longer than pooling a small image.
_placed_before = functools.lru_cache(maxsize=512, typed=True)(_placed)
