"""The computation graph: reverse-mode differentiation over arrays of NumPy and CuPy."""

from fastml.autodiff import _operators  # noqa: F401
from fastml.autodiff._backward import gradients
from fastml.autodiff._check import GradientCheck, check_grad, numerical_gradient
from fastml.autodiff._draw import draw, to_dot
from fastml.autodiff._explain import explain
from fastml.autodiff._functional import grad, hessian, hvp, jacobian, stop_gradient, value_and_grad
from fastml.autodiff._mode import no_grad, scope
from fastml.autodiff._primitive import PRIMITIVES, Primitive, primitive
from fastml.autodiff._variable import Variable, variable
from fastml.autodiff.primitives import *  # noqa: F403
