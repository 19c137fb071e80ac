"""The training loop: one for all networks, losses, optimisers and sources of batches."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastml.nn._network import Network
from fastml.nn.layers import Run
from fastml.nn.optimizers import Penalty, clip_scale
from fastml.nn.training._penalty import penalty_value
from fastml.nn.training._sources import Batch, Source
from fastml.nn.training._state import TrainingState

__all__ = ["DivergenceError", "Loss", "Settings", "train"]


class DivergenceError(ValueError):
    """The loss became NaN or infinite; the network has the last weights of a finite one."""


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Attributes
    ----------
    max_epochs : int
        Most epochs of this fit.
    tol : float, default=1e-4
        By how much a loss or score has to be better than the best one to count as better.
    n_iter_no_change : float, default=10
        The fit has converged after more than so many epochs in a row that were not better.
    l1, l2 : float, default=0
        Factors of the penalty ``l1 sum |w| + l2 / 2 sum w^2`` on weights, divided by what the
        samples of a batch weigh.
    max_norm : float, optional
        Longer gradients are scaled to this length.
    keep_best : bool, default=False
        Whether to end with the weights of the best epoch: of the best score if there are scores,
        else of the least loss.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    """

    max_epochs: int
    tol: float = 1e-4
    n_iter_no_change: float = 10
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    keep_best: bool = False
    verbose: bool = False


class Loss:
    """What is minimised, of a batch; a subclass says what.

    Called by the network as ``loss(outputs, batch)``.
    """

    def __call__(self, outputs: Any, batch: Batch) -> Any:
        """Return the mean loss of the targets, weighted: a variable of one element."""
        raise NotImplementedError

    def reported(self, value: float, batch: Batch) -> float:
        """Return what is said of a batch whose loss has a value."""
        return value


def train(
    network: Network,
    loss: Loss,
    source: Source,
    *,
    optimizer: Any,
    settings: Settings,
    state: TrainingState,
    score: Callable[[], float] | None = None,
    on_epoch: Callable[[TrainingState], bool] | None = None,
    checkpoint: Callable[[TrainingState], None] | None = None,
) -> TrainingState:
    """Train a network until it has converged, or for the epochs allowed.

    Parameters
    ----------
    network : Network
        Its parameters are changed in place.
    loss : Loss
        What is minimised.
    source : Source
        Of batches.
    optimizer : optimizer of `fastml.nn.optimizers`
        Made for ``[network.flat]``.
    settings : Settings
        How.
    state : TrainingState
        Where to go on from; changed in place. One that has stopped begins another fit, which
        counts its epochs anew.
    score : callable, optional
        Scores the network as it is on samples held out; larger is better. By default the loss
        says whether an epoch was better.
    on_epoch : callable, optional
        Called with the state after every epoch; True ends the fit.
    checkpoint : callable, optional
        Called with the state after every epoch, when all of it is up to date.

    Returns
    -------
    TrainingState
        The one given.

    Raises
    ------
    DivergenceError
        For a loss or weights that are NaN or infinite. The network then has the weights that the
        last epoch began with whose first loss was finite. No error is raised where the weights of
        the best epoch are kept anyway, and there was one.
    """
    if state.stopped:
        state.stopped, state.n_iter = "", 0
    state.parameters, state.layer_state = network.flat, network.state
    steps = _Steps(network, loss, optimizer, settings, state)
    try:
        while not state.stopped:
            seen = steps.epoch(source)
            state.epoch += 1
            state.n_iter += 1
            state.n_seen += seen
            state.loss_curve.append(state.loss)
            if settings.verbose:
                print(f"Iteration {state.n_iter}, loss = {state.loss:.8f}")
            _compare(network, settings, state, score)
            optimizer.iteration_ends(state.n_seen)
            _decide(optimizer, settings, state, score is not None)
            if on_epoch is not None and on_epoch(state) and not state.stopped:
                state.stopped = "callback"
            if checkpoint is not None:
                state.optimizer = optimizer.state()
                checkpoint(state)
    except KeyboardInterrupt:
        state.stopped = "interrupted"
    except DivergenceError:
        if not (settings.keep_best and state.best_parameters is not None):
            raise
        # There are good weights to come back to, as an early stop does.
        state.stopped = "diverged"
        if score is not None:
            state.validation_scores.append(math.nan)
    if settings.keep_best:
        restore_best(network, state)
    state.optimizer = optimizer.state()
    return state


def restore_best(network: Network, state: TrainingState) -> None:
    """Give a network the weights of its best epoch, if there was one."""
    if state.best_parameters is not None:
        _restore(network, state.best_parameters, state.best_layer_state)


