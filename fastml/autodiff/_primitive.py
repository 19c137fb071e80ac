"""Primitives: the operations of the graph, each a function and its adjoints."""

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastml.autodiff._mode import mode
from fastml.autodiff._variable import Variable

__all__ = ["PRIMITIVES", "Each", "Operation", "Primitive", "primitive", "recorded"]

# What `primitive` returns.
Operation = Callable[..., Any]

PRIMITIVES: dict[str, "Primitive"] = {}


class Each:
    """Adjoints of a primitive of any number of inputs, from one function.

    Parameters
    ----------
    adjoint : callable
        ``adjoint(i, g, out, *inputs, **params)`` returns the gradient by input number i.
    """

    def __init__(self, adjoint: Callable[..., Any]) -> None:
        self.adjoint = adjoint

    def __getitem__(self, i: int) -> Callable[..., Any]:
        return lambda *args, **params: self.adjoint(i, *args, **params)


class Primitive:
    """What the graph knows of an operation; made by `primitive`.

    Attributes
    ----------
    name : str
        Of the operation.
    forward : callable
        ``forward(*values, **params)`` on arrays.
    adjoints : sequence of callables or Each
        For each input ``adjoint(g, out, *inputs, **params)``: the gradient by that input where `g`
        is that by the result `out`. Written with operators and primitives, which take arrays and
        variables alike: so it runs on arrays at first, and is itself recorded for second
        derivatives. A constant input's is None. Gradients by complex inputs are those of PyTorch,
        dL/d(re) + i dL/d(im).
    text, latex : str
        How to write the result, in terms of "{0}", "{1}", ... for the inputs and of "{name}" for
        parameters.
    partials : sequence of (str, str)
        Text and LaTeX of the local derivative by each input; empty for those not written out.
    example : callable or None
        ``example(rng)`` gives inputs in float64 and parameters to test the gradients with:
        ``(inputs, params)``, or a list of such. By default one or two matrices, as there are
        inputs.
    """

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        adjoints: "Sequence[Callable[..., Any] | None] | Each",
        text: str,
        latex: str,
        partials: Sequence[tuple[str, str]],
        example: Callable[..., Any] | None,
    ) -> None:
        self.name = name
        self.forward = forward
        self.adjoints = adjoints
        self.text = text
        self.latex = latex
        self.partials = partials
        self.example = example

    def refused(self, values: Sequence[Any], error: Exception) -> ValueError:
        """Return the error for inputs that the function does not take."""
        shapes = [str(np.shape(value)) for value in values]
        what = re.sub(
            r"\{(\w+)\}",
            lambda m: f"<{shapes[int(m[1])]}>" if m[1] in map(str, range(len(shapes))) else "...",
            self.text,
        )
        return ValueError(
            f"{self.name} does not take shapes {' and '.join(shapes)} in {what}: {error}"
        )

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def primitive(
    name: str,
    forward: Callable[..., Any],
    *adjoints: "Callable[..., Any] | Each | None",
    text: str = "",
    latex: str = "",
    partials: Sequence[tuple[str, str]] = (),
    example: Callable[..., Any] | None = None,
) -> Operation:
    """Register an operation and its adjoints; return the function that records it.

    Parameters
    ----------
    name, forward, adjoints, text, latex, partials, example
        See `Primitive`. The text is ``name({0}, ...)`` by default.

    Returns
    -------
    callable
        Takes variables and arrays: the result is a variable if one input is. Tests of gradients
        find the primitive by themselves.
    """
    if name in PRIMITIVES:
        raise ValueError(f"There is a primitive {name!r} already.")
    several: Any = adjoints[0] if adjoints and isinstance(adjoints[0], Each) else adjoints
    n_inputs = len(adjoints)
    if not text:
        listed = ", ".join(f"{{{i}}}" for i in range(n_inputs))
        text = f"{name}({listed})"
    made = Primitive(name, forward, several, text, latex or text, partials, example)
    PRIMITIVES[name] = made
    return recorded(made)


def recorded(made: Primitive) -> Operation:
    """Return the function that computes a primitive and puts it into the graph."""
    n_inputs = 0 if isinstance(made.adjoints, Each) else len(made.adjoints)
    apply = {1: _unary, 2: _binary}.get(n_inputs, _general)(made)
    apply.__name__ = apply.__qualname__ = made.name
    apply.__doc__ = made.forward.__doc__
    apply.__wrapped__ = made.forward  # type: ignore[attr-defined]
    return apply


def _parameters(forward: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters; none for one that does not tell."""
    try:
        return list(inspect.signature(forward).parameters)
    except ValueError:
        return []


# Three times the same in a row: a graph of small nodes spends most of its time here.


def _unary(made: Primitive) -> Operation:
    forward = made.forward
    names = _parameters(forward)[1:]

    def apply(a: Any, *positional: Any, **params: Any) -> Any:
        if positional:
            if len(positional) > len(names):
                raise TypeError(
                    f"{made.name} takes {1 + len(names)} positional arguments at most, got "
                    f"{1 + len(positional)}."
                )
            params |= zip(names, positional, strict=False)
        if type(a) is not Variable:
            return forward(a, **params)
        value = a.value
        try:
            out = forward(value, **params)
        except ValueError as error:
            raise made.refused((value,), error) from None
        now = mode.get()
        if a.needs_grad and now.recording:
            return Variable(out, made, (a,), (value,), params, now.scope)
        return Variable(out, needs_grad=False)

    return apply


def _binary(made: Primitive) -> Operation:
    forward = made.forward

    def apply(a: Any, b: Any, **params: Any) -> Any:
        if type(a) is Variable:
            left, needs = a.value, a.needs_grad
            if type(b) is Variable:
                right, needs = b.value, needs or b.needs_grad
            else:
                right = b
        elif type(b) is Variable:
            left, right, needs = a, b.value, b.needs_grad
        else:
            return forward(a, b, **params)
        try:
            out = forward(left, right, **params)
        except ValueError as error:
            raise made.refused((left, right), error) from None
        now = mode.get()
        if needs and now.recording:
            return Variable(out, made, (a, b), (left, right), params, now.scope)
        return Variable(out, needs_grad=False)

    return apply


def _general(made: Primitive) -> Operation:
    forward = made.forward

    def apply(*inputs: Any, **params: Any) -> Any:
        variables = [a for a in inputs if type(a) is Variable]
        values = tuple([a.value if type(a) is Variable else a for a in inputs])
        try:
            out = forward(*values, **params)
        except ValueError as error:
            if not variables:
                raise
            raise made.refused(values, error) from None
        if not variables:
            return out
        now = mode.get()
        if now.recording and any(a.needs_grad for a in variables):
            return Variable(out, made, inputs, values, params, now.scope)
        return Variable(out, needs_grad=False)

    return apply
