"""Pooling in NumPy."""

import numpy as np


def _taps(n_out, n_in, window, stride, pad, dilation=1):
    """Yield the number of each tap, the outputs that have it in the image, and where it is."""
    for k in range(window):
        at = np.arange(n_out) * stride - pad + k * dilation
        inside = (at >= 0) & (at < n_in)
        yield k, np.flatnonzero(inside), at[inside]


def _taps_2d(shape, shape_out, window, strides, pads, dilations=(1, 1)):
    for ky, oy, y in _taps(shape_out[1], shape[1], window[0], strides[0], pads[0], dilations[0]):
        for kx, ox, x in _taps(
            shape_out[2], shape[2], window[1], strides[1], pads[1], dilations[1]
        ):
            yield ky * window[1] + kx, np.ix_(oy, ox), np.ix_(y, x)


def max_forward(images, window, strides, pads, dilations, out, chosen):
    """Write the largest element of every window, and which it was."""
    out[:] = -np.inf
    which, found = np.zeros(out.shape, np.int32), np.zeros(out.shape, bool)
    for k, o, x in _taps_2d(images.shape, out.shape, window, strides, pads, dilations):
        here, value = (slice(None), *o), images[(slice(None), *x)]
        better = ~found[here] | (value > out[here]) | np.isnan(value)
        out[here] = np.where(better, value, out[here])
        which[here] = np.where(better, k, which[here])
        found[here] = True
    chosen[:] = which


def max_backward(g, chosen, window, strides, pads, dilations, gradient):
    """Give each gradient by a maximum to the element that it came from."""
    gradient[:] = 0
    for k, o, x in _taps_2d(gradient.shape, g.shape, window, strides, pads, dilations):
        here = (slice(None), *o)
        gradient[(slice(None), *x)] += np.where(chosen[here] == k, g[here], 0)


def _extents(n_out, n, window, stride, before, after, include_pads):
    start = np.arange(n_out) * stride - before
    if include_pads:
        return np.minimum(start + window, n + after) - start
    return np.minimum(start + window, n) - np.maximum(start, 0)


def _counted(shape, shape_out, window, strides, pads, include_pads, divisor):
    rows, columns = (
        _extents(shape_out[i + 1], shape[i + 1], window[i], strides[i], pads[i], pads[i + 2],
                 include_pads)
        for i in range(2)
    )  # fmt: skip
    counted = np.multiply.outer(rows, columns)[..., None]
    return np.full_like(counted, divisor) if divisor else counted


def mean_forward(images, window, strides, pads, include_pads, divisor, out):
    """Write the mean of every window."""
    total = np.zeros(out.shape, np.float64)
    for _, o, x in _taps_2d(images.shape, out.shape, window, strides, pads):
        total[(slice(None), *o)] += images[(slice(None), *x)]
    out[:] = total / _counted(images.shape, out.shape, window, strides, pads, include_pads, divisor)


def mean_backward(g, window, strides, pads, include_pads, divisor, gradient):
    """Give each element its share of the gradients by the means that it is part of."""
    share = g / _counted(
        gradient.shape, g.shape, window, strides, pads, include_pads, divisor
    ).astype(g.dtype)
    gradient[:] = 0
    for _, o, x in _taps_2d(gradient.shape, g.shape, window, strides, pads):
        gradient[(slice(None), *x)] += share[(slice(None), *o)]
