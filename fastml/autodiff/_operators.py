"""What a variable can do that arrays can: operators, methods, NumPy's own functions."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from fastml.autodiff import primitives as p
from fastml.autodiff._variable import Variable, value_of

__all__: list[str] = []


def _turned(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Variable, other: Any) -> Any:
        return function(other, self)

    return method


def _power(a: Any, b: Any) -> Any:
    # The most frequent exponent has a simpler derivative.
    return p.square(a) if type(b) in (int, float) and b == 2 else p.power(a, b)


def _getitem(a: Variable, index: Any) -> Any:
    return p.getitem(a, index=_plain(index))


def _plain(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(map(_plain, index))
    return value_of(index)


for _name, _function in {
    "add": p.add, "sub": p.subtract, "mul": p.multiply, "truediv": p.divide, "pow": _power,
    "matmul": p.matmul,
}.items():  # fmt: skip
    setattr(Variable, f"__{_name}__", _function)
    setattr(Variable, f"__r{_name}__", _turned(_function))


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def method(self: Variable, other: Any) -> Any:
        return compare(self.value, value_of(other))

    return method


# Comparisons give plain arrays: nothing flows back through them.
for _compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
    setattr(Variable, f"__{_compare.__name__}__", _comparison(_compare))
# As keys, variables are compared by identity first.
Variable.__hash__ = object.__hash__  # type: ignore[method-assign]


def _reshape_method(self: Variable, *shape: Any) -> Any:
    return p.reshape(self, shape=shape[0] if len(shape) == 1 else shape)


def _transpose_method(self: Variable, *axes: Any) -> Any:
    if len(axes) == 1 and not isinstance(axes[0], int):
        axes = tuple(axes[0])
    return p.transpose(self, axes=axes or None)


for _name, _method in {
    "__neg__": p.negative, "__abs__": p.absolute, "__getitem__": _getitem,
    "reshape": _reshape_method, "transpose": _transpose_method, "conj": p.conj,
    "astype": lambda self, dtype: p.astype(self, dtype=np.dtype(dtype)),
    "swapaxes": p.swapaxes, "squeeze": p.squeeze, "dot": p.matmul, "trace": p.trace,
    **{name: getattr(p, name) for name in
       ("sum", "mean", "prod", "max", "min", "cumsum", "var", "std", "clip")},
}.items():  # fmt: skip
    setattr(Variable, _name, _method)
for _name, _function in {
    "T": p.transpose, "H": p.hermitian, "real": p.real, "imag": p.imag,
}.items():  # fmt: skip
    setattr(Variable, _name, property(_function))

_UFUNCS = {
    np.add: p.add, np.subtract: p.subtract, np.multiply: p.multiply, np.divide: p.divide,
    np.negative: p.negative, np.power: _power, np.matmul: p.matmul, np.absolute: p.absolute,
    np.conjugate: p.conj,
    **{getattr(np, name): getattr(p, name) for name in (
        "arctan", "cos", "cosh", "exp", "expm1", "log", "log1p", "maximum", "minimum", "sign", "sin",
        "sinh", "sqrt", "square", "tan", "tanh",
    )},
}  # fmt: skip
_FUNCTIONS = {
    **{getattr(np, name): getattr(p, name) for name in (
        "clip", "concatenate", "cumsum", "dot", "einsum", "expand_dims", "imag", "kron", "max", "mean",
        "min", "moveaxis", "outer", "prod", "real", "squeeze", "stack", "std", "sum", "swapaxes", "trace",
        "var", "where",
    )},
    **{getattr(np.linalg, name): getattr(p, name) for name in (
        "cholesky", "det", "inv", "norm", "slogdet", "solve",
    )},
    np.reshape: lambda a, shape: p.reshape(a, shape=shape),
    np.transpose: lambda a, axes=None: p.transpose(a, axes=axes),
    np.broadcast_to: lambda a, shape: p.broadcast_to(a, shape=shape),
}  # fmt: skip


def _array_ufunc(self: Variable, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    ours = _UFUNCS.get(ufunc)
    if ours is None or method != "__call__" or kwargs:
        raise TypeError(
            f"numpy.{ufunc.__name__} has no gradient here when called so; "
            f"take the attribute `value` of the variable to compute without."
        )
    return ours(*inputs)


def _array_function(self: Variable, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    ours = _FUNCTIONS.get(func)
    if ours is None:
        raise TypeError(
            f"numpy.{func.__name__} has no gradient here; take the attribute `value` of the variable "
            "to compute without."
        )
    return ours(*args, **kwargs)


Variable.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
Variable.__array_function__ = _array_function  # type: ignore[attr-defined]
