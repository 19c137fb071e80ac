"""The partition function of a restricted Boltzmann machine: enumerated, or estimated."""

from typing import Any, NamedTuple

import numpy as np

from fastml.backends import Backend
from fastml.neural_network._rbm_machine import Machine

# Units of the smaller layer whose states are enumerated at most.
MOST_UNITS = 25
# States enumerated at a time.
CHUNK = 1 << 14


class LogPartition(NamedTuple):
    """The logarithm of the partition function.

    Attributes
    ----------
    value : float
        The logarithm, or its estimate.
    standard_error : float
        Of the estimate; 0 where the value is exact.
    """

    value: float
    standard_error: float


def states_of(n_units: int, start: int, stop: int, dtype: Any) -> Any:
    """Return states number `start` to `stop` of some binary units; unit i is bit i."""
    numbers = np.arange(start, stop, dtype=np.int64)
    return (numbers[:, None] >> np.arange(n_units) & 1).astype(dtype)


def _log_sum(terms: list[Any]) -> float:
    whole = np.concatenate(terms)
    top = whole.max()
    return float(top + np.log(np.exp(whole - top).sum()))


def exact(machine: Machine) -> float:
    """Return log Z by enumerating the smaller layer, or the hidden one below Gaussian units.

    Raises
    ------
    ValueError
        If that layer has more than 25 units.
    """
    n_visible, n_hidden = machine.weights.shape
    by_hidden = machine.variance is not None or n_hidden <= n_visible
    n_units = n_hidden if by_hidden else n_visible
    if n_units > MOST_UNITS:
        raise ValueError(
            f"method='exact' enumerates 2**{n_units} states of the smaller layer, and takes no "
            f"more than {MOST_UNITS} units; use method='ais'."
        )
    terms = []
    for start in range(0, 1 << n_units, CHUNK):
        numbers = start, min(start + CHUNK, 1 << n_units)
        states = machine.backend.asarray(states_of(n_units, *numbers, machine.dtype))
        if by_hidden:
            terms.append(machine.backend.to_host(_hidden_log_weights(machine, states)))
        else:
            terms.append(-machine.backend.to_host(machine.free_energy(states)[0]))
    return _log_sum(terms)


def _hidden_log_weights(machine: Machine, states: Any) -> Any:
    """Return for each row of hidden states the logarithm of what is left of visible ones."""
    if machine.variance is None:
        turned = Machine(
            machine.backend, machine.weights, machine.hidden_bias, machine.visible_bias
        )
        return -turned.free_energy(states)[0]
    xp = machine.backend.xp
    inputs = states @ machine.weights.T
    quadratic = (inputs * (machine.visible_bias + 0.5 * inputs) / machine.variance).sum(axis=1)
    volume = 0.5 * xp.log(2 * np.pi * machine.variance).sum()
    return quadratic + volume + states @ machine.hidden_bias


class _Path:
    """Machines between one without weights, whose partition function is known, and another."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        # As if hidden units were on half the time, as those of the first machine are.
        self.first_bias = machine.visible_bias + 0.5 * machine.weights.sum(axis=1)

    def at(self, beta: float) -> Machine:
        """Return the machine at a point between 0 and 1."""
        end = self.machine
        return Machine(
            end.backend, beta * end.weights.T,
            (1 - beta) * self.first_bias + beta * end.visible_bias, beta * end.hidden_bias,
            end.variance, end.n_labels,
        )  # fmt: skip

    def start(self) -> float:
        """Return the first machine's log Z."""
        n_hidden = self.machine.weights.shape[1]
        xp, variance = self.machine.backend.xp, self.machine.variance
        if variance is not None:
            return float(0.5 * xp.log(2 * np.pi * variance).sum()) + n_hidden * np.log(2)
        n_binary = len(self.first_bias) - self.machine.n_labels
        found = float(xp.logaddexp(0, self.first_bias[:n_binary]).sum()) + n_hidden * np.log(2)
        if not self.machine.n_labels:
            return found
        return found + _log_sum([self.machine.backend.to_host(self.first_bias[n_binary:])])


def annealed(
    machine: Machine, n_chains: int, n_betas: int, seed: int, backend: Backend
) -> LogPartition:
    """Estimate log Z by annealed importance sampling.

    Parameters
    ----------
    machine : Machine
        In float64.
    n_chains : int
        Independent runs, at least 2.
    n_betas : int
        Steps of each.
    seed : int
        Key of the draws.
    backend : Backend
        Where it runs.

    References
    ----------
    R. Salakhutdinov and I. Murray, "On the quantitative analysis of deep belief networks",
    ICML 2008.
    """
    path = _Path(machine)
    here = path.at(0.0)
    n_hidden = machine.weights.shape[1]
    blank = backend.zeros((n_chains, n_hidden), machine.dtype)
    visible = here.draw_visible(blank, seed, 0)
    log_weights = np.zeros(n_chains)
    for step in range(1, n_betas + 1):
        there = path.at(step / n_betas)
        gained = here.free_energy(visible)[0] - there.free_energy(visible)[0]
        log_weights += backend.to_host(gained)
        here = there
        if step < n_betas:
            visible = here.draw_visible(here.draw_hidden(visible, seed, step), seed, step)
    top = log_weights.max()
    weights = np.exp(log_weights - top)
    mean = weights.mean()
    error = weights.std(ddof=1) / np.sqrt(n_chains) / mean
    return LogPartition(float(path.start() + top + np.log(mean)), float(error))
