"""Single-layer networks: s = W'x + b, h = activation(s), and any loss of h."""

import math
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from fastml import backends
from fastml.neural_network._base import BaseNetworkEstimator
from fastml.neural_network._classifier import NetworkClassifier
from fastml.neural_network._heads import activated
from fastml.neural_network._parameters import documented
from fastml.neural_network._regressor import NetworkRegressor
from fastml.nn import Network
from fastml.nn.layers import Dense, Layer, Run

__all__ = ["SingleLayerClassifier", "SingleLayerRegressor"]


class _SingleLayer(BaseNetworkEstimator):
    """One dense layer, whose weights are `coef_` and `intercept_`."""

    coef_: np.ndarray[Any, Any]
    intercept_: Any
    activation: Any
    fit_intercept: bool

    _parameter_constraints: dict = BaseNetworkEstimator._parameter_constraints | {
        "activation": [str, callable],
        "fit_intercept": ["boolean"],
    }

    @property
    def _output_activation(self) -> Any:
        return self.activation

    def _is_begun(self) -> bool:
        return hasattr(self, "coef_")

    def _layers(self, n_outputs: int) -> list[Layer]:
        return [Dense(n_outputs, bias=self.fit_intercept, weight_initializer="zeros")]

    def _new_network(self, shape: tuple[int, ...], dtype: Any, random_state: Any) -> Network:
        network = Network(self._layers(self.n_outputs_), shape, dtype=dtype)
        # Not from 0, where a rectifier has no slope.
        bound = math.sqrt(6.0 / (shape[0] + self.n_outputs_))
        for values in network.views.values():
            values[...] = random_state.uniform(-bound, bound, values.shape)
        return network

    def _load(self, shape: tuple[int, ...], dtype: Any) -> Network:
        network = Network(self._layers(self.n_outputs_), shape, dtype=dtype)
        network.views["0.weight"][...] = np.atleast_2d(self.coef_).T
        if self.fit_intercept:
            network.views["0.bias"][...] = self.intercept_
        return network

    def _attributes(self, network: Network, dtype: Any) -> dict[str, Any]:
        views = network.split(np.asarray(network.backend.to_host(network.flat), dtype))
        coef = np.array(views["0.weight"].T, order="C")
        intercept = views["0.bias"].copy() if self.fit_intercept else np.zeros(len(coef), dtype)
        return self._shaped(coef, intercept)

    def _shaped(self, coef: Any, intercept: Any) -> dict[str, Any]:
        return {"coef_": coef, "intercept_": intercept}

    def _sums_of(self, X: Any, run: Run | None = None) -> Any:
        move = backends.resolve(X).asarray
        coef = np.atleast_2d(self.coef_)
        given = {"weight": move(coef.T, coef.dtype)}
        given["bias"] = move(np.atleast_1d(self.intercept_), coef.dtype)
        x = X if X.dtype == coef.dtype else X.astype(coef.dtype)
        return Dense(len(coef)).apply(x, given, {}, run or Run())


@documented
class SingleLayerClassifier(_SingleLayer, NetworkClassifier):
    """Classification by one layer of units: softmax regression, perceptrons, and what is between.

    Parameters
    ----------
    activation : str or callable, default='auto'
        Of the outputs: 'softmax', 'logistic', 'tanh', 'identity' or any other name of
        `fastml.activations`, or a function made of primitives of `fastml.autodiff`. 'auto' is what
        belongs to the loss: for 'log_loss' the softmax, or the logistic function where there are
        two classes or several labels a sample; the identity for hinge losses; else the first.
    loss : {'log_loss', 'squared_error', 'hinge', 'squared_hinge'} or callable, default='log_loss'
        What is minimised. Hinge losses are those of each class against the rest, and give no
        probabilities. A callable takes outputs, targets of 0 and 1 and `sample_weight`, as
        functions of `fastml.losses` do, and gives the mean.
    fit_intercept : bool, default=True
        Whether there is a b.
    {training}
    {added}
    class_weight : dict or 'balanced', default=None
        Weights of classes, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights, in the dtype of X; one row where there are two classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Likewise.
    {fitted}

    See Also
    --------
    fastml.neural_network.MLPClassifier : With hidden layers.

    Notes
    -----
    The three regimes of gradient descent are ``solver='sgd'`` with ``batch_size=1``, a number in
    between, and ``batch_size='full'``.

    References
    ----------
    C. M. Bishop, "Pattern recognition and machine learning", 2006, section 4.3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastml.linear_model import SingleLayerClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SingleLayerClassifier(solver="lbfgs", max_iter=500).fit(X, y)
    >>> model.coef_.shape, model.score(X, y) > 0.95
    ((3, 4), True)
    """

    _parameter_constraints: dict = _SingleLayer._parameter_constraints | {
        "loss": [StrOptions({"log_loss", "squared_error", "hinge", "squared_hinge"}), callable],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
        activation: Any = "auto",
        loss: Any = "log_loss",
        *,
        fit_intercept: bool = True,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.01,
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
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
        class_weight: Any = None,
    ) -> None:
        self._set(locals())

    def decision_function(self, X: Any) -> np.ndarray[Any, Any]:
        """Return by how much each class is preferred.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            s = W'x + b where its logistic function or softmax are probabilities; else outputs,
            less what they have to exceed. Of two classes that of the second one.
        """
        check_is_fitted(self)
        sums = self._sums(self._new_rows(X))
        if self.out_activation_ not in ("softmax", "logistic"):
            sums = activated(self.out_activation_, sums) - self._head().threshold
        return sums.ravel() if self.n_outputs_ == 1 else sums


@documented
class SingleLayerRegressor(_SingleLayer, NetworkRegressor):
    """Regression by one layer of units: linear, of counts, or through any activation.

    Parameters
    ----------
    activation : str or callable, default='auto'
        Of the outputs: 'identity', 'exp' or any name of `fastml.activations`, or a function made
        of primitives of `fastml.autodiff`. 'auto' is the identity, and 'exp' for counts.
    loss : {'squared_error', 'poisson'} or callable, default='squared_error'
        What is minimised: half the squared error, or half the deviance of counts, whose logarithm
        is linear. A callable takes outputs, targets and `sample_weight`, as functions of
        `fastml.losses` do, and gives the mean.
    fit_intercept : bool, default=True
        Whether there is a b.
    {training}
    {added}

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Weights, in the dtype of X.
    intercept_ : float or ndarray of shape (n_outputs,)
        Likewise.
    {fitted}

    See Also
    --------
    fastml.neural_network.MLPRegressor : With hidden layers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.linear_model import SingleLayerRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = SingleLayerRegressor(solver="lbfgs", alpha=0).fit(X, [1.0, 3.0, 5.0, 7.0])
    >>> model.predict([[10.0]]).round(3)
    array([21.])
    """

    _parameter_constraints: dict = _SingleLayer._parameter_constraints | {
        "loss": [StrOptions({"squared_error", "poisson"}), callable],
    }

    def __init__(
        self,
        activation: Any = "auto",
        loss: Any = "squared_error",
        *,
        fit_intercept: bool = True,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.01,
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
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
    ) -> None:
        self._set(locals())

    def _shaped(self, coef: Any, intercept: Any) -> dict[str, Any]:
        if len(coef) == 1:
            return {"coef_": coef[0], "intercept_": intercept[0]}
        return {"coef_": coef, "intercept_": intercept}
