"""The parameters of a restricted Boltzmann machine on a backend, and what they say of states."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml.backends import Backend
from fastml.kernels.rbm.scalar import HIDDEN, VISIBLE
from fastml.neural_network._rbm_half_step import HalfStep

# Elements of a piece of sparse rows that is made dense.
PIECE = 1 << 20


def pieces(X: Any, backend: Backend, dtype: Any, multiple: int = 1) -> Iterator[tuple[int, Any]]:
    """Yield (first row, dense rows on the backend): all at once, or sparse rows piece by piece.

    Parameters
    ----------
    X : array or CSR matrix of shape (n_rows, n_features)
        Rows.
    backend : Backend
        Where they are wanted.
    dtype : dtype
        float32 or float64.
    multiple : int
        A piece, but for the last, has a multiple of so many rows.
    """
    if not sp.issparse(X):
        yield 0, backend.asarray(X, dtype)
        return
    rows = max(1, PIECE // max(1, X.shape[1]) // multiple) * multiple
    for start in range(0, X.shape[0], rows):
        yield start, backend.asarray(X[start : start + rows].toarray(), dtype)


class Machine:
    """Weights and biases on a backend.

    Parameters
    ----------
    backend : Backend
        Where computations run.
    components : ndarray of shape (n_hidden, n_visible)
        Weights; their dtype is that of all computations.
    visible_bias, hidden_bias : ndarrays of shapes (n_visible,) and (n_hidden,)
        Biases.
    variance : ndarray of shape (n_visible,), optional
        Of Gaussian visible units; None for binary ones.
    n_labels : int, default=0
        So many of the last visible units are labels, of which exactly one is on.

    Attributes
    ----------
    weights : array of shape (n_visible, n_hidden)
        On the backend.
    """

    def __init__(
        self,
        backend: Backend,
        components: Any,
        visible_bias: Any,
        hidden_bias: Any,
        variance: Any = None,
        n_labels: int = 0,
    ) -> None:
        self.backend, self.dtype, self.n_labels = backend, components.dtype, n_labels
        self.weights = backend.asarray(components.T)
        self.visible_bias = backend.asarray(visible_bias, self.dtype)
        self.hidden_bias = backend.asarray(hidden_bias, self.dtype)
        self.variance: Any = None
        if variance is not None:
            self.variance = backend.asarray(variance, self.dtype)
        self.upwards = HalfStep(backend, self.weights, self.hidden_bias, HIDDEN)

    @cached_property
    def downwards(self) -> HalfStep:
        """Visible units given hidden ones."""
        turned = self.backend.asarray(self.weights.T)
        deviations = None if self.variance is None else self.variance**0.5
        return HalfStep(self.backend, turned, self.visible_bias, VISIBLE, deviations)

    @cached_property
    def _labels(self) -> HalfStep:
        place = slice(len(self.weights) - self.n_labels, None)
        turned = self.backend.asarray(self.weights[place].T)
        return HalfStep(self.backend, turned, self.visible_bias[place], VISIBLE)

    def label_sums(self, hidden: Any) -> Any:
        """Return what labels get from rows of hidden states; their softmax is P(label | h)."""
        return self._labels.sums(hidden)

    def _inputs(self, states: Any) -> Any:
        """What hidden units see of visible states."""
        return states if self.variance is None else states / self.variance

    def hidden_means(self, states: Any) -> Any:
        """Return the expected hidden states of rows of visible ones."""
        return self.upwards.means(self._inputs(states))

    def visible_means(self, states: Any) -> Any:
        """Return the expected visible states of rows of hidden ones."""
        return self.downwards.means(states)

    def draw_hidden(self, states: Any, seed: Any, step: int, first: int = 0) -> Any:
        """Draw hidden states of rows of visible ones; `first` is the number of the first row."""
        return self.upwards.draw(self._inputs(states), seed, step, first)

    def draw_visible(self, states: Any, seed: Any, step: int, first: int = 0) -> Any:
        """Draw visible states of rows of hidden ones."""
        drawn = self.downwards.draw(states, seed, step, first)
        if self.n_labels:
            sums = self.label_sums(states)
            labels = self.backend.empty(sums.shape, sums.dtype)
            key = np.uint64(seed), np.uint64(step)
            self.backend.kernels("rbm").draw_labels(sums, *key, first, labels)
            drawn[:, -self.n_labels :] = labels
        return drawn

    def gibbs(self, states: Any, n_steps: int, seed: Any, first: int = 0) -> Any:
        """Return visible states after Gibbs steps."""
        for step in range(n_steps):
            hidden = self.draw_hidden(states, seed, step, first)
            states = self.draw_visible(hidden, seed, step, first)
        return states

    def free_energy(self, states: Any, flipped: Any = ()) -> tuple[Any, Any]:
        """Return free energies of rows, and of them with a visible unit of each flipped.

        Parameters
        ----------
        states : array of shape (n_rows, n_visible)
            On the backend.
        flipped : array of shape (n_rows,), optional
            The units, on the backend. Without them the second result is empty.

        Returns
        -------
        energies, flipped_energies : float64 arrays of shapes (n_rows,) and (n_rows,) or (0,)
        """
        inputs, linear = self._inputs(states), self._visible_terms(states)
        terms, other = self.upwards.softplus_sums(inputs, flipped)
        if len(other):
            x = states[self.backend.xp.arange(len(states)), flipped]
            change = self.visible_bias[flipped] * (1 - 2 * x)
            other = -(linear + change) - other
        return -linear - terms, other

    def _visible_terms(self, states: Any) -> Any:
        # Not BLAS, whose sums depend on threads and on the number of rows.
        einsum = self.backend.xp.einsum
        if self.variance is None:
            return einsum("ij,j->i", states, self.visible_bias).astype(np.float64)
        distances = (states - self.visible_bias) ** 2
        return -0.5 * einsum("ij,j->i", distances, 1 / self.variance).astype(np.float64)
