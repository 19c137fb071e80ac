"""Functions of networks, on arrays and variables of the graph, named and ordered as PyTorch's."""

from fastml.nn.functional import _norm, _pool
from fastml.nn.functional._norm import *  # noqa: F403
from fastml.nn.functional._pool import *  # noqa: F403

__all__ = []
__all__ += _norm.__all__
__all__ += _pool.__all__
