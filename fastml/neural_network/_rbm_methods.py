"""What fitted restricted Boltzmann machines answer: means, samples, energies, likelihoods."""

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted

from fastml import backends
from fastml._random import seed_from
from fastml._validation import check_finite_wanted, validate
from fastml.backends import Backend
from fastml.neural_network._rbm_machine import Machine, pieces
from fastml.neural_network._rbm_partition import LogPartition, annealed, exact


# A transformer, so that scikit-learn sees to the output of `transform`.
class RBMMethods(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Methods that need a fitted machine; a base of `BaseRBM`."""

    components_: Any
    intercept_hidden_: Any
    intercept_visible_: Any
    h_samples_: Any
    random_state: Any
    algorithm: str

    def transform(self, X: Any) -> Any:
        """Return the probabilities that hidden units are on, P(h=1|v=X).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            In the dtype of `components_`.
        """
        check_is_fitted(self)
        backend = backends.resolve(X)
        return self._hidden(self._given(X), backend)

    def inverse_transform(self, X: Any) -> Any:
        """Return the expected visible units, given hidden ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            States or probabilities of hidden units.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        backend = backends.resolve(X)
        dtype, n_hidden = self.components_.dtype, len(self.components_)
        if not backends.on_device(X):
            X = check_array(X, dtype=dtype, ensure_all_finite=check_finite_wanted(), estimator=self)
        if X.ndim != 2 or X.shape[1] != n_hidden:
            raise ValueError(f"X must have {n_hidden} columns, one a component, got {X.shape}.")
        machine = self._machine(backend)
        return backend.to_host(machine.visible_means(backend.asarray(X, dtype)))

    def gibbs(self, v: Any, n_steps: int = 1) -> Any:
        """Make Gibbs steps: draw hidden units given visible ones, then visible units again.

        Calls one after another draw other numbers.

        Parameters
        ----------
        v : {array-like, sparse matrix} of shape (n_samples, n_features)
            Visible units to start from.
        n_steps : int, default=1
            Steps, at least 1.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Visible units, bool where they are binary.
        """
        check_is_fitted(self)
        _require_positive("n_steps", n_steps)
        backend = backends.resolve(v)
        v = self._given(v)
        machine, seed = self._machine(backend), self._key(self._generator())
        drawn = [
            backend.to_host(machine.gibbs(rows, n_steps, seed, first))
            for first, rows in pieces(v, backend, machine.dtype)
        ]
        return self._as_visible(np.concatenate(drawn))

    def sample(self, n_samples: int = 1, n_steps: int = 1000) -> Any:
        """Draw visible units from the model by Gibbs sampling, a chain for each sample.

        Chains go on from `h_samples_` after persistent contrastive divergence, and begin with
        hidden units on or off by chance after the other.

        Parameters
        ----------
        n_samples : int, default=1
            Samples.
        n_steps : int, default=1000
            Gibbs steps of each chain.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Visible units, bool where they are binary.
        """
        check_is_fitted(self)
        _require_positive("n_samples", n_samples)
        _require_positive("n_steps", n_steps)
        backend = backends.resolve()
        rng = self._generator()
        machine = self._machine(backend)
        if self.algorithm == "pcd":
            hidden = self.h_samples_[np.arange(n_samples) % len(self.h_samples_)]
        else:
            hidden = rng.randint(0, 2, (n_samples, len(self.components_)))
        seed = self._key(rng)
        visible = machine.draw_visible(backend.asarray(hidden, machine.dtype), seed, n_steps)
        return self._as_visible(backend.to_host(machine.gibbs(visible, n_steps, seed)))

    def free_energy(self, X: Any) -> Any:
        """Return the free energy F(v) = -log sum_h exp(-E(v, h)) of rows.

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
        return self._energies(self._given(X), backend)

    def log_partition(
        self,
        method: str = "exact",
        *,
        n_chains: int = 100,
        n_betas: int = 1000,
        random_state: Any = None,
    ) -> LogPartition:
        """Return the logarithm of the partition function Z = sum_v exp(-F(v)).

        Parameters
        ----------
        method : {"exact", "ais"}, default="exact"
            "exact" enumerates the states of the smaller layer, 25 units at most. "ais" is annealed
            importance sampling, from a machine without weights.
        n_chains, n_betas : int, default=100, 1000
            Runs of "ais" (at least 2), and the steps of each.
        random_state : int, RandomState instance or None, default=None
            Key of the draws of "ais".

        Returns
        -------
        LogPartition
            A named tuple (value, standard_error); the error of "exact" is 0.
        """
        check_is_fitted(self)
        if method not in ("exact", "ais"):
            raise ValueError(f"method must be 'exact' or 'ais', got {method!r}.")
        backend = backends.resolve()
        machine = self._machine(backend, np.float64)
        if method == "exact":
            return LogPartition(exact(machine), 0.0)
        _require_positive("n_chains", n_chains, 2)
        _require_positive("n_betas", n_betas)
        seed = seed_from(check_random_state(random_state))
        return annealed(machine, n_chains, n_betas, seed, backend)

    def log_likelihood(self, X: Any, log_partition: Any = None) -> Any:
        """Return the logarithm of the probability (density) of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        log_partition : LogPartition or float, default=None
            What `log_partition` returned; the exact one is computed by default.

        Returns
        -------
        ndarray of shape (n_samples,)
            In float64.
        """
        check_is_fitted(self)
        energies = self.free_energy(X)
        if log_partition is None:
            log_partition = self.log_partition()
        if isinstance(log_partition, LogPartition):
            log_partition = log_partition.value
        return -energies - float(log_partition)

    def _generator(self) -> Any:
        """Return the generator that successive calls advance."""
        if not hasattr(self, "random_state_"):
            self.random_state_ = check_random_state(self.random_state)
        return self.random_state_

    def _key(self, rng: Any) -> Any:
        """Return the key of draws: the generator itself, where draws are to come from it."""
        return rng if isinstance(self.random_state, np.random.RandomState) else seed_from(rng)

    def _given(self, X: Any) -> Any:
        return validate(self, X, reset=False, accept_sparse="csr")

    def _machine(self, backend: Backend, dtype: Any = None) -> Machine:
        components = self.components_
        if dtype is not None:
            components = components.astype(dtype)
        return Machine(
            backend, components, self.intercept_visible_, self.intercept_hidden_, self._variance()
        )

    def _variance(self) -> Any:
        return None

    def _hidden(self, X: Any, backend: Backend) -> Any:
        machine = self._machine(backend)
        means = [
            backend.to_host(machine.hidden_means(rows))
            for _, rows in pieces(X, backend, machine.dtype)
        ]
        return means[0] if len(means) == 1 else np.concatenate(means)

    def _energies(self, X: Any, backend: Backend) -> Any:
        machine = self._machine(backend)
        energies = [
            backend.to_host(machine.free_energy(rows)[0])
            for _, rows in pieces(X, backend, machine.dtype)
        ]
        return np.concatenate(energies)

    def _reconstruction_error(self, X: Any, backend: Backend) -> float:
        """Mean squared difference of rows and what their hidden means make of them."""
        machine = self._machine(backend)
        total = 0.0
        for _, rows in pieces(X, backend, machine.dtype):
            back = machine.visible_means(machine.hidden_means(rows))
            back -= rows
            total += float(backend.xp.square(back).sum(dtype=np.float64))
        return total / X.shape[0]

    def _as_visible(self, states: Any) -> Any:
        return states


def _require_positive(name: str, value: Any, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an int of at least {least}, got {value!r}.")
