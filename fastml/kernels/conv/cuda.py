"""Convolutions on a CUDA device: products of tiles in shared memory, gathered on the way.

Forward, a tile of pixels meets a tile of output channels over all taps and input channels. The data
gradient is the same with the sides exchanged; pixels are then dealt out by their rest modulo the
stride, so that no tap is tried that meets nothing. The weight gradient adds up over slices of
pixels, and then over slices: places that depend on shapes alone.
"""

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d

# A block of 16 x 16 threads holds the products of 128 pixels and 64 channels, 8 x 4 a thread.
THREADS = 256
SIDE = 16
PIXELS_A_THREAD = 8
CHANNELS_A_THREAD = 4
TILE_PIXELS = SIDE * PIXELS_A_THREAD
TILE_CHANNELS = SIDE * CHANNELS_A_THREAD
# Terms of one step, and how many pixels or channels are copied of each at a time.
DEPTH = 8
LINES = THREADS // DEPTH
PIXELS_COPIED = TILE_PIXELS // LINES
CHANNELS_COPIED = TILE_CHANNELS // LINES
# Shapes in shared memory. One element more than is used keeps stores off the same banks.
PIXELS_SHAPE = (DEPTH, TILE_PIXELS + 1)
CHANNELS_SHAPE = (DEPTH, TILE_CHANNELS + 1)
SUMS_SHAPE = (PIXELS_A_THREAD, CHANNELS_A_THREAD)
# Fewer channels of a group than these leave most of a tile empty: a thread for each element then.
FEW_CHANNELS = 8
# Pixels that one partial sum of a weight gradient is made of, at least, and how many there may be.
SLICE_PIXELS = 2048
MOST_SLICES = 32
# A row that no image has.
FAR = -(1 << 30)


@cuda_device
def _multiply(pixel_tile, channel_tile, sums):
    """Add the products of one step to the sums of each thread."""
    column, line = cuda.threadIdx.x % SIDE, cuda.threadIdx.x // SIDE
    for t in range(DEPTH):
        for j in range(CHANNELS_A_THREAD):
            w = channel_tile[t, j * SIDE + column]
            for i in range(PIXELS_A_THREAD):
                sums[i, j] += pixel_tile[t, i * SIDE + line] * w


def _for_both(tiles):
    """Return kernels for float32 and float64, of which two blocks and one share the registers."""
    return tuple(cuda_kernel(launch_bounds=(THREADS, blocks))(tiles) for blocks in (2, 1))


