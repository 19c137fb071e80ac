"""Activations as nodes that one kernel computes each way: a pass over memory forward, one back."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastml.autodiff._variable import Variable
from fastml.backends import Backend, resolve
from fastml.kernels.activations.forms import BY_RESULT
from fastml.kernels.activations.formulas import (
    BACKWARD,
    FORWARD,
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)

__all__ = ["Pair", "elementwise", "normalised"]

# Below this many elements NumPy's formula computes a node. There both ways take some 2 us, and a
# graph of small arrays need neither import Numba nor load kernels. Above, the formula's passes over
# memory take the longer the larger: of 1000 elements the kernel takes 2 to 6 us, formulas up to 14.
SMALL = 256

# The function of an activation and its adjoint, as `primitive` takes them.
Pair = tuple[Callable[..., Any], Callable[..., Any]]


def _backend_for(a: Any) -> Backend | None:
    """Return where a kernel should compute something of an array; None if NumPy's formula is to."""
    host = type(a) is np.ndarray
    if not host and not hasattr(a, "__cuda_array_interface__"):
        return None
    if a.size < SMALL or a.dtype.char not in "fd":
        return None
    backend = resolve(a)
    # Variables on a device stay there, also under backend="cpu": by formulas in CuPy.
    return backend if host or backend.xp is not np else None


def _home(result: Any, a: Any, backend: Backend) -> Any:
    return backend.to_host(result) if type(a) is np.ndarray else result


def _given(g: Any, backend: Backend) -> Any:
    """Return the elements of a gradient; one alone where it is the same everywhere."""
    if not any(g.strides):
        return backend.asarray(g[(slice(0, 1),) * g.ndim]).reshape(-1)
    return backend.asarray(g).reshape(-1)


def elementwise(kind: int, composed: Callable[..., Any]) -> Pair:
    """Return an elementwise activation and its adjoint.

    Parameters
    ----------
    kind : int
        One of `fastml.kernels.activations.forms`.
    composed : callable
        The adjoint made of primitives, ``composed(g, out, a)`` or with `alpha`, for gradients that
        are to be differentiated again.

    Returns
    -------
    forward, adjoint : callable
        Both take `alpha`, which says nothing to activations that have no parameter.
    """
    formula, formula_back, by_result = FORWARD[kind], BACKWARD[kind], kind in BY_RESULT

    def forward(a: Any, alpha: float = 0.0) -> Any:
        backend = _backend_for(a)
        if backend is None:
            return formula(a, alpha)
        x = backend.asarray(a)
        out = backend.empty(x.shape, x.dtype)
        kernels = backend.kernels("activations")
        kernels.forward(kind, x.dtype.type(alpha), x.reshape(-1), out.reshape(-1))
        return _home(out, a, backend)

    def adjoint(g: Any, out: Any, a: Any, **params: Any) -> Any:
        if type(g) is Variable or type(out) is Variable:
            return composed(g, out, a, **params)
        argument = out if by_result else a
        alpha = params.get("alpha", 0.0)
        backend = _backend_for(argument)
        if backend is None:
            return formula_back(argument, g, alpha)
        x = backend.asarray(argument)
        gradient = backend.empty(x.shape, x.dtype)
        kernels = backend.kernels("activations")
        given = _given(g, backend)
        kernels.backward(kind, x.dtype.type(alpha), x.reshape(-1), given, gradient.reshape(-1))
        return _home(gradient, argument, backend)

    forward.__doc__ = formula.__doc__
    return forward, adjoint


def _rows(backend: Backend, a: Any, axis: int) -> Any:
    """Return an array with the axis last, contiguous."""
    return backend.asarray(backend.xp.moveaxis(backend.asarray(a), axis, -1))


def normalised(log: bool, composed: Callable[..., Any]) -> Pair:
    """Return the softmax along an axis, or its logarithm, and its adjoint.

    Parameters
    ----------
    log : bool
        Whether it is the logarithm.
    composed : callable
        As for `elementwise`, with `axis`.
    """
    formula = log_softmax if log else softmax
    formula_back = log_softmax_backward if log else softmax_backward

    def forward(a: Any, axis: int = -1) -> Any:
        backend = _backend_for(a)
        if backend is None:
            return formula(a, axis)
        x = _rows(backend, a, axis)
        out = backend.empty(x.shape, x.dtype)
        shape = (-1, x.shape[-1])
        backend.kernels("activations").softmax(log, x.reshape(shape), out.reshape(shape))
        return _home(backend.xp.moveaxis(out, -1, axis), a, backend)

    def adjoint(g: Any, out: Any, a: Any, axis: int = -1) -> Any:
        if type(g) is Variable or type(out) is Variable:
            return composed(g, out, a, axis)
        backend = _backend_for(out)
        if backend is None:
            return formula_back(out, g, axis)
        y, given = _rows(backend, out, axis), _rows(backend, g, axis)
        gradient = backend.empty(y.shape, y.dtype)
        shape = (-1, y.shape[-1])
        backend.kernels("activations").softmax_backward(
            log, y.reshape(shape), given.reshape(shape), gradient.reshape(shape)
        )
        return _home(backend.xp.moveaxis(gradient, -1, axis), out, backend)

    forward.__doc__ = formula.__doc__
    return forward, adjoint
