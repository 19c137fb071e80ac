"""Derivatives in closed form, with the rules that lead to them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastml.matrix_calculus import _build as b
from fastml.matrix_calculus._collect import collected
from fastml.matrix_calculus._differential import expand
from fastml.matrix_calculus._evaluate import compile_expression
from fastml.matrix_calculus._expression import ONE, Expression
from fastml.matrix_calculus._layout import checked_layout
from fastml.matrix_calculus._linear import replaced, terms_of, to_trace, to_vec

__all__ = ["Derivative", "Step", "derive"]

DISTRIBUTIVE = "distributive law"


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
    elements : str or None
        For the same, element (k, l) of it where it has a closed form; d_kj is one where k = j.
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
            As of `compile`; it takes the two indices of the entry too, as `i` and `j`.

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
        return compile_expression(self.by_entry, self._symbols())

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


def derive(expression: Expression, wrt: Expression, *, layout: str = "denominator") -> Derivative:
    """Differentiate an expression by one of its symbols.

    The differential is worked out by the rules for sums, products, inverses and so on. That of a
    scalar is then brought to the form Tr(G' dX), which shows the gradient G; that of a vector or
    matrix to J vec(dX), which shows the Jacobian J.

    Parameters
    ----------
    expression : Expression
        Made of `Matrix`, `Vector` and `Scalar`.
    wrt : Expression
        The symbol to differentiate by.
    layout : {"denominator", "numerator"}, default="denominator"
        In denominator layout the gradient of a scalar by X has the shape of X, and the Jacobian of
        F by X has a row for each element of X; in numerator layout they are transposed. The
        elements of a matrix count column by column.

    Returns
    -------
    Derivative

    Raises
    ------
    TypeError
        If one of the two is no expression.
    ValueError
        If `wrt` is no symbol or a symmetric one, and for expressions that no rule is known for.

    References
    ----------
    J. R. Magnus, H. Neudecker, "Matrix Differential Calculus with Applications in Statistics and
    Econometrics", 3rd edition, 2007, chapters 8 and 9.

    Examples
    --------
    >>> from fastml.matrix_calculus import Matrix, Vector, derive
    >>> x, B = Vector("x", "n"), Matrix("B", "n", "n")
    >>> derive(x.T @ B @ x, x).text
    "(B + B') x"
    """
    layout = checked_layout(layout)
    _check(expression, wrt)
    dx = b.differential(wrt)
    d, d_latex = ("df", "df") if expression.is_scalar else ("dF", "dF")
    steps = [_step((d[1], d_latex[1]), expression, ())]
    current = b.differential(expression)
    if current != dx:
        steps.append(_step((d, d_latex), current, ()))
    for rules, current in expand(current, wrt):
        steps.append(_step((d, d_latex), current, rules))
    name = _quotient(d[1], wrt)
    if expression.is_scalar and not wrt.is_scalar:
        kind, by_entry, elements = "gradient", None, None
        raw = _gradient(current, dx, (d, d_latex), steps)
        rule = "gradient from the trace form"
    elif wrt.is_scalar:
        kind, by_entry, elements = "derivative", None, None
        raw = replaced(current, dx, b.number(1))
        rule = "derivative by a scalar"
    else:
        kind = "jacobian"
        raw, by_entry, elements = _jacobian(current, expression, wrt, steps)
        rule = "Jacobian from the vec form"
        name = _quotient(d[1], wrt, *("vec " * (ONE not in e.shape) for e in (expression, wrt)))
    if layout == "denominator" and not wrt.is_scalar:
        raw = b.add(*map(b.transpose, terms_of(raw)))
    result = collected(raw)
    steps.append(_step(name, raw, (rule,)))
    if result.text != raw.text:
        steps.append(_step(name, result, (DISTRIBUTIVE,)))
    return Derivative(
        expression, wrt, layout, kind, result, by_entry, elements, current, tuple(steps)
    )  # fmt: skip


def _check(expression: Any, wrt: Any) -> None:
    for what, given in (("expression", expression), ("wrt", wrt)):
        if not isinstance(given, Expression):
            raise TypeError(
                f"{what} must be an expression made of Matrix, Vector and Scalar, got "
                f"{type(given).__name__}."
            )
    if wrt.op != "symbol":
        raise ValueError(f"wrt must be a symbol, got {wrt.text}.")
    if wrt.data[2]:
        raise ValueError(
            f"wrt must not be a symmetric matrix, as {wrt.text} is: its elements do not vary one by one."
        )
    seen: dict[str, Expression] = {}
    for symbol in (*expression.symbols(), wrt):
        if seen.setdefault(symbol.data[0], symbol) != symbol:
            raise ValueError(
                f"The name {symbol.data[0]} stands for two symbols in {expression.text}, by {wrt.text}."
            )


def _step(left: tuple[str, str], e: Expression, rules: tuple[str, ...]) -> Step:
    return Step(left[0], e.text, left[1], e.latex, rules)


def _quotient(f: str, wrt: Expression, above: str = "", below: str = "") -> tuple[str, str]:
    over, under = (rf"\mathrm{{{v.strip()}}}\," if v else "" for v in (above, below))
    latex = rf"\frac{{\partial\,{over}{f}}}{{\partial\,{under}{wrt.latex}}}"
    top = f"d({above}{f})" if above else f"d{f}"
    return f"{top}/d({below}{wrt.text})" if below else f"{top}/d{wrt.text}", latex


def _gradient(
    current: Expression, dx: Expression, left: tuple[str, str], steps: list[Step]
) -> Expression:
    """Return M with df = Tr(M dX)."""
    rows, columns = dx.shape
    if b.is_zero(current):
        return b.zero((columns, rows))
    used: dict[str, None] = {}
    m = to_trace(current, dx, used)
    inside = b.multiply(m, dx)
    # Not simplified: of a matrix that is a column times a row, the gradient is read off the trace.
    as_trace = inside if inside.is_scalar else Expression("trace", (inside,), (), current.shape)
    if as_trace.text != current.text:
        steps.append(_step(left, as_trace, ("trace of a scalar", *used)))
    return m


def _jacobian(
    current: Expression, expression: Expression, wrt: Expression, steps: list[Step]
) -> tuple[Expression, Expression | None, str | None]:
    """Return J with vec dF = J vec dX, and the derivative entry by entry."""
    dx = b.differential(wrt)
    size = wrt.shape[0] * wrt.shape[1]
    matrices = ONE not in expression.shape and ONE not in wrt.shape
    by_entry = elements = None
    if matrices:
        names = {symbol.data[0] for symbol in (*expression.symbols(), wrt)}
        i, j = next(pair for pair in ("ij", "kl", "pq", "rs", "uv") if not names & set(pair))
        # Terms with X itself before those with its transpose, as textbooks write them.
        ordered = sorted(terms_of(current), key=lambda term: term.contains(b.transpose(dx)))
        by_entry = b.add(*(replaced(term, dx, b.entry(i, j, wrt.shape)) for term in ordered))
        elements = _elements(ordered, dx) if (i, j) == ("i", "j") else None
        quotient = (
            f"dF/d{wrt.text}_{i}{j}", rf"\frac{{\partial F}}{{\partial {wrt.latex}_{{{i}{j}}}}}"
        )  # fmt: skip
        steps.append(_step(quotient, by_entry, ("derivative by one entry",)))
    if b.is_zero(current):
        return b.zero((expression.shape[0] * expression.shape[1], size)), by_entry, elements
    used: dict[str, None] = {}
    m = to_vec(current, dx, used)
    left = ("vec dF", r"\mathrm{vec}\,dF") if ONE not in expression.shape else ("dF", "dF")
    line = b.multiply(m, b.vec(dx))
    if line != current:
        steps.append(_step(left, line, tuple(used)))
    return m, by_entry, elements


def _elements(terms: list[Expression], dx: Expression) -> str | None:
    """Return element (k, l) of the derivative by X_ij as text, for sums of L dX R and L dX' R."""
    out = ""
    for term in terms:
        coefficient, scalars, chain = b.parts_of(term)
        inner = [n for n, matrix in enumerate(chain) if matrix in (dx, b.transpose(dx))]
        if len(inner) != 1 or any(scalar.contains(dx) for scalar in scalars):
            return None
        at = inner[0]
        first, second = "ij" if chain[at] == dx else "ji"
        sides = [_element(chain[:at], "k", first, "k"), _element(chain[at + 1 :], second, "l", "l")]
        outside = b.multiply(b.number(abs(coefficient)), *scalars)
        parts = [outside.text] if outside != b.number(1) else []
        # Kronecker deltas in front.
        parts += sorted(sides, key=lambda side: not side.startswith("d_"))
        sign = " - " if coefficient < 0 else " + "
        out += (sign if out else sign.strip(" +")) + " ".join(parts)
    return out


def _element(chain: tuple[Expression, ...], row: str, column: str, outer: str) -> str:
    if not chain:
        return f"d_{outer}{column if outer == row else row}"
    whole = b.multiply(*chain)
    shown = whole.text if whole.op == "symbol" else f"({whole.text})"
    return f"{shown}_{row}{column}"
