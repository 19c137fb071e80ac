"""The chain rule as a person writes it: symbols, then values, then the product along each path."""

from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff._backward import gradients
from fastml.autodiff._chain import Chain, Link
from fastml.autodiff._explanation import Block, Cell, Explanation
from fastml.autodiff._expression import SUM, Expression, bracketed, number_text
from fastml.autodiff._local import summary
from fastml.autodiff._variable import Variable

__all__ = ["explain"]

# Products of more characters are written in the names of their factors only.
LONGEST_PRODUCT = 300


def explain(loss: Variable, wrt: Variable, *, max_paths: int = 16) -> Explanation:
    """Explain a gradient by the chain rule.

    Variables that have names are the links of the chain; what lies between them is written out and
    simplified. Give names by ``s.name = "s"``.

    Parameters
    ----------
    loss : Variable
        The result: one real number.
    wrt : Variable
        By what to differentiate: any variable that `loss` depends on.
    max_paths : int, default=16
        How many paths to write out; the others appear as their sum.

    Returns
    -------
    Explanation
        Prints as text; attribute `latex`; HTML in notebooks. Its sum over paths is compared with
        the gradient of the backward pass.

    Raises
    ------
    TypeError
        If `loss` or `wrt` is no variable.
    ValueError
        If `loss` is not one real number, or does not depend on `wrt`.

    Examples
    --------
    >>> from fastml import autodiff as ad
    >>> x, y = ad.variable(3.0, "x"), ad.variable(1.0, "y")
    >>> L = (x - y) ** 2
    >>> print(ad.explain(L, x))
    dL/dx
    <BLANKLINE>
    Forward
      x = 3
      y = 1
      L = (x - y)^2 = 4
    <BLANKLINE>
    Local derivatives
      dL/dx = 2 (x - y) = 4
    <BLANKLINE>
    Chain rule
      dL/dx = 2 (x - y) = 4
    <BLANKLINE>
    Check
      The backward pass gives 4; the largest difference is 0.
    """
    _refuse(loss, wrt, max_paths)
    chain = Chain(loss, wrt)
    paths = [_path(chain, links) for links in islice(chain.paths(), max_paths)]
    total = chain.total()
    gradient = gradients(loss, [wrt])[0]
    left = _derivative(chain, loss, wrt)
    blocks = [_forward(chain), _locals(chain)]
    rest = chain.n_paths - len(paths)
    for number, path in enumerate(paths, 1):
        along = " -> ".join(map(chain.symbol, path.variables))
        of = "Chain rule" if chain.n_paths == 1 else f"Path {number} of {chain.n_paths}: {along}"
        blocks.append(Block(of, _path_rows(left, path)))
    if len(paths) > 1 or rest:
        blocks.append(_sum(left, paths, rest, total))
    error = float(np.max(np.abs(total - gradient))) if total.size else 0.0
    check = f"The backward pass gives {summary(gradient)}; the largest difference is "
    blocks.append(Block("Check", [], f"{check}{number_text(error)}."))
    return Explanation(left, blocks, total, gradient)


class _Path(NamedTuple):
    variables: list[Variable]
    names: list[Cell]
    expressions: list[Cell]
    numbers: list[float] | None
    contributions: list[Any]


def _refuse(loss: Any, wrt: Any, max_paths: int) -> None:
    for name, given in (("loss", loss), ("wrt", wrt)):
        if type(given) is not Variable:
            raise TypeError(f"{name} must be a variable, got {type(given).__name__}.")
    if not max_paths >= 1:
        raise ValueError(f"max_paths must be 1 or more, got {max_paths!r}.")
    if loss.size != 1 or loss.dtype.kind == "c":
        kind = "complex" if loss.dtype.kind == "c" else "real"
        raise ValueError(
            f"loss must be one real number, got {kind} values of shape {loss.shape}; "
            "reduce it first."
        )
    for name, x in (("loss", loss), ("wrt", wrt)):
        if not x.needs_grad:
            raise ValueError(f"{name} must depend on variables; this one is a constant.")
    if loss is wrt:
        raise ValueError("wrt must not be the loss itself.")


