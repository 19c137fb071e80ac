"""Recurrent networks of plain, leaky and gated units."""

from numbers import Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from fastml.neural_network._recurrent_base import RecurrentEstimator
from fastml.neural_network._recurrent_parameters import recurrent_documented
from fastml.neural_network._sequence_classifier import SequenceClassifier
from fastml.neural_network._sequence_regressor import SequenceRegressor
from fastml.nn.layers import GRU, Layer, LeakyRNN, SimpleRNN

__all__ = ["RNNClassifier", "RNNRegressor"]


class _Plain(RecurrentEstimator):
    """Layers of plain, leaky or gated units."""

    cell: str
    leak: float

    _parameter_constraints: dict = RecurrentEstimator._parameter_constraints | {
        "cell": [StrOptions({"tanh", "relu", "leaky", "gru"})],
        "leak": [Interval(Real, 0, 1, closed="right")],
    }

    def _cell(self, size: int, **shared: Any) -> Layer:
        if self.cell == "gru":
            return GRU(size, **shared)
        if self.cell == "leaky":
            return LeakyRNN(size, self.leak, **shared)
        return SimpleRNN(size, self.cell, **shared)


@recurrent_documented
class RNNClassifier(_Plain, SequenceClassifier):
    """Classification of sequences, or of their steps, by a recurrent network.

    Parameters
    ----------
    hidden_sizes : int or array-like of int, default=(64,)
        Units of each recurrent layer.
    cell : {'tanh', 'relu', 'leaky', 'gru'}, default='tanh'
        Kind of the units: plain ones with one of two activations, leaky ones
        ``h = (1 - leak) h + leak tanh(...)``, or gated ones.
    leak : float, default=0.5
        How far leaky units go to their new value, more than 0 and 1 at most. Not for others.
    {recurrent}
    {training}
    loss : {'log_loss', 'squared_error', 'hinge', 'squared_hinge'} or callable, default='log_loss'
        As of `MLPClassifier`. The mean is over sequences, or over all their steps.
    {added}
    class_weight : dict or 'balanced', default=None
        Weights of classes, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    {sequences}
    {fitted}

    See Also
    --------
    LSTMClassifier : With gates and cells that remember.
    fastml.nn.read_sequences : Forms of sequences.

    Notes
    -----
    Rows of single values, arrays (n_sequences, n_steps), are read as sequences of one feature;
    ``n_features_in_`` is then the number of steps, which must be the same for `predict`. Of other
    forms it is the number of features of a step, and sequences may have any number of steps.

    The result for a sequence has the same bits alone, padded and among any others, and for any
    number of threads. Lists go through `GridSearchCV`, `Pipeline` and `clone` as arrays do.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990. R. Pascanu et al., "How to
    construct deep recurrent neural networks", ICLR 2014. K. Cho et al., "Learning phrase
    representations using RNN encoder-decoder", EMNLP 2014, for gated units.

    Examples
    --------
    Which of two numbers comes first, among others:

    >>> import numpy as np
    >>> from fastml.neural_network import RNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.integers(0, 5, n) for n in rng.integers(2, 8, 400)]
    >>> y = [sequence[0] for sequence in X]
    >>> model = RNNClassifier(16, embedding_size=4, cell="gru", learning_rate_init=0.02,
    ...                       max_iter=20, tol=9, n_iter_no_change=18, random_state=0)
    >>> model = model.fit(X[:300], y[:300])
    >>> model.score(X[300:], y[300:]) > 0.9
    True
    """

    _parameter_constraints: dict = _Plain._parameter_constraints | {
        "loss": [StrOptions({"log_loss", "squared_error", "hinge", "squared_hinge"}), callable],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
        hidden_sizes: Any = (64,),
        *,
        cell: str = "tanh",
        leak: float = 0.5,
        bidirectional: bool = False,
        transition_depth: int = 1,
        skip_connections: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        truncate: int | None = None,
        recurrent_initializer: Any = "orthogonal",
        embedding_size: int | None = None,
        n_tokens: int | None = None,
        targets: str = "auto",
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
        loss: Any = "log_loss",
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = 1.0,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
        class_weight: Any = None,
    ) -> None:
        self._set(locals())


@recurrent_documented
class RNNRegressor(_Plain, SequenceRegressor):
    """Regression on sequences, or on their steps, by a recurrent network.

    Parameters
    ----------
    hidden_sizes : int or array-like of int, default=(64,)
        Units of each recurrent layer.
    cell : {'tanh', 'relu', 'leaky', 'gru'}, default='tanh'
        Kind of the units: plain ones with one of two activations, leaky ones
        ``h = (1 - leak) h + leak tanh(...)``, or gated ones.
    leak : float, default=0.5
        How far leaky units go to their new value, more than 0 and 1 at most. Not for others.
    {recurrent}
    {training}
    loss : {'squared_error', 'poisson'} or callable, default='squared_error'
        As of `MLPRegressor`. The mean is over sequences, or over all their steps.
    {added}

    Attributes
    ----------
    {sequences}
    {fitted}

    See Also
    --------
    LSTMRegressor : With gates and cells that remember.
    fastml.nn.read_sequences : Forms of sequences.

    Notes
    -----
    Rows of single values, arrays (n_sequences, n_steps), are read as sequences of one feature;
    ``n_features_in_`` is then the number of steps, which must be the same for `predict`. Of other
    forms it is the number of features of a step, and sequences may have any number of steps.

    The result for a sequence has the same bits alone, padded and among any others, and for any
    number of threads. Lists go through `GridSearchCV`, `Pipeline` and `clone` as arrays do.

    Examples
    --------
    The sum so far, in each step:

    >>> import numpy as np
    >>> from fastml.neural_network import RNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.random(n) - 0.5 for n in rng.integers(3, 9, 200)]
    >>> y = [np.cumsum(sequence) for sequence in X]
    >>> model = RNNRegressor(16, learning_rate_init=0.01, max_iter=30, tol=9,
    ...                      n_iter_no_change=28, random_state=0)
    >>> model = model.fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> [len(steps) for steps in model.predict(X[:2])] == [len(X[0]), len(X[1])]
    True
    """

    _parameter_constraints: dict = _Plain._parameter_constraints | {
        "loss": [StrOptions({"squared_error", "poisson"}), callable],
    }

    def __init__(
        self,
        hidden_sizes: Any = (64,),
        *,
        cell: str = "tanh",
        leak: float = 0.5,
        bidirectional: bool = False,
        transition_depth: int = 1,
        skip_connections: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        truncate: int | None = None,
        recurrent_initializer: Any = "orthogonal",
        embedding_size: int | None = None,
        n_tokens: int | None = None,
        targets: str = "auto",
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
        loss: Any = "squared_error",
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = 1.0,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
    ) -> None:
        self._set(locals())
