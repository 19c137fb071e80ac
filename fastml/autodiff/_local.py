"""Local derivatives: of one node by another, as numbers, diagonals and Jacobians."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff._backward import fitted
from fastml.autodiff._expression import number_text
from fastml.autodiff._variable import Variable

__all__ = ["Local", "derivative_of", "edges", "pulled", "shape_text", "summary"]

# Jacobians of results with more elements are not formed, which takes a backward pass for each.
MOST_ROWS = 64
# Vectors of more elements are not written out.
MOST_WRITTEN = 6


class Local(NamedTuple):
    """Derivative of one value by another.

    Attributes
    ----------
    form : {"number", "gradient", "diagonal", "jacobian"}
        "gradient" is that of one number by an array; "diagonal" is said of Jacobians.
    value : array or None
        The number, gradient or diagonal.
    shape : tuple of tuples
        Shapes of what is differentiated, and by what.
    norm : float or None
        Frobenius norm; None where it was not computed.
    """

    form: str
    value: Any
    shape: tuple[tuple[int, ...], tuple[int, ...]]
    norm: float | None

    def describe(self) -> str:
        """Return a few words: the number, or shape and norm."""
        if self.form == "number":
            return number_text(float(self.value))
        norm = "" if self.norm is None else f", norm {number_text(self.norm)}"
        if self.form == "gradient":
            return summary(self.value)
        if self.form == "diagonal":
            return f"diagonal {summary(self.value)}"
        left, right = map(shape_text, self.shape)
        return f"Jacobian {left} x {right}{norm}"


def edges(node: Variable) -> list[tuple[int, Variable]]:
    """Return number and variable of every input through which a gradient flows."""
    if node.primitive is None:
        return []
    if node.params is None:
        raise ValueError(
            f"The graph behind {node.primitive.name} was freed by an earlier backward(free=True)."
        )
    adjoints = node.primitive.adjoints
    return [
        (i, x)
        for i, x in enumerate(node.inputs)
        if type(x) is Variable and x.needs_grad and adjoints[i] is not None
    ]


def pulled(node: Variable, i: int, g: Any) -> Any:
    """Return the gradient by input number i of a node, where `g` is that by the node."""
    assert node.primitive is not None
    adjoint, x = node.primitive.adjoints[i], node.inputs[i]
    assert adjoint is not None
    assert node.params is not None
    gradient = adjoint(g, node.value, *node.values, **node.params)
    if gradient.shape != x.shape or gradient.dtype != x.dtype:
        gradient = fitted(gradient, x.value)
    return gradient


def derivative_of(pull: Callable[[Any], Any], later: Any, earlier: Any) -> Local:
    """Find out what the derivative of one value by another looks like.

    Parameters
    ----------
    pull : callable
        Turns a gradient by the later value into the gradient by the earlier one.
    later, earlier : array
        The values.

    Returns
    -------
    Local
    """
    shape = (later.shape, earlier.shape)
    if later.dtype.kind == "c" or earlier.dtype.kind == "c":
        return Local("jacobian", None, shape, None)
    ones = np.ones_like(later)
    if later.size == 1:
        value = pull(ones)
        return Local("number" if earlier.size == 1 else "gradient", value, shape, _norm(value))
    if later.shape == earlier.shape and later.size:
        # A diagonal scales any gradient element by element; what is none mixes this one up.
        value, probe = pull(ones), np.sin(np.cumsum(ones)).reshape(later.shape)
        near = 100 * float(np.finfo(later.dtype).eps) * (1 + float(np.max(np.abs(value))))
        if np.all(np.abs(pull(probe) - value * probe) <= near):
            return Local("diagonal", value, shape, _norm(value))
    if later.size > MOST_ROWS:
        return Local("jacobian", None, shape, None)
    total = 0.0
    for i in np.ndindex(later.shape):
        row = np.zeros_like(later)
        row[i] = 1
        total += _norm(pull(row)) ** 2
    return Local("jacobian", None, shape, total**0.5)


def summary(value: Any, digits: int = 6) -> str:
    """Return a number or a short vector in full, of other arrays shape and norm."""
    if value.size == 1:
        return number_text(value.item(), digits=digits)
    if value.ndim == 1 and value.size <= MOST_WRITTEN:
        return f"[{', '.join(number_text(x, digits=digits) for x in value.tolist())}]"
    return f"{shape_text(value.shape)}, norm {number_text(_norm(value), digits=digits)}"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as (3, 4)."""
    return f"({', '.join(map(str, shape))})"


def _norm(value: Any) -> float:
    return float(np.sqrt(np.sum(np.abs(value) ** 2)))
