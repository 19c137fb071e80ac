"""A fit of a restricted Boltzmann machine, pass by pass."""

from typing import Any

from fastml.backends import Backend
from fastml.neural_network._rbm_monitor import Watch, split
from fastml.neural_network._rbm_training import learn


class Passes:
    """Passes of a machine over its rows, one after another.

    Parameters
    ----------
    estimator : BaseRBM
        The machine; gets parameters to begin with.
    X : array or CSR matrix
        Rows, validated.
    rng : RandomState
        Of the fit.
    backend : Backend
        Where it runs.
    """

    def __init__(self, estimator: Any, X: Any, rng: Any, backend: Backend) -> None:
        self.estimator, self.backend = estimator, backend
        self.train, held_out = split(X, estimator.validation_fraction, rng)
        estimator._begin(X, rng)
        n_batches = -(-self.train.shape[0] // estimator.batch_size)
        self.n_updates = n_batches * estimator.n_iter
        self.watch = Watch(estimator, self.train, held_out, rng)
        self._state: Any = None
        estimator.n_iter_ = 0

    def once(self, rows: Any = None) -> None:
        """Learn from all rows, or from others that are given, as many as these."""
        machine, backend = self.estimator, self.backend
        if self._state is None:
            self._state = machine._state(backend, in_place=True)
        rows = self.train if rows is None else rows
        rules = machine._rules()
        learn(rows, machine.batch_size, self._state, rules, backend, self.n_updates)
        machine._keep(self._state, backend)
        self.watch.look(backend)
        machine.n_iter_ += 1
