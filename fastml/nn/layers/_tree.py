"""Recursive layers: of trees, the states of all nodes or those of the roots."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from fastml.autodiff import primitives as p
from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.nn._description import integer, number
from fastml.nn._field import ReceptiveField
from fastml.nn.functional import embedding, tree_lstm, tree_rnn
from fastml.nn.functional._recurrent_nodes import pack
from fastml.nn.initializers import Initializer, Orthogonal, initializer
from fastml.nn.layers._embedding import Embedding
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape
from fastml.nn.layers._recurrent_base import GateBias

__all__ = ["TreeEmbedding", "TreeLSTM", "TreeRNN"]

_PLACES = {"child_sum": 0, "binary": 2}


def places_of(composition: Any) -> int:
    """Return how many places there are for children, 0 where their states are added up.

    Parameters
    ----------
    composition : {"child_sum", "binary"} or int
        As layers take it.
    """
    if isinstance(composition, str) and composition in _PLACES:
        return _PLACES[composition]
    is_number = isinstance(composition, Integral) and not isinstance(composition, bool)
    if is_number and int(composition) > 0:
        return int(composition)
    raise ValueError(
        "composition must be 'child_sum', 'binary' or a number of places for children, got "
        f"{composition!r}."
    )


class TreeEmbedding(Embedding):
    """A row of a table for the token of each node, behind the node's features.

    A node without a token has zeros.

    Parameters
    ----------
    n_tokens : int
        Number of different tokens, which are 0 ... n_tokens - 1.
    units : int
        Length of a row.
    weight_initializer : str or Initializer, default="uniform"
        What the table starts with; see `fastml.nn.initializers`.

    Notes
    -----
    Samples are trees of a `fastml.nn.TreeBatch` with tokens. Its parameter is "weight" (n_tokens,
    units).

    Examples
    --------
    >>> from fastml.nn import TreeEmbedding
    >>> TreeEmbedding(1000, 16).output_shape((1,))
    (16,)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        _checked_columns(self, input_shape)
        return (input_shape[0] - 1 + self.units,)

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        tokens = None if run.trees is None else run.trees.tokens
        if tokens is None:
            raise ValueError(f"{self!r} takes trees with tokens: a fastml.nn.TreeBatch of them.")
        move = resolve(value_of(parameters["weight"])).asarray
        rows = embedding(move(np.maximum(tokens, 0)), parameters["weight"])
        if tokens.min(initial=0) < 0:
            rows = rows * move((tokens >= 0)[:, None], rows.dtype)
        return rows if x.shape[1] == 0 else p.concatenate([x, rows], axis=1)


