"""Layers made of layers."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastml.nn.layers._layer import Layer, Parameter, Run, Shape

__all__ = ["Sequential", "as_layer"]


def as_layer(layers: "Layer | Sequence[Layer]") -> Layer:
    """Return one layer: a sequence of them becomes a `Sequential`.

    Parameters
    ----------
    layers : Layer or sequence of Layer
        What was given.
    """
    return layers if isinstance(layers, Layer) else Sequential(layers)


def _checked(layers: Any) -> tuple[Layer, ...]:
    if isinstance(layers, Layer) or not isinstance(layers, Sequence) or isinstance(layers, str):
        raise TypeError(f"layers must be a list of layers, got {layers!r}.")
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            made = f"; did you mean {layer.__name__}()?" if isinstance(layer, type) else "."
            raise TypeError(f"layers must be a list of layers; number {i} is {layer!r}{made}")
    return tuple(layers)


class Sequential(Layer):
    """Layers one after another.

    Parameters
    ----------
    layers : list of Layer
        From the input on.

    Notes
    -----
    Parameters are named by the place of their layer, from 0 on: "0.weight", "2.bias".

    Examples
    --------
    >>> from fastml.nn import Dense, Dropout, Sequential
    >>> Sequential([Dense(32, "relu"), Dropout(0.5), Dense(10)]).output_shape((64,))
    (10,)
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = _checked(layers)

    def children(self, input_shape: Shape) -> Iterator[tuple[str, Layer, Shape]]:
        """Yield place, layer and input shape of each layer.

        Parameters
        ----------
        input_shape : tuple of int
            Of one sample.

        Raises
        ------
        ValueError
            Naming the layer that does not take what comes to it.
        """
        shape = input_shape
        for i, layer in enumerate(self.layers):
            try:
                following = layer.output_shape(shape)
            except ValueError as error:
                name = type(layer).__name__
                raise ValueError(f"layer {i} ({name}): {error}") from None
            yield str(i), layer, shape
            shape = following

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        shape = input_shape
        for _, layer, given in self.children(input_shape):
            shape = layer.output_shape(given)
        return shape

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of the parameters of all layers; see `Layer.parameters`."""
        return {
            f"{place}.{name}": about
            for place, layer, shape in self.children(input_shape)
            for name, about in layer.parameters(shape).items()
        }

    def state(self, input_shape: Shape) -> dict[str, Any]:
        """Return the state of all layers at first; see `Layer.state`."""
        return {
            f"{place}.{name}": array
            for place, layer, shape in self.children(input_shape)
            for name, array in layer.state(shape).items()
        }

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        for i, layer in enumerate(self.layers):
            place = str(i)
            x = layer.apply(x, parameters.get(place, {}), state.get(place, {}), run)
        return x

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        return sum(layer.multiply_adds(shape) for _, layer, shape in self.children(input_shape))

    def __repr__(self) -> str:
        return f"Sequential([{', '.join(map(repr, self.layers))}])"
