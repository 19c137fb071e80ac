"""Layers of units that see all features, and of single values."""

import math
from typing import Any

import scipy.sparse as sp

from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.nn._description import integer
from fastml.nn._field import ReceptiveField
from fastml.nn.functional import dense
from fastml.nn.functional._dense_nodes import KINDS, WITH_ALPHA, Kept
from fastml.nn.functional._dense_nodes import dense as dense_node
from fastml.nn.initializers import Initializer, initializer
from fastml.nn.layers._activation import (
    activation_function,
    checked_activation,
    default_initializer,
)
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape

__all__ = ["Activation", "Dense", "Flatten"]


class Dense(Layer):
    """Weighted sums of the features, which are the last axis: ``activation(x W + b)``.

    Parameters
    ----------
    units : int
        Number of outputs, at least 1.
    activation : str, callable or None, default=None
        A name of `fastml.activations` or a function of primitives; None for the sums themselves.
    bias : bool, default=True
        Whether there is a b.
    weight_initializer : str or Initializer, optional
        What W starts with; see `fastml.nn.initializers`. By default "he_uniform" for rectifiers,
        else "glorot_uniform".
    bias_initializer : str or Initializer, default="zeros"
        What b starts with.

    Notes
    -----
    Parameters are "weight" (n_features, units) and "bias" (units,).

    Examples
    --------
    >>> from fastml.nn import Dense
    >>> Dense(10, "relu").output_shape((64,))
    (10,)
    """

    by_step = True

    def __init__(
        self,
        units: int,
        activation: Any = None,
        *,
        bias: bool = True,
        weight_initializer: str | Initializer | None = None,
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.units = integer("units", units)
        self.activation = checked_activation(activation)
        self.bias = bool(bias)
        self.weight_initializer = weight_initializer
        self.bias_initializer = bias_initializer
        if weight_initializer is not None:
            initializer(weight_initializer, "weight_initializer")
        initializer(bias_initializer, "bias_initializer")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        if not input_shape:
            raise ValueError("expected samples of one axis or more, got shape ().")
        return (*input_shape[:-1], self.units)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of weight and bias; see `Layer.parameters`."""
        n = input_shape[-1]
        which = self.weight_initializer or default_initializer(self.activation)
        found = {"weight": Parameter((n, self.units), initializer(which), n, self.units)}
        if self.bias:
            made = initializer(self.bias_initializer)
            found["bias"] = Parameter((self.units,), made, n, self.units, penalized=False)
        return found

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        W, b = parameters["weight"], parameters.get("bias")
        kind = KINDS.get(self.activation or "identity")
        if kind is None or kind in WITH_ALPHA or sp.issparse(x):
            return dense(x, W, b, self.activation)
        # Shapes and dtypes are known to fit: in small networks looking again takes long.
        return dense_node(x, W, b, kind=kind, kept=Kept(W, b) if type(W) is Variable else None)

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        return math.prod(input_shape) * self.units

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input; see `Layer.field`."""
        return field if len(input_shape) > 1 else field.over(input_shape)


class Activation(Layer):
    """An activation function, as a layer.

    Parameters
    ----------
    activation : str or callable
        A name of `fastml.activations` or a function of primitives that keeps the shape.
    """

    by_step = True

    def __init__(self, activation: Any) -> None:
        self.activation = checked_activation(activation)

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return activation_function(self.activation)(x)


class Flatten(Layer):
    """All values of a sample as one axis: rows, columns, then channels."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        return (math.prod(input_shape),)

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return p.reshape(x, shape=(x.shape[0], math.prod(x.shape[1:])))

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input: all, as places are lost."""
        return field.over(input_shape)
