"""Tasks of an update of the parameters, on the CPU."""

import math

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.lanes import widest_vectors
from fastml._jit.memory import aligned
from fastml._jit.simd import TILE_COLS
from fastml._jit.subsets import (
    PANEL_COLS,
    TABLE_SIZE,
    WORD_BITS,
    add_subsets,
    count_bits,
    fill_table,
    transpose_square,
)
from fastml._jit.tile import tile, tile_rows
from fastml.kernels.rbm.bits import (
    BITS,
    CHUNK_ROWS,
    GRADIENT_ROWS,
    LISTS,
    TASK_ROWS,
    chunk_sums,
    pack_columns,
    place_in,
)
from fastml.kernels.rbm.lists import list_gradient


@njit_leaf
def _bit_gradient(words, n_rows, first, n_units, means, panel, table, total, counts):
    """Sum over rows the products of visible bits and hidden means; count the bits if asked."""
    columns = np.zeros((CHUNK_ROWS // WORD_BITS, GRADIENT_ROWS), np.uint16)
    sums = chunk_sums(n_rows, total)
    counts[:] = 0
    for start in range(0, n_rows, CHUNK_ROWS):
        n_groups = -(-min(CHUNK_ROWS, n_rows - start) // WORD_BITS)
        part = columns[:n_groups]
        for w in range(-(-n_units // WORD_BITS)):
            pack_columns(words, start, n_rows, first // WORD_BITS + w, part, w * WORD_BITS)
        for group in range(n_groups):
            for i in range(counts.shape[0]):
                counts[i] += np.int64(count_bits(part[group, i]))
        sums[:] = 0
        # The means of a chunk are the rows that the bits choose from.
        for group in range(n_groups):
            fill_table(table, means, place_in(means, panel, start + group * WORD_BITS), PANEL_COLS)
            add_subsets(sums, 0, n_units, part, group * GRADIENT_ROWS, table)
        if n_rows > CHUNK_ROWS:
            for i in range(total.shape[0]):
                total[i] += sums[i]


@njit_leaf
def _row_gradient(rows, n_rows, first, n_units, means, panel, total, counts):
    """Do so for visible units of any values, whose sums are `counts`."""
    height, stride = tile_rows(rows), rows.shape[1]
    sums = chunk_sums(n_rows, total)
    counts[:] = 0
    for start in range(0, n_rows, CHUNK_ROWS):
        n = min(CHUNK_ROWS, n_rows - start)
        sums[:] = 0
        for i in range(0, n_units, height):
            for column in range(0, PANEL_COLS, TILE_COLS):
                here = i * PANEL_COLS + column
                tile(
                    sums, here, PANEL_COLS,
                    rows, start * stride + first + i, 1, stride, 0,
                    means, place_in(means, panel, start) + column, PANEL_COLS,
                    n, 1,
                    sums, here, PANEL_COLS,
                )  # fmt: skip
        if n_rows > CHUNK_ROWS:
            for i in range(total.shape[0]):
                total[i] += sums[i]
        for r in range(start, start + n):
            row = rows[r, first : first + counts.shape[0]]
            for i in range(counts.shape[0]):
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
def _differ(data, model, data_share, model_share):
    """Subtract what the model expects from what the data show."""
    widest_vectors()
    for i in range(data.shape[0]):
        data[i] = data[i] * data_share - model[i] * model_share


@njit_leaf
def _draw_to_target(gradient, counts, share, pull):
    """Add the pull on the inputs of each hidden unit, times the means of what they come from."""
    real = gradient.dtype.type
    for i in range(counts.shape[0]):
        mean = counts[i] * share
        for j in range(PANEL_COLS):
            gradient[i * PANEL_COLS + j] += real(pull[j] * mean)


@njit_leaf
def _slopes(gradient, weights, out):
    """Write what each visible unit's weights and their gradient have in common."""
    for i in range(out.shape[0]):
        total = 0.0
        for j in range(PANEL_COLS):
            total += np.float64(weights[i, j] * gradient[i * PANEL_COLS + j])
        out[i] = total


@njit_leaf
def _change(weights, gradient, rate, decay):
    """Move weights along their gradient, less the decay; leave the changes in its place."""
    widest_vectors()
    for i in range(gradient.shape[0]):
        gradient[i] = rate * (gradient[i] - decay * weights[i])
        weights[i] += gradient[i]


@njit_leaf
def _change_again(weights, gradient, rate, decay, momentum, velocity):
    """Do so with a share of the last change, and keep the new one."""
    widest_vectors()
    for i in range(gradient.shape[0]):
        velocity[i] = momentum * velocity[i] + rate * (gradient[i] - decay * weights[i])
        weights[i] += velocity[i]


@njit_leaf
def update_task(
    task, n_panels, n_data, n_model, n_visible, data_kind, model_kind,
    data_words, model_words, numbers, values, places, data_rows, model_rows,
    data_means, model_means, rate, momentum, weight_decay, sparse, pull, visible_bias, log_variance,
    matrix, turned, velocity, visible_sums, squares, slopes,
):  # fmt: skip
    """Update the weights of a block of visible units to a panel of hidden ones.

    Sums that the biases' updates need are left behind.
    """
    first, panel = (task // n_panels) * GRADIENT_ROWS, task % n_panels
    n_units = min(GRADIENT_ROWS, n_visible - first)
    table = aligned(TABLE_SIZE, matrix)
    data = aligned((GRADIENT_ROWS + tile_rows(matrix)) * PANEL_COLS, matrix)
    model = aligned((GRADIENT_ROWS + tile_rows(matrix)) * PANEL_COLS, matrix)
    n_counted = n_units if sparse or panel == 0 else 0
    data_counts, model_counts = np.empty(n_counted), np.empty(n_counted)
    if data_kind == BITS:
        _bit_gradient(
            data_words, n_data, first, n_units, data_means, panel, table, data, data_counts
        )
    elif data_kind == LISTS:
        list_gradient(
            numbers, values, places, n_data, first, data_means, panel,
            data[: n_units * PANEL_COLS], data_counts,
        )  # fmt: skip
    else:
        _row_gradient(data_rows, n_data, first, n_units, data_means, panel, data, data_counts)
    if model_kind == BITS:
        _bit_gradient(
            model_words, n_model, first, n_units, model_means, panel, table, model, model_counts
        )
    else:
        _row_gradient(model_rows, n_model, first, n_units, model_means, panel, model, model_counts)
    real = matrix.dtype.type
    gradient = data[: n_units * PANEL_COLS]
    _differ(gradient, model, real(1 / n_data), real(1 / n_model))
    weights = matrix[panel, first : first + n_units]
    if log_variance.shape[0] > 0:
        _slopes(gradient, weights, slopes[panel, first : first + n_units])
    if sparse:
        _draw_to_target(gradient, data_counts, 1 / n_data, pull[panel * PANEL_COLS :])
    flat = weights.reshape(n_units * PANEL_COLS)
    if velocity.shape[1] > 0:
        changes = velocity[panel, first : first + n_units].reshape(n_units * PANEL_COLS)
        _change_again(flat, gradient, real(rate), real(weight_decay), real(momentum), changes)
    else:
        _change(flat, gradient, real(rate), real(weight_decay))
    for i in range(first, first + n_units, TILE_COLS):
        for column in range(0, PANEL_COLS, TILE_COLS):
            there = place_in(turned, i // PANEL_COLS, panel * PANEL_COLS + column) + i % PANEL_COLS
            here = place_in(matrix, panel, i) + column
            transpose_square(turned, there, PANEL_COLS, matrix, here, PANEL_COLS)
    if panel == 0:
        last = first + n_units
        visible_sums[0, first:last] = data_counts
        visible_sums[1, first:last] = model_counts
        if log_variance.shape[0] > 0:
            _squares(data_rows, n_data, first, visible_bias, log_variance, squares[0, first:last])
            _squares(model_rows, n_model, first, visible_bias, log_variance, squares[1, first:last])


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
