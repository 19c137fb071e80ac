"""Dense layers, of arrays and of variables."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml import activations
from fastml.autodiff import Variable
from fastml.autodiff._real import real_values
from fastml.kernels.activations.forms import ELU, LEAKY_RELU
from fastml.nn.functional import _dense_nodes as nodes
from fastml.nn.functional._sparse import sparse_product

__all__ = ["dense", "linear"]

_ALPHA = {LEAKY_RELU: 0.01, ELU: 1.0}
_AFTER: dict[str, Callable[[Any], Any]] = {
    "softmax": activations.softmax,
    "log_softmax": activations.log_softmax,
    "winner_take_all": activations.winner_take_all,
}


def _floats(x: Any, name: str) -> Any:
    """Return a variable as it is, anything else as an array of float32 or float64."""
    x = real_values(x, name)
    if type(x) is Variable or x.dtype.char in "fd":
        return x
    return x.astype(np.float32 if x.dtype == np.float16 else np.float64)


def _checked(X: Any, W: Any, b: Any, names: tuple[str, str, str], axis: int) -> tuple[Any, Any]:
    """Return weights and bias, if they fit the rows."""
    W = _floats(W, names[1])
    if W.ndim != 2 or X.ndim == 0 or X.shape[-1] != W.shape[axis]:
        wanted = "(n_features, n_outputs)" if axis == 0 else "(n_outputs, n_features)"
        raise ValueError(
            f"{names[1]} must have shape {wanted} for the {names[0]} of shape {X.shape} whose last "
            f"axis are features, got {W.shape}."
        )
    if b is not None:
        b = _floats(b, names[2])
        if b.shape != (W.shape[1 - axis],):
            raise ValueError(f"{names[2]} must have shape ({W.shape[1 - axis]},), got {b.shape}.")
    return W, b


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """Return ``input weight' + bias``, as ``torch.nn.functional.linear`` does.

    Parameters
    ----------
    input : Variable or array-like of shape (..., n_features)
        Rows.
    weight : Variable or array-like of shape (n_outputs, n_features)
        Weights.
    bias : Variable or array-like of shape (n_outputs,), optional
        Added to each row.

    Returns
    -------
    Variable or array of shape (..., n_outputs)
        Of the common dtype, where the input is; float16 and integers are taken as floats.

    Raises
    ------
    ValueError
        If shapes do not match.

    Examples
    --------
    >>> from fastml.nn.functional import linear
    >>> linear([[1.0, 2.0]], [[1.0, 1.0], [0.0, 3.0]], [0.5, 0.5])
    array([[3.5, 6.5]])
    """
    X = _floats(input, "input")
    W, b = _checked(X, weight, bias, ("input", "weight", "bias"), 1)
    out = nodes.linear(X, W)
    return out if b is None else out + b


def dense(
    X: Any, W: Any, b: Any = None, activation: Any = "identity", *, alpha: float | None = None
) -> Any:
    """Return ``activation(X W + b)``: for most activations one node, one pass each way.

    Parameters
    ----------
    X : Variable, array-like or SciPy sparse matrix of shape (..., n_features)
        Rows. No gradient by it is computed if it is not a variable, or is sparse.
    W : Variable or array-like of shape (n_features, n_outputs)
        Weights.
    b : Variable or array-like of shape (n_outputs,), optional
        Bias.
    activation : str, callable or None, default="identity"
        One of "identity" (as None), "sigmoid" (as "logistic"), "tanh", "relu", "leaky_relu", "elu",
        "gelu", "gelu_tanh", "softplus", "softmax", "log_softmax", "winner_take_all", or a function
        of variables.
    alpha : float, optional
        Slope below 0 of "leaky_relu", 0.01 by default; factor of "elu", 1 by default.

    Returns
    -------
    Variable or array of shape (..., n_outputs)
        Of the common dtype, where X is. Sums have the same bits on any number of threads.

    Raises
    ------
    ValueError
        If shapes do not match, or there is no such activation.

    Examples
    --------
    >>> from fastml.nn.functional import dense
    >>> dense([[1.0, 2.0]], [[1.0, -1.0], [1.0, 0.0]], [0.0, 0.5], "relu")
    array([[3., 0.]])
    """
    if type(activation) is not str:
        after = activation
        activation = "identity"
    else:
        after = _AFTER.get(activation)
    kind = nodes.KINDS.get("identity" if after is not None else activation)
    if kind is None or not (after is None or callable(after)):
        known = ", ".join(map(repr, sorted({*nodes.KINDS, *_AFTER})))
        raise ValueError(
            f"activation must be None, a function or one of {known}, got {activation!r}."
        )
    slope = _ALPHA.get(kind, 0.0) if alpha is None else float(alpha)
    if sp.issparse(X):
        out = _of_sparse(X, W, b, kind, slope)
    else:
        X = _floats(X, "X")
        W, b = _checked(X, W, b, ("X", "W", "b"), 0)
        if Variable in (type(X), type(W), type(b)):
            out = nodes.dense(X, W, b, kind=kind, alpha=slope, kept=nodes.Kept())
        else:
            out = nodes.dense(X, W, b, kind=kind, alpha=slope)
    return out if after is None else after(out)


def _of_sparse(X: Any, W: Any, b: Any, kind: int, alpha: float) -> Any:
    W, b = _checked(X, W, b, ("X", "W", "b"), 0)
    if X.dtype != W.dtype:
        X = X.astype(np.result_type(X.dtype, W.dtype))
    sums = sparse_product(W, rows=X)
    return nodes.activated(sums if b is None else sums + b, kind, alpha)
