"""Derivatives in closed form, with the rules that lead to them."""

from typing import Any

from fastml.matrix_calculus import _build as b
from fastml.matrix_calculus._collect import collected
from fastml.matrix_calculus._derivative import Derivative, Step
from fastml.matrix_calculus._differential import expand
from fastml.matrix_calculus._expression import ONE, Expression
from fastml.matrix_calculus._layout import checked_layout
from fastml.matrix_calculus._linear import replaced, terms_of, to_trace, to_vec

__all__ = ["derive"]

DISTRIBUTIVE = "distributive law"


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

    Notes
    -----
    In texts ``'`` transposes, ``o`` is the product element by element and ``kron`` Kronecker's;
    1_n is the column of n ones and J^ij the matrix with a one in row i and column j. K_(m,n) turns
    vec(A) of an m x n matrix into vec(A'). A matrix M, cut into blocks M_ij, gives blocksum(A, M),
    the sum of all A_ij M_ij, and blocktrace(M, B), whose elements are Tr(M_ij B).

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
    for rules, expanded in expand(current, wrt):
        current = expanded
        steps.append(_step((d, d_latex), current, rules))
    name = _quotient(d[1], wrt)
    by_entry: Expression | None = None
    indices: tuple[str, ...] = ()
    elements: str | None = None
    if ONE not in expression.shape and ONE not in wrt.shape:
        by_entry, indices, elements = _by_entry(current, expression, wrt)
        left = _quotient("F", wrt, index="".join(indices))
        steps.append(_step(left, by_entry, ("derivative by one entry",)))
    if expression.is_scalar and not wrt.is_scalar:
        kind = "gradient"
        raw = _gradient(current, dx, (d, d_latex), steps)
        rule = "gradient from the trace form"
    elif wrt.is_scalar:
        kind = "derivative"
        raw = replaced(current, dx, b.number(1))
        rule = "derivative by a scalar"
    else:
        kind = "jacobian"
        raw = _jacobian(current, expression, wrt, steps)
        rule = "Jacobian from the vec form"
        name = _quotient(d[1], wrt, *("vec " * (ONE not in e.shape) for e in (expression, wrt)))
    if layout == "denominator" and not wrt.is_scalar:
        raw = b.add(*map(b.transpose, terms_of(raw)))
    result = collected(raw)
    if len(terms_of(result)) == len(terms_of(raw)):
        # Nothing to take out: the terms were only sorted.
        steps.append(_step(name, result, (rule,)))
    else:
        steps.append(_step(name, raw, (rule,)))
        steps.append(_step(name, result, (DISTRIBUTIVE,)))
    return Derivative(
        expression, wrt, layout, kind, result, by_entry, indices, elements, current, tuple(steps)
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
            f"wrt must not be a symmetric matrix, as {wrt.text} is: its elements do not vary one "
            "by one."
        )
    seen: dict[str, Expression] = {}
    for symbol in (*expression.symbols(), wrt):
        if seen.setdefault(symbol.data[0], symbol) != symbol:
            raise ValueError(
                f"The name {symbol.data[0]} stands for two symbols in {expression.text}, by "
                f"{wrt.text}."
            )


def _step(left: tuple[str, str], e: Expression, rules: tuple[str, ...]) -> Step:
    return Step(left[0], e.text, left[1], e.latex, rules)


def _quotient(
    f: str, wrt: Expression, above: str = "", below: str = "", index: str = ""
) -> tuple[str, str]:
    """Return df/dX as text and as LaTeX."""
    over, under = (rf"\mathrm{{{v.strip()}}}\," if v else "" for v in (above, below))
    at = f"_{{{index}}}" if index else ""
    latex = rf"\frac{{\partial\,{over}{f}}}{{\partial\,{under}{wrt.latex}{at}}}"
    x = f"{wrt.text}_{index}" if index else wrt.text
    top, bottom = (f"({v}{w})" if v else w for v, w in ((above, f), (below, x)))
    return f"d{top}/d{bottom}", latex


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
) -> Expression:
    """Return J with vec dF = J vec dX."""
    dx = b.differential(wrt)
    if b.is_zero(current):
        (n, m), (p, q) = expression.shape, wrt.shape
        return b.zero((n * m, p * q))
    used: dict[str, None] = {}
    jacobian = to_vec(current, dx, used)
    left = ("vec dF", r"\mathrm{vec}\,dF") if ONE not in expression.shape else ("dF", "dF")
    line = b.multiply(jacobian, b.vec(dx))
    if line.text != current.text:
        steps.append(_step(left, line, tuple(used)))
    return jacobian


def _by_entry(
    current: Expression, expression: Expression, wrt: Expression
) -> tuple[Expression, tuple[str, str], str | None]:
    """Return the derivative by X_ij, what i and j are called, and its element (k, l) as text."""
    dx = b.differential(wrt)
    names = {symbol.data[0] for symbol in (*expression.symbols(), wrt)}
    i, j = next(pair for pair in ("ij", "pq", "rs", "uv", "yz") if not names & set(pair))
    # Terms with X itself before those with its transpose, as textbooks write them.
    ordered = sorted(terms_of(current), key=lambda term: term.contains(b.transpose(dx)))
    by_entry = b.add(*(replaced(term, dx, b.entry(i, j, wrt.shape)) for term in ordered))
    return by_entry, (i, j), _elements(ordered, dx) if i == "i" else None


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