def _correlate_tiles(source, packed, bias, taps, phases, n, h, w, channels, n_in, n_out, groups,
                     base_y, base_x, step_y, step_x, gap_y, gap_x, oh, ow, tiles,
                     out):  # fmt: skip
    pixel_tile = cuda.shared.array(PIXELS_SHAPE, source.dtype)
    channel_tile = cuda.shared.array(CHANNELS_SHAPE, source.dtype)
    y_of = cuda.shared.array(TILE_PIXELS, np.int32)
    x_of = cuda.shared.array(TILE_PIXELS, np.int32)
    from_of = cuda.shared.array(TILE_PIXELS, np.int64)
    to_of = cuda.shared.array(TILE_PIXELS, np.int64)
    sums = cuda.local.array(SUMS_SHAPE, source.dtype)
    zero = source.dtype.type(0)
    thread = cuda.threadIdx.x
    column, line = thread % SIDE, thread // SIDE
    group, phase = cuda.blockIdx.x // tiles % groups, cuda.blockIdx.x // tiles // groups
    o0 = cuda.blockIdx.y * TILE_CHANNELS
    if thread < TILE_PIXELS:
        rows, columns = phases[phase, 3], phases[phase, 4]
        pixel = cuda.blockIdx.x % tiles * TILE_PIXELS + thread
        # No source is there, and no place for it, unless something says where.
        y_of[thread], x_of[thread], to_of[thread] = FAR, 0, -1
        if pixel < n * rows * columns:
            image, yy, xx = pixel // (rows * columns), pixel // columns % rows, pixel % columns
            y, x = base_y + yy * step_y, base_x + xx * step_x
            y_of[thread], x_of[thread] = y, x
            from_of[thread] = ((image * h + y) * w + x) * channels + group * n_in
            yy, xx = phases[phase, 1] + yy * gap_y, phases[phase, 2] + xx * gap_x
            to_of[thread] = ((image * oh + yy) * ow + xx) * groups * n_out + group * n_out
    cuda.syncthreads()
    for i in range(PIXELS_A_THREAD):
        for j in range(CHANNELS_A_THREAD):
            sums[i, j] = zero
    depth = phases[phase, 0] * n_in
    place = thread % DEPTH
    for t0 in range(0, depth, DEPTH):
        # A thread copies one term of several pixels and channels: neighbours copy neighbours, and
        # the term is taken apart once.
        tap = min(t0 + place, depth - 1) // n_in
        c = t0 + place - tap * n_in
        shift_y, shift_x = taps[phase, tap, 1], taps[phase, tap, 2]
        skip = (shift_y * w + shift_x) * channels + c
        if t0 + place >= depth:
            shift_y = FAR
        for i in range(PIXELS_COPIED):
            p = i * LINES + thread // DEPTH
            y, x = y_of[p] + shift_y, x_of[p] + shift_x
            value = zero
            if 0 <= y < h and 0 <= x < w:
                value = source[from_of[p] + skip]
            pixel_tile[place, p] = value
        at = taps[phase, tap, 0] * n_in + c
        for j in range(CHANNELS_COPIED):
            o = j * LINES + thread // DEPTH
            value = zero
            if t0 + place < depth and o0 + o < n_out:
                value = packed[group * n_out + o0 + o, at]
            channel_tile[place, o] = value
        cuda.syncthreads()
        _multiply(pixel_tile, channel_tile, sums)
        cuda.syncthreads()
    for j in range(CHANNELS_A_THREAD):
        o = o0 + j * SIDE + column
        if o < n_out:
            more = bias[group * n_out + o] if bias.shape[0] else zero
            for i in range(PIXELS_A_THREAD):
                to = to_of[i * SIDE + line]
                if to >= 0:
                    out[to + o] = sums[i, j] + more


_correlate, _correlate64 = _for_both(_correlate_tiles)


@cuda_kernel
def _correlate_few(source, packed, bias, taps, phases, n, h, w, channels, n_in, n_out, groups,
                   base_y, base_x, step_y, step_x, gap_y, gap_x, oh, ow, tiles,
                   out):  # fmt: skip
    channels_out = groups * n_out
    for index in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        rest, o = index // channels_out, index % channels_out
        x_out, rest = rest % ow, rest // ow
        y_out, image = rest % oh, rest // oh
        phase = y_out % gap_y * gap_x + x_out % gap_x
        y0, x0 = base_y + y_out // gap_y * step_y, base_x + x_out // gap_x * step_x
        total = source.dtype.type(0)
        for tap in range(phases[phase, 0]):
            y, x = y0 + taps[phase, tap, 1], x0 + taps[phase, tap, 2]
            if 0 <= y < h and 0 <= x < w:
                start = ((image * h + y) * w + x) * channels + o // n_out * n_in
                at = taps[phase, tap, 0] * n_in
                for c in range(n_in):
                    total += source[start + c] * packed[o, at + c]
        if bias.shape[0]:
            total += bias[o]
        out[index] = total


