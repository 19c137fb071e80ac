"""Batch and layer normalisation as nodes of the graph."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff import Variable, primitive
from fastml.autodiff import primitives as p
from fastml.backends import Backend, on_device, resolve
from fastml.blocks import block_rows, n_blocks

__all__ = ["Columns", "Rows", "batch_norm", "layer_norm", "moments"]


class Columns(NamedTuple):
    """How to normalise the channels of a batch.

    Attributes
    ----------
    axis : int
        The axis of the channels.
    eps : float
        Added to the variances.
    given : (array, array) or None
        Means and variances; None for those of the batch.
    kept : dict
        What the forward pass leaves for the backward pass.
    """

    axis: int
    eps: float
    given: Any
    kept: dict[str, Any]


class Rows(NamedTuple):
    """How to normalise the last axes of each sample: their number, eps, and what is kept."""

    n_axes: int
    eps: float
    kept: dict[str, Any]


def _home(result: Any, like: Any, backend: Backend) -> Any:
    """Return a result where what it was made of lives."""
    stays = on_device(like) and backend.xp is not np
    return result if stays else backend.to_host(result)


def _matrix(backend: Backend, x: Any, axis: int) -> Any:
    """Return an array as rows of channels."""
    x = backend.asarray(x)
    if axis != x.ndim - 1:
        x = backend.asarray(backend.xp.moveaxis(x, axis, -1))
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _shaped(backend: Backend, matrix: Any, like: Any, axis: int) -> Any:
    """Undo `_matrix`, for an array of the shape of another."""
    shape = (*like.shape[:axis], *like.shape[axis + 1 :], like.shape[axis])
    return _home(backend.xp.moveaxis(matrix.reshape(shape), -1, axis), like, backend)


def moments(backend: Backend, X: Any) -> tuple[Any, Any]:
    """Return mean and variance (over n) of columns, in float64: Chan's merge of blocks."""
    n, k = X.shape
    blocks, rows = n_blocks(n), block_rows(n)
    means, spreads = (backend.empty((blocks, k), np.float64) for _ in range(2))
    weights = backend.empty(blocks, np.float64)
    nothing = backend.empty(0, X.dtype)
    kernels = backend.kernels("linalg")
    kernels.block_column_moments(X, nothing, rows, means, spreads, weights)
    if blocks == 1:
        return means[0], spreads[0] / n
    shares = weights[:, None] / n
    mean = (shares * means).sum(axis=0)
    return mean, spreads.sum(axis=0) / n + (shares * (means - mean) ** 2).sum(axis=0)


def _batch_forward(x: Any, weight: Any, bias: Any, how: Columns) -> Any:
    """Channels of mean 0 and variance 1 times weights, plus biases."""
    backend = resolve(x)
    X = _matrix(backend, x, how.axis)
    found = moments(backend, X) if how.given is None else how.given
    mean, variance = (backend.asarray(a, np.float64) for a in found)
    scale = 1 / backend.xp.sqrt(variance + how.eps)
    how.kept.update(mean=backend.asarray(mean, X.dtype), variance=variance, scale=scale)
    factor = backend.asarray(scale * backend.asarray(weight, np.float64), X.dtype)
    out = backend.empty(X.shape, X.dtype)
    shift = backend.asarray(bias, X.dtype)
    backend.kernels("normalization").column_affine(X, how.kept["mean"], factor, shift, out)
    return _shaped(backend, out, x, how.axis)


def _batch_sums(backend: Backend, g: Any, x: Any, how: Columns) -> tuple[Any, Any]:
    """Return rows of the gradient, and its sums with and without normalised values, once."""
    # Three adjoints in a row ask for them, of one gradient.
    if how.kept.get("of") is not g:
        X, G = _matrix(backend, x, how.axis), _matrix(backend, g, how.axis)
        n, k = X.shape
        sums = backend.empty((n_blocks(n), 2, k), np.float64)
        kernels = backend.kernels("normalization")
        kernels.column_sums(X, G, how.kept["mean"], block_rows(n), sums)
        sums = sums.sum(axis=0)
        sums[1] *= how.kept["scale"]
        how.kept.update(of=g, sums=sums, rows=(X, G))
    return how.kept["rows"], how.kept["sums"]


def _batch_by_x(g: Any, out: Any, x: Any, weight: Any, bias: Any, how: Columns) -> Any:
    if Variable in (type(g), type(x), type(weight)):
        return _composed(g, x, weight, how)[0]
    backend = resolve(x)
    (X, G), sums = _batch_sums(backend, g, x, how)
    factor = how.kept["scale"] * backend.asarray(weight, np.float64)
    steps = [factor, 0 * factor, 0 * factor]
    if how.given is None:
        n = X.shape[0]
        steps = [factor, -factor * how.kept["scale"] * sums[1] / n, -factor * sums[0] / n]
    by_gradient, by_value, shift = (backend.asarray(a, X.dtype) for a in steps)
    gradient = backend.empty(X.shape, X.dtype)
    backend.kernels("normalization").column_backward(
        X, G, how.kept["mean"], by_gradient, by_value, shift, gradient
    )
    return _shaped(backend, gradient, x, how.axis)


def _batch_by_parameter(which: int) -> Callable[..., Any]:
    def adjoint(g: Any, out: Any, x: Any, weight: Any, bias: Any, how: Columns) -> Any:
        if Variable in (type(g), type(x), type(weight)):
            return _composed(g, x, weight, how)[2 - which]
        backend = resolve(x)
        _, sums = _batch_sums(backend, g, x, how)
        return _home(sums[which].astype(x.dtype), x, backend)

    return adjoint


