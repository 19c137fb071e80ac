"""An explanation, in text, LaTeX and HTML."""

import html
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from fastml.autodiff._expression import Expression, latex_of, text_of

__all__ = ["Block", "Cell", "Explanation"]

_HTML_STYLE = "text-align: left; padding: 0 0.3em; font-family: monospace; white-space: pre-wrap"


class Cell(NamedTuple):
    """What stands on one side of an equals sign.

    Attributes
    ----------
    text, latex : str
        The two ways to write it.
    """

    text: str
    latex: str

    @classmethod
    def of(cls, expression: Expression) -> "Cell":
        """Write an expression."""
        return cls(text_of(expression), latex_of(expression))

    @classmethod
    def plain(cls, text: str) -> "Cell":
        """Write a value; its words stand upright in LaTeX."""
        words = [
            word if not any(c.isalpha() for c in word.strip(",")) else rf"\mathrm{{{word}}}"
            for word in text.split(" ")
        ]
        return cls(text, r"\ ".join(words))

    @classmethod
    def product(cls, factors: Sequence["Cell"]) -> "Cell":
        """Write a product, its factors apart."""
        return cls(" . ".join(f.text for f in factors), r" \cdot ".join(f.latex for f in factors))

    def after(self, words: str) -> "Cell":
        """Put words before it."""
        return Cell(words + self.text, Cell.plain(words).latex + self.latex)


class Block(NamedTuple):
    """Equations under a heading.

    Attributes
    ----------
    title : str
        The heading.
    rows : list of lists of Cell
        Each an equation with several right sides; an empty first cell goes on from the row above.
    note : str
        A sentence below.
    """

    title: str
    rows: list[list[Cell]]
    note: str = ""

    def sides(self) -> list[list[Cell]]:
        """Return the rows without right sides that say the same again."""
        return [
            [
                row[0],
                *(cell for before, cell in pairwise([None, *row[1:]]) if cell and cell != before),
            ]
            for row in self.rows
        ]


class Explanation:
    """The chain rule for one gradient; made by `explain`.

    Attributes
    ----------
    value : array
        The gradient as the sum over paths.
    gradient : array
        The same by the backward pass.
    latex : str
        The explanation in LaTeX, for the packages amsmath and article.
    """

    def __init__(self, title: Cell, blocks: list[Block], value: Any, gradient: Any) -> None:
        self._title = title
        self._blocks = blocks
        self.value = value
        self.gradient = gradient

    def __str__(self) -> str:
        lines = [self._title.text]
        for block in self._blocks:
            lines += ["", block.title]
            width = max((len(row[0].text) for row in block.rows), default=0)
            for first, *others in block.sides():
                sides = " = ".join(cell.text for cell in others)
                lines.append(f"  {first.text:{width}} = {sides}")
            if block.note:
                lines.append(f"  {block.note}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    @property
    def latex(self) -> str:
        """The explanation in LaTeX."""
        parts = [f"${self._title.latex}$"]
        for block in self._blocks:
            parts.append(rf"\textbf{{{_plain(block.title)}}}")
            if block.rows:
                rows = " \\\\\n".join(
                    f"{first.latex} &= {' = '.join(cell.latex for cell in others)}"
                    for first, *others in block.sides()
                )
                parts.append(f"\\begin{{align*}}\n{rows}\n\\end{{align*}}")
            if block.note:
                parts.append(_plain(block.note))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<h4>{html.escape(self._title.text)}</h4>"]
        for block in self._blocks:
            parts.append(f"<p><b>{html.escape(block.title)}</b></p>")
            if block.rows:
                cells = (
                    (first.text, "".join(f"= {cell.text} " for cell in others).rstrip())
                    for first, *others in block.sides()
                )
                rows = "".join(
                    f'<tr><td style="{_HTML_STYLE}">{html.escape(left)}</td>'
                    f'<td style="{_HTML_STYLE}">{html.escape(right)}</td></tr>'
                    for left, right in cells
                )
                parts.append(f"<table><tbody>{rows}</tbody></table>")
            if block.note:
                parts.append(f"<p>{html.escape(block.note)}</p>")
        return f"<div>{''.join(parts)}</div>"


def _plain(text: str) -> str:
    """Escape what LaTeX takes for commands."""
    escaped = "".join(f"\\{c}" if c in "_%&#${}" else c for c in text.replace("\\", ""))
    return escaped.replace("->", r"$\to$").replace("^", r"\^{}").replace("~", r"\~{}")
