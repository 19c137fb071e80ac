"""Symbols for the variables of a graph, and expressions for those that have none."""

import re
from collections import Counter
from typing import Any

import numpy as np

from fastml.autodiff._expression import Call, Expression, Number, Symbol, number_text
from fastml.autodiff._local import summary
from fastml.autodiff._primitive import Each, Primitive
from fastml.autodiff._template import read
from fastml.autodiff._variable import Variable

__all__ = ["Naming", "called", "parameters", "written"]

# A variable whose expression would be of more operations and inputs gets a symbol of its own; so
# does one that is used more than once, if it is of more than the second number.
LONGEST, LONGEST_SHARED = 16, 4
# Primitives whose texts are algebra, which simplifies; products of matrices are not.
ALGEBRA = {"add", "subtract", "multiply", "divide", "negative", "power", "square"}
GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
    "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
    "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega",
}  # fmt: skip


class Naming:
    """Symbols and expressions of a graph's variables.

    Parameters
    ----------
    nodes : list of Variable
        Those of the graph, in the order in which they were made.
    given : dict of Variable to str
        Names for variables that the user did not name.

    Attributes
    ----------
    symbols : dict of Variable to Symbol
        For the named, the leaves, and those too long to write out.
    constants : list of (Symbol, str)
        Arrays that the graph holds, and what they look like.
    """

    def __init__(self, nodes: list[Variable], given: dict[Variable, str]) -> None:
        self.symbols: dict[Variable, Symbol] = {}
        self.constants: list[tuple[Symbol, str]] = []
        self._expressions: dict[Variable, Expression] = {}
        self._of_constants: dict[int, Symbol] = {}
        self._used: set[str] = set()
        for node in nodes:
            if node.name:
                self._name(node, node.name)
        for node, name in given.items():
            if node not in self.symbols:
                self._name(node, name)
        sizes: dict[Variable, int] = {}
        counts = {"x": 0, "v": 0}
        uses = Counter(x for node in nodes for x in node.inputs if type(x) is Variable)
        for node in nodes:
            size = 1 + sum(
                sizes[x] if type(x) is Variable and x in sizes else 1 for x in node.inputs
            )
            most = LONGEST if uses[node] < 2 else LONGEST_SHARED
            if node not in self.symbols and (node.is_leaf or size > most):
                letter = "x" if node.is_leaf else "v"
                counts[letter] += 1
                self._name(node, f"{letter}{counts[letter]}")
            if node in self.symbols:
                size = 1
            else:
                self._expressions[node] = self.definition(node)
            sizes[node] = size

    def of(self, x: Any) -> Expression:
        """Return the symbol or the expression of a node's input."""
        if type(x) is not Variable:
            return self._constant(x)
        if x in self.symbols:
            return self.symbols[x]
        # A constant that the graph does not know.
        return self._expressions.get(x) or self._constant(x.value, x.name)

    def definition(self, node: Variable) -> Expression:
        """Return what a node was computed from."""
        assert node.primitive is not None
        inputs = tuple(self.of(x) for x in node.inputs)
        return written(node.primitive, inputs, node.params, node.value.size != 1)

    def _name(self, node: Variable, name: str) -> None:
        name = self._unused(str(name))
        self.symbols[node] = Symbol(name, _latex_name(name), node.value.size != 1)

    def _unused(self, name: str) -> str:
        tried, count = name, 1
        while tried in self._used:
            count += 1
            tried = f"{name}_{count}"
        self._used.add(tried)
        return tried

    def _constant(self, value: Any, name: str | None = None) -> Expression:
        if np.size(value) == 1 and not name:
            number = np.asarray(value).item() if not hasattr(value, "item") else value.item()
            if isinstance(number, bool | int | float):
                return Number(float(number))
            return Symbol(f"({number_text(number)})", f"({number_text(number)})")
        if id(value) not in self._of_constants:
            made = self._unused(name or f"c{len(self.constants) + 1}")
            symbol = Symbol(made, _latex_name(made), np.size(value) != 1)
            self._of_constants[id(value)] = symbol
            self.constants.append(
                (symbol, summary(np.asarray(value) if isinstance(value, list) else value))
            )
        return self._of_constants[id(value)]


def written(
    primitive: Primitive, args: tuple[Expression, ...], params: dict[str, Any] | None, array: bool
) -> Expression:
    """Return the simplified expression of an operation on given inputs."""
    if primitive.text == "{0}":
        return args[0]
    if primitive.name in ALGEBRA:
        found = read(primitive.text, args)
        if found is not None:
            return found
    return called(primitive, args, params, array)


def called(
    primitive: Primitive, args: tuple[Expression, ...], params: dict[str, Any] | None, array: bool
) -> Call:
    """Return an operation on given inputs as it stands."""
    text, latex = primitive.text, primitive.latex
    if isinstance(primitive.adjoints, Each):
        listed = ", ".join(f"{{{i}}}" for i in range(len(args)))
        text, latex = f"{primitive.name}({listed})", rf"\mathrm{{{{{primitive.name}}}}}({listed})"
    return Call(text, latex, args, parameters(params), array)


def parameters(params: dict[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a node as texts."""
    return tuple((name, _parameter(value)) for name, value in (params or {}).items())


def _parameter(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_parameter, value))
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop)]
        return ":".join([*ends, *([] if value.step is None else [str(value.step)])])
    if value is Ellipsis or np.size(value) > 4:
        return "..."
    return str(value)


def _latex_name(name: str) -> str:
    if name in GREEK:
        return f"\\{name}"
    if re.fullmatch("[A-Za-z]'*", name):
        return name
    if parts := re.fullmatch(r"([A-Za-z]+)_?(\d+)|([A-Za-z]+)_(\w+)", name):
        base, index = parts[1] or parts[3], parts[2] or parts[4]
        return f"{_latex_name(base)}_{{{_latex_name(index) if index.isalpha() else _plain(index)}}}"
    return rf"\mathrm{{{_plain(name)}}}"


def _plain(name: str) -> str:
    special = {"\\": r"\backslash ", "~": r"\sim ", "^": r"\wedge ", " ": r"\ "}
    return "".join(special.get(c, f"\\{c}" if c in "_%&#${}" else c) for c in name)
