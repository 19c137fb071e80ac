"""Multi-layer perceptrons."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastml import backends
from fastml.neural_network._base import BaseNetworkEstimator
from fastml.neural_network._classifier import NetworkClassifier
from fastml.neural_network._coefs import CoefsMixin
from fastml.neural_network._parameters import documented
from fastml.neural_network._regressor import NetworkRegressor
from fastml.neural_network._task import prepared_rows, stretches
from fastml.nn.layers import Dense, Dropout, Layer, Run
from fastml.nn.layers._activation import checked_activation

__all__ = ["MLPClassifier", "MLPRegressor"]

_RATE = [Interval(Real, 0, 1, closed="left")]


class _Perceptron(
    CoefsMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseNetworkEstimator
):
    """Dense layers, with dropout between them; hidden features of rows."""

    hidden_layer_sizes: Any
    activation: Any
    dropout: float
    input_dropout: float

    _parameter_constraints: dict = BaseNetworkEstimator._parameter_constraints | {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "dropout": _RATE,
        "input_dropout": _RATE,
        "activation": [str, callable],
    }

    def _hidden_sizes(self) -> list[Any]:
        sizes = self.hidden_layer_sizes
        return list(sizes) if hasattr(sizes, "__iter__") else [sizes]

    def _check_more(self) -> None:
        sizes = self._hidden_sizes()
        if any(not isinstance(size, Integral) or size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        checked_activation(self.activation)

    def _layers(self, n_outputs: int) -> list[Layer]:
        layers: list[Layer] = [Dropout(self.input_dropout)] if self.input_dropout else []
        # What weights start with is not the layers' business here, but scikit-learn's.
        zeros: dict[str, Any] = {"weight_initializer": "zeros"}
        for size in self._hidden_sizes():
            layers.append(Dense(int(size), self.activation, **zeros))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return [*layers, Dense(n_outputs, **zeros)]

    def transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Return what the units of the last hidden layer put out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Features that the network has learned, in the dtype of the rows it was fitted to.
        """
        check_is_fitted(self)
        X = self._new_rows(X)
        backend = backends.resolve(X)
        X = prepared_rows(backend, X)
        layers = self._layers(self.n_outputs_)[:-1]
        found = (self._applied(layers, part, Run()) for part in stretches(X))
        return np.concatenate([backend.to_host(part) for part in found])

    @property
    def _n_features_out(self) -> int:
        return int(self.coefs_[-1].shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@documented
class MLPClassifier(_Perceptron, NetworkClassifier):
    """Classification by a multi-layer perceptron: scikit-learn's `MLPClassifier`, and more.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of each hidden layer.
    activation : str or callable, default='relu'
        Of hidden units: 'identity', 'logistic', 'tanh', 'relu', any other name of
        `fastml.activations`, or a function made of primitives of `fastml.autodiff`.
    {training}
    loss : {'log_loss', 'squared_error', 'hinge', 'squared_hinge'} or callable, default='log_loss'
        What is minimised. 'log_loss' is the cross-entropy of the softmax, or of the logistic
        function where there are two classes or several labels a sample. Hinge losses are those of
        each class against the rest, and give no probabilities. A callable takes outputs, targets
        of 0 and 1 and `sample_weight`, as functions of `fastml.losses` do, and gives the mean.
    dropout : float, default=0
        Probability of a hidden unit to be left out, in [0, 1).
    input_dropout : float, default=0
        That of a feature.
    {added}
    class_weight : dict or 'balanced', default=None
        Weights of classes, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer, in the dtype of X. Predictions use what is in this list.
    intercepts_ : list of ndarray of shape (n_units,)
        Likewise.
    n_layers_ : int
        Layers, inputs and outputs included.
    {fitted}

    See Also
    --------
    fastml.linear_model.SingleLayerClassifier : Without hidden layers.

    Notes
    -----
    Each step is a pass through kernels that have the same bits for any number of threads. Full
    batches come in the order of X.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
    back-propagating errors", Nature 323, 1986.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastml.neural_network import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = MLPClassifier((32,), max_iter=100, tol=0.01, random_state=0).fit(X / 16, y)
    >>> model.score(X / 16, y) > 0.95
    True
    >>> model.transform(X / 16).shape
    (1797, 32)
    """

    _parameter_constraints: dict = _Perceptron._parameter_constraints | {
        "loss": [StrOptions({"log_loss", "squared_error", "hinge", "squared_hinge"}), callable],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
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
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
        class_weight: Any = None,
    ) -> None:
        self._set(locals())


@documented
class MLPRegressor(_Perceptron, NetworkRegressor):
    """Regression by a multi-layer perceptron: scikit-learn's `MLPRegressor`, and more.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'} or callable, default='squared_error'
        What is minimised: half the squared error, or half the deviance of counts, whose logarithm
        is then what the last layer puts out. A callable takes outputs, targets and
        `sample_weight`, as functions of `fastml.losses` do, and gives the mean.
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Units of each hidden layer.
    activation : str or callable, default='relu'
        Of hidden units: 'identity', 'logistic', 'tanh', 'relu', any other name of
        `fastml.activations`, or a function made of primitives of `fastml.autodiff`.
    {training}
    dropout : float, default=0
        Probability of a hidden unit to be left out, in [0, 1).
    input_dropout : float, default=0
        That of a feature.
    {added}

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer, in the dtype of X. Predictions use what is in this list.
    intercepts_ : list of ndarray of shape (n_units,)
        Likewise.
    n_layers_ : int
        Layers, inputs and outputs included.
    {fitted}

    See Also
    --------
    fastml.linear_model.SingleLayerRegressor : Without hidden layers.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from fastml.neural_network import MLPRegressor
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> MLPRegressor(random_state=1, solver="lbfgs", tol=0.1).fit(X, y).score(X, y) > 0.99
    True
    """

    _parameter_constraints: dict = _Perceptron._parameter_constraints | {
        "loss": [StrOptions({"squared_error", "poisson"}), callable],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
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
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
    ) -> None:
        self._set(locals())
