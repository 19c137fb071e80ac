"""One layer of units given those of another, on a backend."""

from typing import Any

import numpy as np

from fastml.backends import Backend


class HalfStep:
    """Half of a Gibbs step: what units expect, and states drawn of them.

    Parameters
    ----------
    backend : Backend
        Where the arrays are.
    weights : array of shape (n_in, n_out)
        From units that are given to those that are wanted; its dtype is that of all computations.
    bias : array of shape (n_out,)
        Of these.
    stream : int
        Of the draws; see `fastml.kernels.rbm.scalar`.
    deviations : array of shape (n_out,), optional
        Standard deviations of Gaussian units; None for binary ones.
    """

    def __init__(
        self, backend: Backend, weights: Any, bias: Any, stream: int, deviations: Any = None
    ) -> None:
        self.backend, self.weights, self.bias, self.stream = backend, weights, bias, stream
        self.deviations = backend.empty(0, weights.dtype) if deviations is None else deviations
        self._kernels = backend.kernels("rbm")

    def means(self, states: Any) -> Any:
        """Return the expected states of units, for rows of those given."""
        return self._run(states, (0, 0), 0, self.deviations, True)

    def draw(self, states: Any, seed: Any, step: int, first: int = 0) -> Any:
        """Draw states, by a key or by a RandomState; `first` is the number of the first row."""
        if isinstance(seed, np.random.RandomState):
            return self.drawn(self.means(states), seed)
        return self._run(states, (seed, step), first, self.deviations, False)

    def drawn(self, means: Any, rng: np.random.RandomState) -> Any:
        """Draw states by a RandomState, given the expected ones."""
        own = self.backend.asarray
        if len(self.deviations):
            return means + self.deviations * own(rng.normal(size=means.shape), means.dtype)
        return (own(rng.uniform(size=means.shape)) < means).astype(means.dtype)

    def sums(self, states: Any) -> Any:
        """Return bias and weighted sums."""
        # The mean of a Gaussian unit is its sum.
        return self._run(states, (0, 0), 0, self.bias, True)

    def softplus_sums(self, states: Any, flipped: Any = ()) -> tuple[Any, Any]:
        """Return sums over units of ``log(1 + exp(sum))``, of rows and with a unit of each flipped.

        Parameters
        ----------
        states : array of shape (n_rows, n_in)
            Rows.
        flipped : int64 array of shape (n_rows,), optional
            The units; x of each becomes 1 - x. Without them the second result is empty.

        Returns
        -------
        terms, flipped_terms : float64 arrays of shapes (n_rows,) and (n_rows,) or (0,)
        """
        empty = self.backend.empty
        if not len(flipped):
            flipped = empty(0, np.int64)
        terms, other = empty(len(states), np.float64), empty(len(flipped), np.float64)
        self._kernels.hidden_terms(states, self.weights, self.bias, flipped, terms, other)
        return terms, other

    def _run(self, states: Any, key: Any, first: int, deviations: Any, means: bool) -> Any:
        out = self.backend.empty((len(states), len(self.bias)), self.weights.dtype)
        seed, step = key
        numbers = map(np.uint64, (seed, self.stream, step))
        wanted = (out, out[:0]) if means else (out[:0], out)
        self._kernels.propagate(
            states, self.weights, self.bias, deviations, *numbers, first, *wanted
        )
        return out
