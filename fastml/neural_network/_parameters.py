"""Parameters that all estimators of networks have: their limits, their words, their optimiser."""

import os
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from fastml.nn import optimizers
from fastml.nn.training import Settings

__all__ = ["CONSTRAINTS", "STOCHASTIC", "documented", "make_optimizer", "make_settings"]

STOCHASTIC = ("sgd", "adam", "adagrad", "rmsprop", "adamw")

_POSITIVE = Interval(Real, 0, None, closed="neither")
_SHARE = Interval(Real, 0, 1, closed="left")
_COUNT = Interval(Integral, 1, None, closed="left")

CONSTRAINTS: dict[str, Any] = {
    "solver": [StrOptions({*STOCHASTIC, "lbfgs"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto", "full"}), _COUNT],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", "cosine"})],
    "learning_rate_init": [_POSITIVE],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [_COUNT],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_SHARE],
    "beta_1": [_SHARE],
    "beta_2": [_SHARE],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [_COUNT, Options(Real, {np.inf})],
    "max_fun": [_COUNT],
    "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None],
    "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "max_norm": [_POSITIVE, None],
    "restore_best_weights": ["boolean", StrOptions({"auto"})],
    "checkpoint": [str, os.PathLike, None],
    "checkpoint_every": [_COUNT],
}

_TRAINING = """solver : {'adam', 'sgd', 'lbfgs', 'adagrad', 'rmsprop', 'adamw'}, default='adam'
        The optimiser. 'lbfgs' is SciPy's, over all samples at once, in float64.
    alpha : float, default=0.0001
        Strength of the penalty, which is divided by the number of samples of a batch, or by what
        they weigh. For 'adamw' the decay of weights, which `penalty` is then not for.
    batch_size : int, 'auto' or 'full', default='auto'
        Samples of a step: 1 is stochastic gradient descent, 'full' goes along the whole gradient,
        'auto' is ``min(200, n_samples)``. Not for 'lbfgs'.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, default='constant'
        Schedule. 'invscaling' divides `learning_rate_init` by ``(t + 1) ** power_t`` after t
        samples; 'adaptive' divides the rate by 5 whenever an end would have been put to the fit,
        until it is below 1e-6; 'cosine' lowers it to 0 over `max_iter` epochs. As in scikit-learn,
        'adam' ignores the second and the third.
    learning_rate_init : float, default=0.001
        Learning rate to begin with.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Most epochs; most iterations of 'lbfgs'.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    random_state : int, RandomState instance or None, default=None
        Initial weights of dense layers alone, and the samples held out, are those that
        scikit-learn draws. Shuffling, dropout and initial weights of other networks come from a
        counter-based generator. The same integer gives the same bits for any number of threads.
    tol : float, default=1e-4
        By how much loss or score has to get better to count. For 'lbfgs' the largest element of
        the gradient at the end.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the last solution.
    momentum : float, default=0.9
        Of 'sgd', in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether it is Nesterov's.
    early_stopping : bool, default=False
        Whether to hold samples out and to stop when their score does not get better; the weights
        of the best score are kept.
    validation_fraction : float, default=0.1
        Share of the samples held out.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Shares of the running means of 'adam' and 'adamw' that are kept; 'rmsprop' has the second.
    epsilon : float, default=1e-8
        Added to what steps are divided by, for all but 'sgd'.
    n_iter_no_change : int, default=10
        Epochs in a row without improvement after which the fit has converged.
    max_fun : int, default=15000
        Most evaluations of the loss by 'lbfgs'."""

_ADDED = """penalty : {'l2', 'l1', 'elasticnet'} or None, default='l2'
        ``alpha / 2 sum w^2``, ``alpha sum |w|``, or ``l1_ratio`` of the one and the rest of the
        other; not on intercepts. 'lbfgs' finds weights that are exactly 0, other optimisers hover
        about it.
    l1_ratio : float, default=0.15
        Of 'elasticnet', in [0, 1].
    max_norm : float, default=None
        Longer gradients are scaled to this length.
    restore_best_weights : bool or 'auto', default='auto'
        Whether to end with the weights of the best epoch. 'auto' does so with `early_stopping`;
        without it the best epoch is that of the least loss.
    checkpoint : str or path-like, default=None
        File that `fit` is written to as it goes. If it exists, the fit goes on from there, and
        ends in the same bits as one that was never stopped; it must be one of the same parameters
        and data.
    checkpoint_every : int, default=1
        Epochs from one write to the next."""

