"""Pooling: maxima and means of windows that slide over samples."""

from typing import Any

import numpy as np

from fastml.activations._functions import _applied
from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.autodiff._real import real_values
from fastml.backends import on_device, resolve
from fastml.nn.functional import _pool_nodes as nodes
from fastml.nn.functional._window import Window, axes_of, number_of, placed

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "global_avg_pool2d",
    "global_max_pool2d", "max_pool1d", "max_pool2d",
]  # fmt: skip


def applied(node: Any, x: Any, **params: Any) -> Any:
    """Apply a node to a variable or an array; those that need no conversion take no time."""
    if type(x) is np.ndarray and x.dtype.char in "fd":
        return node(x, **params)
    return _applied(node, x, "input", **params)


def _max(x: Any, window: Window, return_indices: bool) -> Any:
    kept: list[Any] = []
    out = applied(nodes.max_pool, x, window=window, kept=kept)
    if not return_indices:
        return out
    chosen = kept[-1]
    found = nodes.flat_indices(chosen, window, resolve(chosen).xp).reshape(window.shape)
    value = x.value if type(x) is Variable else x
    return out, found if on_device(value) else resolve(chosen).to_host(found)


def _avg(x: Any, window: Window, include_pads: bool, divisor: int = 0) -> Any:
    return applied(
        nodes.avg_pool, x, window=window, include_pads=bool(include_pads), divisor=divisor
    )


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    layout: str = "NCHW",
) -> Any:
    """Return the largest element of every window that slides over images.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, h, w)
        Images, or one without the batch axis; of the order of axes that `layout` says.
    kernel_size : int or (int, int)
        Rows and columns of the window.
    stride : int or (int, int), optional
        Rows and columns from one window to the next; `kernel_size` by default.
    padding : int, (int, int) or ((int, int), (int, int)), default=0
        By how much windows may reach out of the image, where nothing is: above and below, left and
        right, at most half the window. Pairs (above, below), (left, right) need only be smaller
        than the window.
    dilation : int or (int, int), default=1
        Rows and columns from one element of a window to the next.
    ceil_mode : bool, default=False
        Whether windows may reach out of the image at its end to cover all of it.
    return_indices : bool, default=False
        Whether to return too where the maxima are.
    layout : {"NCHW", "NHWC"}, default="NCHW"
        Order of the axes of input and result.

    Returns
    -------
    out : Variable or array of shape (n, n_channels, h_out, w_out)
        A variable, that gradients flow through, if the input is one; else of its dtype if that is
        floating-point (float64 otherwise). NaN where a window holds NaN. The gradient goes to the
        first of elements that tie.
    indices : int64 array of the same shape
        If `return_indices`: ``row * w + column`` of the element in its image.

    Raises
    ------
    ValueError
        If the input has not 3 or 4 dimensions, a parameter is out of its range, or no window fits.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import functional as F
    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> F.max_pool2d(x, 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    x = real_values(input, "input")
    window = placed(
        x.shape, kernel_size, stride, padding, dilation, ceil_mode, layout, 2, "max_pool2d"
    )
    return _max(x, window, return_indices)


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    layout: str = "NCL",
) -> Any:
    """Return the largest element of every window that slides over sequences.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, length)
        Sequences, or one without the batch axis; of the order of axes that `layout` says.
    kernel_size, stride, padding, dilation, ceil_mode, return_indices
        As for `max_pool2d`, along one axis; pads that differ are ``((before, after),)``.
    layout : {"NCL", "NLC"}, default="NCL"
        Order of the axes of input and result.

    Returns
    -------
    out, indices
        As of `max_pool2d`; indices along the sequence.
    """
    x = real_values(input, "input")
    window = placed(
        x.shape, kernel_size, stride, padding, dilation, ceil_mode, layout, 1, "max_pool1d"
    )
    return _max(x, window, return_indices)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    *,
    layout: str = "NCHW",
) -> Any:
    """Return the mean of every window that slides over images.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, h, w)
        As for `max_pool2d`.
    kernel_size, stride, padding, ceil_mode
        As for `max_pool2d`; the padding holds zeros.
    count_include_pad : bool, default=True
        Whether zeros of the padding count. What `ceil_mode` adds beyond it never does.
    divisor_override : int, optional
        What to divide sums by, in place of the number of elements that count; not 0.
    layout : {"NCHW", "NHWC"}, default="NCHW"
        As for `max_pool2d`.

    Returns
    -------
    Variable or array of shape (n, n_channels, h_out, w_out)
        As of `max_pool2d`.

    Raises
    ------
    ValueError
        As `max_pool2d` does.
    """
    x = real_values(input, "input")
    window = placed(x.shape, kernel_size, stride, padding, 1, ceil_mode, layout, 2, "avg_pool2d")
    return _avg(x, window, count_include_pad, _divisor(divisor_override))


def _divisor(divisor_override: Any) -> int:
    if divisor_override is None:
        return 0
    if divisor_override == 0 or not isinstance(divisor_override, int | np.integer):
        raise ValueError(
            f"divisor_override must be an integer other than 0, got {divisor_override!r}."
        )
    return int(divisor_override)


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    layout: str = "NCL",
) -> Any:
    """Return the mean of every window that slides over sequences.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, length)
        As for `max_pool1d`.
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As for `avg_pool2d`, along one axis.
    layout : {"NCL", "NLC"}, default="NCL"
        As for `max_pool1d`.

    Returns
    -------
    Variable or array of shape (n, n_channels, length_out)
        As of `max_pool2d`.
    """
    x = real_values(input, "input")
    window = placed(x.shape, kernel_size, stride, padding, 1, ceil_mode, layout, 1, "avg_pool1d")
    return _avg(x, window, count_include_pad)


def _whole(shape: tuple[int, ...], layout: str, name: str) -> Window:
    """Return a window over whole images."""
    last, (h, w), _ = axes_of(shape, 2, layout, name)
    if last:
        return placed(shape, (h, w), None, 0, 1, False, layout, 2, name)
    # A plane of one channel is a row as well, which is read faster.
    flat = placed((*shape[:-2], h * w), h * w, None, 0, 1, False, "NCL", 1, name)
    return flat._replace(shape=(*shape[:-2], 1, 1))


def global_max_pool2d(input: Any, *, layout: str = "NCHW") -> Any:
    """Return the largest element of every channel of images.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, h, w)
        As for `max_pool2d`.
    layout : {"NCHW", "NHWC"}, default="NCHW"
        As for `max_pool2d`.

    Returns
    -------
    Variable or array of shape (n, n_channels, 1, 1)
        As of `max_pool2d`.
    """
    x = real_values(input, "input")
    return _max(x, _whole(x.shape, layout, "global_max_pool2d"), False)


def global_avg_pool2d(input: Any, *, layout: str = "NCHW") -> Any:
    """Return the mean of every channel of images.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, h, w)
        As for `max_pool2d`.
    layout : {"NCHW", "NHWC"}, default="NCHW"
        As for `max_pool2d`.

    Returns
    -------
    Variable or array of shape (n, n_channels, 1, 1)
        As of `max_pool2d`.
    """
    x = real_values(input, "input")
    return _avg(x, _whole(x.shape, layout, "global_avg_pool2d"), True)


def adaptive_avg_pool2d(input: Any, output_size: Any, *, layout: str = "NCHW") -> Any:
    """Return means of as many parts of images as asked for.

    Part i of k along an axis of n elements is ``floor(i n / k)`` to ``ceil((i + 1) n / k) - 1``.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, h, w)
        As for `max_pool2d`.
    output_size : int, or pair of int or None
        Rows and columns of the result; None for those of the input.
    layout : {"NCHW", "NHWC"}, default="NCHW"
        As for `max_pool2d`.

    Returns
    -------
    Variable or array of shape (n, n_channels, *output_size)
        As of `max_pool2d`.

    Raises
    ------
    ValueError
        If the input has not 3 or 4 dimensions, or a size is below 1.
    """
    return _adaptive(input, output_size, 2, layout, "adaptive_avg_pool2d")


def adaptive_avg_pool1d(input: Any, output_size: Any, *, layout: str = "NCL") -> Any:
    """Return means of as many parts of sequences as asked for; see `adaptive_avg_pool2d`.

    Parameters
    ----------
    input : Variable, or array-like of real numbers of shape (n, n_channels, length)
        As for `max_pool1d`.
    output_size : int
        Length of the result.
    layout : {"NCL", "NLC"}, default="NCL"
        As for `max_pool1d`.

    Returns
    -------
    Variable or array of shape (n, n_channels, output_size)
        As of `max_pool2d`.
    """
    return _adaptive(input, output_size, 1, layout, "adaptive_avg_pool1d")


def _adaptive(input: Any, output_size: Any, n: int, layout: str, name: str) -> Any:
    x = real_values(input, "input")
    last, sizes, _ = axes_of(x.shape, n, layout, name)
    given = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * n
    if len(given) != n:
        raise ValueError(f"output_size must have {n} numbers, got {output_size!r}.")
    wanted = [
        size if k is None else number_of(k, "output_size", 1)
        for k, size in zip(given, sizes, strict=True)
    ]
    if not any(size % k for size, k in zip(sizes, wanted, strict=True)):
        kernel = tuple(size // k for size, k in zip(sizes, wanted, strict=True))
        return _avg(x, placed(x.shape, kernel, None, 0, 1, False, layout, n, name), True)
    return applied(_parts, x, sizes=sizes, wanted=wanted, last=last)


def _parts(x: Any, sizes: list[int], wanted: list[int], last: bool) -> Any:
    """Return means of parts that need not be of one size, as products with matrices of shares."""
    xp = resolve(x.value if type(x) is Variable else x).xp
    first = x.ndim - len(sizes) - last
    for axis, (size, k) in enumerate(zip(sizes, wanted, strict=True), first):
        i, at = np.arange(k)[:, None], np.arange(size)
        inside = (at >= i * size // k) & (at < -(-(i + 1) * size // k))
        shares = xp.asarray(inside / inside.sum(axis=1, keepdims=True), dtype=x.dtype)
        letters = "abcd"[: x.ndim]
        moved = letters[:axis] + "z" + letters[axis + 1 :]
        x = p.einsum(f"{letters},z{letters[axis]}->{moved}", x, shares)
    return x
