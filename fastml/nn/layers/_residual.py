"""Layers with a way around them."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from fastml.nn._field import ReceptiveField
from fastml.nn.layers._activation import activation_function, checked_activation
from fastml.nn.layers._containers import Container, checked_layers
from fastml.nn.layers._convolution import Conv1D, Conv2D
from fastml.nn.layers._dense import Dense
from fastml.nn.layers._layer import Layer, Run, Shape, Visit

__all__ = ["Residual"]


class Residual(Container):
    """The input, added to what layers make of it: ``activation(layers(x) + shortcut(x))``.

    Parameters
    ----------
    layers : list of Layer
        What is computed beside the shortcut.
    activation : str, callable or None, default=None
        Of the sum.
    shortcut : "projection", Layer or None, default=None
        How the input comes to the sum. None is for the input itself, which the layers must keep the
        shape of. "projection" is a linear map of the channels without a bias, at every so many
        places as the layers' stride asks for.

    Notes
    -----
    Parameters are named "0.weight", ..., and "shortcut.weight".

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", CVPR 2016, equations 1 and 2.

    Examples
    --------
    >>> from fastml.nn import Conv2D, Residual
    >>> block = Residual(
    ...     [Conv2D(16, 3, "relu", stride=2, padding=1), Conv2D(16, 3, padding=1)],
    ...     "relu",
    ...     shortcut="projection",
    ... )
    >>> block.output_shape((32, 32, 8))
    (16, 16, 16)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        activation: Any = None,
        *,
        shortcut: "str | Layer | None" = None,
    ) -> None:
        self.layers = checked_layers(layers)
        self.activation = checked_activation(activation)
        if shortcut not in (None, "projection") and not isinstance(shortcut, Layer):
            raise ValueError(f"shortcut must be None, 'projection' or a layer, got {shortcut!r}.")
        self.shortcut = shortcut
        # A projection is made for samples with places.
        self.by_step = shortcut is None

    def _inner(self, input_shape: Shape) -> Shape:
        """Return the shape that the layers make."""
        made = [shape for *_, shape in super().children(input_shape)]
        return made[-1] if made else input_shape

    def _beside(self, given: Shape, made: Shape) -> Layer | None:
        """Return the layer beside the others, None for the input itself."""
        return _projection(given, made) if isinstance(self.shortcut, str) else self.shortcut

    def children(self, input_shape: Shape) -> Iterator[tuple[str, Layer, Shape, Shape]]:
        """Yield place, layer, input shape and output shape of each layer, the shortcut's last."""
        yield from super().children(input_shape)
        beside = self._beside(input_shape, self._inner(input_shape))
        if beside is not None:
            yield "shortcut", beside, input_shape, _added(beside, input_shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        made = self._inner(input_shape)
        beside = self._beside(input_shape, made)
        added = input_shape if beside is None else _added(beside, input_shape)
        if made != added:
            hint = "; shortcut='projection' changes it." if beside is None else "."
            raise ValueError(
                f"the layers make shape {made}, and the shortcut {added}, of an input of shape "
                f"{input_shape}: they must be the same{hint}"
            )
        return made

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        y = self._through(len(self.layers), x, parameters, state, run)
        beside = self._beside(x.shape[1:], y.shape[1:])
        if beside is not None:
            inner, its_state = parameters.get("shortcut", {}), state.get("shortcut", {})
            x = beside.apply(x, inner, its_state, run)
        return activation_function(self.activation)(y + x)

    def _before(
        self, place: str, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run
    ) -> tuple[Layer, Any]:
        if place != "shortcut":
            return super()._before(place, x, parameters, state, run)
        given = x.shape[1:]
        layers = {name: layer for name, layer, *_ in self.children(given)}
        return layers[place], x

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input; see `Layer.field`."""
        inner = field
        for _, layer, shape, _ in super().children(input_shape):
            inner = layer.field(inner, shape)
        beside = self._beside(input_shape, self._inner(input_shape))
        return inner.joined(field if beside is None else beside.field(field, input_shape))

    def visit(self, input_shape: Shape, field: ReceptiveField, place: str) -> Iterator[Visit]:
        """Yield what is known of the layers, of the shortcut and of the sum; see `Layer.visit`."""
        inner = field
        for name, layer, shape, _ in self.children(input_shape):
            given = field if name == "shortcut" else inner
            yield from layer.visit(shape, given, f"{place}.{name}" if place else name)
            inner = layer.field(given, shape)
        made = self.output_shape(input_shape)
        yield Visit(place, self, input_shape, made, 0, 0, self.field(field, input_shape))


def _added(beside: Layer, input_shape: Shape) -> Shape:
    """Return the shape that a shortcut makes."""
    try:
        return beside.output_shape(input_shape)
    except ValueError as error:
        raise ValueError(f"shortcut ({type(beside).__name__}): {error}") from None


@lru_cache
def _projection(given: Shape, made: Shape) -> Layer:
    """Return the linear map of channels that makes one shape of another."""
    if len(given) != len(made) or len(given) > 3:
        raise ValueError(f"there is no projection of shape {given} to shape {made}.")
    if len(given) == 1:
        return Dense(made[0], bias=False)
    stride = tuple(-(-n // k) for n, k in zip(given[:-1], made[:-1], strict=True))
    layer = (Conv1D if len(given) == 2 else Conv2D)(made[-1], 1, stride=stride, bias=False)
    if layer.output_shape(given) != made:
        raise ValueError(f"there is no projection of shape {given} to shape {made}.")
    return layer
