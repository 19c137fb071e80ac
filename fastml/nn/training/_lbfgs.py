"""L-BFGS, SciPy's, over the parameters of a network."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from fastml.nn._network import Network
from fastml.nn.layers import Run
from fastml.nn.training._loop import DivergenceError, Loss, Settings
from fastml.nn.training._penalty import penalty_value
from fastml.nn.training._sources import Batch
from fastml.nn.training._state import TrainingState

__all__ = ["train_lbfgs"]


def train_lbfgs(
    network: Network,
    loss: Loss,
    batch: Batch,
    *,
    settings: Settings,
    state: TrainingState,
    max_fun: int = 15000,
    on_iteration: Callable[[TrainingState], bool] | None = None,
    options: dict[str, Any] | None = None,
) -> OptimizeResult:
    """Minimise the loss of all samples at once.

    An absolute value has no derivative where L-BFGS would need it most. So with an L1 penalty each
    weight is the difference of two numbers that are not negative, and the penalty their sum, on
    which bounds are all that is needed (Andrew and Gao compare such ways, ICML 2007): weights of
    no use end at exactly 0.

    Parameters
    ----------
    network : Network
        Of float64: line searches need the digits. Changed in place.
    loss : Loss
        What is minimised.
    batch : Batch
        All samples.
    settings : Settings
        `max_epochs` limits the iterations, `tol` is for the largest element of the gradient; `l1`
        and `l2` as always.
    state : TrainingState
        Gets the loss and the number of iterations.
    max_fun : int, default=15000
        Most evaluations of the loss.
    on_iteration : callable, optional
        Called with the state after every iteration; True ends the fit.
    options : dict, optional
        More options for `scipy.optimize.minimize`.

    Returns
    -------
    OptimizeResult
        SciPy's, for the message; weights are in the network.

    Raises
    ------
    DivergenceError
        If the loss ends NaN or infinite. The network then has the weights it began with.
    """
    backend = network.backend
    gradient = backend.empty(network.flat.shape, network.flat.dtype)
    penalized = np.zeros(network.flat.size, bool)
    for start, stop in network.penalized:
        penalized[start:stop] = True
    per_weight = settings.l1 / batch.total if batch.total else 0.0
    first = backend.to_host(network.flat).astype(np.float64)
    several = bool(per_weight) and bool(penalized.any())

    def joined(theta: Any) -> Any:
        if not several:
            return theta
        whole = theta[: first.size].copy()
        whole[penalized] -= theta[first.size :]
        return whole

    def objective(theta: Any) -> tuple[float, Any]:
        if not batch.total:
            return 0.0, np.zeros_like(theta)
        network.flat[...] = backend.asarray(joined(theta))
        run = Run(True, state.seed, state.step)
        value = network.loss_and_gradient(batch.X, batch, loss, run, gradient)
        slope = backend.to_host(gradient).copy()
        if settings.l2:
            spans = network.penalized
            whole = penalty_value(backend, network.flat, 0.0, settings.l2, spans)
            value += whole / batch.total
            weights = backend.to_host(network.flat)
            for start, stop in spans:
                slope[start:stop] += settings.l2 / batch.total * weights[start:stop]
        if several:
            value += per_weight * float(theta[: first.size][penalized].sum())
            value += per_weight * float(theta[first.size :].sum())
            slope = np.concatenate([slope, per_weight - slope[penalized]])
            slope[: first.size][penalized] += per_weight
        return value, slope

    def arrived(theta: Any, value: float) -> None:
        network.flat[...] = backend.asarray(joined(theta))
        state.loss = value
        if batch.total:
            spans = network.penalized
            whole = penalty_value(backend, network.flat, settings.l1, settings.l2, spans)
            state.loss = loss.reported(value - whole / batch.total, batch) + whole / batch.total

    def iterated(intermediate_result: OptimizeResult) -> None:
        state.n_iter += 1
        arrived(intermediate_result.x, float(intermediate_result.fun))
        if on_iteration is not None and on_iteration(state):
            state.stopped = "callback"
            raise StopIteration

    state.n_iter, state.stopped = 0, ""
    start_at, bounds = first, None
    if several:
        negative = np.maximum(-first[penalized], 0)
        start_at = np.concatenate([first, negative])
        start_at[: first.size][penalized] += negative
        bounds = [(0.0 if p else None, None) for p in penalized] + [(0.0, None)] * len(negative)
    found = minimize(
        objective,
        start_at,
        method="L-BFGS-B",
        jac=True,
        bounds=bounds,
        callback=iterated if on_iteration is not None else None,
        options={
            "maxfun": max_fun,
            "maxiter": settings.max_epochs,
            "gtol": settings.tol,
            **(options or {}),
        },
    )
    state.n_iter = int(found.nit)
    if not (np.isfinite(found.fun) and np.isfinite(found.x).all()):
        state.loss = float(found.fun)
        network.flat[...] = backend.asarray(first)
        raise DivergenceError(
            f"The loss became {state.loss} by L-BFGS. Solver produced non-finite parameter "
            "weights. The input data may contain large values and need to be preprocessed. The "
            "weights kept are those that the fit began with."
        )
    arrived(found.x, float(found.fun))
    state.stopped = state.stopped or ("converged" if found.success else "max_iter")
    state.step += 1
    return found
