"""Operations on every element, with broadcasting."""

from typing import Any

import numpy as np

from fastml.autodiff import _fused as fused
from fastml.autodiff._primitive import Operation, primitive
from fastml.autodiff._variable import value_of
from fastml.kernels.activations.forms import SIGMOID, SOFTPLUS, TANH

__all__ = [
    "absolute", "add", "arctan", "astype", "clip", "conj", "cos", "cosh", "divide", "exp",
    "expm1", "identity", "imag", "log", "log1p", "maximum", "minimum", "multiply", "negative",
    "power", "real", "sigmoid", "sign", "sin", "sinh", "softplus", "sqrt", "square", "subtract",
    "tan", "tanh", "where",
]  # fmt: skip


def _is_complex(x: Any) -> bool:
    return np.iscomplexobj(value_of(x))


def conj_of(x: Any) -> Any:
    """Return the complex conjugate; a real value as it is."""
    return conj(x) if _is_complex(x) else x


def _positive(rng: np.random.Generator) -> Any:
    return (rng.uniform(0.5, 2.0, (3, 4)),), {}


def _apart(rng: np.random.Generator) -> Any:
    """Two matrices no element of which is near the other's."""
    a = rng.standard_normal((3, 4))
    return (a, a + np.where(rng.random((3, 4)) < 0.5, 0.7, -0.7)), {}


def _broadcast(rng: np.random.Generator) -> Any:
    """Shapes that meet in every way."""
    shapes = [((3, 4), (3, 4)), ((3, 4), (4,)), ((), (2, 3)), ((3, 1), (1, 4)), ((2, 1, 3), (4, 1))]
    return [(tuple(rng.uniform(0.5, 2.0, shape) for shape in pair), {}) for pair in shapes]


add = primitive(
    "add", np.add,
    lambda g, out, a, b: g,
    lambda g, out, a, b: g,
    text="{0} + {1}", latex="{0} + {1}", partials=(("1", "1"), ("1", "1")),
    example=_broadcast,
)  # fmt: skip
subtract = primitive(
    "subtract", np.subtract,
    lambda g, out, a, b: g,
    lambda g, out, a, b: -g,
    text="{0} - {1}", latex="{0} - {1}", partials=(("1", "1"), ("-1", "-1")),
    example=_broadcast,
)  # fmt: skip
multiply = primitive(
    "multiply", np.multiply,
    lambda g, out, a, b: g * conj_of(b),
    lambda g, out, a, b: g * conj_of(a),
    text="{0} * {1}", latex=r"{0} \circ {1}", partials=(("{1}", "{1}"), ("{0}", "{0}")),
    example=_broadcast,
)  # fmt: skip
divide = primitive(
    "divide", np.divide,
    lambda g, out, a, b: g / conj_of(b),
    lambda g, out, a, b: -g * conj_of(out / b),
    text="{0} / {1}", latex=r"\frac{{{0}}}{{{1}}}",
    partials=(("1 / {1}", r"\frac{{1}}{{{1}}}"), ("-{0} / {1}^2", r"-\frac{{{0}}}{{{1}^2}}")),
    example=_broadcast,
)  # fmt: skip
negative = primitive(
    "negative", np.negative,
    lambda g, out, a: -g,
    text="-{0}", latex="-{0}", partials=(("-1", "-1"),),
)  # fmt: skip


def _power_by_base(g: Any, out: Any, a: Any, b: Any) -> Any:
    return g * conj_of(b * power(a, b - 1))


def _power_by_exponent(g: Any, out: Any, a: Any, b: Any) -> Any:
    # Where the base is 0 the power does not move with its exponent; log would make NaN of it.
    base = value_of(a)
    return g * conj_of(out * log(where(base == 0, np.ones_like(base), a)))


