"""A deep belief network on a backend: directed layers under a restricted Boltzmann machine."""

from typing import Any

import numpy as np

from fastml.backends import Backend
from fastml.kernels.rbm.scalar import HIDDEN, VISIBLE
from fastml.neural_network._dbn_top import Top
from fastml.neural_network._rbm_half_step import HalfStep
from fastml.nn.functional._row_sums import transposed_product


class Directed:
    """Units given those above them, and what recognises the latter.

    Parameters
    ----------
    backend : Backend
        Where computations run.
    recognition : tuple of ndarrays of shapes (n_below, n_above) and (n_above,)
        Weights and bias upwards, in one dtype.
    generative : tuple of ndarrays of shapes (n_above, n_below) and (n_below,)
        Weights and bias downwards.
    variance : ndarray of shape (n_below,), optional
        Of Gaussian units below; None for binary ones.
    """

    def __init__(
        self, backend: Backend, recognition: Any, generative: Any, variance: Any = None
    ) -> None:
        own = backend.asarray
        weights, bias = map(own, recognition)
        self.up = HalfStep(backend, weights, bias, HIDDEN)
        self.variance: Any = None
        deviations = None
        if variance is not None:
            self.variance = own(variance)
            deviations = self.variance**0.5
        weights, bias = map(own, generative)
        self.down = HalfStep(backend, weights, bias, VISIBLE, deviations)

    def log_probability(self, below: Any, above: Any) -> Any:
        """Return log P(below | above) of rows of states, in float64."""
        xp = self.down.backend.xp
        if self.variance is None:
            linear = xp.einsum("ij,ij->i", below, self.down.sums(above))
            return linear.astype(np.float64) - self.down.softplus_sums(above)[0]
        distances = (below - self.down.means(above)) ** 2 / self.variance
        volume = float(xp.log(2 * np.pi * self.variance).sum(dtype=np.float64))
        return -0.5 * (distances.sum(axis=1, dtype=np.float64) + volume)

    def learn(self, awake: Any, asleep: Any, rate: float) -> None:
        """Learn to generate what was recognised, and to recognise what was generated.

        Parameters
        ----------
        awake, asleep : tuple of arrays of shapes (n_rows, n_below) and (n_rows, n_above)
            States drawn upwards from data, and downwards from the model.
        rate : float
            Learning rate.
        """
        below, above = awake
        error = below - self.down.means(above)
        move(self.down, above, error if self.variance is None else error / self.variance, rate)
        below, above = asleep
        move(self.up, below, above - self.up.means(below), rate)


def move(half: HalfStep, given: Any, errors: Any, rate: float) -> None:
    """Move weights and bias along the gradient of the mean log-probability (the delta rule)."""
    step = half.weights.dtype.type(rate / len(given))
    half.weights += step * transposed_product(half.backend, given, errors)
    half.bias += step * errors.sum(axis=0)


class Net:
    """Directed layers, bottom first."""

    def __init__(self, directed: list[Directed]) -> None:
        self.directed = directed

    def means(self, rows: Any) -> Any:
        """Return what units under the top expect to be, each layer given the means below it."""
        for layer in self.directed:
            rows = layer.up.means(rows)
        return rows

    def draw(self, rows: Any, seed: int, step: int, first: int = 0) -> list[Any]:
        """Return rows and states of all layers drawn upwards from them."""
        states = [rows]
        for number, layer in enumerate(self.directed):
            states.append(layer.up.draw(states[-1], seed + number, step, first))
        return states

    def dream(self, states: Any, seed: int, step: int) -> list[Any]:
        """Return states of all layers drawn downwards from those under the top, bottom first."""
        found = [states]
        for number, layer in reversed(list(enumerate(self.directed))):
            found.append(layer.down.draw(found[-1], seed + number, step))
        return found[::-1]


class Model(Net):
    """Directed layers, and the machine on top of them."""

    def __init__(self, net: Net, top: Top) -> None:
        super().__init__(net.directed)
        self.top = top

    def log_bounds(self, rows: Any, seed: int, first: int, n_draws: int, labels: Any) -> Any:
        """Return the lower bound on the log-probability of rows, but for the top's log Z.

        What is recognised, q, is drawn; its entropy is that of each draw's means.

        Parameters
        ----------
        rows : array of shape (n_rows, n_features)
            On the backend.
        seed : int
            Key of the draws.
        first : int
            Number of the first row, for the draws.
        n_draws : int
            States drawn of each row; their bounds are averaged.
        labels : int64 array of shape (n_rows,) or None
            Numbers of labels, for a bound on the probability of row and label.

        Returns
        -------
        float64 array of shape (n_rows,)
        """
        total: Any = 0.0
        # Without layers that are drawn there is one value.
        n_draws = n_draws if self.directed else 1
        for step in range(n_draws):
            states = rows
            for number, layer in enumerate(self.directed):
                means = layer.up.means(states)
                above = layer.up.draw(states, seed + number, step, first)
                total += layer.log_probability(states, above) + _entropy(means)
                states = above
            total += self.top.log_weight(states, labels)
        return total / n_draws


def _entropy(means: Any) -> Any:
    """Return the entropy of independent binary units of given means, for each row."""
    terms: Any = 0.0
    for share in (means.astype(np.float64), 1 - means.astype(np.float64)):
        terms -= share * np.log(share + (share == 0))
    return terms.sum(axis=1)
