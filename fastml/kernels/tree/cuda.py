"""Layers over trees on a CUDA device: a level is products of CuPy's, and kernels for the rest."""

import math

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml.kernels.recurrent.forms import LSTM, RNN_TANH
from fastml.kernels.tree.forms import CHILD_SUM


@cuda_device
def _sigmoid(x, one):
    e = math.exp(-abs(x))
    return (e if x < 0 else one) / (one + e)


@cuda_kernel
def _gather(composition, first, n_rows, children, offsets, numbers, nodes, states, previous, lines):
    n = states.shape[1]
    length = lines.shape[1]
    for i in range(cuda.grid(1), n_rows * length, cuda.gridsize(1)):
        r, c = i // length, i % length
        j = nodes[first + r]
        start, stop = offsets[j], offsets[j + 1]
        value = states.dtype.type(0)
        if composition == CHILD_SUM:
            for e in range(start, stop):
                value += states[children[e], c]
        elif start + c // n < stop:
            value = states[children[start + c // n], c % n]
        lines[r, c] = value
        if numbers[j] >= 0:
            previous[numbers[j], c] = value


@cuda_kernel
def _forward_step(kind, composition, first, n_rows, sums, products, children, offsets, parents,
                  nodes, gates, forget, states, cells):  # fmt: skip
    n = states.shape[1]
    real = states.dtype.type
    one, zero = real(1), real(0)
    for i in range(cuda.grid(1), n_rows * n, cuda.gridsize(1)):
        r, c = i // n, i % n
        j = nodes[first + r]
        z, product = sums[j], products[r]
        if kind == LSTM:
            total = zero
            for e in range(offsets[j], offsets[j + 1]):
                k = children[e]
                value = forget[k, c]
                if composition != CHILD_SUM:
                    value = product[(3 + e - offsets[j]) * n + c]
                value = _sigmoid(z[3 * n + c] + value, one)
                forget[k, c] = value
                total += value * cells[k, c]
            into = _sigmoid(z[c] + product[c], one)
            out = _sigmoid(z[n + c] + product[n + c], one)
            new = math.tanh(z[2 * n + c] + product[2 * n + c])
            gates[j, c], gates[j, n + c], gates[j, 2 * n + c] = into, out, new
            total += into * new
            cells[j, c] = total
            states[j, c] = out * math.tanh(total)
            if parents[j] < 0:
                forget[j, c] = zero
        else:
            total = z[c] + product[c]
            states[j, c] = math.tanh(total) if kind == RNN_TANH else max(total, zero)


@cuda_kernel
def _put(first, n_rows, parents, nodes, products, forget):
    """Keep products for the gates of the nodes above."""
    n = forget.shape[1]
    for i in range(cuda.grid(1), n_rows * n, cuda.gridsize(1)):
        j = nodes[first + i // n]
        if parents[j] >= 0:
            forget[j, i % n] = products[i // n, i % n]


def _on_host(a):
    return a if isinstance(a, np.ndarray) else a.get()


def forward(
    kind,  # IN scalar
    composition,  # IN scalar
    sums,  # IN (n_nodes, n_sums)
    weight,  # IN (n_products, n_inputs)
    edge_weight,  # IN (n_edge_products, n_units)
    children,  # IN (n_edges,)
    offsets,  # IN (n_offsets,)
    parents,  # IN (n_nodes,)
    numbers,  # IN (n_nodes,)
    nodes,  # IN (n_nodes,)
    runs,  # IN (n_run_offsets,)
    blocks,  # IN (n_block_offsets,)
    gates,  # OUT (n_gated, n_gates)
    forget,  # OUT (n_gated, n_units)
    states,  # OUT (n_nodes, n_units)
    cells,  # OUT (n_gated, n_units)
    previous,  # OUT (n_inner, n_inputs)
):
    xp = array_module(weight)
    runs = _on_host(runs)
    most = int(np.diff(runs).max(initial=0))
    lines = xp.zeros((most, weight.shape[1]), weight.dtype)
    products = xp.empty((most, weight.shape[0]), weight.dtype)
    edge_products = xp.empty((most, edge_weight.shape[0]), weight.dtype)
    below = [as_device(a) for a in (children, offsets, numbers, nodes, states, previous, lines)]
    arrays = (sums, products, children, offsets, parents, nodes, gates, forget, states, cells)
    views = [as_device(a) for a in arrays]
    above = [as_device(a) for a in (parents, nodes, edge_products, forget)]
    for first, last in zip(runs[:-1].tolist(), runs[1:].tolist(), strict=True):
        m = last - first
        _gather[grid_1d(m * lines.shape[1])](composition, first, m, *below)
        xp.matmul(lines[:m], weight.T, out=products[:m])
        _forward_step[grid_1d(m * states.shape[1])](kind, composition, first, m, *views)
        if edge_weight.shape[0]:
            xp.matmul(states[nodes[first:last]], edge_weight.T, out=edge_products[:m])
            _put[grid_1d(m * states.shape[1])](first, m, *above)


@cuda_kernel
def _take(first, n_rows, parents, nodes, by_forget, lines):
    """Read gradients by products for the gates of the nodes above."""
    n = by_forget.shape[1]
    for i in range(cuda.grid(1), n_rows * n, cuda.gridsize(1)):
        j, c = nodes[first + i // n], i % n
        if parents[j] < 0:
            by_forget[j, c] = 0
        if lines.shape[1] > 0:
            lines[i // n, c] = by_forget[j, c]


@cuda_kernel
def _backward_step(kind, composition, first, n_rows, children, offsets, numbers, nodes, gates,
                   forget, states, cells, edge_products, gradient, by_products, by_forget,
                   by_states, by_cells, lines):  # fmt: skip
    n = states.shape[1]
    one, zero = states.dtype.type(1), states.dtype.type(0)
    for i in range(cuda.grid(1), n_rows * n, cuda.gridsize(1)):
        r, c = i // n, i % n
        j = nodes[first + r]
        z = gradient[j]
        d = by_states[j, c]
        if edge_products.shape[1] > 0:
            d += edge_products[r, c]
            by_states[j, c] = d
        if kind == LSTM:
            into, out, new = gates[j, c], gates[j, n + c], gates[j, 2 * n + c]
            t = math.tanh(cells[j, c])
            by_now = by_cells[j, c] + d * out * (one - t * t)
            by_cells[j, c] = by_now
            z[c] = by_now * new * into * (one - into)
            z[n + c] = d * t * out * (one - out)
            z[2 * n + c] = by_now * into * (one - new * new)
            total = zero
            for e in range(offsets[j], offsets[j + 1]):
                k = children[e]
                value = forget[k, c]
                found = by_now * cells[k, c] * value * (one - value)
                by_cells[k, c] += by_now * value
                by_forget[k, c] = found
                total += found
            z[3 * n + c] = total
        else:
            h = states[j, c]
            slope = one - h * h if kind == RNN_TANH else (one if h > zero else zero)
            z[c] = d * slope
        if numbers[j] < 0:
            continue
        for at in range(c, lines.shape[1], n):
            place = offsets[j] + at // n - 3
            if at < 3 * n:
                value = z[at]
            elif place < offsets[j + 1]:
                value = by_forget[children[place], c]
            else:
                value = zero
            lines[r, at] = value
            by_products[numbers[j], at] = value


@cuda_kernel
def _spread(composition, first, n_rows, children, offsets, nodes, products, by_states):
    """Add what a node's children are due."""
    n = by_states.shape[1]
    for i in range(cuda.grid(1), n_rows * n, cuda.gridsize(1)):
        r, c = i // n, i % n
        j = nodes[first + r]
        for e in range(offsets[j], offsets[j + 1]):
            at = c if composition == CHILD_SUM else (e - offsets[j]) * n + c
            by_states[children[e], c] += products[r, at]


def backward(
    kind,  # IN scalar
    composition,  # IN scalar
    weight,  # IN (n_products, n_inputs)
    edge_weight,  # IN (n_edge_products, n_units)
    children,  # IN (n_edges,)
    offsets,  # IN (n_offsets,)
    parents,  # IN (n_nodes,)
    numbers,  # IN (n_nodes,)
    nodes,  # IN (n_nodes,)
    runs,  # IN (n_run_offsets,)
    blocks,  # IN (n_block_offsets,)
    gates,  # IN (n_gated, n_gates)
    forget,  # IN (n_gated, n_units)
    states,  # IN (n_nodes, n_units)
    cells,  # IN (n_gated, n_units)
    gradient,  # OUT (n_nodes, n_sums)
    by_products,  # OUT (n_inner, n_products)
    by_forget,  # OUT (n_gated, n_units)
    by_states,  # INOUT (n_nodes, n_units)
    by_cells,  # INOUT (n_gated, n_units)
):
    xp = array_module(weight)
    runs = _on_host(runs)
    most, n = int(np.diff(runs).max(initial=0)), states.shape[1]
    # Rows of leaves are multiplied too, and what comes of them is not read.
    lines = xp.zeros((most, weight.shape[0]), weight.dtype)
    products = xp.empty((most, weight.shape[1]), weight.dtype)
    edges = edge_weight.shape[0] > 0
    edge_lines = xp.zeros((most, edge_weight.shape[0]), weight.dtype)
    edge_products = xp.empty((most, n * edges), weight.dtype)
    above = [as_device(a) for a in (parents, nodes, by_forget, edge_lines)]
    arrays = (
        children, offsets, numbers, nodes, gates, forget, states, cells, edge_products, gradient,
        by_products, by_forget, by_states, by_cells, lines,
    )  # fmt: skip
    views = [as_device(a) for a in arrays]
    below = [as_device(a) for a in (children, offsets, nodes, products, by_states)]
    for run in range(runs.size - 2, -1, -1):
        first = int(runs[run])
        m = int(runs[run + 1]) - first
        grid = grid_1d(m * n)
        if kind == LSTM:
            _take[grid](first, m, *above)
        if edges:
            xp.matmul(edge_lines[:m], edge_weight, out=edge_products[:m])
        _backward_step[grid](kind, composition, first, m, *views)
        xp.matmul(lines[:m], weight, out=products[:m])
        _spread[grid](composition, first, m, *below)
