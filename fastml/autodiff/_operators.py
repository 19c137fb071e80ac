"""What a variable can do that arrays can: operators, methods, NumPy's own functions."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from fastml.autodiff import primitives as p
from fastml.autodiff._variable import Variable, value_of

__all__ = ["install"]

SAME_NAME_UFUNCS = (
    "add", "absolute", "arctan", "cos", "cosh", "divide", "exp", "expm1", "log", "log1p",
    "matmul", "maximum", "minimum", "multiply", "negative", "sign", "sin", "sinh", "sqrt",
    "square", "subtract", "tan", "tanh",
)  # fmt: skip
SAME_NAME_FUNCTIONS = (
    "clip", "concatenate", "cumsum", "dot", "einsum", "expand_dims", "imag", "kron", "max",
    "mean", "min", "moveaxis", "outer", "prod", "real", "squeeze", "stack", "std", "sum",
    "swapaxes", "trace", "var", "where",
)  # fmt: skip
SAME_NAME_LINALG = ("cholesky", "det", "inv", "norm", "slogdet", "solve")
METHODS = (
    "clip", "conj", "cumsum", "max", "mean", "min", "prod", "squeeze", "std", "sum", "swapaxes",
    "trace", "var",
)  # fmt: skip


def _power(a: Any, b: Any) -> Any:
    # The most frequent exponent has a simpler derivative.
    return p.square(a) if type(b) in (int, float) and b == 2 else p.power(a, b)


def _getitem(a: Variable, index: Any) -> Any:
    return p.getitem(a, index=_plain(index))


def _plain(index: Any) -> Any:
    return tuple(map(_plain, index)) if isinstance(index, tuple) else value_of(index)


def _reshape(a: Variable, *shape: Any) -> Any:
    return p.reshape(a, shape=shape[0] if len(shape) == 1 else shape)


def _transpose(a: Variable, *axes: Any) -> Any:
    if len(axes) == 1 and not isinstance(axes[0], int):
        axes = tuple(axes[0])
    return p.transpose(a, axes=axes or None)


def _astype(a: Variable, dtype: Any) -> Any:
    return p.astype(a, dtype=np.dtype(dtype))


def _turned(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: function(other, self)


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda self, other: compare(self.value, value_of(other))


UFUNCS = {getattr(np, name): getattr(p, name) for name in SAME_NAME_UFUNCS}
UFUNCS |= {np.power: _power, np.conjugate: p.conj}
FUNCTIONS = {getattr(np, name): getattr(p, name) for name in SAME_NAME_FUNCTIONS}
FUNCTIONS |= {getattr(np.linalg, name): getattr(p, name) for name in SAME_NAME_LINALG}
FUNCTIONS |= {np.reshape: p.reshape, np.transpose: p.transpose, np.broadcast_to: p.broadcast_to}


def _array_ufunc(self: Variable, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    ours = UFUNCS.get(ufunc)
    if ours is None or method != "__call__" or kwargs:
        raise TypeError(
            f"numpy.{ufunc.__name__} has no gradient here when called so: take the attribute "
            "`value` of the variable to compute without."
        )
    return ours(*inputs)


def _array_function(self: Variable, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    ours = FUNCTIONS.get(func)
    if ours is None:
        raise TypeError(
            f"numpy.{func.__name__} has no gradient here: take the attribute `value` of the "
            "variable to compute without."
        )
    return ours(*args, **kwargs)


def install() -> None:
    """Give variables their operators and methods, which are made of primitives."""
    methods: dict[str, Any] = {
        "__neg__": p.negative, "__abs__": p.absolute, "__getitem__": _getitem, "reshape": _reshape,
        "transpose": _transpose, "astype": _astype, "dot": p.matmul,
        "T": property(p.transpose), "H": property(p.hermitian),
        "real": property(p.real), "imag": property(p.imag),
        "__array_ufunc__": _array_ufunc, "__array_function__": _array_function,
        # As keys, variables are compared by identity first.
        "__hash__": object.__hash__,
    }  # fmt: skip
    methods |= {name: getattr(p, name) for name in METHODS}
    for name, function in {
        "add": p.add, "sub": p.subtract, "mul": p.multiply, "truediv": p.divide, "pow": _power,
        "matmul": p.matmul,
    }.items():  # fmt: skip
        methods[f"__{name}__"] = function
        methods[f"__r{name}__"] = _turned(function)
    # Comparisons give plain arrays: nothing flows back through them.
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        methods[f"__{compare.__name__}__"] = _comparison(compare)
    for name, method in methods.items():
        setattr(Variable, name, method)
