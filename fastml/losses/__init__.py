"""Losses of what a network puts out, and penalties on its weights.

Each takes arrays, or variables of `fastml.autodiff`: it is then one node of the graph, whose
kernels compute value and gradient in a pass over memory each.
"""

from fastml.losses import _losses, _penalties
from fastml.losses._losses import *  # noqa: F403
from fastml.losses._penalties import *  # noqa: F403

__all__ = []
__all__ += _losses.__all__
__all__ += _penalties.__all__