_FITTED = """loss_ : float
        Loss of the last epoch, penalty included.
    best_loss_ : float or None
        The least of all epochs; None with `early_stopping`.
    loss_curve_ : list of float
        Of each epoch. Not for 'lbfgs', as the following ones.
    validation_scores_ : list of float or None
        Score of the samples held out after each epoch; None without `early_stopping`.
    best_validation_score_ : float or None
        The largest of them.
    t_ : int
        Samples seen, each as often as it was.
    n_iter_ : int
        Epochs of the last fit, or iterations of 'lbfgs'.
    n_outputs_ : int
        Outputs of the network.
    out_activation_ : str
        Their activation.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had string names."""

_SHARED = {"{training}": _TRAINING, "{added}": _ADDED, "{fitted}": _FITTED}

Class = TypeVar("Class", bound=type)


def documented(cls: Class) -> Class:
    """Put the words for parameters that all networks have into a class's docstring.

    Parameters
    ----------
    cls : type
        Its docstring holds "{training}", "{added}" and "{fitted}".
    """
    for place, words in _SHARED.items():
        cls.__doc__ = (cls.__doc__ or "").replace(place, words)
    return cls


def make_optimizer(estimator: Any, flat: Any, n_samples: int) -> Any:
    """Return the optimiser of an estimator's parameters.

    Parameters
    ----------
    estimator : BaseNetworkEstimator
        Whose solver is not 'lbfgs'.
    flat : array (n_parameters,)
        What is to be learned.
    n_samples : int
        Of an epoch.
    """
    e = estimator
    plain = e.solver == "adam" and e.learning_rate in ("invscaling", "adaptive")
    schedule = {
        "learning_rate_init": e.learning_rate_init,
        "lr_schedule": "constant" if plain else e.learning_rate,
        "power_t": e.power_t,
        "t_max": max(1, e.max_iter * n_samples),
    }
    if e.solver == "sgd":
        options = {"momentum": e.momentum, "nesterov": e.nesterovs_momentum}
        return optimizers.SGDOptimizer([flat], **schedule, **options)
    schedule["epsilon"] = e.epsilon
    if e.solver == "adagrad":
        return optimizers.AdaGradOptimizer([flat], **schedule)
    if e.solver == "rmsprop":
        return optimizers.RMSPropOptimizer([flat], rho=e.beta_2, **schedule)
    schedule |= {"beta_1": e.beta_1, "beta_2": e.beta_2}
    if e.solver == "adamw":
        return optimizers.AdamWOptimizer([flat], weight_decay=e.alpha, **schedule)
    return optimizers.AdamOptimizer([flat], **schedule)


def make_settings(estimator: Any, one_epoch: bool = False) -> Settings:
    """Return how an estimator's parameters have a network trained.

    Parameters
    ----------
    estimator : BaseNetworkEstimator
        Whose.
    one_epoch : bool, default=False
        Whether this is a `partial_fit`.
    """
    e = estimator
    share = {"l1": 1.0, "elasticnet": float(e.l1_ratio)}.get(e.penalty, 0.0)
    alpha = 0.0 if e.penalty is None or e.solver == "adamw" else float(e.alpha)
    keep_best = e.early_stopping if e.restore_best_weights == "auto" else e.restore_best_weights
    return Settings(
        max_epochs=1 if one_epoch else e.max_iter,
        tol=e.tol,
        n_iter_no_change=e.n_iter_no_change,
        l1=alpha * share,
        l2=alpha * (1 - share),
        max_norm=e.max_norm,
        keep_best=bool(keep_best) and not one_epoch,
        verbose=bool(e.verbose),
    )
