"""Recurrent layers in NumPy, a step of all sequences at a time."""

import numpy as np

from fastml.kernels.recurrent.cells import BACKWARD, FORWARD


def _of_step(t, firsts, lengths, row_step):
    """Return the rows of a step, in the sequences that have so many: the first ones, as sorted."""
    return firsts[: np.count_nonzero(lengths > t)] + t * row_step


def forward(
    kind, leak, rows, input_weight, input_bias, weight, bias, mask, firsts, lengths, row_step,
    n_workers, gates, states, kept, last, last_cell,
):  # fmt: skip
    """Run through sequences: products with inputs and states, gates, new states."""
    sums = rows @ input_weight.T + input_bias if len(input_bias) else rows @ input_weight.T
    for t in range(max(lengths, default=0)):
        step = _of_step(t, firsts, lengths, row_step)
        h, cell = last[: len(step)], last_cell[: len(step)]
        product = (h * mask[: len(step)] if len(mask) else h) @ weight.T
        product = product + bias if len(bias) else product
        gate, keep, last[: len(step)] = FORWARD[kind](sums[step], product, h, cell, leak)
        if len(gates):
            gates[step], kept[step] = gate, keep
        states[step] = last[: len(step)]


def backward(
    kind, leak, weight, mask, firsts, lengths, row_step, n_workers, first_states, first_cells,
    gates, states, kept, by_states, gradient, recurrent_gradient, previous, by_last, by_cell,
):  # fmt: skip
    """Run through sequences backwards: gradients before the gates, and by the initial states."""
    for t in range(max(lengths, default=0) - 1, -1, -1):
        step = _of_step(t, firsts, lengths, row_step)
        n, before = len(step), step - row_step
        h = states[before] if t else first_states[:n]
        cell = (kept[before] if t else first_cells[:n])[: len(by_cell)]
        found = BACKWARD[kind](
            by_last[:n] + by_states[step], gates[step], kept[step], h, cell, by_cell[:n], leak
        )
        gradient[step], by_product, by_last[:n] = found
        if len(recurrent_gradient):
            recurrent_gradient[step] = by_product
        share = mask[:n] if len(mask) else 1
        previous[step] = h * share
        by_last[:n] += by_product @ weight * share
