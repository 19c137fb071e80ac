"""The chain rule on a graph: links between named variables, and the paths that they make."""

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff._backward import reachable
from fastml.autodiff._expression import ONE, Call, Expression, Number, added, multiplied
from fastml.autodiff._local import Local, derivative_of, edges, pulled
from fastml.autodiff._naming import Naming, parameters
from fastml.autodiff._template import read
from fastml.autodiff._variable import Variable

__all__ = ["Chain", "Link"]

_by_order = attrgetter("order")


class Link(NamedTuple):
    """Derivative of a variable by one before it, through nothing that has a symbol.

    Attributes
    ----------
    later, earlier : Variable
        The two.
    expression : Expression or None
        How the derivative is written; None where its primitives do not say.
    is_map : bool
        Whether the expression stands for a product of matrices in the backward pass, and not for
        numbers that multiply element by element.
    local : Local
        What it is in numbers.
    """

    later: Variable
    earlier: Variable
    expression: Expression | None
    is_map: bool
    local: Local


class _Term(NamedTuple):
    expression: Expression | None
    is_map: bool


class Chain:
    """How a result depends on one variable.

    Parameters
    ----------
    loss : Variable
        The result.
    wrt : Variable
        By what it is differentiated.

    Attributes
    ----------
    naming : Naming
        Symbols and expressions.
    links : dict of Variable to list of Link
        From the result back to `wrt`.
    n_paths : int
        From the result to `wrt` along links.
    """

    def __init__(self, loss: Variable, wrt: Variable) -> None:
        self.loss, self.wrt = loss, wrt
        nodes = reachable(loss)[0]
        nodes.reverse()
        self.naming = Naming(nodes, {loss: "L", wrt: "x"})
        self._between = {wrt}
        for node in nodes:
            if any(x in self._between for _, x in edges(node)):
                self._between.add(node)
        if loss not in self._between:
            raise ValueError(f"{self.symbol(loss)} does not depend on {self.symbol(wrt)}.")
        symbols = self.naming.symbols
        self.variables = [x for x in nodes if x in symbols and x in self._between]
        self._inside = {x: self._up_to_symbols(x) for x in self.variables if x is not wrt}
        self.links = {x: self._links(x) for x in self._inside}
        counts: dict[Variable, int] = {wrt: 1}
        for x in self.variables:
            if x is not wrt:
                counts[x] = sum(counts[link.earlier] for link in self.links[x])
        self.n_paths = counts[loss]

    def symbol(self, x: Variable) -> str:
        """Return how texts call a variable."""
        return self.naming.symbols[x].text

    def paths(self) -> Iterator[list[Link]]:
        """Yield the paths from the result to `wrt`, as lists of links."""
        stack: list[tuple[Variable, list[Link]]] = [(self.loss, [])]
        while stack:
            x, path = stack.pop()
            if x is self.wrt:
                yield path
            else:
                stack.extend((link.earlier, [*path, link]) for link in self.links[x])

    def pull(self, link: Link, g: Any) -> Any:
        """Turn a gradient by a link's later variable into the gradient by its earlier one."""
        return self._pull(link.later, g)[link.earlier]

    def contributions(self, path: Sequence[Link]) -> list[Any]:
        """Return what the backward pass along one path gives at one variable after another."""
        found = []
        g = np.ones_like(self.loss.value)
        for link in path:
            g = self.pull(link, g)
            found.append(g)
        return found

    def total(self) -> Any:
        """Return the sum over all paths, link by link."""
        pending = {self.loss: np.ones_like(self.loss.value)}
        for x in reversed(self.variables):
            if x is self.wrt:
                continue
            for earlier, gradient in self._pull(x, pending.pop(x)).items():
                pending[earlier] = pending[earlier] + gradient if earlier in pending else gradient
        return pending[self.wrt]

    def _up_to_symbols(self, start: Variable) -> list[Variable]:
        """Return a variable and those without symbols that it is made of, latest first."""
        seen, stack = {start}, [start]
        while stack:
            for _, x in edges(stack.pop()):
                if x in self._between and x not in seen and x not in self.naming.symbols:
                    seen.add(x)
                    stack.append(x)
        return sorted(seen, key=_by_order, reverse=True)

    def _edges(self, node: Variable) -> list[tuple[int, Variable]]:
        return [(i, x) for i, x in edges(node) if x in self._between]

    def _pull(self, start: Variable, g: Any) -> dict[Variable, Any]:
        """Return the gradients by the variables that links lead to, given that by the first."""
        pending = {start: g}
        for node in self._inside[start]:
            g = pending.pop(node)
            for i, x in self._edges(node):
                gradient = pulled(node, i, g)
                pending[x] = pending[x] + gradient if x in pending else gradient
        return pending

    def _links(self, start: Variable) -> list[Link]:
        terms = {start: _Term(ONE, False)}
        for node in self._inside[start]:
            before = terms.pop(node)
            for i, x in self._edges(node):
                term = _through(before, self._partial(node, i))
                terms[x] = _either(terms[x], term) if x in terms else term
        made = []
        for x in sorted(terms, key=_by_order):
            local = derivative_of(
                lambda g, x=x: self._pull(start, g)[x],  # type: ignore[misc]
                start.value,
                x.value,
            )
            made.append(Link(start, x, *terms[x], local))
        return made

    def _partial(self, node: Variable, i: int) -> _Term:
        """Return the local derivative of a node by one input, as its primitive writes it."""
        primitive = node.primitive
        assert primitive is not None
        if i >= len(primitive.partials) or not primitive.partials[i][0]:
            return _Term(None, False)
        text, latex = primitive.partials[i]
        args = tuple(self.naming.of(x) for x in node.inputs)
        named = parameters(node.params)
        x = node.inputs[i].value
        form = derivative_of(lambda g: pulled(node, i, g), node.value, x).form
        # A matrix may happen to be diagonal; its formula is of matrices all the same.
        is_map = form == "jacobian" or (form == "diagonal" and "'" in text)
        found = read(text, args, named)
        if is_map and isinstance(found, Number):
            # Elements that pass as they are, but to other places.
            return _Term(None, False)
        if found is None or is_map:
            found = Call(text, latex or text, args, named, x.size != 1)
        if form == "gradient" and x.ndim == 1 and isinstance(found, Call) and found.text == "{0}'":
            # The gradient of a'x by x is a itself.
            found = found.args[0]
        return _Term(found, is_map)


def _through(outer: _Term, inner: _Term) -> _Term:
    """Return the derivative through two operations in a row."""
    if outer.expression is None or inner.expression is None:
        return _Term(None, False)
    if outer.is_map or inner.is_map:
        # Products of matrices are not multiplied out; with ones there is nothing to multiply.
        for one, other in ((outer, inner), (inner, outer)):
            if one == (ONE, False):
                return other
        return _Term(None, False)
    return _Term(multiplied(outer.expression, inner.expression), False)


def _either(left: _Term, right: _Term) -> _Term:
    """Return the sum of the derivatives along two ways."""
    if left.expression is None or right.expression is None or left.is_map or right.is_map:
        return _Term(None, False)
    return _Term(added(left.expression, right.expression), False)
