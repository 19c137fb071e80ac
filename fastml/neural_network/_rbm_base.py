"""What restricted Boltzmann machines have in common: fitting, sampling, energies."""

import time
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from fastml import backends
from fastml._callbacks import CallbackSupportMixin, root_context, with_callbacks
from fastml._validation import validate
from fastml.backends import Backend
from fastml.neural_network._rbm_methods import RBMMethods
from fastml.neural_network._rbm_passes import Passes
from fastml.neural_network._rbm_training import (
    ENDING_SCHEDULES,
    SCHEDULES,
    Rules,
    State,
    is_finite,
    learn,
    still,
)


class BaseRBM(RBMMethods, CallbackSupportMixin, BaseEstimator):
    """Base class of machines with binary hidden units."""

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "algorithm": [StrOptions({"pcd", "cd"})],
        "k": [Interval(Integral, 1, None, closed="left")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither"), None],
        "sparsity_cost": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "learning_rate_schedule": [StrOptions(set(SCHEDULES))],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "monitor": ["array-like", None],
    }
    # So many of the last visible units are labels, of which exactly one is on.
    _n_labels = 0

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "BaseRBM":
        """Learn from all rows, in batches, `n_iter` times over.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; float32 stays float32, other dtypes become float64. Sparse rows are made dense a
            piece at a time.
        y : Ignored
            Present for scikit-learn's sake.

        Returns
        -------
        self : estimator instance
            The fitted estimator.
        """
        backend = backends.resolve(X)
        X = self._validated(X, reset=True)
        passes = Passes(self, X, check_random_state(self.random_state), backend)

        fit_context = root_context(self, max_subtasks=self.n_iter)
        fit_context.call_on_fit_task_begin(estimator=self, X=X)
        for iteration in range(1, self.n_iter + 1):
            begun = time.perf_counter()
            epoch = fit_context.subcontext(task_name="epoch")
            epoch.call_on_fit_task_begin(estimator=self, X=X)
            passes.once()
            if self.verbose:
                print(
                    f"[{type(self).__name__}] Iteration {iteration}, {self._progress(X)}, "
                    f"time = {time.perf_counter() - begun:.2f}s"
                )
            if epoch.call_on_fit_task_end(
                estimator=self, X=X, reconstruction_attributes=self._fitted_attributes
            ):
                break
        fit_context.call_on_fit_task_end(estimator=self, X=X)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> "BaseRBM":
        """Make one update from the rows given.

        The rows and the samples of the model are each averaged over their own number. More rows
        than chains bring more chains, which begin where the others are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The batch.
        y : Ignored
            Present for scikit-learn's sake.

        Returns
        -------
        self : estimator instance
            The estimator, fitted to the batches so far.
        """
        if self.learning_rate_schedule in ENDING_SCHEDULES:
            raise ValueError(
                f"learning_rate_schedule={self.learning_rate_schedule!r} ends with the fit, and "
                "partial_fit has no end; use 'constant' or 'invscaling'."
            )
        fresh = not hasattr(self, "components_")
        backend = backends.resolve(X)
        X = self._validated(X, reset=fresh)
        if fresh:
            self._begin(X, self._generator())
        state = self._state(backend, X.shape[0])
        if not isinstance(X, np.ndarray) and hasattr(X, "toarray"):
            X = X.toarray()
        learn(X, X.shape[0], state, self._rules(), backend, 0)
        self._keep(state, backend)
        return self

    def _begin(self, X: Any, rng: Any) -> None:
        """Set parameters to begin with; weights are those of scikit-learn for the same seed."""
        dtype, n_features = np.dtype(str(X.dtype)), X.shape[1]
        weights = rng.normal(0, 0.01, (self.n_components, n_features))
        self.components_ = np.asarray(weights, order="F", dtype=dtype)
        self.intercept_hidden_ = np.zeros(self.n_components, dtype)
        self.intercept_visible_ = np.zeros(n_features, dtype)
        self.h_samples_ = np.zeros((self.batch_size, self.n_components), dtype)
        self._seed, self._n_updates = self._key(rng), 0
        self._activity = np.full(self.n_components, self.sparsity_target or 0.0)
        self._velocities: Any = None
        self._n_features_out = self.n_components
        self._begin_visible(X)

    def _validated(self, X: Any, *, reset: bool) -> Any:
        return validate(self, X, reset=reset, accept_sparse="csr")

    def _begin_visible(self, X: Any) -> None:
        """Set what only some machines have."""

    def _log_variance(self) -> Any:
        return np.zeros(0)

    def _rules(self) -> Rules:
        sparse = self.sparsity_target is not None
        return Rules(
            float(self.learning_rate), self.learning_rate_schedule, self.algorithm == "pcd",
            int(self.k), float(self.momentum), float(self.weight_decay),
            float(self.sparsity_target) if sparse else 0.0,
            float(self.sparsity_cost) if sparse else 0.0,
            float(self.dropout), self._learns_variance(), self._n_labels, self._seed,
        )  # fmt: skip

    def _learns_variance(self) -> bool:
        return False

    def _state(self, backend: Backend, n_rows: int = 0, in_place: bool = False) -> State:
        """Bring the parameters to the backend, as they are while units are left out.

        `in_place` lets updates write to the weights; else those that fail leave the estimator as
        it is.
        """
        keep, dtype = 1 - self.dropout, self.components_.dtype
        log_variance = self._log_variance()
        if self._velocities is None:
            n_hidden, n_visible = self.components_.shape
            rules = self._rules()
            self._velocities = still(rules, n_visible, n_hidden, len(log_variance), dtype)
        # Fewer chains than rows make steps noisier than the data do, and their noise has a drift.
        n_chains = max(len(self.h_samples_), n_rows)
        chains = np.resize(self.h_samples_, (n_chains, self.n_components)).astype(dtype)
        weights = self.components_.T
        if keep < 1:
            weights = (weights / keep).astype(dtype, copy=False)
        elif not in_place:
            weights = weights.copy()
        velocity, bias_velocity = self._velocities
        own = backend.asarray
        return State(
            weights=own(weights),
            visible_bias=own(self.intercept_visible_.astype(np.float64)),
            hidden_bias=own(self.intercept_hidden_.astype(np.float64) / keep),
            log_variance=own(log_variance),
            velocity=own(velocity.copy()),
            bias_velocity=own(bias_velocity.copy()),
            activity=own(self._activity.copy()),
            chains=own(chains),
            n_updates=self._n_updates,
        )

    def _keep(self, state: State, backend: Backend) -> None:
        """Set what is fitted.

        Raises
        ------
        ValueError
            If parameters are no longer finite.
        """
        if not is_finite(state):
            raise ValueError(
                f"{type(self).__name__} diverged: parameters became infinite or NaN after "
                f"{state.n_updates} updates. Lower learning_rate (now {self.learning_rate}) or "
                f"momentum, set weight_decay{self._stabler()}."
            )
        keep, dtype = 1 - self.dropout, self.components_.dtype
        host = backend.to_host
        weights = host(state.weights)
        self.components_ = (weights if keep == 1 else weights * dtype.type(keep)).T
        self.intercept_visible_ = host(state.visible_bias).astype(dtype)
        self.intercept_hidden_ = (keep * host(state.hidden_bias)).astype(dtype)
        self.h_samples_ = host(state.chains).copy()
        self._velocities = host(state.velocity).copy(), host(state.bias_velocity).copy()
        self._activity = host(state.activity).copy()
        self._n_updates = state.n_updates
        self._keep_visible(host(state.log_variance))

    def _keep_visible(self, log_variance: Any) -> None:
        """Set what only some machines have."""

    def _stabler(self) -> str:
        return ""

    def _fitted_attributes(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k.endswith("_") or k == "_n_features_out"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