def _composed(g: Any, x: Any, weight: Any, how: Any) -> tuple[Any, Any, Any]:
    """Return the three gradients made of primitives, for the graph."""
    if isinstance(how, Columns):
        axes = tuple(i for i in range(x.ndim) if i != how.axis)
        others, shape = axes, [1] * x.ndim
        shape[how.axis] = x.shape[how.axis]
    else:
        axes = tuple(range(x.ndim - how.n_axes, x.ndim))
        others, shape = tuple(range(x.ndim - how.n_axes)), list(weight.shape)
    given = how.given if isinstance(how, Columns) else None
    if given is None:
        centred = x - p.mean(x, axis=axes, keepdims=True)
        scale = (p.mean(centred * centred, axis=axes, keepdims=True) + how.eps) ** -0.5
    else:
        xp = resolve(x.value if type(x) is Variable else x).xp
        mean, variance = (xp.asarray(a, dtype=x.dtype).reshape(shape) for a in given)
        centred, scale = x - mean, 1 / xp.sqrt(variance + how.eps)
    normal = centred * scale
    weighted = g * p.reshape(weight, shape=tuple(shape))
    by_x = weighted * scale
    if given is None:
        level = p.mean(weighted, axis=axes, keepdims=True)
        along = p.mean(weighted * normal, axis=axes, keepdims=True)
        by_x = (weighted - level - normal * along) * scale
    sums = (p.reshape(p.sum(a, axis=others), shape=weight.shape) for a in (g * normal, g))
    return (by_x, *sums)


def _layer_matrix(backend: Backend, x: Any, how: Rows) -> Any:
    x = backend.asarray(x)
    split = x.ndim - how.n_axes
    return x.reshape(math.prod(x.shape[:split]), math.prod(x.shape[split:]))


def _layer_forward(x: Any, weight: Any, bias: Any, how: Rows) -> Any:
    """Samples of mean 0 and variance 1 times weights, plus biases."""
    backend = resolve(x)
    X = _layer_matrix(backend, x, how)
    out = backend.empty(X.shape, X.dtype)
    means, scales = (backend.empty(len(X), X.dtype) for _ in range(2))
    parameters = (backend.asarray(a, X.dtype).reshape(-1) for a in (weight, bias))
    kernels = backend.kernels("normalization")
    kernels.row_normalize(X, *parameters, how.eps, out, means, scales)
    how.kept.update(means=means, scales=scales)
    return _home(out, x, backend).reshape(x.shape)


def _layer_by_x(g: Any, out: Any, x: Any, weight: Any, bias: Any, how: Rows) -> Any:
    if Variable in (type(g), type(x), type(weight)):
        return _composed(g, x, weight, how)[0]
    backend = resolve(x)
    X, G = (_layer_matrix(backend, a, how) for a in (x, g))
    gradient = backend.empty(X.shape, X.dtype)
    weights = backend.asarray(weight, X.dtype).reshape(-1)
    backend.kernels("normalization").row_backward(
        X, G, weights, how.kept["means"], how.kept["scales"], gradient
    )
    return _home(gradient, x, backend).reshape(x.shape)


def _layer_by_parameter(which: int) -> Callable[..., Any]:
    def adjoint(g: Any, out: Any, x: Any, weight: Any, bias: Any, how: Rows) -> Any:
        if Variable in (type(g), type(x), type(weight)):
            return _composed(g, x, weight, how)[2 - which]
        backend = resolve(x)
        # Two adjoints in a row ask for the sums, of one gradient.
        if how.kept.get("of") is not g:
            X, G = (_layer_matrix(backend, a, how) for a in (x, g))
            n, k = X.shape
            sums = backend.empty((n_blocks(n), 2, k), np.float64)
            backend.kernels("normalization").row_sums(
                X, G, how.kept["means"], how.kept["scales"], block_rows(n), sums
            )
            how.kept.update(of=g, sums=sums.sum(axis=0))
        found = how.kept["sums"][which].astype(x.dtype).reshape(weight.shape)
        return _home(found, x, backend)

    return adjoint


def _batch_examples(rng: np.random.Generator) -> Any:
    given = (rng.standard_normal(3), rng.uniform(0.5, 1.5, 3))
    return [
        (tuple(rng.standard_normal(s) for s in (shape, (3,), (3,))), {"how": how})
        for shape, how in (
            ((4, 3, 5), Columns(1, 1e-5, None, {})),
            ((6, 3), Columns(1, 1e-3, None, {})),
            ((4, 3, 2), Columns(1, 1e-5, given, {})),
        )
    ]


def _layer_examples(rng: np.random.Generator) -> Any:
    return [
        (tuple(rng.standard_normal(s) for s in ((3, 2, 4), tail, tail)),
         {"how": Rows(len(tail), 1e-5, {})})
        for tail in ((4,), (2, 4))
    ]  # fmt: skip


batch_norm = primitive(
    "batch_norm", _batch_forward, _batch_by_x, _batch_by_parameter(1), _batch_by_parameter(0),
    text="batch_norm({0})", example=_batch_examples,
)  # fmt: skip
layer_norm = primitive(
    "layer_norm", _layer_forward, _layer_by_x, _layer_by_parameter(1), _layer_by_parameter(0),
    text="layer_norm({0})", example=_layer_examples,
)  # fmt: skip
