"""What estimators of trees are made of: recursive layers one above the other."""

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from fastml.neural_network._parameters import CONSTRAINTS, Class, documented
from fastml.neural_network._tree_input import TreeInput
from fastml.nn.initializers import Normal
from fastml.nn.layers import Dense, Dropout, Layer, TreeEmbedding, TreeLSTM, TreeRNN

__all__ = ["RecursiveEstimator", "recursive_documented"]

_COUNT = Interval(Integral, 1, None, closed="left")

_RECURSIVE = """cell : {'lstm', 'rnn'}, default='lstm'
        Long short-term memory (`fastml.nn.TreeLSTM`), or plain units (`TreeRNN`).
    composition : {'child_sum', 'binary'} or int, default='child_sum'
        How the children of a node come together: their states are added up, whatever their number
        and order, or each has a place of its own, of which there are two, or as many as said.
    activation : {'tanh', 'relu'}, default='tanh'
        Of plain units.
    dropout : float, default=0
        Probability, in [0, 1), that a unit's state is left out where it goes to the next layer, the
        output layer included.
    forget_bias : float, default=1.0
        Added to what the biases of forget gates start with, so that cells remember at first.
    embedding_size : int, default=32
        Each token becomes a vector of so many numbers that are learned.
    vocabulary : iterable, default=None
        The tokens there will be; by default those of the first fit.
    handle_unknown : {'error', 'ignore'}, default='error'
        Whether a token that is not among them is refused, or its node is one without a token.
    targets : {'root', 'nodes'}, default='root'
        Whether there is a target for each tree, or for each of its nodes."""

_TREES = """network_ : fastml.nn.Network
        Layers and their weights. Predictions use what is in it.
    vocabulary_ : dict
        Number of each token; empty for trees without.
    per_node_ : bool
        Whether each node has a target."""


def recursive_documented(cls: Class) -> Class:
    """Put the words for what estimators of trees share into a class's docstring.

    Parameters
    ----------
    cls : type
        Its docstring holds "{recursive}" and "{trees}", and what `documented` fills in.
    """
    for place, words in (("{recursive}", _RECURSIVE), ("{trees}", _TREES)):
        cls.__doc__ = (cls.__doc__ or "").replace(place, words)
    return documented(cls)


class RecursiveEstimator(TreeInput):
    """Estimators of recursive layers."""

    hidden_sizes: Any
    cell: str
    activation: str
    dropout: float
    forget_bias: float

    _parameter_constraints: dict = CONSTRAINTS | {
        "hidden_sizes": ["array-like", _COUNT],
        "cell": [StrOptions({"lstm", "rnn"})],
        "composition": [StrOptions({"child_sum", "binary"}), _COUNT],
        "activation": [StrOptions({"tanh", "relu"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "forget_bias": [Interval(Real, None, None, closed="neither")],
        "embedding_size": [_COUNT],
        "vocabulary": ["array-like", dict, set, frozenset, None],
        "handle_unknown": [StrOptions({"error", "ignore"})],
        "targets": [StrOptions({"root", "nodes"})],
    }

    def _sizes(self) -> list[Any]:
        sizes = self.hidden_sizes
        return list(sizes) if hasattr(sizes, "__iter__") else [sizes]

    def _check_more(self) -> None:
        sizes = self._sizes()
        if not sizes or any(not isinstance(size, Integral) or size <= 0 for size in sizes):
            raise ValueError(f"hidden_sizes must be one or more integers > 0, got {sizes}.")

    def _layers(self, n_outputs: int) -> list[Layer]:
        sizes = tuple(int(size) for size in self._sizes())
        shared: dict[str, Any] = {"return_nodes": self.per_step_, "dropout": self.dropout}
        layers: list[Layer] = []
        if self._has_tokens:
            size, first = int(self.embedding_size or 1), Normal(1.0)
            n_tokens = max(self._n_tokens, 1)
            layers.append(TreeEmbedding(n_tokens, size, weight_initializer=first))
        if self.cell == "lstm":
            layers.append(TreeLSTM(sizes, self.composition, forget_bias=self.forget_bias, **shared))
        else:
            layers.append(TreeRNN(sizes, self.composition, self.activation, **shared))
        if self.dropout:
            layers.append(Dropout(self.dropout))
        return [*layers, Dense(n_outputs)]
