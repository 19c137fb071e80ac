"""Derivatives of functions: gradients, Jacobians, Hessians, their products with vectors."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastml.autodiff import primitives as p
from fastml.autodiff._backward import gradients
from fastml.autodiff._variable import Variable, value_of, variable

__all__ = ["grad", "hessian", "hvp", "jacobian", "stop_gradient", "value_and_grad"]


def stop_gradient(x: Any) -> Any:
    """Return a value as a constant: no gradient flows back through it.

    Parameters
    ----------
    x : Variable or array

    Returns
    -------
    array
        The value of `x`.
    """
    return value_of(x)


def _fresh(x: Any) -> Variable:
    """Return a new variable of x's value; where x is itself one, derivatives of it stay known."""
    if type(x) is Variable:
        return p.identity(x) if x.needs_grad else Variable(x.value)
    return variable(x)


def _traced(
    f: Callable[..., Any], argnums: int | Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[list[Variable], Any]:
    """Call f on fresh variables; return them and the result."""
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise ValueError(
                f"argnums must name positional arguments, of which there are {len(args)}; got {i}."
            )
    numbers = tuple(i % len(args) for i in numbers)
    inputs = {i: _fresh(args[i]) for i in numbers}
    result = f(*(inputs.get(i, a) for i, a in enumerate(args)), **kwargs)
    return [inputs[i] for i in numbers], result


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Any, Any]]:
    """Make a function that returns the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        A function of arrays, written with operators and the functions of this package, that returns
        one number.
    argnums : int or sequence of int, default=0
        By which positional arguments to differentiate.

    Returns
    -------
    callable
        Called as `f`; returns the value and the gradient, a list of them for a sequence of
        argnums. May itself be differentiated.
    """

    def run(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        inputs, result = _traced(f, argnums, args, kwargs)
        if type(result) is not Variable or not result.needs_grad:
            found = [np.zeros_like(x.value) for x in inputs]
        else:
            found = gradients(result, inputs, create_graph=None)
        outer = any(type(g) is Variable for g in found)
        value = result if outer else value_of(result)
        return value, found[0] if isinstance(argnums, int) else found

    return run


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Make a function that returns the gradient of `f`.

    Parameters
    ----------
    f, argnums
        As for `value_and_grad`.

    Returns
    -------
    callable
        Called as `f`. ``grad(grad(f))`` is the second derivative of a function of one number.

    Examples
    --------
    >>> from fastml import autodiff as ad
    >>> float(ad.grad(ad.grad(lambda x: x**3))(2.0))
    12.0
    """
    run = value_and_grad(f, argnums)
    return lambda *args, **kwargs: run(*args, **kwargs)[1]


def jacobian(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """Make a function that returns the derivative of every element of the result by every input's.

    Parameters
    ----------
    f : callable
        A function of arrays that returns an array.
    argnum : int, default=0
        By which positional argument to differentiate.

    Returns
    -------
    callable
        Called as `f`; returns an array of the result's shape followed by the argument's. It takes
        one backward pass for each element of the result.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        (x,), result = _traced(f, argnum, args, kwargs)
        shape = (*np.shape(value_of(result)), *x.shape)
        if type(result) is not Variable or not result.needs_grad:
            return np.zeros(shape, x.dtype)
        rows = []
        for i in np.ndindex(result.shape):
            seed = np.zeros_like(result.value)
            seed[i] = 1
            rows.append(gradients(result, [x], seed, create_graph=None)[0])
        if not rows:
            return np.zeros(shape, x.dtype)
        return p.reshape(p.stack(rows), shape=shape)

    return run


def hessian(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """Make a function that returns the second derivatives of `f`, which returns one number.

    Parameters
    ----------
    f, argnum
        As for `jacobian`.

    Returns
    -------
    callable
        Called as `f`; returns an array of the argument's shape twice over.
    """
    return jacobian(grad(f, argnum), argnum)


def hvp(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """Make a function that multiplies the Hessian of `f` by a vector without forming it.

    Parameters
    ----------
    f, argnum
        As for `hessian`.

    Returns
    -------
    callable
        Called with a vector, of the shape of the argument, before the arguments of `f`.
    """

    def run(vector: Any, *args: Any, **kwargs: Any) -> Any:
        def along(*inputs: Any) -> Any:
            return p.sum(grad(f, argnum)(*inputs, **kwargs) * vector)

        return grad(along, argnum)(*args)

    return run
