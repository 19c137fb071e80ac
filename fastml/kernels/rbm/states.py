"""Tasks of one half-step of training, on the CPU."""

import math

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import aligned, copy_items
from fastml._jit.subsets import PANEL_COLS, TABLE_SIZE, WORD_BITS
from fastml.kernels.rbm.bits import (
    BITS,
    LISTS,
    TASK_ROWS,
    add_bit_products,
    add_row_products,
    sums_for,
)
from fastml.kernels.rbm.lists import add_list_products
from fastml.kernels.rbm.scalar import HIDDEN, LABEL, MASK, VISIBLE
from fastml.kernels.rbm.units import (
    choose,
    clear_beyond,
    column_sums,
    draw_uniforms,
    leave_out,
    sigmoids,
    start_sums,
    to_bits,
    to_normals,
)


@njit_leaf
def take_rows(X, start, first, last, precision, rows):
    """Copy rows first..last of a batch, times the units' precisions, to rows that are padded."""
    for r in range(first, last):
        source, target = X[start + r], rows[r]
        for i in range(source.shape[0]):
            target[i] = source[i] * precision[i]


@njit_leaf
def hidden_task(
    task, n_panels, n_rows, n_visible, n_hidden, kind, words, numbers, values, places, rows, matrix,
    bias, keep, draw, seed, update, step, means, mean_sums, hidden_words,
):  # fmt: skip
    """Write means of a panel of hidden units for a block of rows, their sums, and bits drawn."""
    block, column = task // n_panels, (task % n_panels) * PANEL_COLS
    first = block * TASK_ROWS
    n = min(TASK_ROWS, n_rows - first)
    sums, draws = sums_for(matrix), aligned(TASK_ROWS * PANEL_COLS, matrix)
    start_sums(bias, column, n, sums)
    if kind == BITS:
        # Words of units beyond the last are zero.
        n_words = -(-n_visible // WORD_BITS)
        table = aligned(TABLE_SIZE, matrix)
        add_bit_products(words, 0, n_words, first, n, matrix, task % n_panels, table, sums)
    elif kind == LISTS:
        add_list_products(numbers, values, places, first, n, matrix, task % n_panels, sums)
    else:
        add_row_products(rows, first, n, n_visible, matrix, task % n_panels, sums)
    values = sums[: n * PANEL_COLS]
    sigmoids(values)
    if keep < 1:
        draw_uniforms(seed, np.uint64(MASK), update, first, n, n_hidden, column, draws)
        leave_out(values, draws, keep)
    if column + PANEL_COLS > n_hidden:
        clear_beyond(values, n, n_hidden - column)
    column_sums(values, n, mean_sums[block, column : column + PANEL_COLS])
    at = ((task % n_panels) * means.shape[1] + first) * PANEL_COLS
    copy_items(means, at, sums, 0, n * PANEL_COLS)
    if draw:
        draw_uniforms(seed, np.uint64(HIDDEN), step, first, n, n_hidden, column, draws)
        to_bits(draws, sums, n, n_hidden, column, hidden_words, first)


@njit_leaf
def _visible_sums(task, n_panels, n_rows, n_hidden, hidden_words, turned, bias, sums):
    """Add up what a panel of visible units gets; return first row, rows, and first column."""
    block, column = task // n_panels, (task % n_panels) * PANEL_COLS
    first = block * TASK_ROWS
    n = min(TASK_ROWS, n_rows - first)
    start_sums(bias, column, n, sums)
    table = aligned(TABLE_SIZE, turned)
    n_words = -(-n_hidden // WORD_BITS)
    add_bit_products(hidden_words, 0, n_words, first, n, turned, task % n_panels, table, sums)
    return first, n, column


@njit_leaf
def visible_task(
    task, n_panels, n_rows, n_visible, n_hidden, hidden_words, turned, bias, seed, step, words
):  # fmt: skip
    """Draw the bits of a panel of visible units for a block of rows."""
    sums = sums_for(turned)
    first, n, column = _visible_sums(
        task, n_panels, n_rows, n_hidden, hidden_words, turned, bias, sums
    )
    sigmoids(sums[: n * PANEL_COLS])
    draws = aligned(n * PANEL_COLS, turned)
    draw_uniforms(seed, np.uint64(VISIBLE), step, first, n, n_visible, column, draws)
    to_bits(draws, sums, n, n_visible, column, words, first)


@njit_leaf
def label_task(
    block, n_rows, n_visible, n_hidden, n_labels, hidden_words, turned, bias, seed, step, words
):  # fmt: skip
    """Draw the labels of a block of rows, which are the last visible units."""
    sums = sums_for(turned)
    n_panels, begin = turned.shape[0], n_visible - n_labels
    first = block * TASK_ROWS
    n = min(TASK_ROWS, n_rows - first)
    logits = np.empty((n, n_labels), turned.dtype)
    for panel in range(begin // PANEL_COLS, n_panels):
        _, _, column = _visible_sums(
            block * n_panels + panel, n_panels, n_rows, n_hidden, hidden_words, turned, bias, sums
        )
        for unit in range(max(begin, column), min(n_visible, column + PANEL_COLS)):
            for r in range(n):
                logits[r, unit - begin] = sums[r * PANEL_COLS + unit - column]
    draws = aligned(n * PANEL_COLS, turned)
    draw_uniforms(seed, np.uint64(LABEL), step, first, n, 1, 0, draws)
    for unit in range(begin, n_visible):
        keep = np.uint16(0xFFFF ^ (1 << (unit % WORD_BITS)))
        line = words[unit // WORD_BITS]
        for r in range(first, first + n):
            line[r] &= keep
    for r in range(n):
        unit = begin + choose(logits[r], draws[r * PANEL_COLS])
        words[unit // WORD_BITS, first + r] |= np.uint16(1 << (unit % WORD_BITS))


@njit_leaf
def gaussian_task(
    task, n_panels, n_rows, n_visible, n_hidden, hidden_words, turned, bias, log_variance,
    precision, seed, step, rows,
):  # fmt: skip
    """Draw a panel of Gaussian visible units for a block of rows, times their precisions."""
    sums = sums_for(turned)
    first, n, column = _visible_sums(
        task, n_panels, n_rows, n_hidden, hidden_words, turned, bias, sums
    )
    draws = aligned(n * PANEL_COLS, turned)
    draw_uniforms(seed, np.uint64(VISIBLE), step, first, n, n_visible, column, draws)
    to_normals(draws)
    for j in range(min(PANEL_COLS, n_visible - column)):
        deviation = turned.dtype.type(math.exp(0.5 * log_variance[column + j]))
        for r in range(n):
            at = r * PANEL_COLS + j
            drawn = sums[at] + deviation * draws[at]
            rows[first + r, column + j] = drawn * precision[column + j]
