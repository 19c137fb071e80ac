"""What a fit looks at after each epoch."""

from typing import Any

import numpy as np

from fastml.backends import Backend


def split(X: Any, fraction: float, rng: Any) -> tuple[Any, Any]:
    """Hold out a share of the rows, drawn without replacement; none where it is 0.

    Returns
    -------
    train, held_out : arrays or CSR matrices
    """
    n_rows = X.shape[0]
    if not fraction:
        return X, X[:0]
    n_held = int(np.ceil(fraction * n_rows))
    if n_held >= n_rows:
        raise ValueError(f"validation_fraction={fraction} leaves no row of {n_rows} to learn from.")
    chosen = rng.permutation(n_rows)
    return X[np.sort(chosen[n_held:])], X[np.sort(chosen[:n_held])]


class Watch:
    """Looks at an estimator after each epoch and writes its `history_`.

    Parameters
    ----------
    estimator : BaseRBM
        With a parameter `monitor`.
    train, held_out : arrays or CSR matrices
        The rows.
    rng : RandomState
        Of the fit, for the units that a pseudo-likelihood flips.
    """

    def __init__(self, estimator: Any, train: Any, held_out: Any, rng: Any) -> None:
        self.estimator, self.train, self.held_out, self.rng = estimator, train, held_out, rng
        self.names = list(estimator.monitor or ())
        for name in self.names:
            if name not in estimator._watchable:
                known = ", ".join(map(repr, estimator._watchable))
                raise ValueError(f"monitor must hold names of {known}, got {name!r}.")
        if "free_energy_gap" in self.names and not held_out.shape[0]:
            raise ValueError("monitor='free_energy_gap' needs a validation_fraction above 0.")
        estimator.history_ = {name: [] for name in self.names}

    def look(self, backend: Backend) -> None:
        """Append a value to the history of each name."""
        for name in self.names:
            self.estimator.history_[name].append(getattr(self, f"_{name}")(backend))

    def _reconstruction_error(self, backend: Backend) -> float:
        return self.estimator._reconstruction_error(self.train, backend)

    def _pseudo_likelihood(self, backend: Backend) -> float:
        units = self.rng.randint(0, self.train.shape[1], self.train.shape[0])
        return float(self.estimator._pseudo_likelihoods(self.train, units, backend).mean())

    def _free_energy_gap(self, backend: Backend) -> float:
        # As many rows of each: those that the machine has seen, and those that it has not.
        seen = self.train[: self.held_out.shape[0]]
        energies = [self.estimator._energies(rows, backend) for rows in (self.held_out, seen)]
        return float(energies[0].mean() - energies[1].mean())