class _Recursive(Layer):
    """What layers over trees share: parameters, shapes and the run."""

    hidden_sizes: Any
    composition: Any
    return_nodes: bool
    dropout: float
    bias: bool
    weight_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any

    by_step = True
    n_gates = 1

    def _take(
        self, hidden_sizes: Any, composition: Any, return_nodes: bool, dropout: float, bias: bool,
        weight_initializer: Any, recurrent_initializer: Any, bias_initializer: Any,
    ) -> None:  # fmt: skip
        several = isinstance(hidden_sizes, Sequence) and not isinstance(hidden_sizes, str)
        sizes = tuple(
            integer("hidden_sizes", n) for n in (hidden_sizes if several else (hidden_sizes,))
        )
        if not sizes:
            raise ValueError("hidden_sizes must have at least one number of units, got none.")
        places_of(composition)
        self.hidden_sizes = sizes if several else sizes[0]
        self.composition = composition
        self.return_nodes = bool(return_nodes)
        self.dropout = number("dropout", dropout, low=0, below=1)
        self.bias = bool(bias)
        self.weight_initializer = weight_initializer
        self.recurrent_initializer = recurrent_initializer
        self.bias_initializer = bias_initializer
        for name in ("weight_initializer", "recurrent_initializer", "bias_initializer"):
            initializer(getattr(self, name), name)

    def _states(self, x: Any, trees: Any, weights: tuple[Any, ...], composition: str) -> Any:
        """Return the states of one layer."""
        raise NotImplementedError

    def _first_bias(self, inner: Initializer) -> Initializer:
        return inner

    def _sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_sizes
        return sizes if isinstance(sizes, tuple) else (sizes,)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        _checked_columns(self, input_shape)
        return (self._sizes()[-1],)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of weights and biases; see `Layer.parameters`."""
        _checked_columns(self, input_shape)
        n_places = places_of(self.composition)
        # A gate to forget by for each place.
        n_blocks = self.n_gates + max(0, n_places - 1) * (self.n_gates > 1)
        by_input = initializer(self.weight_initializer)
        by_state = initializer(self.recurrent_initializer)
        if isinstance(by_state, Orthogonal):
            by_state = Orthogonal(by_state.gain, n_blocks)
        bias = self._first_bias(initializer(self.bias_initializer))
        found: dict[str, Parameter] = {}
        n = input_shape[0]
        for i, units in enumerate(self._sizes()):
            width, below = self.n_gates * units, max(n_places, 1) * units
            found[f"weight_x_l{i}"] = Parameter((width, n), by_input, n, units)
            found[f"weight_h_l{i}"] = Parameter((n_blocks * units, below), by_state, below, units)
            if self.bias:
                found[f"bias_l{i}"] = Parameter((width,), bias, n, units, penalized=False)
            n = units
        return found

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        trees = run.trees
        if trees is None:
            raise ValueError(f"{self!r} takes trees: a fastml.nn.TreeBatch of them.")
        composition = "n_ary" if places_of(self.composition) else "child_sum"
        sizes = self._sizes()
        stream = run.next_stream(len(sizes))
        for i in range(len(sizes)):
            weights = tuple(parameters.get(f"{k}_l{i}") for k in ("weight_x", "weight_h", "bias"))
            if i and run.masks and self.dropout:
                x = run.dropped(x, self.dropout, stream + i, alike=not run.training)
            x = self._states(x, trees.structure, weights, composition)
        if self.return_nodes:
            return x
        run.trees = run.offsets = None
        return pack(x, rows=trees.structure.roots, n_rows=trees.n_nodes)

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one node; see `Layer.multiply_adds`."""
        shapes = (about.shape for about in self.parameters(input_shape).values())
        return sum(s[0] * s[1] for s in shapes if len(s) == 2)

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input: all, those of the root."""
        return field.over(input_shape)


class TreeRNN(_Recursive):
    """Plain units from the leaves of trees to their roots; see `fastml.nn.functional.tree_rnn`.

    Parameters
    ----------
    hidden_sizes : int or tuple of int
        Number of units, of each of several layers one above the other.
    composition : {"child_sum", "binary"} or int, default="child_sum"
        How children come together: the sum of their states, or a place for each, of which there are
        two or as many as said.
    activation : {"tanh", "relu"}, default="tanh"
        Of the units.
    return_nodes : bool, default=False
        Whether the result is the state of every node, or of the roots.
    dropout : float, default=0.0
        Probability, in [0, 1), that an output from layer to layer is dropped in training.
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
    Samples are trees of a `fastml.nn.TreeBatch`, of which layers get the nodes, as rows. Parameters
    are "weight_x_l0" (units, n_features), "weight_h_l0" (units, n_places * units) and "bias_l0"
    (units,); "_l1" those of the second layer.

    Examples
    --------
    >>> from fastml.nn import Network, TreeRNN
    >>> Network([TreeRNN(8, "binary")], 3).n_parameters
    160
    """

    def __init__(
        self,
        hidden_sizes: int | Sequence[int],
        composition: Any = "child_sum",
        activation: str = "tanh",
        *,
        return_nodes: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        weight_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        if activation not in ("tanh", "relu"):
            raise ValueError(f"activation must be 'tanh' or 'relu', got {activation!r}.")
        self.activation = activation
        self._take(
            hidden_sizes, composition, return_nodes, dropout, bias, weight_initializer,
            recurrent_initializer, bias_initializer,
        )  # fmt: skip

    def _states(self, x: Any, trees: Any, weights: tuple[Any, ...], composition: str) -> Any:
        return tree_rnn(x, trees, [weights], self.activation, composition)


class TreeLSTM(_Recursive):
    """Long short-term memory from the leaves of trees to their roots.

    See `fastml.nn.functional.tree_lstm`.

    Parameters
    ----------
    hidden_sizes, composition, return_nodes, dropout, bias
        As for `TreeRNN`.
    forget_bias : float, default=1.0
        Added to the biases of the gates that children are forgotten by: what is below is kept at
        first.
    weight_initializer, recurrent_initializer, bias_initializer
        As for `TreeRNN`.

    Notes
    -----
    Samples are trees of a `fastml.nn.TreeBatch`, of which layers get the nodes, as rows. Parameters
    are "weight_x_l0" (4 units, n_features), "weight_h_l0" (4 units, units), or ((3 + n_places)
    units, n_places units), and "bias_l0" (4 units,), with rows for input, output, new value and
    what to forget; "_l1" those of the second layer.

    References
    ----------
    K. S. Tai, R. Socher and C. D. Manning, "Improved semantic representations from tree-structured
    long short-term memory networks", ACL 2015.

    Examples
    --------
    >>> from fastml.nn import Network, TreeLSTM
    >>> Network([TreeLSTM(8)], 3).n_parameters
    384
    """

    n_gates = 4

    def __init__(
        self,
        hidden_sizes: int | Sequence[int],
        composition: Any = "child_sum",
        *,
        return_nodes: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        forget_bias: float = 1.0,
        weight_initializer: str | Initializer = "glorot_uniform",
        recurrent_initializer: str | Initializer = "orthogonal",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.forget_bias = number("forget_bias", forget_bias)
        self._take(
            hidden_sizes, composition, return_nodes, dropout, bias, weight_initializer,
            recurrent_initializer, bias_initializer,
        )  # fmt: skip

    def _states(self, x: Any, trees: Any, weights: tuple[Any, ...], composition: str) -> Any:
        return tree_lstm(x, trees, [weights], composition)[0]

    def _first_bias(self, inner: Initializer) -> Initializer:
        return GateBias(inner, 3, 4, self.forget_bias)


def _checked_columns(layer: Layer, input_shape: Shape) -> None:
    if len(input_shape) != 1:
        raise ValueError(
            f"{type(layer).__name__} expects nodes of trees, an input of shape (n_features,), got "
            f"{input_shape}."
        )
