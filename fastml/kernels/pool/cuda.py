"""Pooling on a CUDA device: a thread for each element that is written."""

import math

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d


@cuda_device
def _first_tap(start, dilation):
    """Return the first tap that is not before the image."""
    return 0 if start >= 0 else (-start + dilation - 1) // dilation


@cuda_device
def _stop_tap(start, dilation, window, size):
    """Return the tap after the last one in the image."""
    return min(window, (size - start + dilation - 1) // dilation) if start < size else 0


@cuda_device
def _counted(o, n, window, stride, before, after, include_pads):
    start = o * stride - before
    if include_pads:
        return min(start + window, n + after) - start
    return min(start + window, n) - max(start, 0)


@cuda_device
def _lowest_tap(reach, n_out, stride, dilation):
    """Return the first tap by which no output beyond the last is met."""
    beyond = reach - (n_out - 1) * stride
    return 0 if beyond <= 0 else (beyond + dilation - 1) // dilation


@cuda_kernel
def _max_forward(images, kh, kw, sh, sw, top, left, dh, dw, out, chosen):
    real = images.dtype.type
    h, w, c = images.shape[1], images.shape[2], images.shape[3]
    oh, ow = out.shape[1], out.shape[2]
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        rest, channel = i // c, i % c
        ox, rest = rest % ow, rest // ow
        oy, n = rest % oh, rest // oh
        y, x = oy * sh - top, ox * sw - left
        y0, y1 = _first_tap(y, dh), _stop_tap(y, dh, kh, h)
        x0, x1 = _first_tap(x, dw), _stop_tap(x, dw, kw, w)
        best, which = real(-math.inf), 0
        if y1 > y0 and x1 > x0:
            which = y0 * kw + x0
        for ky in range(y0, y1):
            for kx in range(x0, x1):
                value = images[n, y + ky * dh, x + kx * dw, channel]
                if value > best or value != value:
                    best, which = value, ky * kw + kx
        out[n, oy, ox, channel] = best
        chosen[n, oy, ox, channel] = which


def max_forward(
    images,  # IN (n, h, w, n_channels)
    window,  # IN (2,)
    strides,  # IN (2,)
    pads,  # IN (4,)
    dilations,  # IN (2,)
    out,  # OUT (n, h_out, w_out, n_channels)
    chosen,  # OUT (n, h_out, w_out, n_channels)
):
    _max_forward[grid_1d(out.size)](
        as_device(images), *window, *strides, *pads[:2], *dilations, as_device(out),
        as_device(chosen),
    )  # fmt: skip


@cuda_kernel
def _mean_forward(images, kh, kw, sh, sw, top, left, bottom, right, include_pads, divisor, out):
    real = images.dtype.type
    h, w, c = images.shape[1], images.shape[2], images.shape[3]
    oh, ow = out.shape[1], out.shape[2]
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        rest, channel = i // c, i % c
        ox, rest = rest % ow, rest // ow
        oy, n = rest % oh, rest // oh
        y, x = oy * sh - top, ox * sw - left
        total = real(0)
        for row in range(max(y, 0), min(y + kh, h)):
            # Each row by itself first: sums over large windows lose less.
            part = real(0)
            for column in range(max(x, 0), min(x + kw, w)):
                part += images[n, row, column, channel]
            total += part
        counted = divisor
        if divisor == 0:
            counted = _counted(oy, h, kh, sh, top, bottom, include_pads)
            counted *= _counted(ox, w, kw, sw, left, right, include_pads)
        out[n, oy, ox, channel] = total / real(counted)


def mean_forward(
    images,  # IN (n, h, w, n_channels)
    window,  # IN (2,)
    strides,  # IN (2,)
    pads,  # IN (4,)
    include_pads,  # IN scalar
    divisor,  # IN scalar
    out,  # OUT (n, h_out, w_out, n_channels)
):
    _mean_forward[grid_1d(out.size)](
        as_device(images), *window, *strides, *pads, include_pads, divisor, as_device(out)
    )


@cuda_kernel
def _max_backward(g, chosen, kh, kw, sh, sw, top, left, dh, dw, gradient):
    h, w, c = gradient.shape[1], gradient.shape[2], gradient.shape[3]
    oh, ow = g.shape[1], g.shape[2]
    for i in range(cuda.grid(1), gradient.size, cuda.gridsize(1)):
        rest, channel = i // c, i % c
        x, rest = rest % w, rest // w
        y, n = rest % h, rest // h
        reach_y, reach_x = y + top, x + left
        total = g.dtype.type(0)
        # Outputs in the order of their index: from the last tap to the first.
        ky = min(kh - 1, reach_y // dh)
        while ky >= _lowest_tap(reach_y, oh, sh, dh):
            if (reach_y - ky * dh) % sh == 0:
                oy = (reach_y - ky * dh) // sh
                kx = min(kw - 1, reach_x // dw)
                while kx >= _lowest_tap(reach_x, ow, sw, dw):
                    if (reach_x - kx * dw) % sw == 0:
                        ox = (reach_x - kx * dw) // sw
                        if chosen[n, oy, ox, channel] == ky * kw + kx:
                            total += g[n, oy, ox, channel]
                    kx -= 1
            ky -= 1
        gradient[n, y, x, channel] = total


def max_backward(
    g,  # IN (n, h_out, w_out, n_channels)
    chosen,  # IN (n, h_out, w_out, n_channels)
    window,  # IN (2,)
    strides,  # IN (2,)
    pads,  # IN (4,)
    dilations,  # IN (2,)
    gradient,  # OUT (n, h, w, n_channels)
):
    _max_backward[grid_1d(gradient.size)](
        as_device(g), as_device(chosen), *window, *strides, *pads[:2], *dilations,
        as_device(gradient),
    )  # fmt: skip


@cuda_kernel
def _mean_backward(g, kh, kw, sh, sw, top, left, bottom, right, include_pads, divisor, gradient):
    real = g.dtype.type
    h, w, c = gradient.shape[1], gradient.shape[2], gradient.shape[3]
    oh, ow = g.shape[1], g.shape[2]
    for i in range(cuda.grid(1), gradient.size, cuda.gridsize(1)):
        rest, channel = i // c, i % c
        x, rest = rest % w, rest // w
        y, n = rest % h, rest // h
        reach_y, reach_x = y + top, x + left
        y0 = 0 if reach_y < kh else (reach_y - kh) // sh + 1
        x0 = 0 if reach_x < kw else (reach_x - kw) // sw + 1
        total = real(0)
        for oy in range(y0, min(oh, reach_y // sh + 1)):
            rows = _counted(oy, h, kh, sh, top, bottom, include_pads)
            for ox in range(x0, min(ow, reach_x // sw + 1)):
                counted = divisor
                if divisor == 0:
                    counted = rows * _counted(ox, w, kw, sw, left, right, include_pads)
                total += g[n, oy, ox, channel] / real(counted)
        gradient[n, y, x, channel] = total


def mean_backward(
    g,  # IN (n, h_out, w_out, n_channels)
    window,  # IN (2,)
    strides,  # IN (2,)
    pads,  # IN (4,)
    include_pads,  # IN scalar
    divisor,  # IN scalar
    gradient,  # OUT (n, h, w, n_channels)
):
    _mean_backward[grid_1d(gradient.size)](
        as_device(g), *window, *strides, *pads, include_pads, divisor, as_device(gradient)
    )
