"""Activation functions of networks: of arrays, and as nodes of the computation graph.

Each takes arrays, or variables of `fastml.autodiff`, through which gradients flow. `table` says
what one knows of them, and `plot` draws them.
"""

from fastml.activations import _functions
from fastml.activations._functions import *  # noqa: F403
from fastml.activations._table import Activation, ActivationTable, plot, table

__all__ = ["Activation", "ActivationTable", "plot", "table"]
__all__ += _functions.__all__
