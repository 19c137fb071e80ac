"""Recurrent layers on the CPU: a block of sequences goes through all its steps on its own.

No two blocks meet. Products are the register tile's, whose sums have one order at any height, and
all else is done row by row: what becomes of a sequence does not depend on the others.
"""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml._jit.block import block_cols
from fastml._jit.gates import lstm_step_back
from fastml._jit.memory import aligned, copy_items
from fastml.kernels.dense.panels import pack_panel, pack_transposed
from fastml.kernels.recurrent.forms import LSTM
from fastml.kernels.recurrent.lines import (
    ROWS_AT_ONCE,
    SPARE,
    active,
    multiply,
    put,
    put_inputs,
)
from fastml.kernels.recurrent.lstm import by_units, lstm_block, lstm_init
from fastml.kernels.recurrent.steps import add, add_masked, step, step_back

# Sequences of a block: fewer are not worth a thread, and of more the rows would leave the cache.
LEAST_SEQUENCES, MOST_SEQUENCES = 4, 28


def _work(weight, lengths):
    # The tile does so many multiply-adds in the time of one operation.
    return weight.size * int(lengths.sum()) / 40


@njit_leaf
def _n_blocks(n_sequences, n_workers):
    """Return into how many blocks to cut: as many for each worker, if that can be."""
    least, most = -(-n_sequences // MOST_SEQUENCES), -(-n_sequences // LEAST_SEQUENCES)
    return max(least, min(-(-least // n_workers) * n_workers, most))


@njit_leaf
def _packed(weight):
    """Pack the columns of transposed weights."""
    wide, n = block_cols(weight), weight.shape[1]
    n_panels = -(-weight.shape[0] // wide)
    packed = aligned(n_panels * wide * n, weight)
    offset = np.zeros(n, weight.dtype)
    for q in range(n_panels):
        pack_transposed(weight, q * wide, offset, packed, q * n * wide)
    return packed


@njit_leaf
def _padded(bias, pitch):
    init = np.zeros(pitch, bias.dtype)
    init[: bias.size] = bias
    return init


@njit_leaf
def _forward_block(
    block, n_blocks, kind, leak, rows, packed_input, input_init, packed, init, mask, firsts,
    lengths, row_step, gates, states, kept, last,
):  # fmt: skip
    """Run through every n_blocks-th sequence, which are in the order of their lengths."""
    n, width, n_features = last.shape[1], gates.shape[1], rows.shape[1]
    n_rows = -(-(firsts.size - block) // n_blocks)
    n_steps = max(1, ROWS_AT_ONCE // n_rows)
    pitch, line = init.size, n + SPARE
    n_panels = pitch // block_cols(gates)
    lines, products = aligned(n_rows * line, gates), aligned(n_rows * pitch, gates)
    n_sums = n_rows * n_steps
    inputs, sums = aligned(n_sums * (n_features + SPARE), gates), aligned(n_sums * pitch, gates)
    now = np.empty(n, gates.dtype)
    # Flat, as slices of rows would count references all the time.
    all_gates, all_states, all_kept = gates.reshape(-1), states.reshape(-1), kept.reshape(-1)
    all_last = last.reshape(-1)
    for i in range(n_rows):
        s = block + i * n_blocks
        put(all_last, s * n, mask, s, n, lines, i * line)
    at = 0
    for t in range(lengths[block]):
        n_rows = active(lengths, block, n_blocks, n_rows, t)
        if t % n_steps == 0:
            n_sums = put_inputs(
                block, n_blocks, n_rows, t, n_steps, rows, firsts, lengths, row_step, inputs
            )
            multiply(
                inputs, n_features + SPARE, n_sums, packed_input, n_features, 0, n_panels,
                input_init, 0, 0, sums, 0, pitch,
            )  # fmt: skip
            at = 0
        multiply(lines, line, n_rows, packed, n, 0, n_panels, init, 0, 0, products, 0, pitch)
        for i in range(n_rows):
            s = block + i * n_blocks
            row = firsts[s] + t * row_step
            step(
                kind, leak, products[i * pitch : i * pitch + width], sums[at : at + width], now,
                last[s],
            )  # fmt: skip
            copy_items(all_states, row * n, all_last, s * n, n)
            if gates.shape[0] > 0:
                copy_items(all_gates, row * width, sums, at, width)
                if kept.size > 0:
                    copy_items(all_kept, row * n, now, 0, n)
            put(all_states, row * n, mask, s, n, lines, i * line)
            at += pitch


@njit_parallel(work=lambda *args: _work(args[5], args[9]) + _work(args[3], args[9]))
def forward(
    kind,  # IN scalar
    leak,  # IN scalar
    rows,  # IN (n_rows, n_features)
    input_weight,  # IN (n_gates, n_features)
    input_bias,  # IN (n_input_biases,)
    weight,  # IN (n_gates, n_units)
    bias,  # IN (n_biases,)
    mask,  # IN (n_masks, n_units)
    firsts,  # IN (n_sequences,)
    lengths,  # IN (n_sequences,)
    row_step,  # IN scalar
    n_workers,  # IN scalar
    gates,  # OUT (n_written, n_gates)
    states,  # OUT (n_rows, n_units)
    kept,  # OUT (n_written, n_kept)
    last,  # INOUT (n_sequences, n_units)
    last_cell,  # INOUT (n_cells, n_units)
):
    """Run a recurrent layer through sequences.

    Parameters
    ----------
    kind : int
        Of the cell: one of `forms`.
    leak : float
        How far the units of a plain cell go to their new value, of the dtype of weight.
    rows : (n_rows, n_features) float array
        Elements of all sequences.
    input_weight : (n_gates, n_features) float array
        What they are multiplied by, ``forms.N_GATES[kind] * n_units`` rows.
    input_bias : (n_input_biases,) float array
        Added to that product: n_gates numbers, or none.
    weight : (n_gates, n_units) float array
        What the state is multiplied by.
    bias : (n_biases,) float array
        Added to that product: n_gates numbers, or none.
    mask : (n_masks, n_units) float array
        What the state of each sequence is multiplied by before that, or none.
    firsts : (n_sequences,) int64 array
        Rows of the sequences' first elements. A sequence may be read backwards from its last.
    lengths : (n_sequences,) int64 array
        Numbers of their elements, in descending order.
    row_step : int
        Rows from one element of a sequence to the next.
    n_workers : int
        How many threads there may be: sequences are shared out to them. No result depends on it.
    gates : (n_written, n_gates) float array
        Written, if it has n_rows rows: the values of the gates for `backward`.
    states : (n_rows, n_units) float array
        Written: the state after each element.
    kept : (n_written, n_kept) float array
        Written with the gates: the cell of an LSTM, and a GRU's product for its third gate, n_units
        numbers; of others none.
    last : (n_sequences, n_units) float array
        Initial states. Written over: the last ones.
    last_cell : (n_cells, n_units) float array
        Initial cells of an LSTM, no rows otherwise. Written over: the last ones.
    """
    n_blocks = _n_blocks(firsts.size, n_workers)
    if kind == LSTM:
        packed, packed_input = _packed(by_units(weight)), _packed(by_units(input_weight))
        init = lstm_init(bias, input_bias, weight)
        for block in prange(n_blocks):
            lstm_block(
                block, n_blocks, rows, packed_input, packed, init, mask, firsts, lengths, row_step,
                gates, states, kept, last, last_cell,
            )  # fmt: skip
    else:
        packed, packed_input = _packed(weight), _packed(input_weight)
        wide = block_cols(weight)
        pitch = -(-weight.shape[0] // wide) * wide
        init, input_init = _padded(bias, pitch), _padded(input_bias, pitch)
        for block in prange(n_blocks):
            _forward_block(
                block, n_blocks, kind, leak, rows, packed_input, input_init, packed, init, mask,
                firsts, lengths, row_step, gates, states, kept, last,
            )  # fmt: skip


@njit_leaf
def _backward_block(
    block, n_blocks, kind, leak, packed, pitch, mask, firsts, lengths, row_step, first_states,
    first_cells, gates, states, kept, by_states, gradient, recurrent_gradient, previous, by_last,
    by_cell,
):  # fmt: skip
    """Run backwards through every n_blocks-th sequence."""
    n, width = by_last.shape[1], gates.shape[1]
    n_sequences = -(-(firsts.size - block) // n_blocks)
    line = width + SPARE
    lines, products = aligned(n_sequences * line, gates), aligned(n_sequences * pitch, gates)
    n_panels, init = pitch // block_cols(gates), np.zeros(pitch, gates.dtype)
    all_gates, all_states, all_kept = gates.reshape(-1), states.reshape(-1), kept.reshape(-1)
    by_all, by_sums, cells = by_states.reshape(-1), gradient.reshape(-1), first_cells.reshape(-1)
    first, before = first_states.reshape(-1), previous.reshape(-1)
    by_next, by_cells = by_last.reshape(-1), by_cell.reshape(-1)
    n_rows = 0
    for t in range(lengths[block] - 1, -1, -1):
        while n_rows < n_sequences and lengths[block + n_rows * n_blocks] > t:
            n_rows += 1
        for i in range(n_rows):
            s = block + i * n_blocks
            row = firsts[s] + t * row_step
            if t == 0:
                put(first, s * n, mask, s, n, before, row * n)
            else:
                put(all_states, (row - row_step) * n, mask, s, n, before, row * n)
            if kind == LSTM:
                lstm_step_back(
                    by_all, row * n, by_next, s * n, all_gates, row * width, all_kept, row * n,
                    (row - row_step) * n, cells, s * n, t == 0, by_cells, s * n,
                    by_sums, row * width, lines, i * line, n,
                )  # fmt: skip
                if mask.shape[0] > 0:
                    by_last[s] = 0
            else:
                add(by_states[row], by_last[s])
                step_back(
                    kind, leak, by_last[s], gates[row], kept[row],
                    first_states[s] if t == 0 else states[row - row_step], gradient[row],
                    lines[i * line : i * line + width],
                )  # fmt: skip
                if recurrent_gradient.shape[0] > 0:
                    recurrent_gradient[row] = lines[i * line : i * line + width]
        multiply(lines, line, n_rows, packed, width, 0, n_panels, init, 0, 0, products, 0, pitch)
        for i in range(n_rows):
            s = block + i * n_blocks
            if mask.shape[0] > 0:
                add_masked(products[i * pitch : i * pitch + n], mask[s], by_last[s])
            elif kind == LSTM:
                copy_items(by_next, s * n, products, i * pitch, n)
            else:
                add(products[i * pitch : i * pitch + n], by_last[s])


@njit_parallel(work=lambda *args: _work(args[2], args[5]))
def backward(
    kind,  # IN scalar
    leak,  # IN scalar
    weight,  # IN (n_gates, n_units)
    mask,  # IN (n_masks, n_units)
    firsts,  # IN (n_sequences,)
    lengths,  # IN (n_sequences,)
    row_step,  # IN scalar
    n_workers,  # IN scalar
    first_states,  # IN (n_sequences, n_units)
    first_cells,  # IN (n_cells, n_units)
    gates,  # IN (n_rows, n_gates)
    states,  # IN (n_rows, n_units)
    kept,  # IN (n_rows, n_kept)
    by_states,  # IN (n_rows, n_units)
    gradient,  # OUT (n_rows, n_gates)
    recurrent_gradient,  # OUT (n_written, n_gates)
    previous,  # OUT (n_rows, n_units)
    by_last,  # INOUT (n_sequences, n_units)
    by_cell,  # INOUT (n_cells, n_units)
):
    """Run back through sequences, from gradients by the states.

    Parameters
    ----------
    kind : int
        As for `forward`.
    leak : float
        As for `forward`.
    weight : (n_gates, n_units) float array
        As for `forward`.
    mask : (n_masks, n_units) float array
        As for `forward`.
    firsts : (n_sequences,) int64 array
        As for `forward`.
    lengths : (n_sequences,) int64 array
        As for `forward`.
    row_step : int
        As for `forward`.
    n_workers : int
        As for `forward`.
    first_states : (n_sequences, n_units) float array
        Initial states.
    first_cells : (n_cells, n_units) float array
        Initial cells of an LSTM, or no rows.
    gates : (n_rows, n_gates) float array
        As `forward` wrote them.
    states : (n_rows, n_units) float array
        As `forward` wrote them.
    kept : (n_rows, n_kept) float array
        As `forward` wrote it.
    by_states : (n_rows, n_units) float array
        Gradient by the states, after each element.
    gradient : (n_rows, n_gates) float array
        Written: the gradient by the sums over inputs.
    recurrent_gradient : (n_written, n_gates) float array
        Written, for a GRU: the gradient by the products with the state. Otherwise it is the same,
        and this has no rows.
    previous : (n_rows, n_units) float array
        Written: the states that were multiplied, before each element.
    by_last : (n_sequences, n_units) float array
        Gradient by the last states. Written over: that by the initial states.
    by_cell : (n_cells, n_units) float array
        Gradient by the last cells. Written over: that by the initial cells.
    """
    wide = block_cols(weight)
    width, n = weight.shape
    n_panels = -(-n // wide)
    packed = aligned(n_panels * width * wide, weight)
    for q in range(n_panels):
        pack_panel(weight, q * wide, packed, q * width * wide)
    n_blocks = _n_blocks(firsts.size, n_workers)
    for block in prange(n_blocks):
        _backward_block(
            block, n_blocks, kind, leak, packed, n_panels * wide, mask, firsts, lengths, row_step,
            first_states, first_cells, gates, states, kept, by_states, gradient,
            recurrent_gradient, previous, by_last, by_cell,
        )  # fmt: skip
