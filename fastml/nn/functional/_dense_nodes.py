"""Dense layers as nodes: product, bias and activation in one, each way."""

import math
from typing import Any

import numpy as np

from fastml.activations import _nodes as activations
from fastml.autodiff import PRIMITIVES, Variable, primitive
from fastml.autodiff import primitives as p
from fastml.backends import Backend, on_device, resolve
from fastml.kernels.activations import forms
from fastml.kernels.dense.forms import IDENTITY, from_result
from fastml.nn.functional._kept import Destination, Kept, taken
from fastml.nn.functional._row_sums import blocks, merged, partials_of, transposed_product

__all__ = ["KINDS", "WITH_ALPHA", "Destination", "Kept", "activated", "dense", "linear"]

# Activations that the kernels end with, and the node that computes each alone.
KINDS = {
    "identity": IDENTITY, "sigmoid": forms.SIGMOID, "logistic": forms.SIGMOID, "tanh": forms.TANH,
    "relu": forms.RELU, "leaky_relu": forms.LEAKY_RELU, "elu": forms.ELU, "gelu": forms.GELU,
    "gelu_tanh": forms.GELU_TANH, "softplus": forms.SOFTPLUS,
}  # fmt: skip
_ALONE = {
    forms.SIGMOID: p.sigmoid, forms.TANH: p.tanh, forms.RELU: activations.relu,
    forms.LEAKY_RELU: activations.leaky_relu, forms.ELU: activations.elu,
    forms.GELU: activations.gelu, forms.GELU_TANH: activations.gelu_tanh,
    forms.SOFTPLUS: p.softplus,
}  # fmt: skip
WITH_ALPHA = (forms.LEAKY_RELU, forms.ELU)


def _rows(backend: Backend, a: Any, dtype: Any) -> Any:
    """Return an array as rows of its last axis."""
    a = backend.asarray(a, dtype)
    return a if a.ndim == 2 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


def _home(result: Any, shape: tuple[int, ...], like: Any, backend: Backend) -> Any:
    """Return a result of a shape, where what it was made of lives."""
    if type(like) is np.ndarray:
        result = backend.to_host(result)
    return result if result.shape == shape else result.reshape(shape)


def _place(X: Any, W: Any, b: Any) -> tuple[Backend, Any]:
    """Return where to compute, and the dtype."""
    dtype = X.dtype
    if dtype != W.dtype or dtype.char not in "fd":
        dtype = np.result_type(dtype, W.dtype)
        if dtype.kind == "c":
            raise TypeError("dense layers take real numbers, got complex ones.")
        dtype = dtype if dtype.char in "fd" else np.dtype(np.float64)
    if b is not None and b.dtype.kind == "c":
        raise TypeError("dense layers take real numbers, got a complex bias.")
    return resolve(W if on_device(W) else X), dtype.newbyteorder("=")


def _prepared(X: Any, W: Any, b: Any, kept: Kept | None) -> Kept:
    """Return backend, rows and weights: those of the forward pass, if it left them."""
    if kept is not None and kept.place is not None:
        return kept
    kept = Kept() if kept is None else kept
    kept.place = backend, dtype = _place(X, W, b)
    kept.x, kept.weights = _rows(backend, X, dtype), backend.asarray(W, dtype)
    return kept


def _forward(
    X: Any, W: Any, b: Any, kind: int = IDENTITY, alpha: float = 0.0, kept: Kept | None = None
) -> Any:
    """Dense layer: rows times weights, plus bias, and an activation of that."""
    now = _prepared(X, W, b, kept)
    (backend, dtype), x, weights = now.place, now.x, now.weights
    bias = backend.empty(0, dtype) if b is None else backend.asarray(b, dtype)
    n, m = x.shape[0], weights.shape[1]
    keeps = kept is not None and not from_result(kind, alpha)
    now.argument = backend.empty((n if keeps else 0, m), dtype)
    out = backend.empty((n, m), dtype)
    run = backend.kernels("dense").forward
    run(kind, dtype.type(alpha), x, weights, bias, now.argument, out)
    return _home(out, (*X.shape[:-1], m), X, backend)


def _by_sums(
    g: Any, out: Any, X: Any, W: Any, b: Any, kind: int, alpha: float, kept: Kept | None
) -> Kept:
    """Return the gradient by the sums before the activation, and by the bias; compute them once."""
    if kept is not None and kept.g is g:
        return kept
    done = _prepared(X, W, b, kept)
    backend, dtype = done.place
    given = _rows(backend, g, dtype)
    n, m = given.shape
    done.g, done.gradient = g, given
    if kind == IDENTITY and b is None:
        return done
    if kind == IDENTITY:
        argument = given[:0]
    else:
        done.gradient = backend.empty((n, m), dtype)
        if from_result(kind, alpha):
            argument = _rows(backend, out, dtype)
        elif kept is not None:
            argument = done.argument
        else:
            argument = _rows(backend, _forward(X, W, b), dtype)
    block_rows, n_blocks = blocks(n, m)
    into = taken(done.into_bias, backend, dtype)
    partials = partials_of(backend, n_blocks, (0 if b is None else m,), dtype, into)
    written = given[:0] if kind == IDENTITY else done.gradient
    run = backend.kernels("dense").backward
    run(kind, dtype.type(alpha), argument, given, block_rows, written, partials)
    done.by_bias = merged(partials, into)
    return done


