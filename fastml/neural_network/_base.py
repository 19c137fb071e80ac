"""What estimators of networks share: validation, training, going on, callbacks, prediction."""

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.fixes import _get_additional_lbfgs_options_dict
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from fastml import backends
from fastml._callbacks import CallbackSupportMixin
from fastml._random import seed_from
from fastml._validation import validate
from fastml.neural_network._batches import BatchTask, first_pass, refuse_for_batches
from fastml.neural_network._heads import Head, activated
from fastml.neural_network._on_disk import rows_on_disk
from fastml.neural_network._parameters import (
    CONSTRAINTS,
    STOCHASTIC,
    make_optimizer,
    make_settings,
)
from fastml.neural_network._task import Task, batch_rows, prepared_rows, stretches
from fastml.nn import Network
from fastml.nn.layers import Layer, Run
from fastml.nn.training import TrainingState, is_stream, train, train_lbfgs
from fastml.nn.training._loop import restore_best
from fastml.nn.training._resume import Checkpoint, resume

__all__ = ["BaseNetworkEstimator"]

# Fitted attributes that 'lbfgs' does not have.
_OF_STOCHASTIC = (
    "best_loss_", "best_validation_score_", "loss_curve_", "validation_scores_",
)  # fmt: skip


class BaseNetworkEstimator(CallbackSupportMixin, BaseEstimator):
    """Estimators that are networks; a subclass says of which layers, and what targets are.

    A subclass has `_layers`. One that keeps its weights otherwise than as ``network_`` overrides
    `_new_network`, `_load`, `_attributes`, `_is_begun` and `_sums_of`.
    """

    _parameter_constraints: dict = CONSTRAINTS
    _accept_sparse: Any = ("csr", "csc")
    # Rows of a prediction that go through the network at a time.
    _rows_at_once = 4096

    network_: Network
    n_outputs_: int
    out_activation_: Any
    # Set by constructors, from parameters of these names.
    solver: str
    batch_size: Any
    shuffle: bool
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    random_state: Any
    verbose: Any
    max_iter: int
    max_fun: int
    checkpoint: Any
    checkpoint_every: int

    def _set(self, parameters: dict[str, Any]) -> None:
        """Set the constructor's parameters: its local variables."""
        for name, value in parameters.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # What a subclass says.

    def _layers(self, n_outputs: int) -> list[Layer]:
        """Return the layers, without the activation of the last one, which the head has."""
        raise NotImplementedError

    def _head(self) -> Head:
        """Return activation and loss of the outputs, once targets are known."""
        raise NotImplementedError

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Return rows and targets, checked."""
        raise NotImplementedError

    def _encoded(self, y: Any, incremental: bool) -> Any:
        """Learn what targets there are, set `n_outputs_`; return targets as (n, n_outputs)."""
        raise NotImplementedError

    def _numbered(self, y: Any) -> Any:
        """Return targets as (n, n_outputs) or (n,), once it is known what there are."""
        raise NotImplementedError

    def _targets(self, encoded: Any, head: Head, dtype: Any) -> Any:
        """Return encoded targets as the loss takes them."""
        raise NotImplementedError

    def _score_of(self, sums: Any, encoded: Any, head: Head, weight: Any) -> float:
        """Return the score of sums of the last layer, NaN where they are not finite."""
        raise NotImplementedError

    def _class_weights(self, y: Any, weight: Any, incremental: bool) -> Any:
        """Return the weights of samples, those of their classes included."""
        return weight

    def _sample_shape(self, X: Any) -> tuple[int, ...]:
        """Return the shape of one sample as the network takes it."""
        return tuple(X.shape[1:])

    def _check_more(self) -> None:
        """Refuse parameters that their limits alone do not tell from good ones."""

    # How weights are kept.

    def _is_begun(self) -> bool:
        """Whether there are weights to go on from."""
        return hasattr(self, "network_")

    def _new_network(self, shape: tuple[int, ...], dtype: Any, random_state: Any) -> Network:
        """Return a network that has not learned anything."""
        layers = self._layers(self.n_outputs_)
        return Network(layers, shape, dtype=dtype, seed=seed_from(random_state))

    def _load(self, shape: tuple[int, ...], dtype: Any) -> Network:
        """Return a network of what has been learned so far."""
        network = Network(self._layers(self.n_outputs_), shape, dtype=dtype)
        if network.flat.shape != self.network_.flat.shape:
            raise ValueError(
                f"The network fitted before has {self.network_.n_parameters} parameters, and the "
                f"one to go on with {network.n_parameters}: layers must not change."
            )
        network.flat[...] = self.network_.flat
        for name, value in self.network_.state.items():
            network.state[name][...] = value
        return network

    def _attributes(self, network: Network, dtype: Any) -> dict[str, Any]:
        """Return the fitted attributes that hold what a network has learned, on the host."""
        kept = Network(network.layer, network.input_shape, dtype=dtype, seed=network.seed)
        kept.flat[...] = network.backend.to_host(network.flat)
        for name, value in network.state.items():
            kept.state[name][...] = network.backend.to_host(value)
        return {"network_": kept}

    def _sums_of(self, X: Any, run: Run | None = None) -> Any:
        """Return the sums of the last layer for some rows, where the backend has them."""
        return self._network_on(backends.resolve(X)).forward(X, run)

    def _network_on(self, backend: backends.Backend) -> Network:
        """Return the network where a backend has its arrays: itself, or a copy."""
        network = self.network_
        if backend is network.backend:
            return network
        moved: Network = self._attributes(network, network.dtype)["network_"]
        return moved.to(backend)

    def _forget(self) -> None:
        """Drop what earlier fits have learned beside the weights."""
        for name in ("_training", "_optimizer", *_OF_STOCHASTIC):
            self.__dict__.pop(name, None)
        self.t_ = 0

    # Prediction.

    def _new_rows(self, X: Any) -> Any:
        """Return rows for a fitted estimator, checked."""
        check_is_fitted(self)
        check = rows_on_disk if isinstance(X, np.memmap) else validate
        return check(self, X, reset=False, accept_sparse=self._accept_sparse)

    def _sums(self, X: Any, run: Run | None = None) -> np.ndarray[Any, Any]:
        """Return the sums of the last layer for checked rows, on the host."""
        backend = backends.resolve(X)
        X = prepared_rows(backend, X)
        found = (self._sums_of(part, run) for part in stretches(X, self._rows_at_once))
        parts = [backend.to_host(part) for part in found]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _outputs(self, X: Any) -> np.ndarray[Any, Any]:
        """Return the outputs of the network for rows as they were given."""
        sums = self._sums(self._new_rows(X))
        return activated(self.out_activation_, sums)

    # Training.

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    def _fit(self, X: Any, y: Any, sample_weight: Any = None, incremental: bool = False) -> Any:
        """Train on all rows; for one epoch if that is incremental."""
        self._check_more()
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not self._is_begun() or (not self.warm_start and not incremental)
        batches, n_rows = (X, 0) if is_stream(X) else (None, 0)
        if batches is None:
            backend = backends.resolve(X)
            X, y = self._validated(X, y, reset=first)
        else:
            refuse_for_batches(self, y, sample_weight, incremental)
            X, y, n_rows = first_pass(self, batches, first)
            backend = backends.resolve(X)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        encoded = self._encoded(y, incremental)
        weight = self._class_weights(y, weight, incremental or batches is not None)
        head = self._head()
        self.out_activation_ = head.activation
        self._random_state = check_random_state(self.random_state)
        dtype = np.float64 if self.solver == "lbfgs" else X.dtype
        shape = self._sample_shape(X)
        if first:
            network = self._new_network(shape, dtype, self._random_state)
            self._forget()
        else:
            network = self._load(shape, dtype)
        network.to(backend)
        task: Task
        if batches is None:
            rows = prepared_rows(backend, X, dtype)
            task = Task(self, network, head, backend, X.dtype, rows, y, encoded, weight)
        else:
            about = (self, network, head, backend, X.dtype, batches, None, None, None)
            task = BatchTask(*about, n_rows)
        if self.solver == "lbfgs":
            self._fit_lbfgs(task)
        else:
            self._fit_stochastic(task, incremental)
        return self

    def _fit_stochastic(self, task: Task, incremental: bool) -> None:
        checkpoint = None if incremental else self._checkpoint(task)
        written = None if checkpoint is None else checkpoint.load()
        state = getattr(self, "_training", None) if written is None else written
        splitting = self._random_state
        if checkpoint is not None and not isinstance(self.random_state, Integral):
            # The fit that goes on from the file has only its seed in common with this one.
            state = state or TrainingState(seed=seed_from(self._random_state))
            splitting = check_random_state(state.seed % 2**32)
        held = task.hold_out(splitting) if self.early_stopping else None
        n_samples = task.n_rows if held is None else len(held.learned)
        state = state or TrainingState(seed=seed_from(self._random_state))
        optimizer = getattr(self, "_optimizer", None) if incremental else None
        if optimizer is None:
            optimizer = make_optimizer(self, task.network.flat, n_samples)
        elif task.backend.xp is not np:
            optimizer = make_optimizer(self, task.network.flat, n_samples)
            optimizer.load_state(self._optimizer.state())
        settings = make_settings(self, one_epoch=incremental)
        if written is not None:
            resume(task.network, optimizer, state)
            if state.stopped:
                # That fit had come to its end.
                if settings.keep_best:
                    restore_best(task.network, state)
                self._keep(task, state, optimizer)
                return
        source = task.source(held, batch_rows(self.batch_size, n_samples), state.seed)
        try:
            with task.callbacks("epoch", settings.max_epochs) as on_epoch:
                train(
                    task.network,
                    task.head.loss,
                    source,
                    optimizer=optimizer,
                    settings=settings,
                    state=state,
                    score=None if held is None else task.scorer(held),
                    on_epoch=on_epoch,
                    checkpoint=checkpoint,
                )
        finally:
            # A fit that diverged leaves the last good weights.
            self._keep(task, state, optimizer)
        self._warn(state, incremental)

    def _checkpoint(self, task: Task) -> Checkpoint | None:
        """Return the file that this fit is written to, if it is."""
        if self.checkpoint is None:
            return None
        parameters = self.get_params(deep=False)
        for name in ("checkpoint", "checkpoint_every", "verbose"):
            del parameters[name]
        begun = task.backend.to_host(task.network.flat) if hasattr(self, "_training") else None
        data = {
            "X": task.X,
            "n_rows": task.n_rows,
            "y": task.y,
            "sample_weight": task.weight,
            "begun with": begun,
        }
        return Checkpoint(self.checkpoint, parameters | data, self.checkpoint_every)

    def _fit_lbfgs(self, task: Task) -> None:
        if self.checkpoint is not None:
            raise ValueError("checkpoint is for stochastic solvers, not for solver='lbfgs'.")
        state = TrainingState(seed=seed_from(self._random_state))
        settings = make_settings(self)
        shown = 1 if self.verbose is True or self.verbose >= 1 else -1
        try:
            with task.callbacks("iteration", settings.max_epochs) as on_iteration:
                found = train_lbfgs(
                    task.network,
                    task.head.loss,
                    task.batch(),
                    settings=settings,
                    state=state,
                    max_fun=self.max_fun,
                    on_iteration=on_iteration,
                    options=_get_additional_lbfgs_options_dict("iprint", shown),
                )
        finally:
            self._set(self._attributes(task.network, task.dtype))
        self.n_iter_, self.loss_ = state.n_iter, state.loss
        if state.stopped != "callback":
            self.n_iter_ = _check_optimize_result("lbfgs", found, self.max_iter)

    def _keep(self, task: Task, state: TrainingState, optimizer: Any) -> None:
        """Set fitted attributes, and what `partial_fit` and `warm_start` go on from."""
        if task.backend.xp is not np:
            on_device = optimizer
            optimizer = make_optimizer(self, task.backend.to_host(task.network.flat), 1)
            optimizer.load_state(on_device.state())
            optimizer.t_max = on_device.t_max
        self._optimizer = optimizer
        self._set(self._attributes(task.network, task.dtype))
        self.n_iter_, self.t_, self.loss_ = state.n_iter, state.n_seen, state.loss
        self.loss_curve_ = state.loss_curve
        self._no_improvement_count = state.no_improvement
        scored = self.early_stopping
        self.best_loss_ = None if scored else state.best_loss
        self.validation_scores_ = state.validation_scores if scored else None
        self.best_validation_score_ = state.best_score if scored else None
        # Weights are in the fitted attributes, and the best ones are those of now.
        state.parameters = state.best_parameters = None
        state.layer_state, state.best_layer_state, state.optimizer = {}, {}, {}
        self._training = state

    def _warn(self, state: TrainingState, incremental: bool) -> None:
        if state.stopped == "max_iter" and not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
                "reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
        elif state.stopped == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=5)
        elif state.stopped == "diverged":
            warnings.warn(
                "The loss became NaN or infinite; the weights kept are those of the best epoch.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = bool(self._accept_sparse)
        return tags
