"""What recurrent layers share: parameters by PyTorch's names, shapes and the run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastml.autodiff import primitives as p
from fastml.backends import resolve
from fastml.kernels.recurrent import forms
from fastml.nn._description import integer, number
from fastml.nn._field import ReceptiveField
from fastml.nn.functional._recurrent_steps import Watched
from fastml.nn.functional._sequences import NO_MASKS, Batch, Masks, batch_of, run_layers
from fastml.nn.initializers import Initializer, Orthogonal, initializer
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape

__all__ = ["GateBias", "Recurrent", "RecurrentRun"]


class GateBias(Initializer):
    """What biases start with, and for one of several gates a number added to that.

    Parameters
    ----------
    inner : Initializer
        Of all gates.
    gate, n_gates : int
        Number of the gate, and how many there are.
    value : float
        What is added.
    """

    def __init__(self, inner: Initializer, gate: int, n_gates: int, value: float) -> None:
        self.inner = inner
        self.gate = gate
        self.n_gates = n_gates
        self.value = value

    def draw(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, seed: int, stream: int, dtype: Any
    ) -> Any:
        """Return the values; see `Initializer.draw`."""
        drawn = np.array(self.inner.draw(shape, fan_in, fan_out, seed, stream, dtype))
        drawn.reshape(self.n_gates, -1)[self.gate] += dtype(self.value)
        return drawn


class RecurrentRun:
    """What a pass tells recurrent layers, and what they tell.

    Parameters
    ----------
    begin : list, optional
        For each layer, as they are applied, the states and cells to begin with: pairs for each of
        its layers and directions, of (n_sequences, n_units) or None. Zeros by default.
    watch : int, optional
        Number of a layer which runs step by step, so that there are variables of its states.

    Attributes
    ----------
    end : list
        For each layer so far, the last states and cells, likewise.
    given : list of Batch
        For each layer so far, what came to it.
    watched : list of lists of Watched
        For each layer in that one and each direction, what there is after each step.
    """

    def __init__(self, begin: list[Any] | None = None, watch: int | None = None) -> None:
        self.begin = begin
        self.watch = watch
        self.end: list[Any] = []
        self.given: list[Batch] = []
        self.watched: list[list[Watched]] = []


class Recurrent(Layer):
    """What recurrent layers share."""

    hidden_sizes: Any
    return_sequences: bool
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    bias: bool
    weight_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any
    transition_depth: int
    truncate: int | None

    by_step = True

    def _take(
        self, hidden_sizes: Any, return_sequences: bool, bidirectional: bool, dropout: float,
        recurrent_dropout: float, bias: bool, weight_initializer: Any, recurrent_initializer: Any,
        bias_initializer: Any, transition_depth: int, truncate: int | None,
    ) -> None:  # fmt: skip
        several = isinstance(hidden_sizes, Sequence) and not isinstance(hidden_sizes, str)
        sizes = hidden_sizes if several else (hidden_sizes,)
        found = tuple(integer("hidden_sizes", n) for n in sizes)
        if not found:
            raise ValueError("hidden_sizes must have at least one number of units, got none.")
        self.hidden_sizes = found if several else found[0]
        self.return_sequences = bool(return_sequences)
        self.bidirectional = bool(bidirectional)
        self.dropout = number("dropout", dropout, low=0, below=1)
        self.recurrent_dropout = number("recurrent_dropout", recurrent_dropout, low=0, below=1)
        self.bias = bool(bias)
        self.weight_initializer = weight_initializer
        self.recurrent_initializer = recurrent_initializer
        self.bias_initializer = bias_initializer
        self.transition_depth = integer("transition_depth", transition_depth)
        self.truncate = truncate if truncate is None else integer("truncate", truncate)
        for name in ("weight_initializer", "recurrent_initializer", "bias_initializer"):
            initializer(getattr(self, name), name)

    def cell(self) -> tuple[int, float]:
        """Return the kind of cell, by its number in `fastml.kernels.recurrent.forms`, and leak."""
        raise NotImplementedError

    def _first_bias(self, inner: Initializer) -> Initializer:
        return inner

    def _sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_sizes
        return sizes if isinstance(sizes, tuple) else (sizes,)

    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        if len(input_shape) != 2:
            raise ValueError(
                f"{type(self).__name__} expects an input of shape (n_steps, n_features), got "
                f"{input_shape}."
            )
        units = self._sizes()[-1] * self._directions()
        return (input_shape[0], units) if self.return_sequences else (units,)

    def _names(self) -> list[str]:
        """Return what PyTorch adds to the names of each layer's and direction's parameters."""
        ways = ("", "_reverse")[: self._directions()]
        return [f"_l{i}{way}" for i in range(len(self._sizes())) for way in ways]

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of weights and biases; see `Layer.parameters`."""
        self.output_shape(input_shape)
        n_gates = forms.N_GATES[self.cell()[0]]
        by_input = initializer(self.weight_initializer)
        by_state = initializer(self.recurrent_initializer)
        if isinstance(by_state, Orthogonal):
            by_state = Orthogonal(by_state.gain, n_gates)
        bias = initializer(self.bias_initializer)
        found: dict[str, Parameter] = {}
        n, directions = input_shape[1], self._directions()
        for i, name in enumerate(self._names()):
            units = self._sizes()[i // directions]
            width = n_gates * units
            found[f"weight_ih{name}"] = Parameter((width, n), by_input, n, units)
            found[f"weight_hh{name}"] = Parameter((width, units), by_state, units, units)
            if self.bias:
                first = self._first_bias(bias)
                found[f"bias_ih{name}"] = Parameter((width,), first, n, units, penalized=False)
                found[f"bias_hh{name}"] = Parameter((width,), bias, units, units, penalized=False)
            for k in range(1, self.transition_depth):
                found[f"weight_hh{name}_t{k}"] = Parameter((width, units), by_state, units, units)
                if self.bias:
                    first = self._first_bias(bias)
                    about = Parameter((width,), first, units, units, penalized=False)
                    found[f"bias_hh{name}_t{k}"] = about
            if (i + 1) % directions == 0:
                n = units * directions
        return found

    def _masks(self, run: Run) -> Masks:
        stream = run.next_stream(2 * len(self._names()))
        if not run.masks:
            return NO_MASKS

        def drop(a: Any, rate: float, number: int) -> Any:
            # A member of the ensemble is one network for all sequences.
            return run.dropped(a, rate, stream + number, alike=not run.training)

        return Masks(self.dropout, self.recurrent_dropout, drop)

    def weights(self, parameters: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        """Return what `run_layers` takes for each layer and direction: weights, and transitions.

        Parameters
        ----------
        parameters : dict of arrays or Variables
            By the names of `parameters`.
        """
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        names = self._names()
        weights = [tuple(parameters.get(kind + name) for kind in kinds) for name in names]
        further = [
            tuple(
                tuple(parameters.get(f"{kind}{name}_t{k}") for kind in ("weight_hh", "bias_hh"))
                for k in range(1, self.transition_depth)
            )
            for name in names
        ]
        return weights, further

    def through(self, x: Any, parameters: dict[str, Any], run: Run) -> tuple[Any, Any]:
        """Return the states of the last layer: of all steps, and the last ones.

        Parameters
        ----------
        x, parameters, run
            As for `apply`.
        """
        packed = run.offsets is not None
        batch = batch_of((x, run.offsets)) if packed else batch_of(x, run.lengths, batch_first=True)
        weights, further = self.weights(parameters)
        about, first, watched = run.recurrent, None, None
        if about is not None:
            number = len(about.end)
            about.given.append(batch)
            first = None if about.begin is None else about.begin[number]
            if about.watch == number:
                watched = about.watched = [[] for _ in weights]
        (kind, leak), directions = self.cell(), self._directions()
        rows, states, cells = run_layers(
            kind, batch, weights, first, leak=leak, n_directions=directions,
            masks=self._masks(run), transitions=further, truncate=self.truncate, watched=watched,
        )  # fmt: skip
        if about is not None:
            about.end.append(list(zip(states, cells or [None] * len(states), strict=True)))
        last = states[-directions:]
        ends = last[0] if directions == 1 else p.concatenate(last, axis=1)
        return batch.shaped(rows), ends

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        steps, ends = self.through(x, parameters, run)
        if self.return_sequences:
            return steps
        run.offsets = None
        return ends

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        shapes = (about.shape for about in self.parameters(input_shape).values())
        return input_shape[0] * sum(s[0] * s[1] for s in shapes if len(s) == 2)

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input: all, the last of them."""
        return field.over(input_shape)

    def load_torch_state_dict(
        self, parameters: dict[str, Any], state_dict: Any, place: int | str = ""
    ) -> None:
        """Copy the parameters of a module of PyTorch.

        Parameters
        ----------
        parameters : dict of arrays
            Where to, by the names of `parameters`: such as the `views` of a network.
        state_dict : dict of tensors or arrays
            ``module.state_dict()`` of a torch.nn.RNN, GRU or LSTM of the same sizes.
        place : int or str, optional
            Of this layer in the network, if those are the names of a network's: "0", "2.1".

        Raises
        ------
        ValueError
            If names or shapes are not the same.

        Examples
        --------
        >>> import numpy as np
        >>> from fastml.nn import GRU, Network
        >>> network = Network([GRU(2)], (5, 1))
        >>> values = {"weight_ih_l0": np.ones((6, 1)), "weight_hh_l0": np.ones((6, 2))}
        >>> values |= {"bias_ih_l0": np.zeros(6), "bias_hh_l0": np.zeros(6)}
        >>> GRU(2).load_torch_state_dict(network.views, values, 0)
        >>> float(network.views["0.weight_hh_l0"].sum())
        12.0
        """
        prefix = f"{place}." if str(place) else ""
        ours = {
            name.removeprefix(prefix): a
            for name, a in parameters.items()
            if name.startswith(prefix) and "." not in name.removeprefix(prefix)
        }
        if ours.keys() != set(state_dict):
            raise ValueError(
                f"state_dict must have {sorted(ours)}, as {self!r} has, got {sorted(state_dict)}."
            )
        values = {name: np.asarray(a) for name, a in state_dict.items()}
        for name, a in ours.items():
            if values[name].shape != a.shape:
                raise ValueError(
                    f"{name} in state_dict must have shape {a.shape}, got {values[name].shape}."
                )
        for name, a in ours.items():
            a[...] = resolve(a).asarray(values[name], a.dtype)
