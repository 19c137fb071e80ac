"""Every primitive with inputs for it, and what PyTorch calls it."""

import numpy as np

from fastml.autodiff import PRIMITIVES

# Where PyTorch has another name or other parameters; otherwise torch.<name>(*inputs, **params).
ELSEWHERE = {
    "absolute": lambda t, a: t.abs(a),
    "add": lambda t, a, b: a + b,
    "arctan": lambda t, a: t.atan(a),
    "astype": lambda t, a, dtype: a.to(getattr(t, np.dtype(dtype).name)),
    "broadcast_to": lambda t, a, shape: t.broadcast_to(a, shape),
    "cholesky": lambda t, a: t.linalg.cholesky(a),
    "clip": lambda t, a, low, high: t.clamp(a, low, high),
    "concatenate": lambda t, *arrays, axis: t.cat(arrays, dim=axis),
    "cumsum": lambda t, a, axis: t.cumsum(a, dim=axis),
    "det": lambda t, a: t.linalg.det(a),
    "divide": lambda t, a, b: a / b,
    "einsum": lambda t, *arrays, subscripts: t.einsum(subscripts, *arrays),
    "getitem": lambda t, a, index: a[index],
    "identity": lambda t, a: a + 0,
    "imag": lambda t, a: a.imag if a.is_complex() else 0 * a,
    "inv": lambda t, a: t.linalg.inv(a),
    "logabsdet": lambda t, a: t.linalg.slogdet(a)[1],
    "logsumexp": lambda t, a, axis=None, keepdims=False: t.logsumexp(a, _axes(a, axis), keepdims),
    "max": lambda t, a, axis=None, keepdims=False: t.amax(a, _axes(a, axis), keepdims),
    "min": lambda t, a, axis=None, keepdims=False: t.amin(a, _axes(a, axis), keepdims),
    "negative": lambda t, a: -a,
    "norm2": lambda t, a, axis=None, keepdims=False: t.sqrt(
        t.sum(a.abs() ** 2, _axes(a, axis), keepdims)
    ),
    "power": lambda t, a, b: a**b,
    "prod": lambda t, a, axis=None, keepdims=False: _product(t, a, axis, keepdims),
    "scatter": lambda t, a, index, shape: t.zeros(shape, dtype=a.dtype).index_put(
        tuple(t.tensor(i) for i in index), a, accumulate=True
    ),
    "softmax": lambda t, a, axis: t.softmax(a, dim=axis),
    "softplus": lambda t, a: t.nn.functional.softplus(a, threshold=1000),
    "solve": lambda t, a, b: t.linalg.solve(a, b),
    "sum": lambda t, a, axis=None, keepdims=False: t.sum(a, _axes(a, axis), keepdims),
    "transpose": lambda t, a, axes=None: t.permute(a, axes or tuple(range(a.ndim))[::-1]),
}


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
