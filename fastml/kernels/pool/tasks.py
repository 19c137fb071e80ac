"""Tasks of pooling: rows of all images, or of a group of images that are packed into vectors."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import copy_items
from fastml.kernels.pool.planes import pack, pack_marks, reach_of, unpack, unpack_marks
from fastml.kernels.pool.rows import back_runs, max_row, mean_row, scatter_rows
from fastml.kernels.pool.taps import extent

# Elements of the larger image that one task goes through, about.
TASK_SIZE = 16384


@njit_leaf
def tasks_of(n, h, together, row_size):
    """Return groups of images, rows of each, rows of a task, and tasks of a group.

    Images that are not packed are one group of all their rows.
    """
    n_groups, n_rows = (1, n * h) if together == 1 else (-(-n // together), h)
    step = max(1, TASK_SIZE // max(row_size, 1))
    return n_groups, n_rows, step, -(-n_rows // step)


@njit_leaf
def _scales(runs, n, kw, stride, before, after, include_pads, size, divisor, scales):
    """Write one over the number of elements that a mean of each run counts."""
    for r in range(runs.shape[0]):
        counted = size * extent(runs[r, 0], n, kw, stride, before, after, include_pads)
        scales[r] = scales.dtype.type(1) / scales.dtype.type(divisor if divisor else counted)


@njit_leaf
def _forward(flat, skipped, h, w, c, kh, kw, strides, pads, include_pads, divisor, first_row,
             last_row, rows, places, runs, columns, written, left_out, oh, ow, marks):  # fmt: skip
    """Write rows first_row ... last_row - 1 of the pooled images: maxima and their taps to `marks`.

    Or means, where that is None, which Numba knows when it compiles. Of the images the first
    `skipped` elements are not there, of the results the first `left_out`.
    """
    (sh, sw), row_size = strides, w * c
    scales, size_of_scales = np.empty(runs.shape[0], flat.dtype), 0
    image, oy, limit = first_row // oh, first_row % oh, last_row * ow * c - left_out
    for row in range(first_row, last_row):
        i0, i1, shift = places[oy]
        a0, at = image * h * row_size + shift - skipped, row * ow * c - left_out
        if marks is None:
            size = extent(oy, h, kh, sh, pads[0], pads[2], include_pads)
            if size != size_of_scales:
                _scales(runs, w, kw, sw, pads[1], pads[3], include_pads, size, divisor, scales)
                size_of_scales = size
            mean_row(flat, a0, rows, i0, i1, columns, runs, c, sw, scales, written, at, limit)
        else:
            max_row(flat, a0, rows, i0, i1, columns, runs, c, sw, written, at, limit, marks)
        oy += 1
        if oy == oh:
            image, oy = image + 1, 0


@njit_leaf
def forward_task(images, together, group, first_row, last_row, kh, kw, strides, pads,
                  include_pads, divisor, rows, places, runs, columns, out, marks):  # fmt: skip
    """Do so for rows of all images, or of a group of those that are packed into vectors."""
    n, h, w, c = images.shape
    oh, ow = out.shape[1], out.shape[2]
    flat, written, skipped, left_out, to = images.reshape(-1), out.reshape(-1), 0, 0, marks
    used = min(n, together)
    first = min(group * together, n - used)
    if together > 1:
        low, high = reach_of(rows, places, first_row, last_row, w * c * together)
        skipped, low, high = low, low // together, high // together
        at, plane = first * h * w * c + low, h * w * c
        flat = pack(images.reshape(-1), at, plane, used, high - low)
        left_out, size = first_row * ow * c * together, (last_row - first_row) * ow * c
        written = np.empty(size * together, images.dtype)
        if marks is not None:
            to = np.empty(size * together, marks.dtype)
    _forward(flat, skipped, h, w, c * together, kh, kw, strides, pads, include_pads, divisor,
             first_row, last_row, rows, places, runs, columns, written, left_out, oh, ow,
             to)  # fmt: skip
    if together > 1:
        at, plane = (first * oh + first_row) * ow * c, oh * ow * c
        unpack(written, used, size, out.reshape(-1), at, plane)
        if marks is not None:
            unpack_marks(to, used, size, together, marks, at, plane)


@njit_leaf
def _back(flat, marks, skipped, oh, ow, stride, scale, factors, first_row, last_row, rows, places,
          columns, runs, written, left_out, h, w, c):  # fmt: skip
    """Write rows first_row ... last_row - 1 of the gradient by the images.

    Of the gradient that is given the first `skipped` elements are not there, of that by the images
    the first `left_out`.
    """
    row_size = ow * c
    most = rows.shape[1] if factors.size else 0
    scaled = np.empty(most * row_size, written.dtype)
    scaled_rows = np.empty((2, most), np.int64)
    image, y, limit = first_row // h, first_row % h, last_row * w * c - left_out
    for row in range(first_row, last_row):
        i0, i1, shift = places[y]
        a0, at = image * oh * row_size + shift - skipped, row * w * c - left_out
        if marks is None and row > first_row and y and _same_sources(rows, places, y):
            copy_items(written, at, written, at - w * c, w * c)
        else:
            source, taps = flat, rows
            if factors.size:
                source, taps = scaled, scaled_rows
                for i in range(i1 - i0):
                    start = shift + rows[0, i0 + i]
                    taps[0, i], taps[1, i] = i * row_size, 0
                    for ox in range(ow):
                        factor, begin = factors[start // row_size, ox], a0 - shift + start
                        for j in range(ox * c, (ox + 1) * c):
                            scaled[i * row_size + j] = factor * flat[begin + j]
                a0, i0, i1 = 0, 0, i1 - i0
            back_runs(source, marks, a0, taps, i0, i1, columns, runs, c, stride, scale, written, at,
                      limit)  # fmt: skip
        y += 1
        if y == h:
            image, y = image + 1, 0


@njit_leaf
def back_task(g, marks, together, group, first_row, last_row, stride, scale, factors, rows, places,
               columns, runs, out):  # fmt: skip
    """Do so for rows of all images, or of a group of those that are packed into vectors."""
    n, h, w, c = out.shape
    oh, ow = g.shape[1], g.shape[2]
    flat, written, skipped, left_out, tags = g.reshape(-1), out.reshape(-1), 0, 0, marks
    used = min(n, together)
    first = min(group * together, n - used)
    if together > 1:
        low, high = reach_of(rows, places, first_row, last_row, ow * c * together)
        skipped, low, high = low, low // together, high // together
        at, plane = first * oh * ow * c + low, oh * ow * c
        flat = pack(g.reshape(-1), at, plane, used, high - low)
        if marks is not None:
            tags = pack_marks(marks, at, plane, used, high - low, together)
        left_out, size = first_row * w * c * together, (last_row - first_row) * w * c
        written = np.empty(size * together, out.dtype)
    _back(flat, tags, skipped, oh, ow, stride, scale, factors, first_row, last_row, rows, places,
          columns, runs, written, left_out, h, w, c * together)  # fmt: skip
    if together > 1:
        at, plane = (first * h + first_row) * w * c, h * w * c
        unpack(written, used, size, out.reshape(-1), at, plane)


@njit_leaf
def _same_sources(rows, places, y):
    """Whether means reach a row from the same rows as the one before it."""
    i0, i1, shift = places[y]
    before0, before1, before = places[y - 1]
    if i1 - i0 != before1 - before0:
        return False
    return i1 == i0 or shift + rows[0, i0] == before + rows[0, before0]


@njit_leaf
def scatter_task(g, chosen, offsets, strides, pads, reach, first_row, last_row, out):
    """Write rows first_row ... last_row - 1 of the gradient by the images, of few channels."""
    h, row = out.shape[1], first_row
    while row < last_row:
        image = row // h
        stop = min(last_row, (image + 1) * h)
        scatter_rows(g, chosen, offsets, strides, pads, reach, row - image * h, stop - image * h,
                     image, out)  # fmt: skip
        row = stop
