"""Parameters that estimators of sequences have: their limits and their words."""

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from fastml.neural_network._parameters import CONSTRAINTS, Class, documented

__all__ = ["RECURRENT_CONSTRAINTS", "recurrent_documented", "with_words"]

_COUNT = Interval(Integral, 1, None, closed="left")
_RATE = [Interval(Real, 0, 1, closed="left")]

RECURRENT_CONSTRAINTS: dict[str, Any] = CONSTRAINTS | {
    "hidden_sizes": ["array-like", _COUNT],
    "bidirectional": ["boolean"],
    "transition_depth": [_COUNT],
    "skip_connections": ["boolean"],
    "residual": ["boolean"],
    "dropout": _RATE,
    "recurrent_dropout": _RATE,
    "truncate": [_COUNT, None],
    "recurrent_initializer": "no_validation",
    "embedding_size": [_COUNT, None],
    "n_tokens": [_COUNT, None],
    "targets": [StrOptions({"auto", "sequence", "step"})],
}

_RECURRENT = """bidirectional : bool, default=False
        Whether each layer runs both ways, and the next one sees both states.
    transition_depth : int, default=1
        Number of cells that each step goes through: the first has the input, the others no other
        input than the states of the one before. More than one take several times as long.
    skip_connections : bool, default=False
        Whether each layer also sees the input, and the output layer the states of all layers.
    residual : bool, default=False
        Whether a layer that is as wide as what it sees adds its states to that.
    dropout : float, default=0
        Probability, in [0, 1), that a unit's state is left out where it goes to the next layer, the
        output layer included.
    recurrent_dropout : float, default=0
        Probability, in [0, 1), that a unit's state is left out where it goes to the next step: the
        same units in all steps of a sequence.
    truncate : int, default=None
        The most steps that gradients go back through: they end where sequences are cut into pieces
        of so many steps. States go on. Not for 'lbfgs'.
    recurrent_initializer : str or Initializer, default='orthogonal'
        What weights of states start with, see `fastml.nn.initializers`.
    embedding_size : int, default=None
        If it is given, sequences are of tokens, integers from 0 on, and each token becomes a vector
        of so many numbers that are learned.
    n_tokens : int, default=None
        How many different tokens there are; by default one more than the largest of the fit, of a
        source of batches that of its first one.
    targets : {'auto', 'sequence', 'step'}, default='auto'
        Whether there is a target for each sequence, or for each step. 'auto' tells by y: each step
        has one if y is a list of arrays as long as the sequences, `Sequences`, a pair
        (flat, offsets), or an array of three axes."""

_SEQUENCES = """network_ : fastml.nn.Network
        Layers and their weights. Predictions use what is in it.
    per_step_ : bool
        Whether each step has a target.
    n_tokens_ : int
        How many different tokens there are, with `embedding_size`."""

# Words of other networks, and those that are said here.
_NORM = """max_norm : float, default=None
        Longer gradients are scaled to this length."""
_CLIPPED = """max_norm : float, default=1.0
        Longer gradients are scaled to this length: unlike in other networks by default, as those
        of long sequences may explode."""


def recurrent_documented(cls: Class) -> Class:
    """Put the words for what estimators of sequences share into a class's docstring.

    Parameters
    ----------
    cls : type
        Its docstring holds "{recurrent}" and "{sequences}", and what `documented` fills in.
    """
    return with_words(cls, {"{recurrent}": _RECURRENT, "{sequences}": _SEQUENCES})


def with_words(cls: Class, words: dict[str, str]) -> Class:
    """Put words into a class's docstring, and those of all networks.

    Parameters
    ----------
    cls : type
        Its docstring holds the places.
    words : dict of str
        By their places.
    """
    for place, text in words.items():
        cls.__doc__ = (cls.__doc__ or "").replace(place, text)
    found = documented(cls)
    found.__doc__ = (found.__doc__ or "").replace(_NORM, _CLIPPED)
    return found
