"""From sequences to sequences of labels."""

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval

from fastml.neural_network._label_sequences import LabelSequences
from fastml.neural_network._seq2seq_words import seq2seq_documented

__all__ = ["Seq2SeqClassifier"]


@seq2seq_documented
class Seq2SeqClassifier(LabelSequences):
    """Sequences of labels from other sequences, of other lengths, by an encoder and a decoder.

    The encoder reads a sequence. The decoder begins with the encoder's last states, and puts out
    one label after the other, each of which it is given for the next one, until it puts out the
    end. Symbols for start and end are added inside.

    Parameters
    ----------
    {cells}
    target_embedding_size : int, default=32
        Length of the vector that is learned for each label, where the decoder is given it.
    max_length : int, default=None
        The most labels of a prediction; by default twice as many as the longest target has.
    beam_width : int, default=1
        How many beginnings of an output are followed at a time. 1 is greedy: the most probable
        label in each step. More find outputs that are more probable as a whole.
    length_penalty : float, default=0.0
        Outputs are compared by their log probability over this power of their number of labels,
        the end included. 0 is the probability itself, which prefers short ones.
    {training}
    {added}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    {network}
    {fitted}

    See Also
    --------
    Seq2SeqRegressor : To sequences of numbers.
    LSTMClassifier : A label for each sequence, or for each of its steps.

    Notes
    -----
    The result for a sequence has the same bits alone and among any others, and for any number of
    threads. Weights do not depend on `beam_width` and `length_penalty`, which may be set after the
    fit. With `early_stopping` the score of what is held out is the share of right labels, each
    given the right ones before it.

    References
    ----------
    {references}

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.neural_network import Seq2SeqClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.integers(0, 3, n) for n in rng.integers(1, 4, 300)]
    >>> y = [np.array(list("abc"))[x[::-1]] for x in X]
    >>> model = Seq2SeqClassifier(32, embedding_size=8, learning_rate_init=0.02, batch_size=50,
    ...                           max_iter=20, tol=9, n_iter_no_change=18, random_state=0)
    >>> model = model.fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> "".join(model.predict([[0, 2]])[0])
    'ca'
    """

    _parameter_constraints: dict = LabelSequences._parameter_constraints | {
        "target_embedding_size": [Interval(Integral, 1, None, closed="left")],
        "beam_width": [Interval(Integral, 1, None, closed="left")],
        "length_penalty": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        hidden_sizes: Any = (64,),
        *,
        cell: str = "lstm",
        forget_bias: float = 1.0,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        recurrent_initializer: Any = "orthogonal",
        embedding_size: int | None = None,
        n_tokens: int | None = None,
        teacher_forcing: float = 1.0,
        target_embedding_size: int = 32,
        max_length: int | None = None,
        beam_width: int = 1,
        length_penalty: float = 0.0,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = 1.0,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
    ) -> None:
        self._set(locals())
