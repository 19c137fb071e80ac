"""Long short-term memory."""

from numbers import Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from fastml.neural_network._recurrent_base import RecurrentEstimator
from fastml.neural_network._recurrent_parameters import recurrent_documented
from fastml.neural_network._sequence_classifier import SequenceClassifier
from fastml.neural_network._sequence_regressor import SequenceRegressor
from fastml.nn.layers import LSTM, Layer

__all__ = ["LSTMClassifier", "LSTMRegressor"]


class _Memory(RecurrentEstimator):
    """Layers of cells with gates."""

    forget_bias: float

    _parameter_constraints: dict = RecurrentEstimator._parameter_constraints | {
        "forget_bias": [Interval(Real, None, None, closed="neither")],
    }

    def _cell(self, size: int, **shared: Any) -> Layer:
        return LSTM(size, forget_bias=self.forget_bias, **shared)


@recurrent_documented
class LSTMClassifier(_Memory, SequenceClassifier):
    """Classification of sequences, or of their steps, by long short-term memory.

    Parameters
    ----------
    hidden_sizes : int or array-like of int, default=(64,)
        Units of each recurrent layer.
    forget_bias : float, default=1.0
        Added to what the bias of the forget gate starts with, so that cells remember at first.
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
    RNNClassifier : Of plain, leaky or gated units.
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
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997. F. A.
    Gers, J. Schmidhuber and F. Cummins, "Learning to forget", Neural Computation 12, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.neural_network import LSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.standard_normal((n, 2)) for n in rng.integers(3, 9, 200)]
    >>> y = [sequence[:, 0].sum() > 0 for sequence in X]
    >>> model = LSTMClassifier(16, learning_rate_init=0.01, max_iter=30, tol=9,
    ...                        n_iter_no_change=28, random_state=0)
    >>> model = model.fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> model.gates(X[:1])["forget"][0].shape == (len(X[0]), 16)
    True
    """

    _parameter_constraints: dict = _Memory._parameter_constraints | {
        "loss": [StrOptions({"log_loss", "squared_error", "hinge", "squared_hinge"}), callable],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
        hidden_sizes: Any = (64,),
        *,
        forget_bias: float = 1.0,
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
class LSTMRegressor(_Memory, SequenceRegressor):
    """Regression on sequences, or on their steps, by long short-term memory.

    Parameters
    ----------
    hidden_sizes : int or array-like of int, default=(64,)
        Units of each recurrent layer.
    forget_bias : float, default=1.0
        Added to what the bias of the forget gate starts with, so that cells remember at first.
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
    RNNRegressor : Of plain, leaky or gated units.
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
    >>> import numpy as np
    >>> from fastml.neural_network import LSTMRegressor
    >>> series = np.sin(np.arange(400) / 5)
    >>> X = np.lib.stride_tricks.sliding_window_view(series[:-1], 20)
    >>> model = LSTMRegressor(16, learning_rate_init=0.01, max_iter=30, tol=9,
    ...                       n_iter_no_change=28, random_state=0)
    >>> model.fit(X, series[20:]).score(X, series[20:]) > 0.95
    True
    """

    _parameter_constraints: dict = _Memory._parameter_constraints | {
        "loss": [StrOptions({"squared_error", "poisson"}), callable],
    }

    def __init__(
        self,
        hidden_sizes: Any = (64,),
        *,
        forget_bias: float = 1.0,
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
