"""Recurrent layers: of sequences, the states of all steps or the last ones."""

from collections.abc import Sequence
from typing import Any

from fastml.kernels.recurrent import forms
from fastml.nn._description import number
from fastml.nn.initializers import Initializer
from fastml.nn.layers._recurrent_base import GateBias, Recurrent

__all__ = ["GRU", "LSTM", "LeakyRNN", "SimpleRNN"]

_KINDS = {"tanh": forms.RNN_TANH, "relu": forms.RNN_RELU}


class SimpleRNN(Recurrent):
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
    transition_depth : int, default=1
        Number of cells that each step goes through: the first one has the input, the others no
        other input than the states of the one before. More than one run step by step, and take
        several times as long.
    truncate : int, optional
        In training, the most steps that gradients go back through: sequences are cut into pieces
        of so many steps. States are those of whole sequences.

    Notes
    -----
    Samples have shape (n_steps, n_features); sequences that are shorter are told of by
    ``Run(lengths=...)``, or come as `fastml.nn.Sequences`. Parameters are named and laid out as
    PyTorch's: "weight_ih_l0" (n_gates * units, n_features), "weight_hh_l0" (n_gates * units,
    units), "bias_ih_l0", "bias_hh_l0" (n_gates * units,); "_l1" those of the second layer,
    "_l0_reverse" those that run backwards. Further cells of a step have "weight_hh_l0_t1",
    "bias_hh_l0_t1", "weight_hh_l0_t2" and so on.

    References
    ----------
    R. Pascanu et al., "How to construct deep recurrent neural networks", ICLR 2014. R. J. Williams
    and J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories", Neural Computation 2, 1990.

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
        transition_depth: int = 1,
        truncate: int | None = None,
    ) -> None:
        self.activation = _checked_activation(activation)
        self._take(
            hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias,
            weight_initializer, recurrent_initializer, bias_initializer, transition_depth, truncate,
        )  # fmt: skip

    def cell(self) -> tuple[int, float]:
        """Return the kind of cell, and leak; see `Recurrent.cell`."""
        return _KINDS[self.activation], 1.0


class LeakyRNN(Recurrent):
    """Leaky units: ``h = (1 - leak) h + leak tanh(W x + b + U h + d)``.

    Parameters
    ----------
    hidden_sizes : int or tuple of int
        As for `SimpleRNN`.
    leak : float, default=0.5
        How far units go to their new value, more than 0 and 1 at most.
    activation, return_sequences, bidirectional, dropout, recurrent_dropout, bias
        As for `SimpleRNN`.
    weight_initializer, recurrent_initializer, bias_initializer, transition_depth, truncate
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
        transition_depth: int = 1,
        truncate: int | None = None,
    ) -> None:
        self.leak = number("leak", leak, above=0)
        if self.leak > 1:
            raise ValueError(f"leak must be a number in (0, 1], got {leak!r}.")
        self.activation = _checked_activation(activation)
        self._take(
            hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias,
            weight_initializer, recurrent_initializer, bias_initializer, transition_depth, truncate,
        )  # fmt: skip

    def cell(self) -> tuple[int, float]:
        """Return the kind of cell, and leak; see `Recurrent.cell`."""
        return _KINDS[self.activation], self.leak


class GRU(Recurrent):
    """Gated recurrent units; see `fastml.nn.functional.gru`.

    Parameters
    ----------
    hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias
        As for `SimpleRNN`.
    weight_initializer, recurrent_initializer, bias_initializer, transition_depth, truncate
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
        transition_depth: int = 1,
        truncate: int | None = None,
    ) -> None:
        self._take(
            hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias,
            weight_initializer, recurrent_initializer, bias_initializer, transition_depth, truncate,
        )  # fmt: skip

    def cell(self) -> tuple[int, float]:
        """Return the kind of cell, and leak; see `Recurrent.cell`."""
        return forms.GRU, 1.0


class LSTM(Recurrent):
    """Long short-term memory; see `fastml.nn.functional.lstm`.

    Parameters
    ----------
    hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias
        As for `SimpleRNN`.
    forget_bias : float, default=1.0
        Added to what the bias of the forget gate starts with, so that cells remember at first.
    weight_initializer, recurrent_initializer, bias_initializer, transition_depth, truncate
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
        transition_depth: int = 1,
        truncate: int | None = None,
    ) -> None:
        self.forget_bias = number("forget_bias", forget_bias)
        self._take(
            hidden_sizes, return_sequences, bidirectional, dropout, recurrent_dropout, bias,
            weight_initializer, recurrent_initializer, bias_initializer, transition_depth, truncate,
        )  # fmt: skip

    def cell(self) -> tuple[int, float]:
        """Return the kind of cell, and leak; see `Recurrent.cell`."""
        return forms.LSTM, 1.0

    def _first_bias(self, inner: Initializer) -> Initializer:
        return GateBias(inner, 1, 4, self.forget_bias)


def _checked_activation(activation: Any) -> str:
    if activation not in _KINDS:
        raise ValueError(f"activation must be 'tanh' or 'relu', got {activation!r}.")
    return str(activation)
