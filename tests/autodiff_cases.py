"""Every primitive with inputs for it, and what PyTorch calls it."""

from types import SimpleNamespace

import numpy as np

import fastml.activations._nodes
import fastml.losses._nodes
import fastml.losses._penalties
import fastml.nn.functional
import fastml.nn.functional._sparse
from fastml.autodiff import PRIMITIVES
from fastml.kernels.recurrent import forms

from .tree_cases import one_at_a_time

# Where PyTorch has another name or other parameters; otherwise torch.<name>(*inputs, **params).
ELSEWHERE = {
    "absolute": lambda t, a: t.abs(a),
    "add": lambda t, a, b: a + b,
    "add_rows": lambda t, a, tokens, n_rows: t.zeros(
        (n_rows, a.shape[-1]), dtype=a.dtype
    ).index_add(0, t.tensor(tokens).reshape(-1), a.reshape(-1, a.shape[-1])),
    "arctan": lambda t, a: t.atan(a),
    "astype": lambda t, a, dtype: a.to(getattr(t, np.dtype(dtype).name)),
    "avg_pool": lambda t, a, window, **how: _pooled(
        t, a, window, lambda x: _avg_pool(t, x, window, **how)
    ),
    "avg_pool_back": lambda t, g, window, shape, **how: _avg_pool_back(t, g, window, shape, **how),
    "batch_norm": lambda t, x, w, b, how: t.nn.functional.batch_norm(
        x,
        *((None, None) if how.given is None else (t.tensor(a).to(x) for a in how.given)),
        w,
        b,
        how.given is None,
        0.0,
        how.eps,
    ),
    "broadcast_to": lambda t, a, shape: t.broadcast_to(a, shape),
    "cholesky": lambda t, a: t.linalg.cholesky(a),
    "clip": lambda t, a, low, high: t.clamp(a, low, high),
    "concatenate": lambda t, *arrays, axis: t.cat(arrays, dim=axis),
    "convolve": lambda t, x, w, b, how: _convolved(t, x, w, b, how),
    "convolve_data": lambda t, g, w, how: _convolved_back(t, 0, g, how, w=w),
    "convolve_weight": lambda t, x, g, how: _convolved_back(t, 1, g, how, x=x),
    "dense": lambda t, X, W, b, kind=-1, alpha=0.0: _activated(t, X @ W + b, kind, alpha),
    "dropout": lambda t, a, **how: a * t.tensor(_mask(tuple(a.shape), **how), dtype=a.dtype),
    "linear": lambda t, X, W: t.nn.functional.linear(X, W),
    "cumsum": lambda t, a, axis: t.cumsum(a, dim=axis),
    "elu": lambda t, a, alpha: t.nn.functional.elu(a, alpha),
    "gelu": lambda t, a: t.nn.functional.gelu(a),
    "gelu_tanh": lambda t, a: t.nn.functional.gelu(a, approximate="tanh"),
    "layer_norm": lambda t, x, w, b, how: t.nn.functional.layer_norm(x, w.shape, w, b, how.eps),
    "leaky_relu": lambda t, a, alpha: t.nn.functional.leaky_relu(a, alpha),
    "log_softmax": lambda t, a, axis: t.log_softmax(a, dim=axis),
    "penalty": lambda t, a, on_size, on_square: on_size * a.abs().sum() + on_square * (a**2).sum(),
    "winner_take_all": lambda t, a: t.nn.functional.one_hot(a.argmax(-1), a.shape[-1]) + 0 * a,
    "det": lambda t, a: t.linalg.det(a),
    "divide": lambda t, a, b: a / b,
    "einsum": lambda t, *arrays, subscripts: t.einsum(subscripts, *arrays),
    "getitem": lambda t, a, index: a[index],
    "identity": lambda t, a: a + 0,
    "imag": lambda t, a: a.imag if a.is_complex() else 0 * a,
    "inv": lambda t, a: t.linalg.inv(a),
    "logabsdet": lambda t, a: t.linalg.slogdet(a)[1],
    "logsumexp": lambda t, a, axis=None, keepdims=False: t.logsumexp(a, _axes(a, axis), keepdims),
    "max_pool": lambda t, a, window: _pooled(
        t,
        a,
        window,
        lambda x: t.nn.functional.max_pool2d(
            x, window.kernel, window.strides, window.pads[:2], window.dilations, _ceil(window)
        ),
    ),
    "max": lambda t, a, axis=None, keepdims=False: t.amax(a, _axes(a, axis), keepdims),
    "min": lambda t, a, axis=None, keepdims=False: t.amin(a, _axes(a, axis), keepdims),
    "negative": lambda t, a: -a,
    "norm2": lambda t, a, axis=None, keepdims=False: t.sqrt(
        t.sum(a.abs() ** 2, _axes(a, axis), keepdims)
    ),
    "pack": lambda t, a, rows, n_rows: a[t.tensor(rows)],
    "power": lambda t, a, b: a**b,
    "prod": lambda t, a, axis=None, keepdims=False: _product(t, a, axis, keepdims),
    "recurrent": lambda t, *inputs, how: _recurrent(t, *inputs, how),
    "scatter": lambda t, a, index, shape: t.zeros(shape, dtype=a.dtype).index_put(
        tuple(t.tensor(i) for i in index), a, accumulate=True
    ),
    "softmax": lambda t, a, axis: t.softmax(a, dim=axis),
    "sparse_product": lambda t, W, rows: t.tensor(rows.toarray(), dtype=W.dtype) @ W,
    "softplus": lambda t, a: t.nn.functional.softplus(a, threshold=1000),
    "solve": lambda t, a, b: t.linalg.solve(a, b),
    "sum": lambda t, a, axis=None, keepdims=False: t.sum(a, _axes(a, axis), keepdims),
    "take_rows": lambda t, a, tokens, n_rows: a[t.tensor(tokens)],
    "transpose": lambda t, a, axes=None: t.permute(a, axes or tuple(range(a.ndim))[::-1]),
    "tree": lambda t, *inputs, how: _tree(t, *inputs, how),
    "unpack": lambda t, a, rows, n_rows: t.zeros((n_rows, a.shape[1]), dtype=a.dtype).index_copy(
        0, t.tensor(rows), a
    ),
}
# The loss of every output, which PyTorch does not reduce as we do.
LOSSES = {
    "squared": lambda t, o, y: 0.5 * t.nn.functional.mse_loss(o, y, reduction="none"),
    "cross_entropy": lambda t, o, y: -y * t.log(o),
    "binary_cross_entropy": lambda t, o, y: t.nn.functional.binary_cross_entropy_with_logits(
        o, y, reduction="none"
    ),
    "hinge": lambda t, o, y: t.relu(1 - y * o),
    "squared_hinge": lambda t, o, y: t.relu(1 - y * o) ** 2,
    "poisson": lambda t, o, y: t.nn.functional.poisson_nll_loss(o, y, reduction="none"),
    "softmax_cross_entropy": lambda t, o, y: _softmax_losses(t, o, y),
}


