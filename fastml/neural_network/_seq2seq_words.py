"""Words for what estimators from sequences to sequences share."""

from fastml.neural_network._parameters import Class
from fastml.neural_network._recurrent_parameters import with_words

__all__ = ["seq2seq_documented"]

_CELLS = """hidden_sizes : int or array-like of int, default=(64,)
        Units of each recurrent layer, of the encoder and of the decoder.
    cell : {'lstm', 'gru', 'tanh', 'relu'}, default='lstm'
        Kind of the units: with gates and cells that remember, with gates, or plain ones.
    forget_bias : float, default=1.0
        Of an LSTM: added to what the bias of the forget gate starts with.
    dropout : float, default=0
        Probability, in [0, 1), that a unit's state is left out where it goes to the next layer, the
        output layer included.
    recurrent_dropout : float, default=0
        Probability, in [0, 1), that a unit's state is left out where it goes to the next step: the
        same units in all steps of a sequence.
    recurrent_initializer : str or Initializer, default='orthogonal'
        What weights of states start with, see `fastml.nn.initializers`.
    embedding_size : int, default=None
        If it is given, the sequences X are of tokens, integers from 0 on, and each token becomes a
        vector of so many numbers that are learned.
    n_tokens : int, default=None
        How many different tokens there are in X; by default one more than the largest of the fit.
    teacher_forcing : float, default=1.0
        Probability, in [0, 1], that in training the decoder is given the element that comes before
        in the target, and not the one that it puts out itself: 1 is always. Each element is drawn
        on its own. No gradient goes through what is fed back, nor has it dropout."""

_NETWORK = """network_ : fastml.nn.Network
        Layers and their weights. Predictions use what is in it.
    max_length_ : int
        The most elements of a prediction.
    n_tokens_ : int
        How many different tokens there are in X, with `embedding_size`."""

_REFERENCES = """I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural
    networks", NIPS 2014. K. Cho et al., "Learning phrase representations using RNN encoder-decoder
    for statistical machine translation", EMNLP 2014. S. Bengio, O. Vinyals, N. Jaitly and N.
    Shazeer, "Scheduled sampling for sequence prediction with recurrent neural networks", NIPS
    2015."""

_SHARED = {"{cells}": _CELLS, "{network}": _NETWORK, "{references}": _REFERENCES}


def seq2seq_documented(cls: Class) -> Class:
    """Put the words for what estimators from sequences to sequences share into a docstring.

    Parameters
    ----------
    cls : type
        Its docstring holds "{cells}", "{network}", "{references}", and what `documented` fills in.
    """
    return with_words(cls, _SHARED)
