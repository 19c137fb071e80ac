"""Layers made of layers, and those one after another."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastml.nn._field import ReceptiveField
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape, Visit

__all__ = ["Container", "Sequential", "as_layer", "checked_layers"]


def as_layer(layers: "Layer | Sequence[Layer]") -> "Sequential":
    """Return layers one after another, as one.

    Parameters
    ----------
    layers : Layer or sequence of Layer
        What was given.
    """
    if isinstance(layers, Sequential):
        return layers
    return Sequential([layers] if isinstance(layers, Layer) else layers)


def checked_layers(layers: Any) -> list[Layer]:
    """Return layers as a list of its own, if they are.

    Parameters
    ----------
    layers : sequence of Layer
        What was given.
    """
    if isinstance(layers, Layer) or not isinstance(layers, Sequence) or isinstance(layers, str):
        raise TypeError(f"layers must be a list of layers, got {layers!r}.")
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            made = f"; did you mean {layer.__name__}()?" if isinstance(layer, type) else "."
            raise TypeError(f"layers must be a list of layers; number {i} is {layer!r}{made}")
    return list(layers)


class Container(Layer):
    """A layer whose parameters are those of layers in it, named by their places."""

    layers: list[Layer]
    by_step = True

    def children(self, input_shape: Shape) -> Iterator[tuple[str, Layer, Shape, Shape]]:
        """Yield place, layer, input shape and output shape of each of `layers`.

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
            given = shape
            try:
                shape = layer.output_shape(given)
            except ValueError as error:
                raise ValueError(f"layer {i} ({type(layer).__name__}): {error}") from None
            yield str(i), layer, given, shape

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of the parameters of all layers; see `Layer.parameters`."""
        return {
            f"{place}.{name}": about
            for place, layer, shape, _ in self.children(input_shape)
            for name, about in layer.parameters(shape).items()
        }

    def state(self, input_shape: Shape) -> dict[str, Any]:
        """Return the state of all layers at first; see `Layer.state`."""
        return {
            f"{place}.{name}": array
            for place, layer, shape, _ in self.children(input_shape)
            for name, array in layer.state(shape).items()
        }

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        return sum(layer.multiply_adds(shape) for _, layer, shape, _ in self.children(input_shape))

    def _through(
        self,
        n_layers: int,
        x: Any,
        parameters: dict[str, Any],
        state: dict[str, Any],
        run: Run,
    ) -> Any:
        """Return what the first so many layers make of a batch."""
        for i in range(n_layers):
            place, layer = str(i), self.layers[i]
            if run.offsets is not None and not layer.by_step:
                raise ValueError(
                    f"{layer!r} does not take sequences of several lengths: give an array, padded."
                )
            x = layer.apply(x, parameters.get(place, {}), state.get(place, {}), run)
        return x

    def apply_until(
        self,
        path: Sequence[str],
        x: Any,
        parameters: dict[str, Any],
        state: dict[str, Any],
        run: Run,
    ) -> Any:
        """Return what a layer in this one makes of a batch; see `Layer.apply_until`."""
        if not path:
            return self.apply(x, parameters, state, run)
        first, *rest = path
        layer, x = self._before(first, x, parameters, state, run)
        inner, its_state = parameters.get(first, {}), state.get(first, {})
        return layer.apply_until(rest, x, inner, its_state, run)

    def _before(
        self, place: str, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run
    ) -> tuple[Layer, Any]:
        """Return the layer at a place, and what comes to it."""
        n = int(place)
        return self.layers[n], self._through(n, x, parameters, state, run)


class Sequential(Container):
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
        self.layers = checked_layers(layers)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        made = [shape for *_, shape in self.children(input_shape)]
        return made[-1] if made else input_shape

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return self._through(len(self.layers), x, parameters, state, run)

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input; see `Layer.field`."""
        for _, layer, shape, _ in self.children(input_shape):
            field = layer.field(field, shape)
        return field

    def visit(self, input_shape: Shape, field: ReceptiveField, place: str) -> Iterator[Visit]:
        """Yield what is known of the layers; see `Layer.visit`."""
        for name, layer, shape, _ in self.children(input_shape):
            yield from layer.visit(shape, field, f"{place}.{name}" if place else name)
            field = layer.field(field, shape)