power = primitive(
    "power", np.power,
    _power_by_base,
    _power_by_exponent,
    text="{0} ** {1}", latex="{0}^{{{1}}}",
    partials=(("{1} * {0}^({1} - 1)", r"{1}\,{0}^{{{1} - 1}}"),
              ("{0}^{1} * ln {0}", r"{0}^{{{1}}} \ln {0}")),
    example=_broadcast,
)  # fmt: skip
square = primitive(
    "square", np.square,
    lambda g, out, a: g * conj_of(2 * a),
    text="{0}^2", latex="{0}^2", partials=(("2 {0}", "2 {0}"),),
)  # fmt: skip
exp = primitive(
    "exp", np.exp,
    lambda g, out, a: g * conj_of(out),
    text="exp({0})", latex="e^{{{0}}}", partials=(("exp({0})", "e^{{{0}}}"),),
)  # fmt: skip
expm1 = primitive(
    "expm1", np.expm1,
    lambda g, out, a: g * conj_of(out + 1),
    text="expm1({0})", latex="e^{{{0}}} - 1", partials=(("exp({0})", "e^{{{0}}}"),),
)  # fmt: skip
log = primitive(
    "log", np.log,
    lambda g, out, a: g / conj_of(a),
    text="ln {0}", latex=r"\ln {0}", partials=(("1 / {0}", r"\frac{{1}}{{{0}}}"),),
    example=_positive,
)  # fmt: skip
log1p = primitive(
    "log1p", np.log1p,
    lambda g, out, a: g / conj_of(1 + a),
    text="ln(1 + {0})", latex=r"\ln(1 + {0})",
    partials=(("1 / (1 + {0})", r"\frac{{1}}{{1 + {0}}}"),),
    example=_positive,
)  # fmt: skip
sqrt = primitive(
    "sqrt", np.sqrt,
    lambda g, out, a: g / conj_of(2 * out),
    text="sqrt({0})", latex=r"\sqrt{{{0}}}",
    partials=(("1 / (2 sqrt({0}))", r"\frac{{1}}{{2\sqrt{{{0}}}}}"),),
    example=_positive,
)  # fmt: skip
sin = primitive(
    "sin", np.sin,
    lambda g, out, a: g * conj_of(cos(a)),
    text="sin({0})", latex=r"\sin {0}", partials=(("cos({0})", r"\cos {0}"),),
)  # fmt: skip
cos: Operation = primitive(
    "cos", np.cos,
    lambda g, out, a: -g * conj_of(sin(a)),
    text="cos({0})", latex=r"\cos {0}", partials=(("-sin({0})", r"-\sin {0}"),),
)  # fmt: skip
tan = primitive(
    "tan", np.tan,
    lambda g, out, a: g * conj_of(1 + square(out)),
    text="tan({0})", latex=r"\tan {0}", partials=(("1 + tan({0})^2", r"1 + \tan^2 {0}"),),
    example=lambda rng: ((rng.uniform(-1.2, 1.2, (3, 4)),), {}),
)  # fmt: skip
sinh = primitive(
    "sinh", np.sinh,
    lambda g, out, a: g * conj_of(cosh(a)),
    text="sinh({0})", latex=r"\sinh {0}", partials=(("cosh({0})", r"\cosh {0}"),),
)  # fmt: skip
cosh: Operation = primitive(
    "cosh", np.cosh,
    lambda g, out, a: g * conj_of(sinh(a)),
    text="cosh({0})", latex=r"\cosh {0}", partials=(("sinh({0})", r"\sinh {0}"),),
)  # fmt: skip
tanh = primitive(
    "tanh", *fused.elementwise(TANH, lambda g, out, a: g * conj_of(1 - square(out))),
    text="tanh({0})", latex=r"\tanh {0}", partials=(("1 - tanh({0})^2", r"1 - \tanh^2 {0}"),),
)  # fmt: skip
arctan = primitive(
    "arctan", np.arctan,
    lambda g, out, a: g / conj_of(1 + square(a)),
    text="arctan({0})", latex=r"\arctan {0}",
    partials=(("1 / (1 + {0}^2)", r"\frac{{1}}{{1 + {0}^2}}"),),
)  # fmt: skip
sigmoid = primitive(
    "sigmoid", *fused.elementwise(SIGMOID, lambda g, out, a: g * (out * (1 - out))),
    text="sigma({0})", latex=r"\sigma({0})",
    partials=(("sigma({0})(1 - sigma({0}))", r"\sigma({0})(1 - \sigma({0}))"),),
)  # fmt: skip
softplus = primitive(
    "softplus", *fused.elementwise(SOFTPLUS, lambda g, out, a: g * sigmoid(a)),
    text="softplus({0})", latex=r"\ln(1 + e^{{{0}}})", partials=(("sigma({0})", r"\sigma({0})"),),
)  # fmt: skip


def _abs_adjoint(g: Any, out: Any, a: Any) -> Any:
    if not _is_complex(a):
        return g * sign(a)
    size = value_of(out)
    return g * (a / where(size == 0, np.ones_like(size), out))