class _Steps:
    """The steps of epochs, with what they need in memory."""

    def __init__(
        self, network: Network, loss: Loss, optimizer: Any, settings: Settings, state: TrainingState
    ) -> None:
        self.network, self.loss, self.optimizer = network, loss, optimizer
        self.settings, self.state = settings, state
        self.spans = np.array(network.penalized, np.int64).reshape(-1, 2)
        self.penalised = bool(network.penalized) and (settings.l1 > 0 or settings.l2 > 0)
        self.gradient = network.backend.empty(network.flat.shape, network.flat.dtype)
        self.good = _copied(network)

    def epoch(self, source: Source) -> int:
        """Take the steps of an epoch, set its mean loss, return how many samples it had."""
        state, first = self.state, True
        begun = _copied(self.network)
        total, seen, n_targets, n_steps = 0.0, 0, 0, 0
        for batch in source.batches(state.epoch):
            value = self._gradient(batch)
            if not math.isfinite(value):
                raise self._diverged(f"The loss became {value}", n_steps)
            if first:
                self.good, first = begun, False
            self._step(batch)
            n_steps += 1
            total += value * batch.n_targets
            n_targets += batch.n_targets
            seen += batch.n_rows
        if not bool(self.network.backend.xp.isfinite(self.network.flat).all()):
            raise self._diverged("Weights became infinite", n_steps - 1)
        state.loss = total / max(n_targets, 1)
        return seen

    def _diverged(self, what: str, step: int) -> DivergenceError:
        """Return the error, with the network at the last weights of a finite loss."""
        _restore(self.network, *self.good)
        return DivergenceError(
            f"{what} in epoch {self.state.n_iter + 1}, step {step + 1}. "
            "Solver produced non-finite parameter weights. The input data may contain large "
            "values and need to be preprocessed. A smaller learning_rate_init may help too. The "
            "weights kept are the last with a finite loss."
        )

    def _gradient(self, batch: Batch) -> float:
        """Compute loss and gradient of a batch; return the loss, penalty included."""
        if batch.total == 0:
            # Nothing weighs anything: no loss, and nothing to learn.
            return 0.0
        network, state, how = self.network, self.state, self.settings
        run = Run(True, state.seed, state.step)
        value = network.loss_and_gradient(batch.X, batch, self.loss, run, self.gradient)
        value = self.loss.reported(value, batch)
        if self.penalised:
            spans = network.penalized
            whole = penalty_value(network.backend, network.flat, how.l1, how.l2, spans)
            value += whole / batch.total
        return value

    def _step(self, batch: Batch) -> None:
        self.state.step += 1
        if batch.total == 0:
            return
        how, scale = self.settings, 1.0
        if how.max_norm is not None:
            scale = clip_scale([self.gradient], how.max_norm)
        penalty = Penalty(how.l1 / batch.total, how.l2 / batch.total, [self.spans])
        self.optimizer.update_params(
            [self.network.flat], [self.gradient], penalty=penalty, scale=scale
        )


def _copied(network: Network) -> tuple[Any, dict[str, Any]]:
    return network.flat.copy(), {name: a.copy() for name, a in network.state.items()}


def _restore(network: Network, parameters: Any, layer_state: dict[str, Any]) -> None:
    network.flat[...] = parameters
    for name, value in layer_state.items():
        network.state[name][...] = value


def _compare(
    network: Network,
    settings: Settings,
    state: TrainingState,
    score: Callable[[], float] | None,
) -> None:
    """Count epochs without improvement; keep the weights of the best one."""
    if score is not None:
        found = float(score())
        state.validation_scores.append(found)
        if settings.verbose:
            print(f"Validation score: {found:f}")
        worse = found < state.best_score + settings.tol
        best = found > state.best_score
        state.best_score = found if best else state.best_score
    else:
        worse = state.loss > state.best_loss - settings.tol
        best = state.loss < state.best_loss
        state.best_loss = min(state.loss, state.best_loss)
    state.no_improvement = state.no_improvement + 1 if worse else 0
    if best and settings.keep_best:
        state.best_parameters, state.best_layer_state = _copied(network)


def _decide(optimizer: Any, settings: Settings, state: TrainingState, scored: bool) -> None:
    """End the fit, or let the optimiser take smaller steps, where there is no improvement."""
    if state.no_improvement > settings.n_iter_no_change:
        what = "Validation score" if scored else "Training loss"
        message = (
            f"{what} did not improve more than tol={settings.tol:f} for "
            f"{settings.n_iter_no_change} consecutive epochs."
        )
        if optimizer.trigger_stopping(message, settings.verbose):
            state.stopped = "converged"
            return
        state.no_improvement = 0
    if state.n_iter >= settings.max_epochs:
        state.stopped = "max_iter"
