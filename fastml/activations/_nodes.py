"""Activations that the graph has not as elementary functions: those of networks alone.

`tanh`, `sigmoid`, `softplus`, `softmax` and `log_softmax` are nodes of `fastml.autodiff`, where
other derivatives are made of them; there is one node of each.
"""

from typing import Any

import numpy as np

from fastml.activations._winner import winner_take_all_of
from fastml.autodiff import primitive
from fastml.autodiff._fused import elementwise
from fastml.autodiff._variable import value_of
from fastml.autodiff.primitives import exp, square, tanh, where
from fastml.kernels.activations.forms import (
    CUBIC,
    DENSITY_AT_0,
    ELU,
    ERF,
    ERF_SLOPE,
    GELU,
    GELU_TANH,
    LEAKY_RELU,
    RELU,
    SQRT_2_PI,
    SQRT_HALF,
)

__all__ = ["elu", "erf", "gelu", "gelu_tanh", "leaky_relu", "relu", "winner_take_all"]


def _steps(g: Any, x: Any, below: float) -> Any:
    """Return g above 0 and g times a number elsewhere; x is compared only."""
    value = value_of(x)
    return g * np.where(value > 0, 1, below).astype(value.dtype)


def _elu_adjoint(g: Any, out: Any, x: Any, alpha: float) -> Any:
    # The exponential of what is not above 0 alone: of others it may overflow.
    above = value_of(x) > 0
    zeros = np.zeros_like(value_of(x))
    return g * where(above, zeros + 1, alpha * exp(where(above, zeros, x)))


def _gelu_adjoint(g: Any, out: Any, x: Any) -> Any:
    share = 0.5 + 0.5 * erf(SQRT_HALF * x)
    return g * (share + x * (DENSITY_AT_0 * exp(-0.5 * square(x))))


def _gelu_tanh_adjoint(g: Any, out: Any, x: Any) -> Any:
    bent = tanh(SQRT_2_PI * (x + CUBIC * square(x) * x))
    slope = SQRT_2_PI * (1 + 3 * CUBIC * square(x))
    return g * (0.5 + 0.5 * bent + 0.5 * x * (1 - square(bent)) * slope)


def _with_alpha(alpha: float) -> Any:
    return lambda rng: ((rng.standard_normal((3, 4)),), {"alpha": alpha})


relu = primitive(
    "relu", *elementwise(RELU, lambda g, out, x: _steps(g, x, 0.0)),
    text="relu({0})", latex=r"\max({0}, 0)", partials=(("[{0} > 0]", "[{0} > 0]"),),
)  # fmt: skip
leaky_relu = primitive(
    "leaky_relu", *elementwise(LEAKY_RELU, lambda g, out, x, alpha: _steps(g, x, alpha)),
    text="leaky_relu({0})", latex=r"\mathrm{{leaky\,relu}}({0})",
    example=_with_alpha(0.2),
)  # fmt: skip
elu = primitive(
    "elu", *elementwise(ELU, _elu_adjoint),
    text="elu({0})", latex=r"\mathrm{{elu}}({0})",
    example=_with_alpha(0.7),
)  # fmt: skip
erf = primitive(
    "erf", *elementwise(ERF, lambda g, out, x: g * (ERF_SLOPE * exp(-square(x)))),
    text="erf({0})", latex=r"\mathrm{{erf}}({0})",
)  # fmt: skip
gelu = primitive(
    "gelu", *elementwise(GELU, _gelu_adjoint),
    text="gelu({0})", latex=r"{0}\,\Phi({0})",
)  # fmt: skip
gelu_tanh = primitive(
    "gelu_tanh", *elementwise(GELU_TANH, _gelu_tanh_adjoint),
    text="gelu_tanh({0})", latex=r"\mathrm{{gelu_{{tanh}}}}({0})",
)  # fmt: skip
winner_take_all = primitive(
    "winner_take_all", winner_take_all_of, None,
    text="winner_take_all({0})", latex=r"[{0}_j = \max_i {0}_i]", partials=(("0", "0"),),
)  # fmt: skip
