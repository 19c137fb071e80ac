"""Recurrent layers in NumPy, one sequence after the other."""

import numpy as np

from fastml.kernels.recurrent.cells import BACKWARD, FORWARD


def forward(
    kind, leak, rows, input_weight, input_bias, weight, bias, mask, firsts, lengths, row_step,
    n_workers, gates, states, kept, last, last_cell,
):  # fmt: skip
    """Run through sequences: products with inputs and states, gates, new states."""
    sums = rows @ input_weight.T + input_bias if len(input_bias) else rows @ input_weight.T
    for s, (first, length) in enumerate(zip(firsts, lengths, strict=True)):
        for row in first + row_step * np.arange(length):
            h = last[s] * mask[s] if len(mask) else last[s]
            product = weight @ h + bias if len(bias) else weight @ h
            cell = last_cell[s : s + 1]
            gate, keep, last[s] = FORWARD[kind](sums[row], product, last[s], cell, leak)
            if len(gates):
                gates[row], kept[row] = gate, keep
            states[row] = last[s]


def backward(
    kind, leak, weight, mask, firsts, lengths, row_step, n_workers, first_states, first_cells,
    gates, states, kept, by_states, gradient, recurrent_gradient, previous, by_last, by_cell,
):  # fmt: skip
    """Run through sequences backwards: gradients before the gates, and by the initial states."""
    for s, (first, length) in enumerate(zip(firsts, lengths, strict=True)):
        for t in range(length - 1, -1, -1):
            row, before = first + row_step * t, first + row_step * (t - 1)
            h = states[before] if t else first_states[s]
            cell = (kept[before : before + 1] if t else first_cells[s : s + 1])[: len(by_cell)]
            found = BACKWARD[kind](
                by_last[s] + by_states[row], gates[row], kept[row], h, cell,
                by_cell[s : s + 1], leak,
            )  # fmt: skip
            gradient[row], by_product, by_last[s] = found
            recurrent_gradient[row : row + 1] = by_product
            share = mask[s] if len(mask) else 1
            previous[row] = h * share
            by_last[s] += by_product @ weight * share
