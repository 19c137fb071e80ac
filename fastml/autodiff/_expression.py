"""Expressions as a person writes them: they simplify as they are built, and print two ways.

Products are of numbers, or of arrays element by element; what does not commute is a `Call`.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import pairwise

__all__ = [
    "ONE", "SUM", "Call", "Expression", "Number", "Power", "Product", "Sum", "Symbol", "added",
    "bracketed", "latex_of", "multiplied", "number_text", "raised", "text_of",
]  # fmt: skip

# How tightly an expression holds together, loosest first.
SUM, PRODUCT, POWER, ATOM = range(4)


class Expression:
    """What can be written; see the subclasses."""

    array = False

    def write(self, latex: bool) -> tuple[str, int]:
        """Return the expression in text or LaTeX, and how tightly it holds together."""
        raise NotImplementedError


@dataclass(frozen=True)
class Number(Expression):
    """A real number."""

    value: float

    def write(self, latex: bool) -> tuple[str, int]:
        if self.value < 0:
            return "-" + Number(-self.value).write(latex)[0], PRODUCT
        whole = _simple(self.value)
        if whole is None or whole.denominator == 1:
            return number_text(self.value, latex), ATOM
        if latex:
            return rf"\frac{{{whole.numerator}}}{{{whole.denominator}}}", ATOM
        return f"{whole.numerator}/{whole.denominator}", PRODUCT


@dataclass(frozen=True)
class Symbol(Expression):
    """A name."""

    text: str
    latex: str
    array: bool = False

    def write(self, latex: bool) -> tuple[str, int]:
        return (self.latex if latex else self.text), ATOM


@dataclass(frozen=True)
class Call(Expression):
    """An operation written by templates, such as "sigma({0})" and r"\\sigma({0})"."""

    text: str
    latex: str
    args: tuple[Expression, ...]
    params: tuple[tuple[str, str], ...] = ()
    array: bool = False

    def write(self, latex: bool) -> tuple[str, int]:
        template = self.latex if latex else self.text
        written = []
        for i, arg in enumerate(self.args):
            inside, level = arg.write(latex)
            if level < ATOM and not _enclosed(template, i):
                inside = bracketed(inside, latex)
                if not latex:
                    # ln x, but ln(x + y).
                    template = re.sub(rf"([a-z]) (?=\{{{i}\}})", r"\1", template)
            written.append(inside)
        return template.format(*written, **dict(self.params)), _tightness(template)


@dataclass(frozen=True)
class Sum(Expression):
    """Terms added up."""

    terms: tuple[Expression, ...]

    @property
    def array(self) -> bool:  # type: ignore[override]
        return any(term.array for term in self.terms)

    def write(self, latex: bool) -> tuple[str, int]:
        def joined(left: str, term: Expression) -> str:
            right = term.write(latex)[0]
            return f"{left} - {right[1:]}" if right.startswith("-") else f"{left} + {right}"

        first, *others = self.terms
        return reduce(joined, others, first.write(latex)[0]), SUM


@dataclass(frozen=True)
class Power(Expression):
    """A base and its exponent."""

    base: Expression
    exponent: Expression

    @property
    def array(self) -> bool:  # type: ignore[override]
        return self.base.array or self.exponent.array

    def write(self, latex: bool) -> tuple[str, int]:
        if isinstance(self.exponent, Number):
            if self.exponent.value < 0:
                return _written_product((self,), latex)
            if self.exponent.value == 0.5:
                root = self.base.write(latex)[0]
                return (rf"\sqrt{{{root}}}" if latex else f"sqrt({root})"), ATOM
        base, level = self.base.write(latex)
        if level < ATOM:
            base = bracketed(base, latex)
        exponent, level = self.exponent.write(latex)
        if latex:
            return f"{base}^{{{exponent}}}", POWER
        return f"{base}^{exponent if level == ATOM else bracketed(exponent)}", POWER


@dataclass(frozen=True)
class Product(Expression):
    """Factors multiplied; a number comes first."""

    factors: tuple[Expression, ...]

    @property
    def array(self) -> bool:  # type: ignore[override]
        return any(factor.array for factor in self.factors)

    def write(self, latex: bool) -> tuple[str, int]:
        return _written_product(self.factors, latex)


ZERO, ONE = Number(0.0), Number(1.0)


def added(*terms: Expression) -> Expression:
    """Return a sum: numbers added, like terms collected, in the order in which they came."""
    flat = [part for term in terms for part in (term.terms if isinstance(term, Sum) else (term,))]
    counts: dict[Expression, float] = {}
    for term in flat:
        count, rest = _counted(term)
        counts[rest] = counts.get(rest, 0.0) + count
    kept = tuple(multiplied(Number(count), rest) for rest, count in counts.items() if count)
    return kept[0] if len(kept) == 1 else Sum(kept) if kept else ZERO


def multiplied(*factors: Expression) -> Expression:
    """Return a product: numbers multiplied, powers of one base collected."""
    flat = [
        f
        for factor in factors
        for f in (factor.factors if isinstance(factor, Product) else (factor,))
    ]
    count = 1.0
    exponents: dict[Expression, float] = {}
    for factor in flat:
        if isinstance(factor, Number):
            count *= factor.value
        elif isinstance(factor, Power) and isinstance(factor.exponent, Number):
            exponents[factor.base] = exponents.get(factor.base, 0.0) + factor.exponent.value
        else:
            exponents[factor] = exponents.get(factor, 0.0) + 1.0
    if count == 0:
        return ZERO
    kept = [raised(base, Number(exponent)) for base, exponent in exponents.items() if exponent]
    # As in x sin(x), the plain before the involved.
    kept.sort(key=lambda f: not isinstance(f.base if isinstance(f, Power) else f, Symbol))
    if count != 1 or not kept:
        kept.insert(0, Number(count))
    return kept[0] if len(kept) == 1 else Product(tuple(kept))


def raised(base: Expression, exponent: Expression) -> Expression:
    """Return a power; of numbers, the number."""
    if exponent == ZERO:
        return ONE
    if exponent == ONE:
        return base
    if isinstance(exponent, Number):
        if isinstance(base, Number) and base.value > 0:
            return Number(base.value**exponent.value)
        whole = exponent.value.is_integer()
        if isinstance(base, Power) and isinstance(base.exponent, Number) and whole:
            return raised(base.base, Number(base.exponent.value * exponent.value))
        if isinstance(base, Product) and whole:
            return multiplied(*(raised(factor, exponent) for factor in base.factors))
    return Power(base, exponent)


def text_of(expression: Expression) -> str:
    """Return an expression as text."""
    return expression.write(False)[0]


def latex_of(expression: Expression) -> str:
    """Return an expression in LaTeX."""
    return expression.write(True)[0]


def bracketed(written: str, latex: bool = False) -> str:
    """Put brackets around what is written."""
    return rf"\left({written}\right)" if latex and r"\frac" in written else f"({written})"


def number_text(value: complex, latex: bool = False, digits: int = 6) -> str:
    """Return a number to so many digits."""
    written = f"{value:.{digits}g}"
    if latex:
        return re.sub(
            r"e([-+])0*(\d+)", lambda m: rf" \cdot 10^{{{m[1].strip('+')}{m[2]}}}", written
        )
    return written


def _simple(value: float) -> Fraction | None:
    """Return whole numbers, halves, quarters and what has no end in decimals as fractions."""
    if not abs(value) < 1e6:
        return None
    for denominator in (1, 2, 3, 4, 6, 9, 12):
        if (value < 1 or denominator == 1) and round(value * denominator) / denominator == value:
            return Fraction(round(value * denominator), denominator)
    return None


def _counted(term: Expression) -> tuple[float, Expression]:
    if isinstance(term, Number):
        return term.value, ONE
    if isinstance(term, Product) and isinstance(term.factors[0], Number):
        return term.factors[0].value, multiplied(*term.factors[1:])
    return 1.0, term


def _written_product(factors: tuple[Expression, ...], latex: bool) -> tuple[str, int]:
    count = 1.0
    above: list[Expression] = []
    below: list[Expression] = []
    for factor in factors:
        if isinstance(factor, Number):
            count = factor.value
        elif isinstance(factor, Power) and _is_negative(factor.exponent):
            assert isinstance(factor.exponent, Number)
            below.append(raised(factor.base, Number(-factor.exponent.value)))
        else:
            above.append(factor)
    minus, size = "-" if count < 0 else "", abs(count)
    if not below:
        row = _row(size, above, latex)
        alone = len(above) == 1 and size == 1 and above[0].write(latex)[1] == SUM
        return minus + (bracketed(row, latex) if alone else row), PRODUCT
    whole = _simple(size)
    high, low = (whole.numerator, whole.denominator) if whole is not None else (size, 1)
    top, bottom = _row(high, above, latex), _row(low, below, latex)
    if latex:
        return rf"{minus}\frac{{{top}}}{{{bottom}}}", PRODUCT
    if len(above) == 1 and high == 1 and above[0].write(False)[1] == SUM:
        top = bracketed(top)
    alone = len(below) == 1 and low == 1 and below[0].write(False)[1] >= POWER
    return f"{minus}{top} / {bottom if alone else bracketed(bottom)}", PRODUCT


def _is_negative(exponent: Expression) -> bool:
    return isinstance(exponent, Number) and exponent.value < 0


def _row(count: float, factors: list[Expression], latex: bool) -> str:
    """Write factors side by side."""
    row = Number(count).write(latex)[0] if count != 1 or not factors else ""
    before: Expression = ONE
    for factor in factors:
        piece, level = factor.write(latex)
        last = factor is factors[-1] and isinstance(factor, Call) and level == PRODUCT
        if level < POWER and not last and len(factors) + (count != 1) > 1:
            piece = bracketed(piece, latex)
        if not row:
            row = piece
        elif before.array and factor.array:
            row = rf"{row} \circ {piece}" if latex else f"{row} * {piece}"
        elif row.endswith(")") and piece.startswith(("(", r"\left(")):
            row += piece
        else:
            row = rf"{row}\,{piece}" if latex else f"{row} {piece}"
        before = factor
    return row


def _enclosed(template: str, i: int) -> bool:
    """Whether an input stands between brackets of its own in a template."""
    slot = f"{{{i}}}"
    pieces = template.split(slot)
    return all(
        left.rstrip().endswith(("(", "[", "{", "|", ",")) and right.lstrip()[:1] in tuple(")]}|,\\")
        for left, right in pairwise(pieces)
    )


@lru_cache(1024)
def _tightness(template: str) -> int:
    """Return how tightly a template holds together, from what is in it outside brackets."""
    outside = re.sub(r"\{\w+\}", "x", template.replace("{{", "(").replace("}}", ")"))
    while (fewer := re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\|[^|]+\|", "", outside)) != outside:
        outside = fewer
    if re.search(r"\S\s*[-+]\s", outside):
        return SUM
    if re.search(r"\s\S|^-|/", outside.strip()):
        return PRODUCT
    return POWER if re.search(r"[\^_']", outside) else ATOM
