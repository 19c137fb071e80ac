"""Expressions as plain text and as LaTeX."""

from typing import NamedTuple

from fastml.matrix_calculus._expression import Expression, Size

__all__ = ["latex", "text"]


class Style(NamedTuple):
    """How to write what is not written the same everywhere."""

    latex: bool
    forms: dict[str, str]
    group: str = "({})"


_TEXT = Style(
    False,
    {
        "transpose": "{}'", "inverse": "{}^-1", "inverse transpose": "{}^-T", "trace": "Tr({})",
        "det": "det({})", "logdet": "ln det({})", "diag": "diag({})", "vec": "vec({})",
        "logsumexp": "lse({})", "softmax": "softmax({})", "hadamard": " o ", "kron": " kron ",
        "block_sum": "blocksum({}, {})", "block_trace": "blocktrace({}, {})",
        "identity": "I_{}", "ones": "1_{}", "commutation": "K_({},{})", "entry": "J^{}{}",
        "power": "{}^{}", "powers": "{}.^{}", "log": "ln({})", "apply": "{}({})", "d": "d({})",
    },
)  # fmt: skip
_LATEX = Style(
    True,
    {
        "transpose": "{}^T", "inverse": "{}^{{-1}}", "inverse transpose": "{}^{{-T}}",
        "trace": r"\mathrm{{Tr}}({})", "det": r"\det({})", "logdet": r"\ln\det({})",
        "diag": r"\mathrm{{diag}}({})", "vec": r"\mathrm{{vec}}({})",
        "logsumexp": r"\mathrm{{lse}}({})", "softmax": r"\mathrm{{softmax}}({})",
        "hadamard": r" \circ ", "kron": r" \otimes ",
        "block_sum": r"\mathrm{{blocksum}}({}, {})",
        "block_trace": r"\mathrm{{blocktrace}}({}, {})",
        "identity": "I_{{{}}}", "ones": r"\mathbf{{1}}_{{{}}}", "commutation": "K_{{{},{}}}",
        "entry": "J^{{{}{}}}", "power": "{}^{{{}}}", "powers": r"{}^{{\circ {}}}",
        "log": r"\ln({})", "apply": r"\mathrm{{{}}}({})", "d": "d({})",
    },
    r"\left({}\right)",
)  # fmt: skip

# How tightly an operation binds; what binds less than its place asks for goes into brackets.
SUM, PRODUCT, FACTOR, BASE = 1, 2, 3, 4
_BINDS = {"add": SUM, "product": PRODUCT, "hadamard": PRODUCT, "kron": PRODUCT}


def text(e: Expression) -> str:
    """Return an expression as plain text."""
    return _show(e, _TEXT, 0)


def latex(e: Expression) -> str:
    """Return an expression as LaTeX."""
    return _show(e, _LATEX, 0)


def _show(e: Expression, style: Style, place: int) -> str:
    written = _write(e, style)
    binds = _BINDS.get(e.op, BASE)
    if e.op == "number" and e.data[0] < 0:
        binds = SUM
    if e.op in ("transpose", "inverse", "power"):
        # Two signs in a row, as in X''^-1, cannot be read.
        binds = FACTOR
    return style.group.format(written) if binds < place else written


def _write(e: Expression, style: Style) -> str:
    forms = style.forms
    if e.op == "symbol":
        return e.data[1] if style.latex else e.data[0]
    if e.op == "number":
        return _number(e.data[0])
    if e.op == "zero":
        return "0"
    if e.op == "add":
        return _sum(e, style)
    if e.op == "product":
        return _product(e, style)
    if e.op in ("hadamard", "kron"):
        return forms[e.op].join(_show(arg, style, FACTOR) for arg in e.args)
    if e.op == "transpose":
        inner = e.args[0]
        if inner.op == "inverse":
            return forms["inverse transpose"].format(_show(inner.args[0], style, BASE))
        return forms["transpose"].format(_show(inner, style, BASE))
    if e.op == "inverse":
        return forms["inverse"].format(_show(e.args[0], style, BASE))
    if e.op == "power":
        form = forms["power" if e.is_scalar else "powers"]
        return form.format(_show(e.args[0], style, BASE), _number(e.data[0]))
    if e.op == "apply":
        argument = _show(e.args[0], style, 0)
        if e.data[0] == "log":
            return forms["log"].format(argument)
        return forms["apply"].format(e.data[0], argument)
    if e.op == "d" and e.args[0].op == "symbol":
        return "d" + _show(e.args[0], style, 0)
    if e.op in ("identity", "ones"):
        return forms[e.op].format(_size(e.shape[0], style))
    if e.op in ("commutation", "entry"):
        return forms[e.op].format(*e.data)
    return forms[e.op].format(*(_show(arg, style, 0) for arg in e.args))


def _size(size: Size, style: Style) -> str:
    return str(size) if style.latex or " " not in str(size) else f"({size})"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _sum(e: Expression, style: Style) -> str:
    out = ""
    for arg in e.args:
        term = _show(arg, style, PRODUCT if arg.op == "product" else SUM)
        if not out:
            out = term
        elif term.startswith("-"):
            out += f" - {term[1:]}"
        else:
            out += f" + {term}"
    return out


def _product(e: Expression, style: Style) -> str:
    coefficient = e.data[0]
    parts = [_show(arg, style, FACTOR) for arg in e.args]
    if abs(coefficient) != 1:
        parts.insert(0, _number(abs(coefficient)))
    return ("-" if coefficient < 0 else "") + " ".join(parts)
