"""Convolutions, and their gradients, in NumPy: one tap of the kernel at a time, in float64.

What is computed is a correlation, as in all libraries of networks:
``out[n, y, x, o] = bias[o] + sum_{i, j, c} images[n, y', x', c] weight[o, c, i, j]`` where
``y' = stride_y y + dilation_y i - pad_top``, ``x' = stride_x x + dilation_x j - pad_left``, images
are 0 outside, and o and c are channels of one group.
"""

import numpy as np


def _padded(images, kernel, out_size, strides, pads, dilations, groups):
    """Return images by groups of channels, with zeros around them as far as taps reach."""
    sizes = zip(images.shape[1:3], kernel, out_size, strides, pads, dilations, strict=True)
    ends = [max(s * (o - 1) + d * (k - 1) + 1 - p - n, 0) for n, k, o, s, p, d in sizes]
    around = ((0, 0), (pads[0], ends[0]), (pads[1], ends[1]), (0, 0))
    padded = np.pad(images.astype(np.float64), around)
    return _grouped(padded, groups)


def _grouped(a, groups):
    """Return a float64 array whose last axis of channels is split into groups."""
    return a.astype(np.float64).reshape(*a.shape[:-1], groups, a.shape[-1] // groups)


def _taps(padded, kernel, out_size, strides, dilations):
    """Yield the row and column of each tap, and a view of what it meets at every output."""
    for i, j in np.ndindex(*kernel):
        row, column = dilations[0] * i, dilations[1] * j
        rows = slice(row, row + strides[0] * out_size[0], strides[0])
        yield i, j, padded[:, rows, column : column + strides[1] * out_size[1] : strides[1]]


def conv2d_forward(
    images,  # IN (n_images, height, width, channels)
    weight,  # IN (out_channels, group_channels, kernel_height, kernel_width)
    bias,  # IN (n_biases,)
    stride_y,  # IN scalar
    stride_x,  # IN scalar
    pad_top,  # IN scalar
    pad_left,  # IN scalar
    dilation_y,  # IN scalar
    dilation_x,  # IN scalar
    groups,  # IN scalar
    out,  # OUT (n_images, out_height, out_width, out_channels)
):
    steps, pads, gaps = (stride_y, stride_x), (pad_top, pad_left), (dilation_y, dilation_x)
    kernel, size, total = weight.shape[2:], out.shape[1:3], np.zeros(out.shape)
    w = weight.reshape(groups, len(weight) // groups, *weight.shape[1:]).astype(np.float64)
    padded = _padded(images, kernel, size, steps, pads, gaps, groups)
    for i, j, met in _taps(padded, kernel, size, steps, gaps):
        total += np.einsum("nyxgc,goc->nyxgo", met, w[..., i, j]).reshape(out.shape)
    out[:] = total + (bias if bias.size else 0)


def conv2d_data_gradient(
    gradient,  # IN (n_images, out_height, out_width, out_channels)
    weight,  # IN (out_channels, group_channels, kernel_height, kernel_width)
    stride_y,  # IN scalar
    stride_x,  # IN scalar
    pad_top,  # IN scalar
    pad_left,  # IN scalar
    dilation_y,  # IN scalar
    dilation_x,  # IN scalar
    groups,  # IN scalar
    out,  # OUT (n_images, height, width, channels)
):
    steps, pads, gaps = (stride_y, stride_x), (pad_top, pad_left), (dilation_y, dilation_x)
    kernel, size, g = weight.shape[2:], gradient.shape[1:3], _grouped(gradient, groups)
    w = weight.reshape(groups, len(weight) // groups, *weight.shape[1:]).astype(np.float64)
    padded = _padded(np.zeros_like(out), kernel, size, steps, pads, gaps, groups)
    for i, j, met in _taps(padded, kernel, size, steps, gaps):
        met += np.einsum("nyxgo,goc->nyxgc", g, w[..., i, j])
    inside = padded[:, pad_top : pad_top + out.shape[1], pad_left : pad_left + out.shape[2]]
    out[:] = inside.reshape(out.shape)


def conv2d_weight_gradient(
    images,  # IN (n_images, height, width, channels)
    gradient,  # IN (n_images, out_height, out_width, out_channels)
    stride_y,  # IN scalar
    stride_x,  # IN scalar
    pad_top,  # IN scalar
    pad_left,  # IN scalar
    dilation_y,  # IN scalar
    dilation_x,  # IN scalar
    groups,  # IN scalar
    weight_gradient,  # OUT (out_channels, group_channels, kernel_height, kernel_width)
    bias_gradient,  # OUT (n_biases,)
):
    steps, pads, gaps = (stride_y, stride_x), (pad_top, pad_left), (dilation_y, dilation_x)
    kernel, size, g = weight_gradient.shape[2:], gradient.shape[1:3], _grouped(gradient, groups)
    padded = _padded(images, kernel, size, steps, pads, gaps, groups)
    for i, j, met in _taps(padded, kernel, size, steps, gaps):
        found = np.einsum("nyxgo,nyxgc->goc", g, met)
        weight_gradient[..., i, j] = found.reshape(weight_gradient.shape[:2])
    bias_gradient[:] = gradient.sum(axis=(0, 1, 2), dtype=np.float64)[: bias_gradient.size]
