"""Deep belief network."""

from typing import Any

from sklearn.base import _fit_context

from fastml._callbacks import with_callbacks
from fastml.neural_network._dbn_base import BaseDBN


class DeepBeliefNetwork(BaseDBN):
    """Restricted Boltzmann machines on top of each other, and what they are together.

    Fitted from the bottom up: each machine learns states of the units below it. Together they are
    a model whose last two layers are a restricted Boltzmann machine, from which each layer below
    is drawn given the one above it.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, BernoulliRBM or GaussianRBM, default=(100, 100)
        Units of each layer, the first one's first; or a machine, of which a clone with its own
        parameters is fitted. `GaussianRBM` is for the first layer alone, above real features.
    learning_rate, batch_size, n_iter : float, int, int, default=0.1, 10, 10
        As for `BernoulliRBM`, of each layer that is given as a number of units. `batch_size` is
        that of fine-tuning too.
    verbose : int, default=0
        Whether to print the lower bound as it rises.
    random_state : int, RandomState instance or None, default=None
        Key of the draws. The same integer gives the same bits in every fitted attribute, for any
        number of threads.
    algorithm, k, momentum, weight_decay, learning_rate_schedule
        As for `BernoulliRBM`, likewise; `k` and `weight_decay` of the last layer are those of
        up-down too.
    label_units : bool, default=True
        Whether labels, where `fit` is given any, are learned by the last machine, as units of
        which exactly one is on.
    fine_tune : {"up-down", "backprop"}, default=None
        What follows. "up-down", the contrastive form of wake-sleep, lets weights that recognise
        and weights that generate go apart, and makes a better model. "backprop" needs labels: the
        layers, and a softmax of the classes on top, are trained to tell them; what generates
        stays as it is.
    fine_tune_learning_rate : float, default=None
        Of this; None is 0.01 for "up-down" and 0.001 for "backprop", whose steps are Adam's.
    fine_tune_n_iter : int, default=10
        Passes of this.
    monitor : {"layer", "epoch"}, default="layer"
        When to find the lower bound: after each layer, or after each pass; None is never.

    Attributes
    ----------
    rbms_ : list of BernoulliRBM or GaussianRBM
        The machines, bottom first. The last one is part of the model; its last visible units are
        the labels, if any. The others are what fine-tuning began with.
    recognition_coefs_ : list of ndarray of shape (n_below, n_above)
        Weights upwards of each layer but the last.
    recognition_intercepts_ : list of ndarray of shape (n_above,)
        Likewise.
    generative_coefs_ : list of ndarray of shape (n_above, n_below)
        Weights downwards of each layer but the last.
    generative_intercepts_ : list of ndarray of shape (n_below,)
        Likewise.
    coefs_, intercepts_ : list of ndarray
        Weights of each layer and of the softmax that ``fine_tune="backprop"`` trained.
    lower_bound_ : list of float
        Mean lower bound on the log-probability of the rows (1000 of them, where there are more)
        after each layer, and after up-down: an estimate, as `lower_bound` makes it. For large
        layers it takes 1000 steps of annealing, which make it some nats too high where weights are
        large; `log_partition` takes more.
    lower_bound_curve_ : list of float
        It after each pass, with ``monitor="epoch"``.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_iter_ : int
        Passes made in all.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had string names.

    See Also
    --------
    DBNClassifier : To tell classes.
    BernoulliRBM : One layer.

    Notes
    -----
    A layer with as many units as the one two below it, or with more, begins as the machine below
    it turned over: the model is then the same as without it, and learning makes its lower bound
    rise.

    References
    ----------
    G. Hinton, S. Osindero and Y. Teh, "A fast learning algorithm for deep belief nets", Neural
    Computation 18, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastml.neural_network import DeepBeliefNetwork
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DeepBeliefNetwork((64, 64), n_iter=2, random_state=0).fit(X / 16, y)
    >>> model.transform(X / 16).shape
    (1797, 64)
    >>> model.sample(5, label=3).shape
    (5, 64)
    """

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "DeepBeliefNetwork":
        """Learn from all rows, layer by layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; float32 stays float32, other dtypes become float64. Within [0, 1] where the first
            machine is a `BernoulliRBM`.
        y : array-like of shape (n_samples,), default=None
            Labels; None for none.

        Returns
        -------
        self : DeepBeliefNetwork
            The fitted estimator.
        """
        if y is None and self.fine_tune == "backprop":
            raise ValueError("fine_tune='backprop' needs labels: pass y to fit.")
        return self._fit(X, y)
