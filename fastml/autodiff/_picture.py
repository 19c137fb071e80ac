"""What a drawing of a graph shows: boxes and arrows, scopes folded into one box each."""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from fastml.autodiff._backward import reachable
from fastml.autodiff._expression import Expression, Number, Symbol, number_text, text_of
from fastml.autodiff._local import derivative_of, edges, pulled, shape_text, summary
from fastml.autodiff._naming import called
from fastml.autodiff._variable import Variable

__all__ = ["Arrow", "Box", "Picture", "picture_of"]

LONGEST_LINE = 30
DIGITS = 4
# Values that pass along one arrow between folded scopes.
MOST_VALUES = 3
_UNNAMED = Symbol("\u2022", r"\cdot", True)


@dataclass
class Box:
    """A node of the picture.

    Attributes
    ----------
    kind : {"leaf", "operation", "result", "scope"}
        What it stands for.
    lines : list of str
        What it says.
    """

    kind: str
    lines: list[str]


@dataclass
class Arrow:
    """An edge of the picture, from an input to what was made of it.

    Attributes
    ----------
    tail, head : int
        Numbers of boxes.
    lines : list of str
        The local derivative; from or to a folded scope, the shapes of what passes.
    """

    tail: int
    head: int
    lines: list[str]


@dataclass
class Picture:
    """Boxes, each after those it depends on, and arrows."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)


def picture_of(loss: Any, max_nodes: int) -> Picture:
    """Return what to draw of the graph behind a result.

    Parameters
    ----------
    loss : Variable
        The result, of any shape.
    max_nodes : int
        Scopes are folded, innermost first, until there are no more boxes than this.

    Returns
    -------
    Picture

    Raises
    ------
    TypeError
        If `loss` is no variable.
    ValueError
        If it is a constant.
    """
    if type(loss) is not Variable:
        raise TypeError(f"loss must be a variable, got {type(loss).__name__}.")
    if not loss.needs_grad:
        raise ValueError("loss must depend on variables; this one is a constant.")
    if not max_nodes >= 1:
        raise ValueError(f"max_nodes must be 1 or more, got {max_nodes!r}.")
    nodes = reachable(loss)[0]
    nodes.reverse()
    users = _users(nodes)
    deepest = max(len(_parts(x)) for x in nodes)
    groups = [[x] for x in nodes]
    for depth in range(deepest, 0, -1):
        for with_leaves in (False, True):
            if len(groups) > max_nodes:
                groups = _folded(nodes, users, depth, with_leaves)
    return _drawn(groups, loss)


def _parts(x: Variable) -> list[str]:
    return x.scope.split("/") if x.scope else []


def _users(nodes: list[Variable]) -> dict[Variable, list[Variable]]:
    users: dict[Variable, list[Variable]] = {x: [] for x in nodes}
    for node in nodes:
        for _, x in edges(node):
            users[x].append(node)
    return users


def _folded(
    nodes: list[Variable], users: dict[Variable, list[Variable]], depth: int, with_leaves: bool
) -> list[list[Variable]]:
    """Put operations in scopes of a depth into groups; alone with what only they use."""
    computed = [x for x in nodes if not x.is_leaf]

    def heading(x: Variable) -> Any:
        parts = _parts(x)
        return parts[:depth] if len(parts) >= depth else x.order

    # Only neighbours in time are put together: so no group depends on itself through another.
    groups = [list(run) for _, run in groupby(computed, heading)]
    home = {x: group for group in groups for x in group}
    leaves = []
    for leaf in (x for x in reversed(nodes) if x.is_leaf):
        first, *others = (home[user] for user in users[leaf])
        if with_leaves and len(first) > 1 and all(group is first for group in others):
            first.insert(0, leaf)
        else:
            leaves.append([leaf])
    return sorted(leaves + groups, key=lambda group: group[-1].order)


def _drawn(groups: list[list[Variable]], loss: Variable) -> Picture:
    picture = Picture()
    home = {x: number for number, group in enumerate(groups) for x in group}
    # Values by pair of boxes, each once: a dict compares by identity, a list by value.
    passing: dict[tuple[int, int], dict[Variable, None]] = {}
    for number, group in enumerate(groups):
        picture.boxes.append(_box(group[0], loss) if len(group) == 1 else _scope_box(group))
        for node in group:
            for i, x in edges(node):
                tail = home[x]
                if tail == number:
                    continue
                if len(group) == len(groups[tail]) == 1:
                    picture.arrows.append(Arrow(tail, number, _local_lines(node, i, x)))
                else:
                    passing.setdefault((tail, number), {})[x] = None
    for (tail, head), values in passing.items():
        lines = [shape_text(x.shape) for x in list(values)[:MOST_VALUES]]
        if len(values) > MOST_VALUES:
            lines.append(f"and {len(values) - MOST_VALUES} more")
        picture.arrows.append(Arrow(tail, head, lines))
    return picture


def _box(node: Variable, loss: Variable) -> Box:
    if node.primitive is None:
        return Box("leaf", [_cut(str(node.name or "variable")), summary(node.value, DIGITS)])
    args = tuple(map(_argument, node.inputs))
    made = text_of(called(node.primitive, args, node.params, node.value.size != 1))
    if node.primitive.text == "{0}":
        # What does not change elements has no sign of its own.
        made = f"{node.primitive.name}({made})"
    title = f"{node.name} = {made}" if node.name else made
    return Box(
        "result" if node is loss else "operation", [_cut(title), summary(node.value, DIGITS)]
    )


def _argument(x: Any) -> Expression:
    if type(x) is Variable:
        if x.name:
            return Symbol(str(x.name), "")
        if x.needs_grad:
            return _UNNAMED
        x = x.value
    if np.size(x) != 1:
        return Symbol(shape_text(np.shape(x)), "")
    value = x.item() if hasattr(x, "item") else np.asarray(x).item()
    if isinstance(value, complex) or value < 0:
        return Symbol(f"({number_text(value)})", "")
    return Symbol(text_of(Number(float(value))), "")


def _scope_box(group: list[Variable]) -> Box:
    computed = [x for x in group if not x.is_leaf]
    shared = _parts(computed[0])
    for x in computed[1:]:
        shared = [a for a, b in zip(shared, _parts(x), strict=False) if a == b]
    lines = [_cut("/".join(shared)), f"{len(computed)} operations"]
    if leaves := [str(x.name or "variable") for x in group if x.is_leaf]:
        lines.append(_cut(f"of {', '.join(leaves)}"))
    return Box("scope", [*lines, summary(computed[-1].value, DIGITS)])


def _local_lines(node: Variable, i: int, x: Variable) -> list[str]:
    local = derivative_of(lambda g: pulled(node, i, g), node.value, x.value)
    if local.form == "number":
        return [number_text(float(local.value), digits=DIGITS)]
    norm = [] if local.norm is None else [f"norm {number_text(local.norm, digits=DIGITS)}"]
    if local.form == "diagonal":
        return ["diagonal", *norm]
    left, right = map(shape_text, local.shape)
    return [right if local.form == "gradient" else f"{left} x {right}", *norm]


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 3] + "..."
