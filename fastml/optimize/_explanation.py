"""A derivation: headings, lines of formulas, sentences; in text, LaTeX and HTML."""

import html
from typing import NamedTuple

from fastml.optimize._text import latex_of

__all__ = ["Explanation", "Step"]


class Step(NamedTuple):
    """A step of a derivation.

    Attributes
    ----------
    title : str
        Its heading.
    lines : list of str
        Formulas, in columns that are lined up.
    note : str
        A sentence below them.
    """

    title: str
    lines: list[tuple[str, ...]]
    note: str = ""


class Explanation:
    """A derivation, step by step; made by `explain`.

    Attributes
    ----------
    steps : tuple of Step
    """

    def __init__(self, title: str, steps: list[Step]) -> None:
        self.title = title
        self.steps = tuple(steps)

    def __str__(self) -> str:
        lines = [self.title]
        for step in self.steps:
            lines += ["", step.title]
            lines += [f"  {line}" for line in _lined_up(step.lines)]
            if step.note:
                lines.append(f"  {step.note}")
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def latex(self) -> str:
        """The derivation in LaTeX, for the packages amsmath and article."""
        parts = [rf"\textbf{{{self.title}}}"]
        for step in self.steps:
            parts.append(rf"\textbf{{{step.title}}}")
            if step.lines:
                rows = " \\\\\n".join(" & ".join(map(_cell, line)) for line in step.lines)
                parts.append(f"\\begin{{align*}}\n{rows}\n\\end{{align*}}")
            if step.note:
                parts.append(step.note.replace("_", r"\_").replace("^", r"\^{}"))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<h4>{html.escape(self.title)}</h4>"]
        for step in self.steps:
            parts.append(f"<p><b>{html.escape(step.title)}</b></p>")
            if step.lines:
                text = "\n".join(_lined_up(step.lines))
                parts.append(f"<pre>{html.escape(text, quote=False)}</pre>")
            if step.note:
                parts.append(f"<p>{html.escape(step.note, quote=False)}</p>")
        return f"<div>{''.join(parts)}</div>"


def _lined_up(lines: list[tuple[str, ...]]) -> list[str]:
    widths: list[int] = []
    for line in lines:
        for i, cell in enumerate(line):
            if i == len(widths):
                widths.append(0)
            widths[i] = max(widths[i], len(cell))
    return [
        "  ".join(f"{cell:{widths[i]}}" for i, cell in enumerate(line)).rstrip() for line in lines
    ]


# Words among formulas; what follows one of them to the end of the cell is words and formulas.
_WORDS = (
    "minimise", "maximise", "subject to", "otherwise", "free", "if", "any", "for all", "inf over",
    "where", "all these conditions hold",
)  # fmt: skip


def _cell(text: str) -> str:
    for word in sorted(_WORDS, key=len, reverse=True):
        if text == word:
            return rf"\text{{{word}}}"
        if text.startswith(f"{word} "):
            return rf"\text{{{word} }}{_cell(text[len(word) + 1 :])}"
        before, found, after = text.partition(f" {word} ")
        if found:
            return rf"{_cell(before)}\text{{ {word} }}{_cell(after)}"
        if text.endswith(f" {word}"):
            return rf"{_cell(text[: -len(word) - 1])}\text{{ {word}}}"
    return latex_of(text)
