"""What estimators of sequences are made of: recurrent layers one above the other."""

from numbers import Integral
from typing import Any

from fastml.neural_network._recurrent_methods import RecurrentMethods
from fastml.neural_network._recurrent_parameters import RECURRENT_CONSTRAINTS
from fastml.nn.initializers import Normal, initializer
from fastml.nn.layers import Dense, Dropout, Embedding, Layer, RecurrentStack

__all__ = ["RecurrentEstimator"]


class RecurrentEstimator(RecurrentMethods):
    """Estimators of recurrent layers; a subclass says of which cells."""

    hidden_sizes: Any
    bidirectional: bool
    transition_depth: int
    skip_connections: bool
    residual: bool
    dropout: float
    recurrent_dropout: float
    truncate: int | None
    recurrent_initializer: Any

    _parameter_constraints: dict = RECURRENT_CONSTRAINTS

    def _sizes(self) -> list[Any]:
        sizes = self.hidden_sizes
        return list(sizes) if hasattr(sizes, "__iter__") else [sizes]

    def _check_more(self) -> None:
        sizes = self._sizes()
        if not sizes or any(not isinstance(size, Integral) or size <= 0 for size in sizes):
            raise ValueError(f"hidden_sizes must be one or more integers > 0, got {sizes}.")
        initializer(self.recurrent_initializer, "recurrent_initializer")
        if self.n_tokens is not None and self.embedding_size is None:
            raise ValueError("n_tokens is for sequences of tokens, which need an embedding_size.")
        if self.truncate is not None and self.solver == "lbfgs":
            raise ValueError("truncate is for stochastic solvers, not for solver='lbfgs'.")

    def _cell(self, size: int, **shared: Any) -> Layer:
        """Return a layer of so many cells."""
        raise NotImplementedError

    def _layers(self, n_outputs: int) -> list[Layer]:
        shared = {
            "return_sequences": True,
            "bidirectional": self.bidirectional,
            "recurrent_dropout": self.recurrent_dropout,
            "recurrent_initializer": self.recurrent_initializer,
            "transition_depth": self.transition_depth,
            "truncate": self.truncate,
        }
        stack = RecurrentStack(
            [self._cell(int(size), **shared) for size in self._sizes()],
            return_sequences=self.per_step_,
            skip_connections=self.skip_connections,
            residual=self.residual,
            dropout=self.dropout,
        )
        layers: list[Layer] = [stack, Dropout(self.dropout)] if self.dropout else [stack]
        if self.embedding_size is not None:
            sizes = self.n_tokens_, self.embedding_size
            layers.insert(0, Embedding(*sizes, weight_initializer=Normal(1.0)))
        return [*layers, Dense(n_outputs)]