def _derivative(chain: Chain, later: Variable, earlier: Variable) -> Cell:
    of, by = chain.naming.symbols[later], chain.naming.symbols[earlier]
    return Cell(f"d{of.text}/d{by.text}", rf"\frac{{\partial {of.latex}}}{{\partial {by.latex}}}")


def _forward(chain: Chain) -> Block:
    naming = chain.naming
    leaves, computed = [], []
    for x, symbol in sorted(naming.symbols.items(), key=lambda item: item[0].order):
        name, value = Cell(symbol.text, symbol.latex), Cell.plain(summary(x.value))
        if x.is_leaf:
            leaves.append([name, value])
        else:
            computed.append([name, Cell.of(naming.definition(x)), value])
    constants = [[Cell(c.text, c.latex), Cell.plain(value)] for c, value in naming.constants]
    return Block("Forward", constants + leaves + computed)


def _locals(chain: Chain) -> Block:
    rows = []
    for x in reversed(chain.variables):
        for link in chain.links.get(x, ()):
            name = _derivative(chain, link.later, link.earlier)
            value = Cell.plain(link.local.describe())
            if link.expression is None:
                rows.append([name, value])
            elif link.is_map:
                product = Cell.of(link.expression).after("backward product with ")
                rows.append([name, product, value])
            else:
                rows.append([name, Cell.of(link.expression), value])
    return Block("Local derivatives", rows)


def _path(chain: Chain, links: list[Link]) -> _Path:
    names = [_derivative(chain, link.later, link.earlier) for link in links]
    expressions = [
        name if link.expression is None else _factor(link.expression, first=i == 0)
        for i, (name, link) in enumerate(zip(names, links, strict=True))
    ]
    numbers = None
    if all(link.local.form == "number" for link in links):
        numbers = [float(link.local.value) for link in links]
    return _Path(
        [chain.loss, *(link.earlier for link in links)],
        names,
        expressions,
        numbers,
        chain.contributions(links),
    )


def _factor(expression: Expression, first: bool) -> Cell:
    cell = Cell.of(expression)
    loose = expression.write(latex=False)[1] == SUM or " / " in cell.text
    if loose or (cell.text.startswith("-") and not first):
        return Cell(bracketed(cell.text), bracketed(cell.latex, latex=True))
    return cell


def _path_rows(left: Cell, path: _Path) -> list[list[Cell]]:
    result = Cell.plain(summary(path.contributions[-1]))
    if len(path.names) == 1:
        same = path.expressions == path.names
        only = path.expressions[0]
        inner = only.text.startswith("(") and only.text.endswith(")") and only.text.count("(") == 1
        if inner:
            only = Cell(only.text[1:-1], only.latex)
        return [[left, result] if same else [left, only, result]]
    rows = [[left, Cell.product(path.names)]]
    product = Cell.product(path.expressions)
    if len(product.text) <= LONGEST_PRODUCT:
        rows.append([Cell("", ""), product])
    if path.numbers is not None:
        values = [number_text(number) for number in path.numbers]
        shown = [v if i == 0 or v[0] != "-" else f"({v})" for i, v in enumerate(values)]
        rows.append([Cell("", ""), Cell.product([Cell.plain(v) for v in shown])])
        rows.append([Cell("", ""), result])
    else:
        for i, g in enumerate(path.contributions[1:], 2):
            rows.append([Cell.product(path.names[:i]), Cell.plain(summary(g))])
    return rows


def _sum(left: Cell, paths: list[_Path], rest: int, total: Any) -> Block:
    terms = [f"path {i}" for i in range(1, len(paths) + 1)]
    shown = sum(path.contributions[-1] for path in paths)
    if rest:
        terms.append(f"{rest} more")
    row = [left, Cell.plain(" + ".join(terms))]
    if total.size == 1:
        values = [number_text(path.contributions[-1].item()) for path in paths]
        if rest:
            values.append(number_text((total - shown).item()))
        row.append(Cell.plain(" + ".join(v if v[0] != "-" else f"({v})" for v in values)))
    note = (
        f"Written out are {len(paths)} of {len(paths) + rest} paths; see max_paths." if rest else ""
    )
    return Block("Sum over paths", [[*row, Cell.plain(summary(total))]], note)
