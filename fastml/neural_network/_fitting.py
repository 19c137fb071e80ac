"""How estimators of networks are fitted: from the beginning, going on, from a file, by L-BFGS."""

import warnings
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.fixes import _get_additional_lbfgs_options_dict
from sklearn.utils.optimize import _check_optimize_result

from fastml import backends
from fastml._random import seed_from
from fastml.neural_network._batches import BatchTask, first_pass, refuse_for_batches
from fastml.neural_network._hooks import Hooks
from fastml.neural_network._parameters import STOCHASTIC, make_optimizer, make_settings
from fastml.neural_network._task import Task, backend_of, batch_rows, prepared_rows
from fastml.nn import Sequences
from fastml.nn.training import TrainingState, is_stream, train, train_lbfgs
from fastml.nn.training._loop import restore_best
from fastml.nn.training._resume import Checkpoint, resume

__all__ = ["Fitting"]

# Fitted attributes that 'lbfgs' does not have.
_OF_STOCHASTIC = (
    "best_loss_", "best_validation_score_", "loss_curve_", "validation_scores_",
)  # fmt: skip


class Fitting(Hooks):
    """The fit of an estimator, once it is known what its network is."""

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
        if isinstance(X, Sequences):
            # Sequences may have come in any form, of which only that tells where they are.
            backend = backend_of(X)
        weight = None if sample_weight is None else self._checked_weight(sample_weight, X)
        encoded = self._encoded(y, incremental)
        weight = self._class_weights(y, weight, incremental or batches is not None)
        head = self._head()
        self.out_activation_ = head.activation
        self._random_state = check_random_state(self.random_state)
        dtype = np.float64 if self.solver == "lbfgs" else X.dtype
        shape = self._sample_shape(X)
        if first:
            network = self._new_network(shape, dtype, self._random_state)
            self._begin(network, X, weight)
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

    def _forget(self) -> None:
        """Drop what earlier fits have learned beside the weights."""
        for name in ("_training", "_optimizer", *_OF_STOCHASTIC):
            self.__dict__.pop(name, None)
        self.t_ = 0