def _axis(n_out, stride, pad, dilation, n_taps, back):
    """Return the outputs of each phase along an axis, and the taps that meet something there.

    Returns
    -------
    list of (int, list of (int, int))
        For each phase how many outputs it has, and its taps: their number, and how far from the
        base of an output the source is that they meet.
    """
    if not back:
        return [(n_out, [(k, k * dilation) for k in range(n_taps)])]
    found = []
    for phase in range(stride):
        reach = [(k, phase + pad - k * dilation) for k in range(n_taps)]
        taps = [(k, far // stride) for k, far in reach if far % stride == 0]
        found.append((-(-(n_out - phase) // stride) if phase < n_out else 0, taps))
    return found


def _tables(xp, rows, columns, kw):
    """Return the taps of all phases, and of each how many they are and which outputs it has."""
    n_phases = len(rows) * len(columns)
    most = max(len(a) for _, a in rows) * max(len(a) for _, a in columns)
    taps, phases = (
        np.zeros((n_phases, max(most, 1), 3), np.int32),
        np.zeros((n_phases, 5), np.int32),
    )
    for number in range(n_phases):
        y, x = divmod(number, len(columns))
        (height, taps_y), (width, taps_x) = rows[y], columns[x]
        found = [(ky * kw + kx, dy, dx) for ky, dy in taps_y for kx, dx in taps_x]
        taps[number, : len(found)] = np.array(found, np.int32).reshape(-1, 3)
        phases[number] = len(found), y, x, height, width
    return xp.asarray(taps), xp.asarray(phases)


def _launch(source, packed, bias, kernel, strides, pads, dilations, groups, back, out):
    xp = array_module(source)
    axes = zip(out.shape[1:3], strides, pads, dilations, kernel, strict=True)
    rows, columns = (_axis(*axis, back) for axis in axes)
    taps, phases = _tables(xp, rows, columns, kernel[1])
    n_in, n_out = source.shape[3] // groups, out.shape[3] // groups
    walk = (0, 0, 1, 1, *strides) if back else (-pads[0], -pads[1], *strides, 1, 1)
    pixels = source.shape[0] * max(size for size, _ in rows) * max(size for size, _ in columns)
    tiles = -(-pixels // TILE_PIXELS)
    arguments = (
        *map(as_device, (source.reshape(-1), packed, bias, taps, phases)), *source.shape, n_in,
        n_out, groups, *walk, *out.shape[1:3], tiles, as_device(out.reshape(-1)),
    )  # fmt: skip
    if n_out < FEW_CHANNELS:
        _correlate_few[grid_1d(out.size)](*arguments)
        return
    kernel = _correlate if out.dtype == np.float32 else _correlate64
    grid = (tiles * groups * len(phases), -(-n_out // TILE_CHANNELS))
    kernel[grid, THREADS](*arguments)


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
    xp = array_module(images)
    # Input channels of one tap side by side, as those of a pixel are.
    packed = xp.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(len(weight), -1)
    _launch(images, packed, bias, weight.shape[2:], (stride_y, stride_x), (pad_top, pad_left),
            (dilation_y, dilation_x), groups, False, out)  # fmt: skip


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
    xp = array_module(gradient)
    kernel = weight.shape[2:]
    grouped = weight.reshape(groups, -1, *weight.shape[1:]).transpose(0, 2, 3, 4, 1)
    packed = xp.ascontiguousarray(grouped).reshape(out.shape[3], -1)
    no_bias = xp.empty(0, weight.dtype)
    _launch(gradient, packed, no_bias, kernel, (stride_y, stride_x), (pad_top, pad_left),
            (dilation_y, dilation_x), groups, True, out)  # fmt: skip


def _weight_tiles(images, gradient, h, w, channels, rows, columns, n_in, n_out, groups, kw, sy, sx,
                  top, left, dy, dx, slice_pixels, tiles, partials):  # fmt: skip
    column_tile = cuda.shared.array(PIXELS_SHAPE, images.dtype)
    channel_tile = cuda.shared.array(CHANNELS_SHAPE, images.dtype)
    y_of = cuda.shared.array(DEPTH, np.int32)
    x_of = cuda.shared.array(DEPTH, np.int32)
    from_of = cuda.shared.array(DEPTH, np.int64)
    sums = cuda.local.array(SUMS_SHAPE, images.dtype)
    zero = images.dtype.type(0)
    thread = cuda.threadIdx.x
    column, line = thread % SIDE, thread // SIDE
    first_column = cuda.blockIdx.x % tiles * TILE_PIXELS
    group, part = cuda.blockIdx.x // tiles % groups, cuda.blockIdx.x // tiles // groups
    o0 = cuda.blockIdx.y * TILE_CHANNELS
    start = part * slice_pixels
    stop = min(start + slice_pixels, gradient.shape[0])
    # A column is a tap and an input channel: each thread copies one, of every other pixel.
    copied = first_column + thread % TILE_PIXELS
    tap = copied // n_in
    shift_y, shift_x = tap // kw * dy, tap % kw * dx
    skip = (shift_y * w + shift_x) * channels + group * n_in + copied - tap * n_in
    if copied >= partials.shape[2]:
        shift_y = FAR
    # The first threads say where pixels are; they go on from one step to the next.
    pixel = start + thread
    image, yy, xx = pixel // (rows * columns), pixel // columns % rows, pixel % columns
    for i in range(PIXELS_A_THREAD):
        for j in range(CHANNELS_A_THREAD):
            sums[i, j] = zero
    for p0 in range(start, stop, DEPTH):
        if thread < DEPTH:
            y, x = yy * sy - top, xx * sx - left
            y_of[thread], x_of[thread] = y if p0 + thread < stop else FAR, x
            from_of[thread] = ((image * h + y) * w + x) * channels
            xx += DEPTH
            while xx >= columns:
                xx -= columns
                yy += 1
            while yy >= rows:
                yy -= rows
                image += 1
        cuda.syncthreads()
        for i in range(PIXELS_COPIED):
            t = i * (THREADS // TILE_PIXELS) + thread // TILE_PIXELS
            y, x = y_of[t] + shift_y, x_of[t] + shift_x
            value = zero
            if 0 <= y < h and 0 <= x < w:
                value = images[from_of[t] + skip]
            column_tile[t, thread % TILE_PIXELS] = value
        o = thread % TILE_CHANNELS
        for j in range(CHANNELS_COPIED):
            t = j * (THREADS // TILE_CHANNELS) + thread // TILE_CHANNELS
            value = zero
            if p0 + t < stop and o0 + o < n_out:
                value = gradient[p0 + t, group * n_out + o0 + o]
            channel_tile[t, o] = value
        cuda.syncthreads()
        _multiply(column_tile, channel_tile, sums)
        cuda.syncthreads()
    for j in range(CHANNELS_A_THREAD):
        o = o0 + j * SIDE + column
        if o < n_out:
            for i in range(PIXELS_A_THREAD):
                k = first_column + i * SIDE + line
                if k < partials.shape[2]:
                    partials[part, group * n_out + o, k] = sums[i, j]


_weight_gradient, _weight_gradient64 = _for_both(_weight_tiles)


@cuda_kernel
def _weight_gradient_few(images, gradient, h, w, channels, rows, columns, n_in, n_out, groups, kw,
                         sy, sx, top, left, dy, dx, slice_pixels, tiles, partials):  # fmt: skip
    channels_out, n_columns = partials.shape[1], partials.shape[2]
    for index in range(cuda.grid(1), partials.size, cuda.gridsize(1)):
        rest, o = index // channels_out, index % channels_out
        part, k = rest // n_columns, rest % n_columns
        tap = k // n_in
        c = o // n_out * n_in + k - tap * n_in
        shift_y, shift_x = tap // kw * dy - top, tap % kw * dx - left
        start = part * slice_pixels
        total = images.dtype.type(0)
        for pixel in range(start, min(start + slice_pixels, gradient.shape[0])):
            y = pixel // columns % rows * sy + shift_y
            x = pixel % columns * sx + shift_x
            if 0 <= y < h and 0 <= x < w:
                image = pixel // (rows * columns)
                at = ((image * h + y) * w + x) * channels + c
                total += gradient[pixel, o] * images[at]
        partials[part, o, k] = total


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
    xp = array_module(images)
    channels, n_in, kh, kw = weight_gradient.shape
    rows, columns = gradient.shape[1:3]
    pixels = gradient.reshape(-1, channels)
    slice_pixels = max(SLICE_PIXELS, -(-len(pixels) // MOST_SLICES))
    n_slices = -(-len(pixels) // slice_pixels)
    partials = xp.zeros((n_slices, channels, kh * kw * n_in), images.dtype)
    n_out, tiles = channels // groups, -(-partials.shape[2] // TILE_PIXELS)
    arguments = (
        as_device(images.reshape(-1)), as_device(pixels), *images.shape[1:], rows, columns, n_in,
        n_out, groups, kw, stride_y, stride_x, pad_top, pad_left, dilation_y, dilation_x,
        slice_pixels, tiles, as_device(partials),
    )  # fmt: skip
    if n_out < FEW_CHANNELS:
        _weight_gradient_few[grid_1d(partials.size)](*arguments)
    else:
        kernel = _weight_gradient if images.dtype == np.float32 else _weight_gradient64
        grid = (tiles * groups * n_slices, -(-n_out // TILE_CHANNELS))
        kernel[grid, THREADS](*arguments)
    total = partials.sum(axis=0, dtype=np.float64).reshape(channels, kh, kw, n_in)
    weight_gradient[:] = total.transpose(0, 3, 1, 2)
    if bias_gradient.size:
        bias_gradient[:] = pixels.sum(axis=0, dtype=np.float64)
