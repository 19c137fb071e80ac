"""The backward pass: gradients from a result to what it was made of, without recursion."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from fastml.autodiff._variable import Variable, value_of

__all__ = ["backward", "gradients", "reachable"]

_by_order = attrgetter("order")


def reachable(output: Variable, since: int = 0) -> tuple[list[Variable], bool]:
    """Return the variables that a result depends on and that need a gradient, latest first.

    Parameters
    ----------
    output : Variable
        The result; it comes first.
    since : int
        Variables made before the one of this order are left out.

    Returns
    -------
    variables : list of Variable
        In the order in which a backward pass meets them.
    complete : bool
        Whether none was left out.
    """
    seen = {output}
    stack = [output]
    complete = True
    while stack:
        for x in stack.pop().inputs:
            if type(x) is Variable and x.needs_grad and x not in seen:
                if x.order < since:
                    complete = False
                    continue
                seen.add(x)
                stack.append(x)
    return sorted(seen, key=_by_order, reverse=True), complete


def backward(
    output: Variable,
    seed: Any = None,
    *,
    accumulate: bool = False,
    create_graph: bool = False,
    free: bool = False,
) -> None:
    """Store the gradient of `output` in the leaves it depends on; see `Variable.backward`."""
    if not output.needs_grad:
        raise ValueError(
            "backward needs a result that depends on a variable; this one is a constant."
        )
    nodes, _ = reachable(output)
    leaves = [node for node in nodes if node.primitive is None]
    found = _propagate(nodes, _seed(output, seed), set(leaves), create_graph, free)
    for leaf in leaves:
        gradient = found.get(leaf)
        if accumulate and leaf.grad is not None:
            gradient = leaf.grad if gradient is None else leaf.grad + gradient
        leaf.grad = gradient


def gradients(
    output: Variable,
    wrt: Sequence[Variable],
    seed: Any = None,
    *,
    create_graph: bool | None = False,
) -> list[Any]:
    """Return the gradients of a result by given variables, leaves or not; store nothing.

    Parameters
    ----------
    output : Variable
        The result.
    wrt : sequence of Variable
        By what to differentiate.
    seed : array-like of the result's shape, optional
        What its own gradient is taken to be; 1 by default, for a result of one element.
    create_graph : bool, optional
        Whether the gradients are variables, that can be differentiated again. None makes them so
        where the result depends on variables made before those in `wrt`.

    Returns
    -------
    list of arrays or Variables
        Of the shapes of `wrt`; zeros for one that the result does not depend on.
    """
    nodes, complete = reachable(output, min((x.order for x in wrt), default=0))
    if create_graph is None:
        create_graph = not complete
    wanted = set(wrt)
    found = _propagate(nodes, _seed(output, seed), wanted, create_graph, False)
    return [found[x] if x in found else np.zeros_like(x.value) for x in wrt]


def _seed(output: Variable, seed: Any) -> Any:
    value = output.value
    if seed is None:
        if value.size != 1:
            raise ValueError(
                f"A result of shape {value.shape} has no single gradient: reduce it to one element "
                "first, or pass a seed of its shape."
            )
        # Of a scalar ten times as fast, which each step of a small network would notice.
        return type(value)(1) if isinstance(value, np.generic) else np.ones_like(value)
    if np.shape(value_of(seed)) != value.shape:
        raise ValueError(
            f"seed must have the shape of the result, {value.shape}, got "
            f"{np.shape(value_of(seed))}."
        )
    if type(seed) is Variable or (type(seed) is type(value) and seed.dtype == value.dtype):
        return seed
    return (np.zeros_like(value) + seed).astype(value.dtype)


def _propagate(
    nodes: Sequence[Variable], seed: Any, wanted: set[Variable], graph: bool, free: bool
) -> dict[Variable, Any]:
    """Walk nodes from the latest to the earliest; return the gradients by those wanted."""
    since = nodes[-1].order
    pending = {nodes[0]: seed}
    found = {}
    for node in nodes:
        # Popped, so that a gradient's memory is free as soon as it is used.
        g = pending.pop(node, None)
        if g is None:
            continue
        if node in wanted:
            found[node] = g
        primitive = node.primitive
        if primitive is None:
            continue
        adjoints, inputs, params = primitive.adjoints, node.inputs, node.params
        if params is None:
            raise ValueError(
                f"The graph behind {primitive.name} was freed by an earlier backward(free=True)."
            )
        if graph:
            out, args = node, inputs
        else:
            out, args = node.value, node.values
        for i, x in enumerate(inputs):
            if type(x) is Variable and x.needs_grad and x.order >= since:
                adjoint = adjoints[i]
                if adjoint is None:
                    continue
                gradient = adjoint(g, out, *args, **params)
                value = x.value
                if gradient.shape != value.shape or gradient.dtype != value.dtype:
                    gradient = fitted(gradient, value)
                if x in pending:
                    gradient = pending[x] + gradient
                pending[x] = gradient
        if free:
            node.inputs = node.values = ()
            node.params = None
    return found


def fitted(gradient: Any, value: Any) -> Any:
    """Undo broadcasting and promotion: return a gradient of a value's shape and dtype."""
    from fastml.autodiff import primitives as p

    if gradient.shape != value.shape:
        extra = gradient.ndim - value.ndim
        axes = tuple(range(extra)) + tuple(
            i + extra
            for i, n in enumerate(value.shape)
            if n == 1 and gradient.shape[i + extra] != 1
        )
        gradient = p.reshape(p.sum(gradient, axis=axes), shape=value.shape)
    if gradient.dtype != value.dtype:
        if gradient.dtype.kind == "c" and value.dtype.kind != "c":
            gradient = p.real(gradient)
        gradient = p.astype(gradient, dtype=value.dtype)
    return gradient
