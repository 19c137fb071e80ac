"""Recurrent layers on a CUDA device: each step is a product of CuPy's and a kernel for the rest.

Sequences come in the order of their lengths, so those that go on are always the first ones.
"""

import math

import numpy as np

from fastml._jit.cuda import array_module, as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml.kernels.recurrent.forms import GRU, LSTM, RNN_TANH


@cuda_device
def _sigmoid(x, one):
    e = math.exp(-abs(x))
    return (e if x < 0 else one) / (one + e)


@cuda_kernel
def _forward_step(kind, leak, t, n_rows, row_step, firsts, bias, products, gates, states, kept,
                  last, last_cell):  # fmt: skip
    n = last.shape[1]
    real = gates.dtype.type
    one, zero = real(1), real(0)
    for i in range(cuda.grid(1), n_rows * n, cuda.gridsize(1)):
        s, j = i // n, i % n
        row = firsts[s] + t * row_step
        z, product, h = gates[row], products[s], last[s, j]
        if bias.shape[0] > 0:
            for k in range(j, products.shape[1], n):
                product[k] += bias[k]
        if kind == LSTM:
            into = _sigmoid(z[j] + product[j], one)
            forget = _sigmoid(z[n + j] + product[n + j], one)
            new = math.tanh(z[2 * n + j] + product[2 * n + j])
            output = _sigmoid(z[3 * n + j] + product[3 * n + j], one)
            c = forget * last_cell[s, j] + into * new
            z[j], z[n + j], z[2 * n + j], z[3 * n + j] = into, forget, new, output
            last_cell[s, j] = c
            kept[row, j] = c
            h = output * math.tanh(c)
        elif kind == GRU:
            reset = _sigmoid(z[j] + product[j], one)
            update = _sigmoid(z[n + j] + product[n + j], one)
            new = math.tanh(z[2 * n + j] + reset * product[2 * n + j])
            z[j], z[n + j], z[2 * n + j] = reset, update, new
            kept[row, j] = product[2 * n + j]
            h = (one - update) * new + update * h
        else:
            total = z[j] + product[j]
            value = math.tanh(total) if kind == RNN_TANH else max(total, zero)
            z[j] = value
            h = (one - leak) * h + leak * value
        last[s, j] = h
        states[row, j] = h


def _on_host(lengths):
    return lengths if isinstance(lengths, np.ndarray) else lengths.get()


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
    xp = array_module(weight)
    lengths = _on_host(lengths)
    products = xp.empty((last.shape[0], weight.shape[0]), weight.dtype)
    masked = xp.empty(mask.shape, mask.dtype)
    if gates.shape[0] < rows.shape[0]:
        gates = xp.empty((rows.shape[0], gates.shape[1]), gates.dtype)
        kept = xp.empty((rows.shape[0], kept.shape[1]), kept.dtype)
    xp.matmul(rows, input_weight.T, out=gates)
    if input_bias.shape[0]:
        gates += input_bias
    views = [as_device(a) for a in (firsts, bias, products, gates, states, kept, last, last_cell)]
    for t in range(int(lengths.max(initial=0))):
        n_rows = int(np.count_nonzero(lengths > t))
        left = last[:n_rows]
        if mask.shape[0]:
            left = xp.multiply(left, mask[:n_rows], out=masked[:n_rows])
        xp.matmul(left, weight.T, out=products[:n_rows])
        _forward_step[grid_1d(left.size)](kind, leak, t, n_rows, row_step, *views)


@cuda_kernel
def _backward_step(kind, leak, t, n_rows, row_step, firsts, first_states, first_cells, gates,
                   states, kept, mask, by_states, gradient, recurrent_gradient, previous, lines,
                   by_last, by_cell):  # fmt: skip
    n, width = by_last.shape[1], gates.shape[1]
    one, zero = gates.dtype.type(1), gates.dtype.type(0)
    for i in range(cuda.grid(1), n_rows * n, cuda.gridsize(1)):
        s, j = i // n, i % n
        row = firsts[s] + t * row_step
        a, line = gates[row], lines[s]
        d = by_last[s, j] + by_states[row, j]
        h = states[row - row_step, j] if t > 0 else first_states[s, j]
        if kind == LSTM:
            into, forget, new, output = a[j], a[n + j], a[2 * n + j], a[3 * n + j]
            c = kept[row - row_step, j] if t > 0 else first_cells[s, j]
            now = math.tanh(kept[row, j])
            by_now = by_cell[s, j] + d * output * (one - now * now)
            line[j] = by_now * new * into * (one - into)
            line[n + j] = by_now * c * forget * (one - forget)
            line[2 * n + j] = by_now * into * (one - new * new)
            line[3 * n + j] = d * now * output * (one - output)
            by_cell[s, j] = by_now * forget
            d = zero
        elif kind == GRU:
            reset, update, new = a[j], a[n + j], a[2 * n + j]
            by_new = d * (one - update) * (one - new * new)
            line[j] = by_new * kept[row, j] * reset * (one - reset)
            line[n + j] = d * (h - new) * update * (one - update)
            line[2 * n + j] = by_new * reset
            gradient[row, 2 * n + j] = by_new
            d *= update
        else:
            slope = one - a[j] * a[j] if kind == RNN_TANH else (one if a[j] > zero else zero)
            line[j] = leak * d * slope
            d *= one - leak
        # The last gate of a GRU has a gradient by its input of its own, written above.
        for k in range(j, 2 * n if kind == GRU else width, n):
            gradient[row, k] = line[k]
        if recurrent_gradient.shape[0] > 0:
            for k in range(j, width, n):
                recurrent_gradient[row, k] = line[k]
        previous[row, j] = h * mask[s, j] if mask.shape[0] > 0 else h
        by_last[s, j] = d


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
    xp = array_module(weight)
    lengths = _on_host(lengths)
    lines = xp.zeros((by_last.shape[0], weight.shape[0]), weight.dtype)
    products = xp.empty(by_last.shape, weight.dtype)
    arrays = (
        firsts, first_states, first_cells, gates, states, kept, mask, by_states, gradient,
        recurrent_gradient, previous, lines, by_last, by_cell,
    )  # fmt: skip
    views = [as_device(a) for a in arrays]
    for t in range(int(lengths.max(initial=0)) - 1, -1, -1):
        n_rows = int(np.count_nonzero(lengths > t))
        found = products[:n_rows]
        _backward_step[grid_1d(found.size)](kind, leak, t, n_rows, row_step, *views)
        xp.matmul(lines[:n_rows], weight, out=found)
        if mask.shape[0]:
            found *= mask[:n_rows]
        by_last[:n_rows] += found
