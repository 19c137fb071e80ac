"""Training of a restricted Boltzmann machine as a driver over kernels."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastml.backends import Backend
from fastml.kernels.rbm import batches
from fastml.kernels.rbm.scalar import HIDDEN, VISIBLE
from fastml.neural_network._rbm_half_step import HalfStep
from fastml.neural_network._rbm_machine import pieces

# Weight of earlier batches in the running activity of hidden units.
ACTIVITY_DECAY = 0.9

SCHEDULES: dict[str, Callable[[Any, int], Any]] = {
    "constant": lambda updates, total: np.ones(len(updates)),
    "invscaling": lambda updates, total: 1 / np.sqrt(updates + 1),
    "linear": lambda updates, total: 1 - updates / total,
    "cosine": lambda updates, total: 0.5 * (1 + np.cos(math.pi * updates / total)),
}
# Those that have to know how many updates there will be.
ENDING_SCHEDULES = ("linear", "cosine")


class Rules(NamedTuple):
    """How a machine learns; the parameters of `BernoulliRBM` of these names.

    The last `n_labels` visible units are labels, of which exactly one is on. The seed is a key, or
    the RandomState that draws are taken from.
    """

    learning_rate: float
    schedule: str
    persistent: bool
    k: int
    momentum: float
    weight_decay: float
    sparsity_target: float
    sparsity_cost: float
    dropout: float
    learn_variance: bool
    n_labels: int
    seed: Any


@dataclass
class State:
    """What updates change: arrays on the backend, biases in float64.

    `log_variance` is empty where visible units are binary, velocities where there is no momentum.
    """

    weights: Any
    visible_bias: Any
    hidden_bias: Any
    log_variance: Any
    velocity: Any
    bias_velocity: Any
    activity: Any
    chains: Any
    n_updates: int


def still(rules: Rules, n_visible: int, n_hidden: int, n_gaussian: int, dtype: Any) -> Any:
    """Return velocities of a machine that has not moved yet, on the host."""
    moves = rules.momentum > 0
    n_biases = n_visible + n_hidden + n_gaussian
    return np.zeros((n_visible * moves, n_hidden), dtype), np.zeros(n_biases * moves)


def learn(
    X: Any, batch_size: int, state: State, rules: Rules, backend: Backend, total: int
) -> None:
    """Go once through the rows, batch by batch.

    Parameters
    ----------
    X : array or CSR matrix of shape (n_rows, n_visible)
        Rows.
    batch_size : int
        Rows of a batch; the last may have fewer.
    state : State
        Updated.
    rules : Rules
        How to learn.
    backend : Backend
        Where.
    total : int
        Updates of the whole fit, for schedules that end with it.
    """
    by_draws = isinstance(rules.seed, np.random.RandomState)
    train = _train_by_draws if by_draws else _train
    for _, rows in pieces(X, backend, state.weights.dtype, batch_size):
        n_batches = -(-len(rows) // batch_size)
        updates = state.n_updates + np.arange(n_batches)
        rates = rules.learning_rate * SCHEDULES[rules.schedule](updates, total)
        train(rows, batch_size, rates, state, rules, backend)
        state.n_updates += n_batches


def _train(
    rows: Any, batch_size: int, rates: Any, state: State, rules: Rules, backend: Backend
) -> None:
    backend.kernels("rbm").train(
        rows, batch_size, rates, rules.persistent, rules.k, rules.momentum,
        rules.weight_decay, rules.sparsity_target, rules.sparsity_cost, ACTIVITY_DECAY,
        1 - rules.dropout, rules.learn_variance, rules.n_labels, np.uint64(rules.seed),
        np.uint64(state.n_updates), state.weights, state.visible_bias, state.hidden_bias,
        state.log_variance, state.velocity, state.bias_velocity, state.activity, state.chains,
    )  # fmt: skip


def _train_by_draws(
    rows: Any, batch_size: int, rates: Any, state: State, rules: Rules, backend: Backend
) -> None:
    """Do the same by the draws of a RandomState, in scikit-learn's order."""
    xp, rng, dtype = backend.xp, rules.seed, state.weights.dtype

    def hidden_step(visible: Any, update: int, step: int) -> Any:
        half = HalfStep(backend, state.weights, state.hidden_bias.astype(dtype), HIDDEN)
        means = half.means(visible)
        if rules.dropout:
            means *= backend.asarray(rng.uniform(size=means.shape) >= rules.dropout)
        # Chains that go on take no draws of the data's hidden units.
        of_data = step == update * (rules.k + 1)
        return means, means if of_data and rules.persistent else half.drawn(means, rng)

    def visible_step(hidden: Any, step: int) -> Any:
        turned, bias = backend.asarray(state.weights.T), state.visible_bias.astype(dtype)
        spread = xp.exp(0.5 * state.log_variance).astype(dtype)
        deviations = spread if len(spread) else None
        return HalfStep(backend, turned, bias, VISIBLE, deviations).draw(hidden, rng, step)

    batches.train(
        hidden_step, visible_step, xp, rows, batch_size, rates, rules.persistent, rules.k,
        rules.momentum, rules.weight_decay, rules.sparsity_target, rules.sparsity_cost,
        ACTIVITY_DECAY, rules.learn_variance, state.n_updates, state.weights, state.visible_bias,
        state.hidden_bias, state.log_variance, state.velocity, state.bias_velocity,
        state.activity, state.chains,
    )  # fmt: skip


def is_finite(state: State) -> bool:
    """Return whether no parameter has become infinite or NaN."""
    parameters = (state.weights, state.visible_bias, state.hidden_bias, state.log_variance)
    return all(math.isfinite(float(abs(p).sum(dtype=np.float64))) for p in parameters)
