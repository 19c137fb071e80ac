"""Recurrent layers: of sequences, the states of all steps or the last ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastml.autodiff import primitives as p
from fastml.backends import resolve
from fastml.kernels.recurrent import forms
from fastml.nn._description import integer, number
from fastml.nn._field import ReceptiveField
from fastml.nn.functional._sequences import NO_MASKS, Masks, batch_of, run_layers
from fastml.nn.initializers import Initializer, Orthogonal, initializer
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape

__all__ = ["GRU", "LSTM", "LeakyRNN", "SimpleRNN"]

_KINDS = {"tanh": forms.RNN_TANH, "relu": forms.RNN_RELU}


class _GateBias(Initializer):
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


class _Recurrent(Layer):
    """What recurrent layers share: parameters by PyTorch's names, shapes and the run."""

    hidden_sizes: Any
    return_sequences: bool
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    bias: bool
    weight_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any

    by_step = True

    def _take(
        self, hidden_sizes: Any, return_sequences: bool, bidirectional: bool, dropout: float,
        recurrent_dropout: float, bias: bool, weight_initializer: Any, recurrent_initializer: Any,
        bias_initializer: Any,
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
        for name in ("weight_initializer", "recurrent_initializer", "bias_initializer"):
            initializer(getattr(self, name), name)

    def _kind(self) -> tuple[int, float]:
        """Return the kind of cell, and how leaky it is."""
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
        n_gates = forms.N_GATES[self._kind()[0]]
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
            if (i + 1) % directions == 0:
                n = units * directions
        return found

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        names, directions = self._names(), self._directions()
        stream = run.next_stream(2 * len(names))
        masks = NO_MASKS
        if run.masks:
            masks = Masks(
                self.dropout, self.recurrent_dropout, run.seed, stream, run.step,
                alike=not run.training,
            )  # fmt: skip
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = [tuple(parameters.get(kind + name) for kind in kinds) for name in names]
        kind, leak = self._kind()
        packed = run.offsets is not None
        batch = batch_of((x, run.offsets)) if packed else batch_of(x, run.lengths, batch_first=True)
        rows, states, _ = run_layers(
            kind, batch, weights, None, leak=leak, n_directions=directions, masks=masks
        )
        if self.return_sequences:
            return batch.shaped(rows)
        run.offsets = None
        last = states[-directions:]
        return last[0] if directions == 1 else p.concatenate(last, axis=1)

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


class SimpleRNN(_Recurrent):
    """Plain recurrent units: ``h = tanh(W x + b + U h + d)``; see `fastml.nn.functional.rnn`.

    Parameters
    ----------
    hidden_sizes : int or tuple of int
        Number of units, of each of several layers one above the other.
    activation : {"tanh", "relu"}, default="tanh"
        Of the units.
    return_sequences : bool, default=False
        Whether the result is the state of every step, or the last one.
    bidirectional : bool, default=False
        Whether each layer runs both ways; both states are joined.
    dropout : float, default=0.0
        Probability, in [0, 1), that an output from layer to layer is dropped in training.
    recurrent_dropout : float, default=0.0
        Probability, in [0, 1), that a unit's state is dropped in training where it enters the
        units, in all steps of a sequence alike.
    bias : bool, default=True
        Whether there are biases.
    weight_initializer : str or Initializer, default="glorot_uniform"
        What weights of inputs start with; see `fastml.nn.initializers`.
    recurrent_initializer : str or Initializer, default="orthogonal"
        What weights of states start with. Orthogonal ones are so gate by gate.
    bias_initializer : str or Initializer, default="zeros"
        What biases start with.

    Notes
    -----
    Samples have shape (n_steps, n_features); sequences that are shorter are told of by
    ``Run(lengths=...)``, or come as `fastml.nn.Sequences`. Parameters are named and laid out as
    PyTorch's: "weight_ih_l0" (n_gates * units, n_features), "weight_hh_l0" (n_gates * units,
    units), "bias_ih_l0", "bias_hh_l0" (n_gates * units,); "_l1" those of the second layer,
    "_l0_reverse" those that run backwards.

    Examples
    --------
    >>> from fastml.nn import SimpleRNN
    >>> SimpleRNN((64, 32), bidirectional=True, return_sequences=True).output_shape((10, 3))
    (10, 64)
    """

    def __init__(
        self,
        hidden_sizes: int | Sequence[int],
        activation: str = "tanh",
        *,
        return_sequences: bool = False,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        bias: bool = True,
        weight_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.activation = _checked_activation(activation)
        self._take(
            hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias,
            weight_initializer, recurrent_initializer, bias_initializer,
        )  # fmt: skip

    def _kind(self) -> tuple[int, float]:
        return _KINDS[self.activation], 1.0


class LeakyRNN(_Recurrent):
    """Leaky units: ``h = (1 - leak) h + leak tanh(W x + b + U h + d)``.

    Parameters
    ----------
    hidden_sizes : int or tuple of int
        As for `SimpleRNN`.
    leak : float, default=0.5
        How far units go to their new value, more than 0 and 1 at most.
    activation, return_sequences, bidirectional, dropout, recurrent_dropout, bias
        As for `SimpleRNN`.
    weight_initializer, recurrent_initializer, bias_initializer
        As for `SimpleRNN`.

    References
    ----------
    H. Jaeger et al., "Optimization and applications of echo state networks with leaky-integrator
    neurons", Neural Networks 20, 2007.
    """

    def __init__(
        self,
        hidden_sizes: int | Sequence[int],
        leak: float = 0.5,
        activation: str = "tanh",
        *,
        return_sequences: bool = False,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        bias: bool = True,
        weight_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.leak = number("leak", leak, above=0)
        if self.leak > 1:
            raise ValueError(f"leak must be a number in (0, 1], got {leak!r}.")
        self.activation = _checked_activation(activation)
        self._take(
            hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias,
            weight_initializer, recurrent_initializer, bias_initializer,
        )  # fmt: skip

    def _kind(self) -> tuple[int, float]:
        return _KINDS[self.activation], self.leak


class GRU(_Recurrent):
    """Gated recurrent units; see `fastml.nn.functional.gru`.

    Parameters
    ----------
    hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias
        As for `SimpleRNN`.
    weight_initializer, recurrent_initializer, bias_initializer
        As for `SimpleRNN`.
    """

    def __init__(
        self,
        hidden_sizes: int | Sequence[int],
        *,
        return_sequences: bool = False,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        bias: bool = True,
        weight_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self._take(
            hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias,
            weight_initializer, recurrent_initializer, bias_initializer,
        )  # fmt: skip

    def _kind(self) -> tuple[int, float]:
        return forms.GRU, 1.0


class LSTM(_Recurrent):
    """Long short-term memory; see `fastml.nn.functional.lstm`.

    Parameters
    ----------
    hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias
        As for `SimpleRNN`.
    forget_bias : float, default=1.0
        Added to what the bias of the forget gate starts with, so that cells remember at first.
    weight_initializer, recurrent_initializer, bias_initializer
        As for `SimpleRNN`.

    References
    ----------
    F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget", 2000. R. Jozefowicz, W. Zaremba
    and I. Sutskever, "An empirical exploration of recurrent network architectures", ICML 2015.

    Examples
    --------
    >>> from fastml.nn import LSTM, Network
    >>> Network([LSTM(8)], (10, 3)).n_parameters
    416
    """

    def __init__(
        self,
        hidden_sizes: int | Sequence[int],
        *,
        return_sequences: bool = False,
        bidirectional: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        bias: bool = True,
        forget_bias: float = 1.0,
        weight_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.forget_bias = number("forget_bias", forget_bias)
        self._take(
            hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias,
            weight_initializer, recurrent_initializer, bias_initializer,
        )  # fmt: skip

    def _kind(self) -> tuple[int, float]:
        return forms.LSTM, 1.0

    def _first_bias(self, inner: Initializer) -> Initializer:
        return _GateBias(inner, 1, 4, self.forget_bias)


def _checked_activation(activation: Any) -> str:
    if activation not in _KINDS:
        raise ValueError(f"activation must be 'tanh' or 'relu', got {activation!r}.")
    return str(activation)
