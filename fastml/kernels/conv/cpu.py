"""Convolutions, and their gradients, on the CPU: by the register tile, direct or Winograd's way.

Nothing is unrolled into columns: a task copies the rows it needs of one image into a strip with
zeros around them, and the tile reads every tap there. Where that takes more time, it takes them to
the points of `fastml.kernels.conv.winograd`.
"""

import numpy as np

from fastml._jit import njit_parallel, prange
from fastml._jit.vectors import lanes_of
from fastml.kernels.conv.channels import padded_columns
from fastml.kernels.conv.correlate import correlate_tasks, prepare, rows_at_once
from fastml.kernels.conv.geometry import (
    GROUPS_OF_TASKS,
    Axis,
    backward_axis,
    forward_axis,
    phase_length,
    reach,
)
from fastml.kernels.conv.lanes import whole_vectors
from fastml.kernels.conv.weights import count_blocks, merge_columns, unit_shape, weights_task
from fastml.kernels.conv.winograd import (
    POINTS,
    merge_points,
    paired,
    side_of,
    square_rows,
    suits,
    weights_ranges,
    winograd_weights_task,
)

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
    y = Axis(
        *forward_axis(images.shape[1], out.shape[1], weight.shape[2], stride_y, pad_top, dilation_y)
    )
    x = Axis(
        *forward_axis(
            images.shape[2], out.shape[2], weight.shape[3], stride_x, pad_left, dilation_x
        )
    )
    n_sources, n_columns = weight.shape[1], weight.shape[0] // groups
    chosen, packed, starts, init = prepare(
        weight, bias, False, y, x, images.shape[0], groups, n_sources, n_columns
    )
    rows = rows_at_once(
        chosen, y, x, images.shape[0], images.shape[3], groups, out.shape[3], packed
    )
    n_tasks = images.shape[0] * -(-phase_length(y, 0) // rows)
    n_runs = min(n_tasks, GROUPS_OF_TASKS)
    for run in prange(n_runs):
        correlate_tasks(
            chosen, images, y, x, groups, packed, starts, init, rows,
            run * n_tasks // n_runs, (run + 1) * n_tasks // n_runs, out,
        )  # fmt: skip


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
    y = Axis(
        *backward_axis(
            gradient.shape[1], out.shape[1], weight.shape[2], stride_y, pad_top, dilation_y
        )
    )
    x = Axis(
        *backward_axis(
            gradient.shape[2], out.shape[2], weight.shape[3], stride_x, pad_left, dilation_x
        )
    )
    n_sources, n_columns = weight.shape[0] // groups, weight.shape[1]
    chosen, packed, starts, init = prepare(
        weight, weight[0, 0, 0, :0], True, y, x, out.shape[0], groups, n_sources, n_columns
    )
    rows = rows_at_once(chosen, y, x, out.shape[0], gradient.shape[3], groups, out.shape[3], packed)
    n_tasks = out.shape[0] * -(-phase_length(y, 0) // rows)
    n_runs = min(n_tasks, GROUPS_OF_TASKS)
    for run in prange(n_runs):
        correlate_tasks(
            chosen, gradient, y, x, groups, packed, starts, init, rows,
            run * n_tasks // n_runs, (run + 1) * n_tasks // n_runs, out,
        )  # fmt: skip


@njit_parallel(work=lambda images, gradient, *rest: _work(gradient, rest[-2]))
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
    """Gradients by the weights and the bias, where that by the results is given.

    Parameters
    ----------
    images : (n_images, height, width, channels) float
        As for `conv2d_forward`.
    gradient : (n_images, out_height, out_width, out_channels), dtype of images
        Gradient by the results.
    stride_y, stride_x, pad_top, pad_left, dilation_y, dilation_x, groups : int
        As for `conv2d_forward`.
    weight_gradient : (out_channels, group_channels, kernel_height, kernel_width), dtype of images
        Written: the gradient by the weights.
    bias_gradient : (n_biases,), dtype of images
        Written: the gradient by the bias: out_channels numbers, or none where it is not wanted.
    """
    n_images, channels = images.shape[0], images.shape[3]
    out_channels, n_sources = gradient.shape[3], weight_gradient.shape[1]
    kernel = weight_gradient.shape[2:]
    dilations = (dilation_y, dilation_x)
    n_columns = out_channels // groups
    y = Axis(
        *forward_axis(images.shape[1], gradient.shape[1], kernel[0], stride_y, pad_top, dilation_y)
    )
    x = Axis(
        *forward_axis(images.shape[2], gradient.shape[2], kernel[1], stride_x, pad_left, dilation_x)
    )
    lanes = lanes_of(images)
    taps = kernel[0]
    by_points = suits(y, x, n_images, groups, n_sources, n_columns, lanes)
    lane_by_lane = groups > 1 and 2 * n_columns <= lanes and n_sources <= 8
    n_steps = n_sources * (POINTS if by_points else kernel[0] * kernel[1])
    n_groups, pitch, panel = groups, padded_columns(n_columns, lanes), 2 * lanes
    row_channels = channels
    if by_points:
        pitch = paired(n_columns, lanes)
    elif lane_by_lane:
        n_groups, pitch, panel = 1, whole_vectors(out_channels, lanes), lanes
        row_channels = lanes
    unit_rows, unit_images = unit_shape(y, x, reach(x, x.n_out) * row_channels, images.itemsize)
    if by_points:
        unit_rows, unit_images = square_rows(y, x, n_images, 4 * lanes, images.itemsize), 1
    n_units = -(-n_images // unit_images) * -(-y.n_out // unit_rows)
    n_blocks = count_blocks(
        n_units, n_images * y.n_out * x.n_out, n_groups * n_steps * pitch * images.itemsize,
        (images.size + gradient.size) * images.itemsize,
    )  # fmt: skip
    n_ranges, width = 1, n_sources
    if by_points:
        width, panel = weights_ranges(n_blocks, n_sources, n_columns, lanes)
        n_ranges = -(-n_sources // width)
    n_panels = -(-pitch // panel)
    n_tasks = n_groups * n_ranges * n_panels
    partials = np.zeros((n_blocks, n_groups * n_steps, pitch), images.dtype)
    biases = np.zeros((n_blocks, bias_gradient.shape[0]))
    for task in prange(n_blocks * n_tasks):
        block, group = task // n_tasks, task % n_tasks // n_panels
        column = task % n_panels * panel
        unit0, unit1 = block * n_units // n_blocks, (block + 1) * n_units // n_blocks
        if by_points:
            winograd_weights_task(
                images, gradient, y, x,
                group * width, min((group + 1) * width, n_sources),
                column, min(column + panel, n_columns),
                unit0, unit1, unit_rows // side_of(y), partials[block].reshape(-1),
                biases[block, column:] if group == 0 else biases[block, :0],
            )  # fmt: skip
        else:
            weights_task(
                lane_by_lane, images, gradient, y, x, kernel, dilations, groups, group, column,
                unit0, unit1, unit_rows, unit_images,
                partials[block, group * n_steps : (group + 1) * n_steps].reshape(-1),
                biases[block, group * n_columns + column :],
            )  # fmt: skip
    for task in prange(n_groups * pitch // lanes):
        if by_points:
            merge_points(partials, task * lanes, taps)
            merge_columns(False, partials[:1], task * lanes, groups, weight_gradient)
        else:
            merge_columns(lane_by_lane, partials, task * lanes, groups, weight_gradient)
    for column in range(bias_gradient.shape[0]):
        total = 0.0
        for block in range(n_blocks):
            total += biases[block, column]
        bias_gradient[column] = total
