"""One step of each kind of cell in NumPy, of many sequences, and its gradients."""

import numpy as np

from fastml.kernels.recurrent.forms import GRU, LSTM, RNN_RELU, RNN_TANH


def _sigmoid(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _none(h):
    return h[:, :0]


def _rnn_tanh(z, product, h, cell, leak):
    """Return values of gates, what else is kept, and the state; write the cell."""
    a = np.tanh(z + product)
    return a, _none(h), (1 - leak) * h + leak * a


def _rnn_relu(z, product, h, cell, leak):
    a = np.maximum(z + product, 0)
    return a, _none(h), (1 - leak) * h + leak * a


def _gru(z, product, h, cell, leak):
    n = h.shape[1]
    reset, update = np.split(_sigmoid((z + product)[:, : 2 * n]), 2, axis=1)
    new = np.tanh(z[:, 2 * n :] + reset * product[:, 2 * n :])
    state = (1 - update) * new + update * h
    return np.concatenate([reset, update, new], axis=1), product[:, 2 * n :], state


def _lstm(z, product, h, cell, leak):
    i, f, g, o = np.split(z + product, 4, axis=1)
    i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
    cell[...] = f * cell + i * g
    return np.concatenate([i, f, g, o], axis=1), cell, o * np.tanh(cell)


def _rnn_tanh_backward(d, a, kept, h, cell, by_cell, leak):
    """Return gradients by input sums, by products and by the state before, but for products."""
    by_sums = leak * d * (1 - a * a)
    return by_sums, by_sums, (1 - leak) * d


def _rnn_relu_backward(d, a, kept, h, cell, by_cell, leak):
    by_sums = leak * d * (a > 0)
    return by_sums, by_sums, (1 - leak) * d


def _gru_backward(d, gates, product, h, cell, by_cell, leak):
    reset, update, new = np.split(gates, 3, axis=1)
    by_new = d * (1 - update) * (1 - new * new)
    by_reset = by_new * product * reset * (1 - reset)
    by_update = d * (h - new) * update * (1 - update)
    by_sums = np.concatenate([by_reset, by_update, by_new], axis=1)
    by_products = np.concatenate([by_reset, by_update, by_new * reset], axis=1)
    return by_sums, by_products, d * update


def _lstm_backward(d, gates, now, h, cell, by_cell, leak):
    i, f, g, o = np.split(gates, 4, axis=1)
    t = np.tanh(now)
    by_now = by_cell + d * o * (1 - t * t)
    by_cell[...] = by_now * f
    by_sums = np.concatenate([
        by_now * g * i * (1 - i), by_now * cell * f * (1 - f), by_now * i * (1 - g * g),
        d * t * o * (1 - o),
    ], axis=1)  # fmt: skip
    return by_sums, by_sums, 0 * d


FORWARD = {RNN_TANH: _rnn_tanh, RNN_RELU: _rnn_relu, GRU: _gru, LSTM: _lstm}
BACKWARD = {
    RNN_TANH: _rnn_tanh_backward, RNN_RELU: _rnn_relu_backward, GRU: _gru_backward,
    LSTM: _lstm_backward,
}  # fmt: skip
