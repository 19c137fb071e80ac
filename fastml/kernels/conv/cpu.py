"""Convolutions, and their gradients, on the CPU: direct, by the register tile.

Nothing is unrolled into columns: a task copies the rows it needs of one image into a strip with
zeros around them, and the tile reads every tap there.
"""

from fastml._jit import njit_parallel, prange
from fastml.kernels.conv.correlate import correlate_task, prepare, rows_at_once
from fastml.kernels.conv.geometry import Axis, backward_axis, forward_axis, phase_length

# Numbers that one instruction takes, about: work is counted in instructions.
LANES = 16


def _work(pixels, weight):
    return pixels.size * (weight.size // max(1, weight.shape[0])) / LANES


@njit_parallel(work=lambda images, weight, *rest: _work(rest[-1], weight))
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
    """Correlate images with the kernels of all output channels.

    Parameters
    ----------
    images : (n_images, height, width, channels) float
        Images, channels last.
    weight : (out_channels, group_channels, kernel_height, kernel_width), dtype of images
        A kernel for each output channel, over the channels of its group.
    bias : (n_biases,), dtype of images
        What each output channel begins with: out_channels numbers, or none.
    stride_y, stride_x : int
        Pixels of the image from one result to the next.
    pad_top, pad_left : int
        Rows and columns of zeros before the image. Behind it there are as many as are reached.
    dilation_y, dilation_x : int
        Pixels of the image from one tap to the next.
    groups : int
        Groups of channels; each output channel sees one.
    out : (n_images, out_height, out_width, out_channels), dtype of images
        Written: the results.
    """
    y = Axis(*forward_axis(images.shape[1], out.shape[1], weight.shape[2], stride_y, pad_top, dilation_y))
    x = Axis(*forward_axis(images.shape[2], out.shape[2], weight.shape[3], stride_x, pad_left, dilation_x))
    n_sources, n_columns = weight.shape[1], weight.shape[0] // groups
    chosen, packed, starts, init = prepare(
        weight, bias, False, y, x, groups, n_sources, n_columns
    )
    rows = rows_at_once(
        chosen, y, x, images.shape[0], images.shape[3], groups, out.shape[3], packed
    )
    n_bands = -(-phase_length(y, 0) // rows)
    for task in prange(images.shape[0] * n_bands):
        n, m0 = task // n_bands, task % n_bands * rows
        correlate_task(chosen, images[n], y, x, groups, packed, starts, init, m0, rows, out[n])


@njit_parallel(work=lambda gradient, weight, *rest: _work(gradient, weight))
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
    """Gradient by the images, where that by the results is given: a transposed convolution.

    Parameters
    ----------
    gradient : (n_images, out_height, out_width, out_channels) float
        Gradient by the results.
    weight : (out_channels, group_channels, kernel_height, kernel_width), dtype of gradient
        As for `conv2d_forward`.
    stride_y, stride_x, pad_top, pad_left, dilation_y, dilation_x, groups : int
        As for `conv2d_forward`.
    out : (n_images, height, width, channels), dtype of gradient
        Written: the gradient by the images.
    """
    y = Axis(*backward_axis(gradient.shape[1], out.shape[1], weight.shape[2], stride_y, pad_top, dilation_y))
    x = Axis(*backward_axis(gradient.shape[2], out.shape[2], weight.shape[3], stride_x, pad_left, dilation_x))
    n_sources, n_columns = weight.shape[0] // groups, weight.shape[1]
    chosen, packed, starts, init = prepare(
        weight, weight[0, 0, 0, :0], True, y, x, groups, n_sources, n_columns
    )
    rows = rows_at_once(
        chosen, y, x, out.shape[0], gradient.shape[3], groups, out.shape[3], packed
    )
    n_bands = -(-phase_length(y, 0) // rows)
    for task in prange(out.shape[0] * n_bands):
        n, m0 = task // n_bands, task % n_bands * rows
        correlate_task(chosen, gradient[n], y, x, groups, packed, starts, init, m0, rows, out[n])


def conv2d_weight_gradient(images, gradient, a,b,c,d,e,f,g, weight_gradient, bias_gradient):
    from fastml.kernels.conv import reference
    reference.conv2d_weight_gradient(images, gradient, a,b,c,d,e,f,g, weight_gradient, bias_gradient)
