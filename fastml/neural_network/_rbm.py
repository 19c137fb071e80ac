"""Restricted Boltzmann machine with binary units."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from fastml import backends
from fastml.backends import Backend
from fastml.neural_network._rbm_base import BaseRBM
from fastml.neural_network._rbm_machine import pieces


class BernoulliRBM(BaseRBM):
    """Restricted Boltzmann machine of binary units: scikit-learn's `BernoulliRBM`, and more.

    The energy of visible units v and hidden units h is ``-b'v - c'h - h'Wv``. Rows of X are states
    of the visible units, or probabilities of these.

    Parameters
    ----------
    n_components : int, default=256
        Hidden units.
    learning_rate : float, default=0.1
        Step along the gradient of the mean log-likelihood of a batch.
    batch_size : int, default=10
        Rows of a batch, and chains that sample from the model with ``algorithm="pcd"``; a larger
        batch of `partial_fit` has as many chains as rows.
    n_iter : int, default=10
        Times that `fit` goes through the rows.
    verbose : int, default=0
        Whether to print the pseudo-likelihood after each of these.
    random_state : int, RandomState instance or None, default=None
        Key of the draws. The same integer gives the same bits in every fitted attribute, for any
        number of threads. Weights begin with scikit-learn's draws. From an instance all draws are
        taken, in scikit-learn's order: it takes longer, and what is fitted is what scikit-learn
        fits (where batches are as large as `batch_size`).
    algorithm : {"pcd", "cd"}, default="pcd"
        Persistent contrastive divergence (stochastic maximum likelihood, as in scikit-learn), whose
        samples of the model go on from batch to batch; or contrastive divergence, whose samples
        begin at the batch.
    k : int, default=1
        Gibbs steps for each update.
    momentum : float, default=0.0
        Share of the last change that is made again, in [0, 1).
    weight_decay : float, default=0.0
        Penalty on half the sum of squared weights.
    sparsity_target : float, default=None
        Share of the rows for which a hidden unit should be on; None asks for none. The running mean
        of the units' activity is drawn to it, by biases and weights (Hinton 2012, section 11).
    sparsity_cost : float, default=0.1
        How strongly; only with `sparsity_target`.
    dropout : float, default=0.0
        Probability that a hidden unit is left out while a row is learned. What is fitted is the
        geometric mean over all choices of units: weights and hidden biases times ``1 - dropout``.
    learning_rate_schedule : {"constant", "invscaling", "linear", "cosine"}, default="constant"
        How the rate changes with the number t of updates so far, of T in all: not, with
        ``1 / sqrt(t + 1)``, with ``1 - t / T``, or with ``(1 + cos(pi t / T)) / 2``.
    validation_fraction : float, default=0.0
        Share of the rows that `fit` sets aside and does not learn from.
    monitor : list of str, default=None
        What `fit` writes to `history_` after each pass: "reconstruction_error" (mean squared
        distance of a row to what its hidden units' means make of it), "pseudo_likelihood" (mean),
        "free_energy_gap" (mean free energy of the rows set aside, less that of as many others: it
        grows when the machine learns by heart).
    out_of_range : {"error", "ignore"}, default="error"
        What to do about rows to learn from that are not within [0, 1]: refuse them, or take them as
        they are, as scikit-learn does.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Weights, in the dtype of X.
    intercept_hidden_ : ndarray of shape (n_components,)
        Biases of the hidden units.
    intercept_visible_ : ndarray of shape (n_features,)
        Biases of the visible units.
    h_samples_ : ndarray of shape (n_chains, n_components)
        Hidden states sampled from the model last, one for each chain: batch_size, or the rows of
        the largest batch of `partial_fit`.
    history_ : dict of str to list of float
        What `monitor` names, a value for each pass of `fit`.
    n_iter_ : int
        Passes of `fit`: fewer than `n_iter` where a callback ended it.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had string names.

    See Also
    --------
    fastml.neural_network.GaussianRBM : For real-valued features.

    Notes
    -----
    States are kept as bits, and no random number is kept at all. Draws are those of a
    counter-based generator, unless they come from an instance of RandomState, so that fits differ
    from scikit-learn's in the draws. Unlike there, the rows of a batch and the model's samples are
    averaged over their own numbers, so that `partial_fit` takes batches of any size.

    References
    ----------
    T. Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
    gradient", ICML 2008. G. Hinton, "A practical guide to training restricted Boltzmann machines",
    in Neural Networks: Tricks of the Trade, 2012. N. Srivastava et al., "Dropout", JMLR 15, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.neural_network import BernoulliRBM
    >>> X = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    >>> model = BernoulliRBM(n_components=2, random_state=0).fit(X)
    >>> model.transform(X).shape
    (4, 2)
    """

    _parameter_constraints: dict = BaseRBM._parameter_constraints | {
        "out_of_range": [StrOptions({"error", "ignore"})],
    }
    _watchable = ("reconstruction_error", "pseudo_likelihood", "free_energy_gap")

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
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
        out_of_range: str = "error",
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
        self.out_of_range = out_of_range

    def score_samples(self, X: Any) -> Any:
        """Return the pseudo-likelihood of rows, a proxy of their likelihood.

        Of each row one unit, drawn at random as scikit-learn draws it, is compared with its flip:
        the result is n_features times the log-probability of the unit given all others.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            In float64.
        """
        check_is_fitted(self)
        backend = backends.resolve(X)
        X = self._given(X)
        units = check_random_state(self.random_state).randint(0, X.shape[1], X.shape[0])
        return self._pseudo_likelihoods(X, units, backend)

    def _pseudo_likelihoods(self, X: Any, units: Any, backend: Backend) -> Any:
        machine = self._machine(backend)
        found = []
        for first, rows in pieces(X, backend, machine.dtype):
            flipped = backend.asarray(units[first : first + len(rows)], np.int64)
            energies = [backend.to_host(e) for e in machine.free_energy(rows, flipped)]
            found.append(-X.shape[1] * np.logaddexp(0, energies[0] - energies[1]))
        return np.concatenate(found)

    def _progress(self, X: Any) -> str:
        return f"pseudo-likelihood = {self.score_samples(X).mean():.2f}"

    def _validated(self, X: Any, *, reset: bool) -> Any:
        X = super()._validated(X, reset=reset)
        if self.out_of_range == "ignore":
            return X
        values = X.data if sp.issparse(X) else X
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"{type(self).__name__} learns from X within [0, 1], states of binary units or "
                f"probabilities of them, got values from {low:g} to {high:g}. Scale X, as by "
                "sklearn.preprocessing.MinMaxScaler; use GaussianRBM for real values; or pass "
                "out_of_range='ignore' to have them taken as they are."
            )
        return X

    def _as_visible(self, states: Any) -> Any:
        return states.astype(bool)

    def _mean_hiddens(self, v: Any) -> Any:
        """Return P(h=1|v) of one row, or of several: a hook of scikit-learn's."""
        v = np.asarray(v, self.components_.dtype)
        return self._hidden(np.atleast_2d(v), backends.resolve()).reshape((*v.shape[:-1], -1))

    def _sample_hiddens(self, v: Any, rng: Any) -> Any:
        """Draw h of one row, or of several, by a RandomState: a hook of scikit-learn's."""
        means = self._mean_hiddens(v)
        return rng.uniform(size=means.shape) < means
