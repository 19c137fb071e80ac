"""An LSTM forward on the CPU: its gates follow while the sums of some units are in the cache.

Weights are ordered by units: as many as a vector holds, with their four gates side by side, make
two panels. What comes out of these for a few rows is turned to states before the next units' turn.
"""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.gates import lstm_units
from fastml._jit.memory import aligned, copy_items
from fastml._jit.stretches import vector_lanes
from fastml.kernels.recurrent.lines import (
    ROWS_AT_ONCE,
    SPARE,
    active,
    multiply,
    put,
    put_inputs,
)


@njit_leaf
def _n_groups(n, like):
    """Return into how many groups n units are cut, the last filled up."""
    return -(-n // vector_lanes(like))


@njit_leaf
def by_units(weight):
    """Return rows of weights, those of the gates of some units next to each other."""
    lanes, n = vector_lanes(weight), weight.shape[0] // 4
    ordered = np.zeros((4 * lanes * _n_groups(n, weight), weight.shape[1]), weight.dtype)
    target, source = ordered.reshape(-1), weight.reshape(-1)
    m = weight.shape[1]
    for j in range(0, n, lanes):
        for g in range(4):
            copy_items(
                target, (4 * j + g * lanes) * m, source, (g * n + j) * m, min(lanes, n - j) * m
            )
    return ordered


@njit_leaf
def lstm_init(bias, input_bias, weight):
    """Return what sums begin with: both biases, in the order of the weights."""
    n = weight.shape[0]
    both = np.zeros((n, 1), weight.dtype)
    for j in range(bias.size):
        both[j, 0] = bias[j]
    for j in range(input_bias.size):
        both[j, 0] += input_bias[j]
    return by_units(both).reshape(-1)


@njit_leaf
def lstm_block(
    block, n_blocks, rows, packed_input, packed, init, mask, firsts, lengths, row_step, gates,
    states, kept, last, last_cell,
):  # fmt: skip
    """Run through every n_blocks-th sequence, which are in the order of their lengths."""
    n, n_features, lanes = last.shape[1], rows.shape[1], vector_lanes(gates)
    n_rows = -(-(firsts.size - block) // n_blocks)
    n_steps = max(1, ROWS_AT_ONCE // n_rows)
    line, input_line, wide = n + SPARE, n_features + SPARE, 4 * lanes
    n_sums, n_groups = n_rows * n_steps, _n_groups(n, gates)
    lines, inputs = aligned(n_rows * line, gates), aligned(n_sums * input_line, gates)
    sums, pitch = aligned(n_groups * n_sums * wide, gates), n_sums * wide
    # Flat, as slices of rows would count references all the time.
    all_gates, all_states, all_kept = gates.reshape(-1), states.reshape(-1), kept.reshape(-1)
    all_last, cells = last.reshape(-1), last_cell.reshape(-1)
    keeps = gates.shape[0] > 0
    for i in range(n_rows):
        s = block + i * n_blocks
        put(all_last, s * n, mask, s, n, lines, i * line)
    at = 0
    for t in range(lengths[block]):
        n_rows = active(lengths, block, n_blocks, n_rows, t)
        begins = t % n_steps == 0
        if begins:
            n_sums = put_inputs(
                block, n_blocks, n_rows, t, n_steps, rows, firsts, lengths, row_step, inputs
            )
            at = 0
        for k in range(n_groups):
            if begins:
                multiply(
                    inputs, input_line, n_sums, packed_input, n_features, 2 * k, 2,
                    init, k * wide, 0, sums, k * pitch, wide,
                )  # fmt: skip
            here = k * pitch + at * wide
            multiply(lines, line, n_rows, packed, n, 2 * k, 2, sums, here, wide, sums, here, wide)
            for i in range(n_rows):
                s = block + i * n_blocks
                j, row = k * lanes, firsts[s] + t * row_step
                lstm_units(
                    sums, here + i * wide, cells, s * n + j, all_states, row * n + j,
                    keeps, all_gates, 4 * row * n + j, all_kept, row * n + j, n, min(lanes, n - j),
                )  # fmt: skip
        at += n_rows
        for i in range(n_rows):
            s = block + i * n_blocks
            row = firsts[s] + t * row_step
            if t == lengths[s] - 1:
                copy_items(all_last, s * n, all_states, row * n, n)
            put(all_states, row * n, mask, s, n, lines, i * line)