def _activated(torch, a, kind, alpha):
    f = torch.nn.functional
    by_kind = (
        f.sigmoid, f.tanh, f.relu, lambda x: f.leaky_relu(x, alpha), lambda x: f.elu(x, alpha),
        f.gelu, lambda x: f.gelu(x, approximate="tanh"), lambda x: f.softplus(x, threshold=1000),
    )  # fmt: skip
    return a if kind < 0 else by_kind[kind](a)


def _mask(shape, **how):
    return fastml.nn.functional.dropout(np.ones(shape), **how)


def _ceil(window):
    """Whether windows reach out of the image."""
    reach = [d * (k - 1) for k, d in zip(window.kernel, window.dilations, strict=True)]
    return any(
        (window.pooled[i + 1] - 1) * window.strides[i] + reach[i]
        >= window.images[i + 1] + 2 * window.pads[i]
        for i in range(2)
    )


def _pooled(torch, a, window, pool):
    return (
        pool(a.reshape(window.images).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).reshape(window.shape)
    )


def _avg_pool(torch, x, window, include_pads=True, divisor=0):
    return torch.nn.functional.avg_pool2d(
        x, window.kernel, window.strides, window.pads[:2], _ceil(window), include_pads,
        divisor or None,
    )  # fmt: skip


def _avg_pool_back(torch, g, window, shape, **how):
    x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
    out = _pooled(torch, x, window, lambda x: _avg_pool(torch, x, window, **how))
    return torch.autograd.grad(out, x, g, create_graph=True)[0]


def _convolved(torch, x, w, b, how):
    images = x.reshape(how.images).permute(0, 3, 1, 2) if how.last else x
    last = [
        max(s * (o - 1) + d * (k - 1) + 1 - p - n, 0)
        for s, o, d, k, p, n in zip(
            how.strides, how.results[1:3], how.dilations, how.kernel[2:], how.pads,
            how.images[1:3], strict=True,
        )
    ]  # fmt: skip
    images = torch.nn.functional.pad(images, (how.pads[1], last[1], how.pads[0], last[0]))
    kernel = w.flip(2, 3) if how.flipped else w
    out = torch.nn.functional.conv2d(images, kernel, b, how.strides, 0, how.dilations, how.groups)
    out = out[:, :, : how.results[1], : how.results[2]]
    return out.permute(0, 2, 3, 1) if how.last else out


