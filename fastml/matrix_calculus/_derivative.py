"""Derivatives as objects: the closed form, and how it was found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastml.matrix_calculus._evaluate import compile_expression
from fastml.matrix_calculus._expression import Expression

__all__ = ["Derivative", "Step"]


class Step(NamedTuple):
    """One line of a derivation.

    Attributes
    ----------
    left, text : str
        The two sides of the equation.
    left_latex, latex : str
        The same in LaTeX.
    rules : tuple of str
        Names of the identities, in the catalogue, that lead to it from the line before.
    """

    left: str
    text: str
    left_latex: str
    latex: str
    rules: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Derivative:
    """What `derive` found.

    Attributes
    ----------
    expression, wrt : Expression
        What was differentiated, by which symbol.
    layout : str
        "denominator" or "numerator".
    kind : str
        "gradient" of a scalar, of the shape of the symbol in denominator layout; "jacobian" of
        vectors and of vec of matrices; "derivative" by a scalar, of the shape of the expression.
    result : Expression
        The closed form; it can be differentiated again.
    by_entry : Expression or None
        For a matrix by a matrix, the derivative by its entry in row i and column j, a matrix of
        the shape of the expression in either layout.
    indices : tuple of str
        What i and j are called there, "i" and "j" unless symbols have these names.
    elements : str or None
        For the same, element (k, l) of it, where that is a sum of products; d_kj is one where k is
        j.
    differential : Expression
        The differential of the expression, worked out.
    steps : tuple of Step
        How it was found.
    """

    expression: Expression
    wrt: Expression
    layout: str
    kind: str
    result: Expression
    by_entry: Expression | None
    indices: tuple[str, ...]
    elements: str | None
    differential: Expression
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The closed form in plain text."""
        return self.result.text

    @property
    def latex(self) -> str:
        """The closed form in LaTeX."""
        return self.result.latex

    def compile(self) -> Callable[..., Any]:
        """Return a function of arrays that computes the closed form.

        Returns
        -------
        callable
            Its parameters are the symbols of the expression, in the order in which they appear in
            it, or by name; see `Expression.compile`.
        """
        return compile_expression(self.result, self._symbols())

    def compile_entry(self) -> Callable[..., Any]:
        """Return a function that computes the derivative by one entry of the symbol.

        Returns
        -------
        callable
            As of `compile`; it takes the two `indices` too, last or by name.

        Raises
        ------
        ValueError
            Where `by_entry` is None.
        """
        if self.by_entry is None:
            raise ValueError(
                f"Only derivatives of matrices by matrices are given entry by entry, not that of "
                f"{self.expression.text} by {self.wrt.text}."
            )
        return compile_expression(self.by_entry, self._symbols(), self.indices)

    def _symbols(self) -> tuple[Expression, ...]:
        return tuple(dict.fromkeys((*self.expression.symbols(), self.wrt)))

    def explain(self) -> str:
        """Return the derivation, line by line, with the rules beside it."""
        return _in_columns([(s.left, s.text, "; ".join(s.rules)) for s in self.steps])

    def _repr_latex_(self) -> str:
        lines, before = [], ""
        for step in self.steps:
            left = "" if step.left_latex == before else step.left_latex
            before = step.left_latex
            because = rf" && \text{{{'; '.join(step.rules)}}}" if step.rules else ""
            lines.append(f"{left} &= {step.latex}{because}")
        return "$$\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$$"

    def __repr__(self) -> str:
        return f"<{self.steps[-1].left} = {self.text}>"


def _in_columns(rows: list[tuple[str, str, str]]) -> str:
    wide = max(len(left) for left, _, _ in rows)
    # A line longer than this does not push the others' rules aside.
    deep = min(max(len(middle) for _, middle, _ in rows), 60)
    lines, before = [], ""
    for left, middle, rules in rows:
        shown = "" if left == before else left
        before = left
        line = f"{shown:{wide}} = {middle}"
        lines.append(f"{line:{wide + 3 + deep}}   [{rules}]" if rules else line)
    return "\n".join(lines)
