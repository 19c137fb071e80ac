"""The machine on top of a deep belief network, with units for labels or without."""

import math
from typing import Any

import numpy as np

from fastml.backends import Backend
from fastml.kernels.rbm.scalar import HIDDEN, VISIBLE
from fastml.neural_network._rbm_half_step import HalfStep
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
            own = backend.asarray
            self._joint = HalfStep(backend, own(components.T), own(hidden_bias), HIDDEN)
            label_bias = own(np.ascontiguousarray(visible_bias[n_visible:]))
            self._labels = HalfStep(backend, own(of_labels), label_bias, VISIBLE)

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
        visible = self.machine.draw_visible(hidden, seed, 0)
        for step in range(1, n_steps):
            if self.n_labels:
                both = self.backend.xp.hstack([visible, self._labelled(hidden, seed, step, labels)])
                hidden = self._joint.draw(both, seed, step)
            else:
                hidden = self.machine.draw_hidden(visible, seed, step)
            visible = self.machine.draw_visible(hidden, seed, step)
        return visible

    def _labelled(self, hidden: Any, seed: int, step: int, labels: Any) -> Any:
        if labels is not None:
            return labels
        logits = self._labels.sums(hidden)
        drawn = self.backend.empty(logits.shape, logits.dtype)
        key = np.uint64(seed), np.uint64(step)
        self.backend.kernels("rbm").draw_labels(logits, *key, 0, drawn)
        return drawn

    def log_partition(self, method: str, n_chains: int, n_betas: int, seed: int) -> LogPartition:
        """Return log Z, over labels too.

        Parameters
        ----------
        method : {"auto", "exact", "ais"}
            "auto" is exact where that takes few states.
        n_chains, n_betas, seed : int
            Of "ais", for each label.
        """
        if method == "auto":
            # Gaussian units cannot be enumerated.
            sizes = self.machine.weights.shape[self.machine.variance is not None :]
            method = "exact" if len(self.machines) << min(sizes) <= MOST_STATES else "ais"
        if method == "exact":
            found = [LogPartition(exact(machine), 0.0) for machine in self.machines]
        else:
            found = [
                annealed(machine, n_chains, n_betas, seed + number, self.backend)
                for number, machine in enumerate(self.machines)
            ]
        values = self.label_bias + [each.value for each in found]
        value = float(_log_sum(np, values[None])[0, 0])
        shares = np.exp(values - value) * [each.standard_error for each in found]
        return LogPartition(value, math.sqrt(float((shares**2).sum())))


def _log_sum(xp: Any, terms: Any) -> Any:
    top = terms.max(axis=1, keepdims=True)
    return top + xp.log(xp.exp(terms - top).sum(axis=1, keepdims=True))
