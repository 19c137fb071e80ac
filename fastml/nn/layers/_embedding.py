"""Tokens as rows of a table that is learnt."""

from typing import Any

from fastml.nn._description import integer
from fastml.nn.functional import embedding
from fastml.nn.initializers import Initializer, initializer
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape

__all__ = ["Embedding"]


class Embedding(Layer):
    """A row of a table in place of each token.

    Parameters
    ----------
    n_tokens : int
        Number of different tokens, which are 0 ... n_tokens - 1. In float32, in which networks
        take their input, 2**24 at most.
    units : int
        Length of a row.
    weight_initializer : str or Initializer, default="uniform"
        What the table starts with; see `fastml.nn.initializers`.

    Notes
    -----
    Its parameter is "weight" (n_tokens, units).

    Examples
    --------
    >>> from fastml.nn import Embedding
    >>> Embedding(1000, 16).output_shape((20,))
    (20, 16)
    """

    by_step = True

    def __init__(
        self, n_tokens: int, units: int, *, weight_initializer: str | Initializer = "uniform"
    ) -> None:
        self.n_tokens = integer("n_tokens", n_tokens)
        self.units = integer("units", units)
        self.weight_initializer = weight_initializer
        initializer(weight_initializer, "weight_initializer")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        return (*input_shape, self.units)

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of the table; see `Layer.parameters`."""
        made = initializer(self.weight_initializer)
        shape = (self.n_tokens, self.units)
        return {"weight": Parameter(shape, made, self.n_tokens, self.units)}

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return embedding(x, parameters["weight"])
