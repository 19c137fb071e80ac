"""The texts of primitives, read back into expressions that can be simplified."""

import re
from collections.abc import Sequence
from functools import lru_cache

from fastml.autodiff._expression import (
    Call,
    Expression,
    Number,
    Symbol,
    added,
    multiplied,
    raised,
)
from fastml.autodiff._primitive import PRIMITIVES

__all__ = ["read"]

_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|\{\w+\}|[A-Za-z_]\w*|\[[^\]]*\]|\*\*|\|\||[-+*/^()',|])")
_NUMBERS_OF_ARRAYS = ("det", "sum", "||{0}||")


def read(
    text: str, args: Sequence[Expression], params: tuple[tuple[str, str], ...] = ()
) -> Expression | None:
    """Return the expression of a template with its inputs put in.

    Parameters
    ----------
    text : str
        As of `Primitive.text` and `Primitive.partials`: numbers, "{0}", "{name}", functions,
        ``+ - * / ^ '``, products without a sign, conditions in square brackets.
    args : sequence of Expression
        What "{0}", "{1}", ... stand for.
    params : tuple of (str, str)
        What the names stand for.

    Returns
    -------
    Expression or None
        None for a text that is not written so.
    """
    try:
        reader = _Reader(_tokens(text), args, dict(params))
        result = reader.sum()
    except (IndexError, KeyError, ValueError):
        return None
    return None if reader.tokens else result


@lru_cache(256)
def _tokens(text: str) -> tuple[str, ...]:
    tokens = []
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(text)
        tokens.append(found[1])
        position = found.end()
    return tuple(tokens)


class _Reader:
    """Reads tokens from the front: a method for each level of precedence."""

    def __init__(
        self, tokens: Sequence[str], args: Sequence[Expression], params: dict[str, str]
    ) -> None:
        self.tokens = list(tokens)
        self.args = args
        self.params = params

    def taken(self, *wanted: str) -> str:
        """Remove the next token if it is one of those wanted, and return it; else ""."""
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else ""

    def sum(self) -> Expression:
        terms = [self.product()]
        while sign := self.taken("+", "-"):
            term = self.product()
            terms.append(term if sign == "+" else multiplied(Number(-1.0), term))
        return added(*terms)

    def product(self) -> Expression:
        if self.taken("-"):
            return multiplied(Number(-1.0), self.product())
        factors = [self.power()]
        while self.tokens and self.tokens[0] not in ("+", "-", ")", ",", "|", "||"):
            sign = self.taken("*", "/")
            factor = self.power()
            factors.append(raised(factor, Number(-1.0)) if sign == "/" else factor)
        return multiplied(*factors)

    def power(self) -> Expression:
        base = self.atom()
        while self.taken("'"):
            base = Call("{0}'", "{0}^T", (base,), array=base.array)
        if self.taken("^", "**"):
            return raised(base, self.power())
        return base

    def atom(self) -> Expression:
        token = self.tokens.pop(0)
        if token == "(":
            inside = self.sum()
            self.close(")")
            return inside
        if token in ("|", "||"):
            inside = self.sum()
            self.close(token)
            bars = r"\left|{0}\right|" if token == "|" else r"\left\|{0}\right\|"
            return self.call(f"{token}{{0}}{token}", bars, (inside,))
        if token.startswith("["):
            words = re.sub(r"\b(?<!\{)(?!not\b)[a-z]{2,}\b(?!\})", r"\\mathrm{{\g<0>}}", token)
            latex = words.replace("not ", r"\neg ")
            array = any(a.array for a in self.args)
            return Call(token, latex, tuple(self.args), tuple(self.params.items()), array)
        if token.startswith("{"):
            name = token[1:-1]
            return self.args[int(name)] if name.isdigit() else self.named(self.params[name])
        if token[0].isdigit():
            return Number(float(token))
        if not token[0].isalpha():
            raise ValueError(token)
        if self.taken("("):
            inputs = [self.sum()]
            while self.taken(","):
                inputs.append(self.sum())
            self.close(")")
        elif self.tokens and self.tokens[0].startswith("{"):
            inputs = [self.atom()]
        else:
            return self.named(token)
        text, latex = _function(token)
        if len(inputs) > 1:
            listed = ", ".join(f"{{{i}}}" for i in range(len(inputs)))
            text, latex = f"{token}({listed})", rf"\mathrm{{{{{token}}}}}({listed})"
        return self.call(text, latex, tuple(inputs))

    def named(self, name: str) -> Expression:
        try:
            return Number(float(name))
        except ValueError:
            return Symbol(name, name)

    def call(self, text: str, latex: str, args: tuple[Expression, ...]) -> Expression:
        number = text.startswith(_NUMBERS_OF_ARRAYS)
        return Call(text, latex, args, array=not number and any(a.array for a in args))

    def close(self, bracket: str) -> None:
        if not self.taken(bracket):
            raise ValueError(bracket)


@lru_cache(256)
def _function(name: str) -> tuple[str, str]:
    """Return the templates of the primitive of one input that is written by this name."""
    for primitive in PRIMITIVES.values():
        if primitive.text in (f"{name}({{0}})", f"{name} {{0}}"):
            return primitive.text, primitive.latex
    return f"{name}({{0}})", rf"\mathrm{{{{{name}}}}}({{0}})"
