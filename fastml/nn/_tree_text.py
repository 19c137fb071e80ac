"""Trees as text: s-expressions, and parses in brackets as treebanks have them."""

import re
from typing import Any

__all__ = ["nested_of_brackets", "nested_of_sexpr"]

_PIECES = re.compile(r"[()]|[^\s()]+")


def nested_of_sexpr(text: str) -> Any:
    """Return the lists and words of an s-expression.

    Parameters
    ----------
    text : str
        One expression.

    Raises
    ------
    ValueError
        Where parentheses do not match, or there is more than one expression or none.
    """
    outer: list[Any] = []
    opened: list[tuple[list[Any], int]] = []
    here = outer
    for piece in _PIECES.finditer(text):
        if len(outer) == 1 and not opened:
            raise ValueError(
                f"text must be one expression, got more at character {piece.start()}: "
                f"{_around(text, piece.start())}."
            )
        if piece[0] == "(":
            inner: list[Any] = []
            here.append(inner)
            opened.append((here, piece.start()))
            here = inner
        elif piece[0] == ")":
            if not opened:
                raise ValueError(
                    f"text has a ')' without its '(' at character {piece.start()}: "
                    f"{_around(text, piece.start())}."
                )
            if not here:
                raise ValueError(
                    f"text has an empty list at character {opened[-1][1]}: "
                    f"{_around(text, opened[-1][1])}."
                )
            here, _ = opened.pop()
        else:
            here.append(piece[0])
    if opened:
        raise ValueError(
            f"text has a '(' without its ')' at character {opened[-1][1]}: "
            f"{_around(text, opened[-1][1])}."
        )
    if not outer:
        raise ValueError("text must be an expression, got an empty one.")
    return outer[0]


def nested_of_brackets(text: str) -> tuple[list[list[int]], list[str], list[Any]]:
    """Return children, labels and words of the nodes of a parse.

    Parameters
    ----------
    text : str
        One parse. Around it may be a pair of parentheses more.
    """
    nested = nested_of_sexpr(text)
    if isinstance(nested, list) and len(nested) == 1 and isinstance(nested[0], list):
        nested = nested[0]
    children: list[list[int]] = []
    labels: list[str] = []
    words: list[Any] = []
    waiting: list[tuple[Any, int]] = [(nested, -1)]
    while waiting:
        item, above = waiting.pop()
        number = len(children)
        if not isinstance(item, list) or isinstance(item[0], list) or len(item) < 2:
            raise ValueError(
                f"Node {number} must be a label with a word or nodes behind it, in parentheses, "
                f"got {_written(item)}."
            )
        label, *below = item
        children.append([])
        if above >= 0:
            children[above].append(number)
        labels.append(label)
        is_leaf = len(below) == 1 and isinstance(below[0], str)
        words.append(below[0] if is_leaf else None)
        if not is_leaf:
            waiting.extend((inner, number) for inner in reversed(below))
    return children, labels, words


def _written(item: Any) -> str:
    text = str(item).replace("'", "").replace(",", "").replace("[", "(").replace("]", ")")
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _around(text: str, place: int) -> str:
    return repr(text[max(0, place - 15) : place + 15])
