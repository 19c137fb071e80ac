"""What fitted deep belief networks answer: features, samples, bounds on likelihoods."""

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from fastml import backends
from fastml._random import seed_from
from fastml._validation import check_finite_wanted, validate
from fastml.backends import Backend
from fastml.kernels.rbm.scalar import HIDDEN
from fastml.neural_network._dbn_net import Model
from fastml.neural_network._rbm_half_step import HalfStep
from fastml.neural_network._rbm_machine import Machine, pieces
from fastml.neural_network._rbm_methods import _require_positive
from fastml.neural_network._rbm_partition import LogPartition


class DBNMethods(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Methods that need a fitted network; a base of `BaseDBN`."""

    rbms_: list[Any]
    classes_: Any
    coefs_: list[Any]
    intercepts_: list[Any]
    random_state: Any

    def transform(self, X: Any) -> Any:
        """Return the probabilities that the units of the last layer are on, given X.

        From the bottom up, each layer given the probabilities of the one below. Labels that the
        last layer was fitted with are summed over.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            With a column for each unit of the last layer, in the dtype of the weights.
        """
        backend, X = self._given(X)
        if hasattr(self, "coefs_"):
            halves = self._network(backend)[:-1]
            return self._mapped(X, backend, lambda rows: _through(halves, rows))
        net = self._whole(backend)
        return self._mapped(X, backend, lambda rows: net.top.hidden_means(net.means(rows)))

    def inverse_transform(self, X: Any) -> Any:
        """Return the expected features, given units of the last layer, from the top down.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            States or probabilities of these units.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        backend = backends.resolve(X)
        top = self.rbms_[-1]
        dtype, n_units = top.components_.dtype, len(top.components_)
        if not backends.on_device(X):
            X = check_array(X, dtype=dtype, ensure_all_finite=check_finite_wanted(), estimator=self)
        if X.ndim != 2 or X.shape[1] != n_units:
            raise ValueError(f"X must have {n_units} columns, one a unit, got {X.shape}.")
        net = self._whole(backend)
        means = net.top.machine.visible_means(backend.asarray(X, dtype))
        for layer in reversed(net.directed):
            means = layer.down.means(means)
        return backend.to_host(means)

    def sample(
        self, n_samples: int = 1, label: Any = None, *, n_steps: int = 1000, means: bool = False
    ) -> Any:
        """Draw rows from the model: by Gibbs steps at the top, and from there down.

        A chain for each row goes on from `h_samples_` of the last machine after persistent
        contrastive divergence, and begins with hidden units on or off by chance after the other.
        Calls one after another draw other numbers.

        Parameters
        ----------
        n_samples : int, default=1
            Rows.
        label : object or array-like of shape (n_samples,), default=None
            Class, or one for each row, whose label unit is on all the while; by default labels are
            drawn too.
        n_steps : int, default=1000
            Gibbs steps of each chain.
        means : bool, default=False
            Whether to return what the features are expected to be given the units above them,
            which makes better pictures.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            bool where features are binary units that were drawn.
        """
        check_is_fitted(self)
        _require_positive("n_samples", n_samples)
        _require_positive("n_steps", n_steps)
        backend, rng = backends.resolve(), self._generator()
        dtype, net = self.rbms_[-1].components_.dtype, self._whole(backend)
        held = self._label_units(label, n_samples, dtype)
        hidden = self._chains(n_samples, held, rng, net.top.joint)
        seed = seed_from(rng)
        states = backend.asarray(hidden, dtype)
        states = net.top.chain(
            states, n_steps, seed, None if held is None else backend.asarray(held)
        )
        below = net.dream(states, seed, n_steps)
        if means:
            found = below[0]
            if net.directed:
                found = net.directed[0].down.means(below[1])
            else:
                found = net.top.machine.visible_means(net.top.machine.hidden_means(found))
            return backend.to_host(found)
        return self.rbms_[0]._as_visible(backend.to_host(below[0]))

    def _chains(self, n_samples: int, held: Any, rng: Any, joint: Machine) -> Any:
        """Return hidden states of the last machine that samples begin with."""
        top = self.rbms_[-1]
        if top.algorithm != "pcd":
            return rng.randint(0, 2, (n_samples, len(top.components_)))
        n_chains = len(top.h_samples_)
        if held is None:
            return top.h_samples_[np.arange(n_samples) % n_chains]
        # For each row a chain that is likely to have got its label.
        own = joint.backend
        sums = own.to_host(joint.label_sums(own.asarray(top.h_samples_)))
        places = (held @ softmax(sums.astype(np.float64), axis=1).T).cumsum(axis=1)
        draws = rng.uniform(size=(n_samples, 1)) * places[:, -1:]
        return top.h_samples_[np.minimum((places <= draws).sum(axis=1), n_chains - 1)]

    def _label_units(self, label: Any, n_samples: int, dtype: Any) -> Any:
        """Return label units to hold, None for none."""
        if label is None:
            return None
        if not self.rbms_[-1]._n_labels:
            raise ValueError(
                "label is for a model with label units: fit it with y and label_units=True."
            )
        labels = np.broadcast_to(np.asarray(label), (n_samples,))
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(f"label must be of the classes {self.classes_}, got {unknown}.")
        return np.eye(len(self.classes_), dtype=dtype)[np.searchsorted(self.classes_, labels)]

    def log_partition(
        self,
        method: str = "auto",
        *,
        n_chains: int = 100,
        n_betas: int = 1000,
        random_state: Any = None,
    ) -> LogPartition:
        """Return the logarithm of the partition function of the machine on top, labels included.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}, default="auto"
            As for `BernoulliRBM.log_partition`; "auto" is exact for small machines.
        n_chains, n_betas : int, default=100, 1000
            Runs of "ais" (at least 2), and the steps of each.
        random_state : int, RandomState instance or None, default=None
            Key of the draws of "ais".

        Returns
        -------
        LogPartition
            A named tuple (value, standard_error).
        """
        check_is_fitted(self)
        if method not in ("auto", "exact", "ais"):
            raise ValueError(f"method must be 'auto', 'exact' or 'ais', got {method!r}.")
        _require_positive("n_chains", n_chains, 2)
        _require_positive("n_betas", n_betas)
        seed = seed_from(check_random_state(random_state))
        top = self._whole(backends.resolve(), np.float64).top
        return top.log_partition(method, n_chains, n_betas, seed)

    def lower_bound(
        self,
        X: Any,
        y: Any = None,
        *,
        n_draws: int = 10,
        log_partition: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Return a lower bound on the logarithm of the probability (density) of rows.

        It is what is expected, of states of the layers as they are recognised, of the logarithm of
        their probability with the row's, plus the entropy of these states. With one layer it is
        the logarithm itself.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), default=None
            Labels, for the probability of row and label; by default labels are summed over.
        n_draws : int, default=10
            States drawn for each row, of which the mean is taken.
        log_partition : LogPartition or float, default=None
            What `log_partition` returned; by default it is called.
        random_state : int, RandomState instance or None, default=None
            Key of the draws.

        Returns
        -------
        ndarray of shape (n_samples,)
            In float64.

        References
        ----------
        R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief networks",
        ICML 2008.
        """
        backend, X = self._given(X)
        _require_positive("n_draws", n_draws)
        numbers = None
        if y is not None:
            if not self.rbms_[-1]._n_labels:
                raise ValueError("y is for a model with label units, and there are none.")
            check_consistent_length(np.broadcast_to(0, X.shape[:1]), y)
            numbers = self._known(y)
        rng = check_random_state(random_state)
        seed = seed_from(rng)
        if log_partition is None:
            log_partition = self.log_partition(random_state=rng)
        if isinstance(log_partition, LogPartition):
            log_partition = log_partition.value
        return self._bounds(X, numbers, backend, n_draws, seed) - float(log_partition)

    def _bounds(self, X: Any, numbers: Any, backend: Backend, n_draws: int, seed: int) -> Any:
        net, found = self._whole(backend), []
        for first, rows in pieces(X, backend, self.rbms_[0].components_.dtype):
            labels = None
            if numbers is not None:
                labels = backend.asarray(numbers[first : first + len(rows)])
            found.append(backend.to_host(net.log_bounds(rows, seed, first, n_draws, labels)))
        return np.concatenate(found)

    def _mean_bound(self, X: Any, backend: Backend, seed: int) -> float:
        """Return the mean bound of validated rows, as a fit watches it."""
        top = self._whole(backend, np.float64).top
        log_partition = top.log_partition("auto", 100, 1000, seed)
        return float(self._bounds(X, None, backend, 5, seed).mean() - log_partition.value)

    def _numbered(self, y: Any) -> Any:
        """Return the numbers of classes; set `classes_`."""
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        return numbers

    def _known(self, y: Any) -> Any:
        """Return the numbers of classes that are known."""
        y = column_or_1d(y, warn=True)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y must hold classes {self.classes_} alone, got {unknown}.")
        return np.searchsorted(self.classes_, y)

    def _generator(self) -> Any:
        """Return the generator that successive calls advance."""
        if not hasattr(self, "random_state_"):
            self.random_state_ = check_random_state(self.random_state)
        return self.random_state_

    def _given(self, X: Any) -> tuple[Backend, Any]:
        """Return the backend of rows for a fitted model, and the rows, validated."""
        check_is_fitted(self)
        return backends.resolve(X), validate(self, X, reset=False, accept_sparse="csr")

    def _network(self, backend: Backend) -> list[HalfStep]:
        """Return the layers of the network that was fine-tuned, the classes' last."""
        own = backend.asarray
        pairs = zip(self.coefs_, self.intercepts_, strict=True)
        return [HalfStep(backend, own(coef), own(bias), HIDDEN) for coef, bias in pairs]

    def _whole(self, backend: Backend, dtype: Any = None) -> Model:
        raise NotImplementedError

    def _mapped(self, X: Any, backend: Backend, function: Any) -> Any:
        """Return a function's results for rows, on the host."""
        dtype = self.rbms_[0].components_.dtype
        found = [backend.to_host(function(rows)) for _, rows in pieces(X, backend, dtype)]
        return found[0] if len(found) == 1 else np.concatenate(found)


def _through(halves: list[HalfStep], rows: Any) -> Any:
    for half in halves:
        rows = half.means(rows)
    return rows
