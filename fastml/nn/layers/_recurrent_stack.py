"""Recurrent layers one above the other, with connections beside them."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastml.autodiff import primitives as p
from fastml.nn._description import number
from fastml.nn._field import ReceptiveField
from fastml.nn.layers._containers import Container, checked_layers
from fastml.nn.layers._layer import Layer, Run, Shape, Visit
from fastml.nn.layers._recurrent_base import Recurrent

__all__ = ["RecurrentStack"]


class RecurrentStack(Container):
    """Recurrent layers one above the other, with connections beside them.

    Parameters
    ----------
    layers : list of SimpleRNN, LeakyRNN, GRU or LSTM
        With ``return_sequences=True``.
    return_sequences : bool, default=False
        Whether the result is that of every step, or of the last states.
    skip_connections : bool, default=False
        Whether each layer also sees the input, and the result has the states of all layers side
        by side.
    residual : bool, default=False
        Whether a layer that is as wide as what it sees of the one below adds its states to that.
    dropout : float, default=0.0
        Probability, in [0, 1), that an output from layer to layer is dropped in training.

    References
    ----------
    A. Graves, "Generating sequences with recurrent neural networks", 2013, section 2. Y. Wu et al.,
    "Google's neural machine translation system", 2016, section 3.1, for residual connections.

    Examples
    --------
    >>> from fastml.nn import LSTM, RecurrentStack
    >>> layers = [LSTM(8, return_sequences=True), LSTM(4, return_sequences=True)]
    >>> RecurrentStack(layers, skip_connections=True).output_shape((10, 3))
    (12,)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        return_sequences: bool = False,
        skip_connections: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        self.layers = checked_layers(layers)
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Recurrent) or not layer.return_sequences:
                raise ValueError(
                    "layers must be recurrent ones with return_sequences=True; number "
                    f"{i} is {layer!r}."
                )
        if not self.layers:
            raise ValueError("layers must have at least one recurrent layer, got none.")
        self.return_sequences = bool(return_sequences)
        self.skip_connections = bool(skip_connections)
        self.residual = bool(residual)
        self.dropout = number("dropout", dropout, low=0, below=1)

    def children(self, input_shape: Shape) -> Iterator[tuple[str, Layer, Shape, Shape]]:
        """Yield place, layer, input shape and output shape; see `Container.children`."""
        given = input_shape
        for i, layer in enumerate(self.layers):
            made = layer.output_shape(given)
            yield str(i), layer, given, made
            more = input_shape[-1] if self.skip_connections else 0
            given = (*made[:-1], made[-1] + more)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        widths = [made[-1] for *_, made in self.children(input_shape)]
        width = sum(widths) if self.skip_connections else widths[-1]
        return (input_shape[0], width) if self.return_sequences else (width,)

    def _walk(
        self, n_layers: int, x: Any, parameters: dict[str, Any], run: Run
    ) -> tuple[Any, list[Any], list[Any]]:
        """Return what comes to a layer, and states and last states of those below."""
        given = x
        steps: list[Any] = []
        ends: list[Any] = []
        for i, layer in enumerate(self.layers[:n_layers]):
            made, last = layer.through(given, parameters.get(str(i), {}), run)  # type: ignore[attr-defined]
            if self.residual and i and made.shape == steps[-1].shape:
                made, last = made + steps[-1], last + ends[-1]
            steps.append(made)
            ends.append(last)
            if i + 1 == len(self.layers):
                break
            given = made
            stream = run.next_stream()
            if run.masks and self.dropout:
                given = run.dropped(given, self.dropout, stream, alike=not run.training)
            if self.skip_connections:
                given = p.concatenate([x, given], axis=x.ndim - 1)
        return given, steps, ends

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        _, steps, ends = self._walk(len(self.layers), x, parameters, run)
        found = steps if self.return_sequences else ends
        if not self.return_sequences:
            run.offsets = None
        if not self.skip_connections or len(found) == 1:
            return found[-1]
        return p.concatenate(found, axis=found[0].ndim - 1)

    def _before(
        self, place: str, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run
    ) -> tuple[Layer, Any]:
        n = int(place)
        return self.layers[n], self._walk(n, x, parameters, run)[0]

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input: all, the last of them."""
        return field.over(input_shape)

    def visit(self, input_shape: Shape, field: ReceptiveField, place: str) -> Iterator[Visit]:
        """Yield what is known of the layers and of their result; see `Layer.visit`."""
        for name, layer, shape, _ in self.children(input_shape):
            yield from layer.visit(shape, field, f"{place}.{name}" if place else name)
            field = layer.field(field, shape)
        yield Visit(place, self, input_shape, self.output_shape(input_shape), 0, 0, field)
