"""Restricted Boltzmann machine with Gaussian visible units."""

from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils._param_validation import Interval, StrOptions

from fastml import backends
from fastml.neural_network._rbm_base import BaseRBM

# Below this a feature is constant, for all that its variance can be told.
LEAST_VARIANCE = 1e-10


class GaussianRBM(BaseRBM):
    """Restricted Boltzmann machine of Gaussian visible and binary hidden units.

    The energy of v and h is ``sum_i (v_i - b_i)^2 / (2 s_i^2) - c'h - sum_ij v_i / s_i^2 W_ji h_j``
    (Cho, Ilin and Raiko 2011): given h, v_i is normal with mean ``b_i + (W'h)_i`` and variance
    s_i^2. Features of similar spread, about zero, are learned best
    (`sklearn.preprocessing.StandardScaler`).

    Parameters
    ----------
    n_components : int, default=256
        Hidden units.
    learning_rate : float, default=0.01
        Step along the gradient of the mean log-likelihood of a batch.
    batch_size, n_iter, verbose, random_state, algorithm, k, momentum, weight_decay, sparsity_target
        As for `BernoulliRBM`; `verbose` prints the reconstruction error.
    sparsity_cost, dropout, learning_rate_schedule, validation_fraction
        As for `BernoulliRBM`.
    monitor : list of str, default=None
        Of "reconstruction_error" and "free_energy_gap", as for `BernoulliRBM`.
    variance : {"learned", "data"} or float, default="data"
        Variance of the visible units given the hidden ones: learned, beginning with that of the
        features in the first rows given; that of the features; or a number for all.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights, in the dtype of X.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units: their means where no hidden unit is on. They begin with the
        means of the features.
    variance_ : ndarray of shape (n_features,)
        Variances of the visible units given the hidden ones.
    h_samples_, history_, n_iter_, n_features_in_, feature_names_in_
        As for `BernoulliRBM`.

    References
    ----------
    K. Cho, A. Ilin and T. Raiko, "Improved learning of Gaussian-Bernoulli restricted Boltzmann
    machines", ICANN 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.neural_network import GaussianRBM
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> GaussianRBM(n_components=2, random_state=0).fit(X).transform(X).shape
    (100, 2)
    """

    _parameter_constraints: dict = BaseRBM._parameter_constraints | {
        "variance": [StrOptions({"learned", "data"}), Interval(Real, 0, None, closed="neither")],
    }
    _watchable = ("reconstruction_error", "free_energy_gap")

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.01,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Any = None,
        algorithm: str = "pcd",
        k: int = 1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        sparsity_target: float | None = None,
        sparsity_cost: float = 0.1,
        dropout: float = 0.0,
        learning_rate_schedule: str = "constant",
        validation_fraction: float = 0.0,
        monitor: Any = None,
        variance: Any = "data",
    ) -> None:
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.algorithm = algorithm
        self.k = k
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.dropout = dropout
        self.learning_rate_schedule = learning_rate_schedule
        self.validation_fraction = validation_fraction
        self.monitor = monitor
        self.variance = variance

    def score_samples(self, X: Any) -> Any:
        """Return the log-density of rows, up to the constant log Z: minus their free energy.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            In float64.
        """
        return -self.free_energy(X)

    def _progress(self, X: Any) -> str:
        error = self._reconstruction_error(X, backends.resolve(X))
        return f"reconstruction error = {error:.4g}"

    def _begin_visible(self, X: Any) -> None:
        xp = np if sp.issparse(X) else backends.resolve(X).xp
        if sp.issparse(X):
            mean = np.asarray(X.mean(axis=0, dtype=np.float64)).ravel()
            square = np.asarray(X.multiply(X).mean(axis=0, dtype=np.float64)).ravel()
            spread = np.maximum(square - mean * mean, 0)
        else:
            mean, spread = X.mean(axis=0, dtype=np.float64), X.var(axis=0, dtype=np.float64)
            if xp is not np:
                mean, spread = xp.asnumpy(mean), xp.asnumpy(spread)
        dtype = self.components_.dtype
        self.intercept_visible_ = mean.astype(dtype)
        if not isinstance(self.variance, str):
            spread = np.full(len(mean), float(self.variance))
        # A constant feature is given a variance that does no harm.
        self.variance_ = np.where(spread > LEAST_VARIANCE, spread, 1.0).astype(dtype)

    def _learns_variance(self) -> bool:
        return bool(self.variance == "learned")

    def _log_variance(self) -> Any:
        return np.log(self.variance_.astype(np.float64))

    def _variance(self) -> Any:
        return self.variance_

    def _keep_visible(self, log_variance: Any) -> None:
        if self._learns_variance():
            self.variance_ = np.exp(log_variance).astype(self.components_.dtype)

    def _stabler(self) -> str:
        return ", or give features zero mean and unit variance (StandardScaler)"
