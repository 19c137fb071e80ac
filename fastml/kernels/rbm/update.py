"""Tasks of an update of the parameters, on the CPU."""

import math

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import aligned
from fastml._jit.simd import TILE_COLS
from fastml._jit.subsets import (
    PANEL_COLS,
    TABLE_SIZE,
    WORD_BITS,
    count_bits,
    transpose_square,
)
from fastml._jit.tile import tile, tile_rows
from fastml.kernels.rbm.bits import TASK_ROWS, add_bit_products, pack_columns

# Visible units of a task: a multiple of every tile's rows and of a word's bits.
GRADIENT_ROWS = 96
# Rows that are summed before they join those before them, a whole number of words.
CHUNK_ROWS = 256


@njit_leaf
def _bit_gradient(words, n_rows, first, n_units, means, column, table, total, counts):
    """Sum over rows the products of visible bits and hidden means; count the bits."""
    columns = np.zeros((CHUNK_ROWS // WORD_BITS, GRADIENT_ROWS), np.uint16)
    sums = aligned(GRADIENT_ROWS * PANEL_COLS, total)
    total[:] = 0
    counts[:] = 0.0
    for start in range(0, n_rows, CHUNK_ROWS):
        n_groups = -(-min(CHUNK_ROWS, n_rows - start) // WORD_BITS)
        part = columns[:n_groups]
        for w in range(-(-n_units // WORD_BITS)):
            pack_columns(words, start, n_rows, first // WORD_BITS + w, part, w * WORD_BITS)
        for group in range(n_groups):
            for i in range(n_units):
                counts[i] += np.float64(count_bits(part[group, i]))
        sums[:] = 0
        add_bit_products(
            part, 0, n_groups, 0, n_units, means[start:], column, table, sums
        )
        for i in range(n_units * PANEL_COLS):
            total[i] += sums[i]


@njit_leaf
def _row_gradient(rows, n_rows, first, n_units, means, column, total, counts):
    """Do so for visible units of any values."""
    height, stride, width = tile_rows(rows), rows.shape[1], means.shape[1]
    sums = aligned(GRADIENT_ROWS * PANEL_COLS, total)
    total[:] = 0
    counts[:] = 0.0
    for start in range(0, n_rows, CHUNK_ROWS):
        n = min(CHUNK_ROWS, n_rows - start)
        sums[:] = 0
        for i in range(0, n_units, height):
            for panel in range(0, PANEL_COLS, TILE_COLS):
                here = i * PANEL_COLS + panel
                tile(
                    sums, here, PANEL_COLS,
                    rows, start * stride + first + i, 1, stride, 0,
                    means, start * width + column + panel, width,
                    n, 1,
                    sums, here, PANEL_COLS,
                )  # fmt: skip
        for i in range(n_units * PANEL_COLS):
            total[i] += sums[i]
        for r in range(start, start + n):
            row = rows[r, first : first + n_units]
            for i in range(n_units):
                counts[i] += np.float64(row[i])


@njit_leaf
def _squares(rows, n_rows, first, bias, log_variance, out):
    """Add up squared distances to the bias; rows are in units of the variance."""
    out[:] = 0.0
    for r in range(n_rows):
        for i in range(out.shape[0]):
            variance = math.exp(log_variance[first + i])
            distance = np.float64(rows[r, first + i]) * variance - bias[first + i]
            out[i] += distance * distance


@njit_leaf
def update_task(
    task, n_panels, n_data, n_model, n_visible, n_hidden, data_binary, model_binary,
    data_words, model_words, data_rows, model_rows, data_means, model_means,
    rate, momentum, weight_decay, pull, visible_bias, log_variance,
    matrix, turned, velocity, visible_sums, squares, slopes,
):  # fmt: skip
    """Update the weights of a block of visible units to a panel of hidden ones.

    Sums that the biases' updates need are left behind.
    """
    first, column = (task // n_panels) * GRADIENT_ROWS, (task % n_panels) * PANEL_COLS
    n_units = min(GRADIENT_ROWS, n_visible - first)
    width = min(PANEL_COLS, n_hidden - column)
    table = aligned(TABLE_SIZE, matrix)
    data = aligned(GRADIENT_ROWS * PANEL_COLS, matrix)
    model = aligned(GRADIENT_ROWS * PANEL_COLS, matrix)
    data_counts, model_counts = np.empty(GRADIENT_ROWS), np.empty(GRADIENT_ROWS)
    if data_binary:
        _bit_gradient(
            data_words, n_data, first, n_units, data_means, column, table, data, data_counts
        )
    else:
        _row_gradient(data_rows, n_data, first, n_units, data_means, column, data, data_counts)
    if model_binary:
        _bit_gradient(
            model_words, n_model, first, n_units, model_means, column, table, model, model_counts
        )
    else:
        _row_gradient(
            model_rows, n_model, first, n_units, model_means, column, model, model_counts
        )
    real = matrix.dtype.type
    data_share, model_share = real(1 / n_data), real(1 / n_model)
    speed, again, decay = real(rate), real(momentum), real(weight_decay)
    for i in range(n_units):
        row = matrix[first + i, column : column + width]
        mean = data_counts[i] / n_data
        slope = 0.0
        for j in range(width):
            at = i * PANEL_COLS + j
            gradient = data[at] * data_share - model[at] * model_share
            slope += np.float64(row[j] * gradient)
            change = speed * (gradient + real(pull[column + j] * mean) - decay * row[j])
            if velocity.shape[0] > 0:
                change += again * velocity[first + i, column + j]
                velocity[first + i, column + j] = change
            row[j] += change
        slopes[task % n_panels, first + i] = slope
    for i in range(0, n_units, TILE_COLS):
        for panel in range(column, column + PANEL_COLS, TILE_COLS):
            there = panel * turned.shape[1] + first + i
            here = (first + i) * matrix.shape[1] + panel
            transpose_square(turned, there, turned.shape[1], matrix, here, matrix.shape[1])
    if column == 0:
        for i in range(n_units):
            visible_sums[0, first + i] = data_counts[i]
            visible_sums[1, first + i] = model_counts[i]
        if log_variance.shape[0] > 0:
            last = first + n_units
            _squares(data_rows, n_data, first, visible_bias, log_variance, squares[0, first:last])
            _squares(
                model_rows, n_model, first, visible_bias, log_variance, squares[1, first:last]
            )


@njit_leaf
def _move(values, at, gradient, rate, momentum, velocity, place):
    """Move a parameter along its gradient."""
    change = rate * gradient
    if velocity.shape[0] > 0:
        change += momentum * velocity[place]
        velocity[place] = change
    values[at] += change


@njit_leaf
def update_biases(
    n_data, n_model, rate, momentum, pull, learn_variance, data_sums, model_sums,
    visible_sums, squares, slopes, visible_bias, hidden_bias, log_variance, velocity,
):  # fmt: skip
    """Update biases and log-variances from sums over the rows."""
    n_visible, n_hidden = visible_bias.shape[0], hidden_bias.shape[0]
    if log_variance.shape[0] > 0 and learn_variance:
        for i in range(n_visible):
            spread = squares[0, i] / n_data - squares[1, i] / n_model
            gradient = 0.5 * spread * math.exp(-log_variance[i])
            for panel in range(slopes.shape[0]):
                gradient -= slopes[panel, i]
            _move(log_variance, i, gradient, rate, momentum, velocity, n_visible + n_hidden + i)
    for i in range(n_visible):
        gradient = visible_sums[0, i] / n_data - visible_sums[1, i] / n_model
        _move(visible_bias, i, gradient, rate, momentum, velocity, i)
    for j in range(n_hidden):
        gradient = pull[j]
        for block in range(-(-n_data // TASK_ROWS)):
            gradient += data_sums[block, j] / n_data
        for block in range(-(-n_model // TASK_ROWS)):
            gradient -= model_sums[block, j] / n_model
        _move(hidden_bias, j, gradient, rate, momentum, velocity, n_visible + j)
