"""Layers over trees in NumPy, one node after the other."""

import numpy as np

from fastml.kernels.recurrent.forms import LSTM, RNN_TANH
from fastml.kernels.tree.forms import CHILD_SUM


def _sigmoid(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def forward(
    kind, composition, sums, weight, edge_weight, children, offsets, parents, numbers, nodes, runs,
    blocks, gates, forget, states, cells, previous,
):  # fmt: skip
    """Go up through trees: products with the states of children, gates, new states."""
    n = states.shape[1]
    forget[...] = 0
    for j in nodes:
        below = children[offsets[j] : offsets[j + 1]]
        line = np.zeros(weight.shape[1], states.dtype)
        if composition == CHILD_SUM:
            line[:] = states[below].sum(axis=0)
        else:
            line[: below.size * n] = states[below].reshape(-1)
        if below.size:
            previous[numbers[j]] = line
        product = weight @ line
        if kind == LSTM:
            cells[j] = 0
            for s, k in enumerate(below):
                place = product[(3 + s) * n : (4 + s) * n]
                by_child = edge_weight @ states[k] if composition == CHILD_SUM else place
                forget[k] = _sigmoid(sums[j, 3 * n :] + by_child)
                cells[j] += forget[k] * cells[k]
            into, out, new = np.split(sums[j, : 3 * n] + product[: 3 * n], 3)
            into, out, new = _sigmoid(into), _sigmoid(out), np.tanh(new)
            gates[j] = np.concatenate([into, out, new])
            cells[j] += into * new
            states[j] = out * np.tanh(cells[j])
        else:
            total = sums[j] + product
            states[j] = np.tanh(total) if kind == RNN_TANH else np.maximum(total, 0)


def backward(
    kind, composition, weight, edge_weight, children, offsets, parents, numbers, nodes, runs,
    blocks, gates, forget, states, cells, gradient, by_products, by_forget, by_states, by_cells,
):  # fmt: skip
    """Go down through trees: gradients before the gates, and by the states of children."""
    n = states.shape[1]
    gradient[...], by_forget[...] = 0, 0
    for j in nodes[::-1]:
        below = children[offsets[j] : offsets[j + 1]]
        if len(edge_weight):
            by_states[j] += by_forget[j] @ edge_weight
        if kind == LSTM:
            into, out, new = np.split(gates[j], 3)
            t = np.tanh(cells[j])
            by_cells[j] += by_states[j] * out * (1 - t * t)
            gradient[j, : 3 * n] = np.concatenate([
                by_cells[j] * new * into * (1 - into), by_states[j] * t * out * (1 - out),
                by_cells[j] * into * (1 - new * new),
            ])  # fmt: skip
            for k in below:
                by_forget[k] = by_cells[j] * cells[k] * forget[k] * (1 - forget[k])
                by_cells[k] += by_cells[j] * forget[k]
                gradient[j, 3 * n :] += by_forget[k]
        else:
            slope = 1 - states[j] ** 2 if kind == RNN_TANH else states[j] > 0
            gradient[j] = by_states[j] * slope
        if not below.size:
            continue
        line = np.zeros(len(weight), states.dtype)
        own = min(len(weight), 3 * n)
        line[:own] = gradient[j, :own]
        if composition != CHILD_SUM and kind == LSTM:
            line[3 * n : (3 + below.size) * n] = by_forget[below].reshape(-1)
        by_products[numbers[j]] = line
        by_line = line @ weight
        for s, k in enumerate(below):
            by_states[k] += by_line if composition == CHILD_SUM else by_line[s * n : (s + 1) * n]
