"""From sequences to sequences of numbers."""

from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from fastml.neural_network._number_sequences import NumberSequences
from fastml.neural_network._seq2seq_words import seq2seq_documented

__all__ = ["Seq2SeqRegressor"]


@seq2seq_documented
class Seq2SeqRegressor(NumberSequences):
    """Sequences of numbers from other sequences, of other lengths, by an encoder and a decoder.

    The encoder reads a sequence. The decoder begins with the encoder's last states, and puts out
    one element after the other, each of which it is given for the next one. What it is given for
    the first is made inside.

    Parameters
    ----------
    {cells}
    length : {'auto', 'input', 'end'} or int, default='auto'
        How many elements a prediction has: so many, as many as the sequence of X ('input'), or
        until the end, the probability of which is one more output ('end'): where it is above one
        half. 'auto' is one of these by the targets of the fit: a number if all are of one length,
        'input' if all are as long as their sequence of X, else 'end'.
    max_length : int, default=None
        The most elements of a prediction with 'end'; by default twice as many as the longest target
        has.
    {training}
    {added}

    Attributes
    ----------
    length_ : 'input', 'end' or int
        What `length` is.
    {network}
    {fitted}

    See Also
    --------
    Seq2SeqClassifier : To sequences of labels.
    LSTMRegressor : A target for each sequence, or for each of its steps.

    Notes
    -----
    The loss is half the squared error, and with 'end' the log loss of the end beside it: targets
    are best of order one. The result for a sequence has the same bits alone and among any others,
    and for any number of threads. With `early_stopping` the score of what is held out is the
    coefficient of determination of elements, each given the right ones before it.

    References
    ----------
    {references}

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.neural_network import Seq2SeqRegressor
    >>> rng = np.random.default_rng(0)
    >>> phase = rng.uniform(0, 6, (200, 1))
    >>> X, y = np.sin(phase + np.arange(8) / 2), np.sin(phase + np.arange(8, 12) / 2)
    >>> model = Seq2SeqRegressor(16, learning_rate_init=0.02, batch_size=50, max_iter=40, tol=9,
    ...                          n_iter_no_change=38, random_state=0)
    >>> model = model.fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> model.length_, model.predict(X[:1])[0].shape
    (4, (4,))
    """

    _parameter_constraints: dict = NumberSequences._parameter_constraints | {
        "length": [
            StrOptions({"auto", "input", "end"}),
            Interval(Integral, 1, None, closed="left"),
        ],
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
        length: Any = "auto",
        max_length: int | None = None,
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
