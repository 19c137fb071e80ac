"""Dropout: of units, and of weights."""

from typing import Any

import scipy.sparse as sp

from fastml.nn._description import number
from fastml.nn._field import ReceptiveField
from fastml.nn.layers._containers import Container
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape

__all__ = ["DropConnect", "Dropout"]


class Dropout(Layer):
    """In training, set each value to 0 with a probability, and divide the others by the rest.

    Parameters
    ----------
    rate : float, default=0.5
        The probability, in [0, 1).

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.
    """

    by_step = True

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = number("rate", rate, low=0, below=1)

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        stream = run.next_stream()
        if not run.masks or self.rate == 0:
            return x
        if sp.issparse(x):
            x = x.toarray()
        # A member of the ensemble is one network for all samples.
        return run.dropped(x, self.rate, stream, alike=not run.training)


class DropConnect(Layer):
    """A layer with weights that are set to 0 with a probability in training, others scaled up.

    The weights of one step are the same for all samples of its batch. Biases are kept.

    Parameters
    ----------
    layer : Layer
        Whose weights; a layer without layers in it, such as `Dense` or `Conv2D`.
    rate : float, default=0.5
        The probability, in [0, 1).

    References
    ----------
    L. Wan et al., "Regularization of neural networks using DropConnect", ICML 2013.

    Examples
    --------
    >>> from fastml.nn import Dense, DropConnect
    >>> DropConnect(Dense(32, "relu"), 0.3).output_shape((64,))
    (32,)
    """

    def __init__(self, layer: Layer, rate: float = 0.5) -> None:
        if not isinstance(layer, Layer) or isinstance(layer, Container):
            raise TypeError(f"layer must be a layer without layers in it, got {layer!r}.")
        self.layer = layer
        self.by_step = layer.by_step
        self.rate = number("rate", rate, low=0, below=1)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        return self.layer.output_shape(input_shape)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of the layer's parameters; see `Layer.parameters`."""
        return self.layer.parameters(input_shape)

    def state(self, input_shape: Shape) -> dict[str, Any]:
        """Return the layer's state at first; see `Layer.state`."""
        return self.layer.state(input_shape)

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        stream = run.next_stream()
        if run.masks and self.rate and "weight" in parameters:
            masked = run.dropped(parameters["weight"], self.rate, stream)
            parameters = {**parameters, "weight": masked}
        return self.layer.apply(x, parameters, state, run)

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        return self.layer.multiply_adds(input_shape)

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input; see `Layer.field`."""
        return self.layer.field(field, input_shape)