absolute = primitive(
    "absolute", np.abs,
    _abs_adjoint,
    text="|{0}|", latex=r"\left|{0}\right|", partials=(("sign({0})", r"\mathrm{{sign}}\,{0}"),),
)  # fmt: skip
sign = primitive(
    "sign", np.sign,
    None,
    text="sign({0})", latex=r"\mathrm{{sign}}\,{0}", partials=(("0", "0"),),
)  # fmt: skip


def _larger_by(i: int) -> Any:
    def adjoint(g: Any, out: Any, a: Any, b: Any) -> Any:
        # Ties are shared, as PyTorch does.
        left, right = value_of(a), value_of(b)
        mine, other = (left, right) if i == 0 else (right, left)
        best = value_of(out)
        share = np.where(mine == best, np.where(other == best, 0.5, 1.0), 0.0)
        return g * share.astype(best.dtype)

    return adjoint


maximum = primitive(
    "maximum", np.maximum, _larger_by(0), _larger_by(1),
    text="max({0}, {1})", latex=r"\max({0}, {1})",
    partials=(("[{0} > {1}]", "[{0} > {1}]"), ("[{1} > {0}]", "[{1} > {0}]")), example=_apart,
)  # fmt: skip
minimum = primitive(
    "minimum", np.minimum, _larger_by(0), _larger_by(1),
    text="min({0}, {1})", latex=r"\min({0}, {1})",
    partials=(("[{0} < {1}]", "[{0} < {1}]"), ("[{1} < {0}]", "[{1} < {0}]")), example=_apart,
)  # fmt: skip


def _clip(a: Any, low: Any, high: Any) -> Any:
    """Limit every element to [low, high]."""
    return np.clip(a, low, high)


def _clip_adjoint(g: Any, out: Any, a: Any, low: Any, high: Any) -> Any:
    value = value_of(a)
    return g * ((value >= low) & (value <= high)).astype(value.dtype)


clip = primitive(
    "clip", _clip, _clip_adjoint,
    text="clip({0})", latex=r"\mathrm{{clip}}({0})",
    partials=(("[{low} < {0} < {high}]", "[{low} < {0} < {high}]"),),
    example=lambda rng: ((rng.standard_normal((3, 4)),), {"low": -0.4, "high": 0.6}),
)  # fmt: skip


def _where(condition: Any, a: Any, b: Any) -> Any:
    """Take elements of `a` where the condition holds, else of `b`."""
    return np.where(condition, a, b)


where: Operation = primitive(
    "where", _where,
    None,
    lambda g, out, condition, a, b: where(condition, g, np.zeros_like(value_of(g))),
    lambda g, out, condition, a, b: where(condition, np.zeros_like(value_of(g)), g),
    text="where({0}, {1}, {2})", latex=r"\mathrm{{where}}({0}, {1}, {2})",
    partials=(("", ""), ("[{0}]", "[{0}]"), ("[not {0}]", r"[\neg {0}]")),
    example=lambda rng: (
        (rng.random((3, 4)) < 0.5, rng.standard_normal((3, 4)), rng.standard_normal(4)), {}
    ),
)  # fmt: skip
conj: Operation = primitive(
    "conj", np.conj, lambda g, out, a: conj(g), text="conj({0})", latex=r"\overline{{{0}}}",
    partials=(("1", "1"),),
)  # fmt: skip
real = primitive(
    "real", np.real, lambda g, out, a: g, text="Re {0}", latex=r"\mathrm{{Re}}\,{0}",
    partials=(("1", "1"),),
)  # fmt: skip
imag = primitive(
    "imag", np.imag, lambda g, out, a: g * 1j if _is_complex(a) else g * 0,
    text="Im {0}", latex=r"\mathrm{{Im}}\,{0}",
)  # fmt: skip


def _astype(a: Any, dtype: Any) -> Any:
    """Convert to another dtype."""
    return a.astype(dtype)


astype = primitive(
    "astype", _astype, lambda g, out, a, dtype: g, text="{0}", latex="{0}",
    partials=(("1", "1"),),
    example=lambda rng: ((rng.standard_normal((3, 4)),), {"dtype": np.float32}),
)  # fmt: skip
identity = primitive(
    "identity", np.positive, lambda g, out, a: g, text="{0}", latex="{0}", partials=(("1", "1"),),
)  # fmt: skip
