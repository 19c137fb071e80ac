"""Formulas with numbers in them, as text and as LaTeX."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["latex_of", "linear", "number", "point", "quadratic", "total"]

# Wider rows than this are called by their number.
MOST_TERMS = 8
ROUNDING = 1e-13


def number(value: float) -> str:
    """Write a number; what is zero but for rounding is zero."""
    return f"{value:.6g}" if abs(value) >= ROUNDING else "0"


def point(names: Sequence[str], values: Any) -> str:
    """Write values of variables: ``x = 1, y = 2``; of many, the first."""
    shown = [f"{name} = {number(v)}" for name, v in zip(names, values, strict=True)]
    return ", ".join([*shown[:MOST_TERMS], *["..."] * (len(shown) > MOST_TERMS)])


def total(terms: Iterable[tuple[float, str]], constant: float = 0.0) -> str:
    """Write a sum of coefficients times symbols, without those that are zero; 0 if all are."""
    out = ""
    for coefficient, symbol in [*terms, (constant, "")]:
        if coefficient == 0:
            continue
        size = number(abs(coefficient))
        one = abs(coefficient) == 1
        body = symbol if symbol and one else f"{size} {symbol}".strip()
        sign = "-" if coefficient < 0 else "+"
        out += f" {sign} {body}" if out else ("-" if sign == "-" else "") + body
    return out or "0"


def linear(coefficients: Any, names: Sequence[str], constant: float = 0.0) -> str:
    """Write a linear function."""
    return total(zip(map(float, coefficients), names, strict=True), constant)


def quadratic(Q: Any, c: Any, names: Sequence[str], constant: float = 0.0) -> str:
    """Write x'Qx / 2 + c'x + constant, multiplied out."""
    n = len(names)
    terms = [(float(Q[i, i]) / 2, f"{names[i]}^2") for i in range(n)]
    terms += [(float(Q[i, j]), f"{names[i]} {names[j]}") for i in range(n) for j in range(i + 1, n)]
    return total([*terms, *zip(map(float, c), names, strict=True)], constant)


def latex_of(text: str) -> str:
    """Write a formula of this module in LaTeX."""
    text = re.sub(r"\b(lam|nu|alpha|beta)(?=\d|\b)", r"\\\1", text).replace(r"\lam", r"\lambda")
    text = re.sub(r"(?<=[A-Za-z])_?(\d+)", r"_{\1}", text)
    text = re.sub(r"(\d(?:\.\d+)?)e([+-]\d+)", r"\1 \\cdot 10^{\2}", text)
    text = text.replace("<=", r"\leq").replace(">=", r"\geq").replace("A_eq", r"A_{\mathrm{eq}}")
    text = text.replace("b_eq", r"b_{\mathrm{eq}}").replace("'", r"^{\top}")
    return re.sub(r"\binf\b", r"\\infty", text)