def _convolved_back(torch, i, g, how, x=None, w=None):
    zeros = {"dtype": g.dtype, "requires_grad": True}
    x = torch.zeros(how.input, **zeros) if x is None else x
    w = torch.zeros(how.kernel, **zeros) if w is None else w
    out = _convolved(torch, x, w, None, how)
    return torch.autograd.grad(out, (x, w)[i], g, create_graph=True)[0]


def _recurrent_step(torch, x, h, c, weights, mask, how):
    if how.kind == forms.LSTM:
        return torch.lstm_cell(x, (h, c), *weights)
    if how.kind == forms.RNN_TANH:
        return (1 - how.leak) * h + how.leak * torch.rnn_tanh_cell(x, h, *weights), c
    w_ih, w_hh, b_ih, b_hh = weights
    reset, update, new = (x @ w_ih.T + b_ih).chunk(3, 1)
    by_reset, by_update, by_new = ((h * mask) @ w_hh.T + b_hh).chunk(3, 1)
    update = torch.sigmoid(update + by_update)
    new = torch.tanh(new + torch.sigmoid(reset + by_reset) * by_new)
    return (1 - update) * new + update * h, c


def _recurrent(torch, x, h0, c0, *weights_and_how):
    """Return the states of each row, the last ones and the last cells, one by one."""
    *weights, how = weights_and_how
    order = how.sequences.order
    rows, last, last_cells = {}, {}, {}
    for i, (first, length) in enumerate(
        zip(how.sequences.firsts, how.sequences.lengths, strict=True)
    ):
        s = i if order is None else order[i]
        h, c = h0[s : s + 1], None if c0 is None else c0[s : s + 1]
        mask = 1 if how.mask is None else torch.tensor(how.mask[s], dtype=x.dtype)
        for row in first + how.sequences.row_step * np.arange(length):
            h, c = _recurrent_step(torch, x[row : row + 1], h, c, weights, mask, how)
            rows[row] = h
        last[s], last_cells[s] = h, c
    parts = [rows, last] + [last_cells] * (c0 is not None)
    return torch.cat([part[key] for part in parts for key in sorted(part)])


def _tree(torch, x, w_x, w_h, b, how):
    """Return the states of all nodes, and the cells of an LSTM, one by one."""
    forest = how.structure
    children = np.split(forest.children, forest.offsets[1:-1])
    trees = SimpleNamespace(children=children, heights=forest.heights, n_nodes=forest.n_nodes)
    how = None if how.kind == forms.LSTM else torch.tanh
    found = one_at_a_time(torch, trees, x, w_x, w_h, b, how)
    return torch.cat(found[: 1 + (how is None)])


def _softmax_losses(torch, logits, targets):
    flat = logits.reshape(-1, logits.shape[-1])
    labels = not targets.is_floating_point()
    targets = targets.reshape(-1) if labels else targets.reshape(flat.shape)
    found = torch.nn.functional.cross_entropy(flat, targets, reduction="none")
    return found.reshape(logits.shape[:-1])


def _reduced(torch, name, outputs, targets, how):
    found = LOSSES[name](torch, outputs, targets)
    if name != "softmax_cross_entropy":
        found = found.reshape(len(found), -1).sum(1)
    if how.weight is not None:
        found = found * torch.tensor(how.weight, dtype=found.dtype)
    return found * how.factor if how.each else how.factor * found.sum()


def _axes(a, axis):
    if axis is None:
        return tuple(range(a.ndim))
    return axis if isinstance(axis, tuple) else (axis,)


def _product(torch, a, axis, keepdims):
    axes = sorted((i % a.ndim for i in _axes(a, axis)), reverse=True)
    for i in axes:
        a = torch.prod(a, i, keepdim=keepdims)
    return a


def torch_function(torch, name):
    """Return what PyTorch has for a primitive."""
    if name in LOSSES:
        return lambda *args, **params: _reduced(torch, name, *args, **params)
    if name in ELSEWHERE:
        return lambda *args, **params: ELSEWHERE[name](torch, *args, **params)
    return getattr(torch, name)


def cases():
    """Yield (name, number, inputs, params) for every primitive."""
    for name, primitive in PRIMITIVES.items():
        rng = np.random.default_rng(0)
        if primitive.example is None:
            found = [(tuple(rng.standard_normal((3, 4)) for _ in primitive.adjoints), {})]
        else:
            found = primitive.example(rng)
            found = found if isinstance(found, list) else [found]
        for number, (inputs, params) in enumerate(found):
            yield name, number, inputs, params


def is_float(x):
    """Whether gradients are taken by an input."""
    return np.asarray(x).dtype.kind == "f"