def activated(sums: Any, kind: int, alpha: float) -> Any:
    """Return the activation of sums, as a node of its own."""
    if kind == IDENTITY:
        return sums
    return _ALONE[kind](sums, **({"alpha": alpha} if kind in WITH_ALPHA else {}))


def _composed_by_sums(g: Any, X: Any, W: Any, b: Any, kind: int, alpha: float) -> Any:
    """Return the gradient by the sums, made of primitives."""
    if kind == IDENTITY:
        return g
    sums = dense(X, W, b)
    params = {"alpha": alpha} if kind in WITH_ALPHA else {}
    adjoint: Any = PRIMITIVES[_ALONE[kind].__name__].adjoints[0]
    return adjoint(g, activated(sums, kind, alpha), sums, **params)


def _flat_rows(a: Any) -> Any:
    return p.reshape(a, shape=(math.prod(a.shape[:-1]), a.shape[-1]))


def _by_data(
    g: Any, out: Any, X: Any, W: Any, b: Any,
    kind: int = IDENTITY, alpha: float = 0.0, kept: Kept | None = None,
) -> Any:  # fmt: skip
    if Variable in (type(g), type(out), type(X), type(W), type(b)):
        return linear(_composed_by_sums(g, X, W, b, kind, alpha), W)
    done = _by_sums(g, out, X, W, b, kind, alpha, kept)
    (backend, dtype), gradient, weights = done.place, done.gradient, done.weights
    found = backend.empty((gradient.shape[0], weights.shape[0]), dtype)
    backend.kernels("dense").data_gradient(gradient, weights, found)
    return _home(found, X.shape, X, backend)


def _by_weights(
    g: Any, out: Any, X: Any, W: Any, b: Any,
    kind: int = IDENTITY, alpha: float = 0.0, kept: Kept | None = None,
) -> Any:  # fmt: skip
    if Variable in (type(g), type(out), type(X), type(W), type(b)):
        sums = _composed_by_sums(g, X, W, b, kind, alpha)
        return p.swapaxes(_flat_rows(X), 0, 1) @ _flat_rows(sums)
    done = _by_sums(g, out, X, W, b, kind, alpha, kept)
    backend, dtype = done.place
    into = taken(done.into_weights, backend, dtype)
    found = transposed_product(backend, done.x, done.gradient, into)
    return _home(found, W.shape, W, backend)


def _by_bias(
    g: Any, out: Any, X: Any, W: Any, b: Any,
    kind: int = IDENTITY, alpha: float = 0.0, kept: Kept | None = None,
) -> Any:  # fmt: skip
    if Variable in (type(g), type(out), type(X), type(W), type(b)):
        return p.sum(_flat_rows(_composed_by_sums(g, X, W, b, kind, alpha)), axis=0)
    done = _by_sums(g, out, X, W, b, kind, alpha, kept)
    return _home(done.by_bias, b.shape, b, done.place[0])


def _example(rng: np.random.Generator) -> Any:
    def inputs(*rows: int) -> Any:
        return tuple(rng.standard_normal(shape) for shape in ((*rows, 4), (4, 2), (2,)))

    found: list[Any] = [(inputs(3), {"kind": kind, "alpha": 0.7}) for kind in _ALONE]
    return [*found, (inputs(2, 3), {"kind": forms.TANH}), (inputs(3), {})]


dense = primitive(
    "dense", _forward, _by_data, _by_weights, _by_bias,
    text="dense({0}, {1}, {2})", example=_example,
)  # fmt: skip


def _linear(X: Any, W: Any) -> Any:
    """Rows times transposed weights, as PyTorch has them."""
    backend, dtype = _place(X, W, None)
    x, weights = _rows(backend, X, dtype), backend.asarray(W, dtype)
    out = backend.empty((x.shape[0], weights.shape[0]), dtype)
    # The same product as a data gradient's.
    backend.kernels("dense").data_gradient(x, weights, out)
    return _home(out, (*X.shape[:-1], weights.shape[0]), X, backend)


def _linear_by_data(g: Any, out: Any, X: Any, W: Any) -> Any:
    if Variable in (type(g), type(X), type(W)):
        return g @ W
    return _forward(g, W, None)


def _linear_by_weights(g: Any, out: Any, X: Any, W: Any) -> Any:
    if Variable in (type(g), type(X), type(W)):
        return p.swapaxes(_flat_rows(g), 0, 1) @ _flat_rows(X)
    backend, dtype = _place(X, W, None)
    found = transposed_product(backend, _rows(backend, g, dtype), _rows(backend, X, dtype))
    return _home(found, W.shape, W, backend)


def _linear_example(rng: np.random.Generator) -> Any:
    shapes = [((3, 4), (2, 4)), ((2, 3, 4), (2, 4))]
    return [(tuple(rng.standard_normal(shape) for shape in pair), {}) for pair in shapes]


linear = primitive(
    "linear", _linear, _linear_by_data, _linear_by_weights,
    text="{0} {1}'", latex="{0} {1}^T", example=_linear_example,
)  # fmt: skip
