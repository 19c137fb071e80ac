"""The machine on top of a deep belief network, with units for labels or without."""

from typing import Any

import numpy as np

from fastml.backends import Backend
from fastml.neural_network._rbm_machine import Machine
from fastml.neural_network._rbm_partition import LogPartition, annealed, exact

# States enumerated at most where the method is not given.
MOST_STATES = 1 << 14


class Top:
    """A machine whose last visible units are labels, of which exactly one is on.

    Given a label it is a machine without labels, whose hidden units have another bias.

    Parameters
    ----------
    backend : Backend
        Where computations run.
    components : ndarray of shape (n_hidden, n_visible + n_labels)
        Weights.
    visible_bias, hidden_bias : ndarrays of shapes (n_visible + n_labels,) and (n_hidden,)
        Biases.
    n_labels : int
        Labels, or 0.
    variance : ndarray of shape (n_visible,), optional
        Of Gaussian visible units.
    """

    def __init__(
        self,
        backend: Backend,
        components: Any,
        visible_bias: Any,
        hidden_bias: Any,
        n_labels: int,
        variance: Any = None,
    ) -> None:
        self.backend, self.n_labels = backend, n_labels
        n_visible = components.shape[1] - n_labels
        bias, of_labels = visible_bias[:n_visible], components[:, n_visible:]
        self.machine = Machine(backend, components[:, :n_visible], bias, hidden_bias, variance)
        self.machines, self.label_bias = [self.machine], np.zeros(1)
        if n_labels:
            shared = self.machine.weights.T
            self.machines = [
                Machine(backend, shared, bias, hidden_bias + of_label)
                for of_label in np.ascontiguousarray(of_labels.T)
            ]
            self.label_bias = visible_bias[n_visible:].astype(np.float64)
        self.joint = Machine(backend, components, visible_bias, hidden_bias, variance, n_labels)

    def log_weights(self, states: Any) -> Any:
        """Return log P of rows of visible units with each label, but for log Z, in float64."""
        energies = [machine.free_energy(states)[0] for machine in self.machines]
        xp = self.backend.xp
        return self.backend.asarray(self.label_bias) - xp.stack(energies, axis=1)

    def log_weight(self, states: Any, labels: Any = None) -> Any:
        """Return it of the labels given, or summed over labels."""
        found = self.log_weights(states)
        if labels is not None:
            return found[self.backend.xp.arange(len(found)), labels]
        return _log_sum(self.backend.xp, found)[:, 0]

    def label_shares(self, states: Any) -> Any:
        """Return P(label | visible units) of rows, in float64."""
        found = self.log_weights(states)
        return np.exp(found - _log_sum(self.backend.xp, found))

    def hidden_means(self, states: Any) -> Any:
        """Return the expected hidden units, given all visible ones but the label."""
        if not self.n_labels:
            return self.machine.hidden_means(states)
        shares = self.label_shares(states).astype(states.dtype)
        return sum(
            shares[:, number, None] * machine.hidden_means(states)
            for number, machine in enumerate(self.machines)
        )

    def chain(self, hidden: Any, n_steps: int, seed: int, labels: Any = None) -> Any:
        """Return visible units, without labels, after Gibbs steps from hidden ones.

        Parameters
        ----------
        hidden : array of shape (n_chains, n_hidden)
            States to begin with.
        n_steps : int
            Steps, at least 1.
        seed : int
            Key of the draws.
        labels : array of shape (n_chains, n_labels), optional
            Label units, held as they are; by default they are drawn too.
        """
        n_visible = len(self.machine.weights)
        for step in range(n_steps):
            visible = self.joint.draw_visible(hidden, seed, step)
            if labels is not None:
                visible[:, n_visible:] = labels
            hidden = self.joint.draw_hidden(visible, seed, step + 1)
        return self.backend.xp.ascontiguousarray(visible[:, :n_visible])

    def log_partition(self, method: str, n_chains: int, n_betas: int, seed: int) -> LogPartition:
        """Return log Z, over labels too.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}
            "auto" is exact where that takes few states.
        n_chains, n_betas, seed : int
            Of "ais".
        """
        if method == "auto":
            # Gaussian units cannot be enumerated.
            sizes = self.machine.weights.shape[self.machine.variance is not None :]
            method = "exact" if len(self.machines) << min(sizes) <= MOST_STATES else "ais"
        if method == "ais":
            return annealed(self.joint, n_chains, n_betas, seed, self.backend)
        values = self.label_bias + [exact(machine) for machine in self.machines]
        return LogPartition(float(_log_sum(np, values[None])[0, 0]), 0.0)


def _log_sum(xp: Any, terms: Any) -> Any:
    top = terms.max(axis=1, keepdims=True)
    return top + xp.log(xp.exp(terms - top).sum(axis=1, keepdims=True))
