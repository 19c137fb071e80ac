"""Networks: layers, their functions, optimisers and the training loop."""

from fastml.nn import layers
from fastml.nn._network import Network
from fastml.nn.layers import *  # noqa: F403

__all__ = ["Network"]
__all__ += layers.__all__
