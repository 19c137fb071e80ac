"""How much an encoder's code changes with its input: the norm of the Jacobian, exactly."""

from collections.abc import Sequence
from typing import Any

import scipy.sparse as sp

from fastml.autodiff import Variable, gradients
from fastml.autodiff import primitives as p
from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.nn.functional import dense
from fastml.nn.functional._dense_nodes import KINDS, linear
from fastml.nn.layers import Dense, Layer, Run, Sequential
from fastml.nn.layers._activation import activation_function

__all__ = ["contraction"]


def contraction(
    layers: Sequence[Layer], x: Any, parameters: dict[str, Any], state: dict[str, Any]
) -> tuple[Any, Any]:
    """Return the code, and the squared Frobenius norm of its derivative by the input for each row.

    Both are those of the encoder as it predicts: without noise, through layers without dropout.

    Parameters
    ----------
    layers : sequence of Layer
        Of the encoder.
    x : array or CSR matrix (n, ...)
        Rows.
    parameters, state : dict
        As `Layer.apply` takes them.

    Returns
    -------
    code : Variable (n, ...)
    norms : Variable (n,)

    References
    ----------
    S. Rifai et al., "Contractive auto-encoders: explicit invariance during feature extraction",
    ICML 2011, equations 1 and 2.
    """
    active = [(layer, parameters[str(i)]) for i, layer in enumerate(layers) if str(i) in parameters]
    if all(isinstance(layer, Dense) and _is_elementwise(layer) for layer, _ in active):
        return _of_dense(active, x)
    return _of_any(layers, x, parameters, state)


def _is_elementwise(layer: Dense) -> bool:
    return not callable(layer.activation) and (layer.activation or "identity") in KINDS


def _of_dense(active: Sequence[tuple[Any, dict[str, Any]]], x: Any) -> tuple[Any, Any]:
    """Multiply the Jacobians of dense layers, from the code on: slopes times weights."""
    slopes, weights = [], []
    for layer, given in active:
        sums = dense(x, given["weight"], given.get("bias"))
        x = activation_function(layer.activation)(sums)
        slopes.append(_slope(sums, x))
        weights.append(given["weight"])
    slope, W = slopes.pop(), weights.pop()
    if not weights:
        return x, p.sum(slope * slope * p.sum(W * W, axis=0), axis=1)
    (n, k), h = slope.shape, W.shape[0]
    rows = p.reshape(slope, shape=(n, k, 1)) * p.reshape(p.swapaxes(W, 0, 1), shape=(1, k, h))
    while weights:
        slope, W = slopes.pop(), weights.pop()
        rows = linear(rows * p.reshape(slope, shape=(n, 1, slope.shape[1])), W)
    return x, p.sum(rows * rows, axis=(1, 2))


def _slope(sums: Any, out: Any) -> Any:
    """Return the derivative of what an activation makes of sums by each of them, as a node."""
    ones = resolve(sums.value).xp.ones_like(sums.value)
    return ones if out is sums else out.primitive.adjoints[0](ones, out, sums, **out.params)


def _of_any(
    layers: Sequence[Layer], x: Any, parameters: dict[str, Any], state: dict[str, Any]
) -> tuple[Any, Any]:
    """Go back from each element of the code, and keep the graph of that."""
    x = Variable(x.toarray() if sp.issparse(x) else value_of(x))
    code = Sequential(list(layers)).apply(x, parameters, state, Run())
    n, axes = x.shape[0], tuple(range(1, x.ndim))
    units = p.reshape(code, shape=(n, -1))
    total: Any = 0.0
    for j in range(units.shape[1]):
        seed = resolve(units.value).xp.zeros_like(units.value)
        seed[:, j] = 1
        (row,) = gradients(units, [x], seed, create_graph=True)
        total = total + p.sum(row * row, axis=axes)
    return code, total
