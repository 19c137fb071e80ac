"""The computation graph: reverse-mode differentiation over arrays of NumPy and CuPy.

A `variable` remembers what is computed from it, by operators, by the functions of this module, or
by NumPy's own functions of those names; `Variable.backward` then gives gradients. `grad`,
`jacobian` and `hessian` differentiate functions. Gradients by complex variables are
dL/d(re) + i dL/d(im), as PyTorch's are.
"""

from fastml.autodiff import _operators, primitives
from fastml.autodiff._backward import gradients
from fastml.autodiff._check import GradientCheck, check_grad, numerical_gradient
from fastml.autodiff._draw import draw, to_dot
from fastml.autodiff._explain import explain
from fastml.autodiff._functional import grad, hessian, hvp, jacobian, stop_gradient, value_and_grad
from fastml.autodiff._mode import no_grad, scope
from fastml.autodiff._primitive import PRIMITIVES, Each, Primitive, primitive
from fastml.autodiff._variable import Variable, variable
from fastml.autodiff.primitives import *  # noqa: F403

__all__ = [
    "PRIMITIVES",
    "Each",
    "GradientCheck",
    "Primitive",
    "Variable",
    "check_grad",
    "draw",
    "explain",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "no_grad",
    "numerical_gradient",
    "primitive",
    "scope",
    "stop_gradient",
    "to_dot",
    "value_and_grad",
    "variable",
]
__all__ += primitives.__all__

_operators.install()
