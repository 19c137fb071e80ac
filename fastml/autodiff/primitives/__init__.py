"""The operations of the graph, by subject."""

from fastml.autodiff.primitives import elementwise, linalg, products, reductions, shapes
from fastml.autodiff.primitives.elementwise import *  # noqa: F403
from fastml.autodiff.primitives.linalg import *  # noqa: F403
from fastml.autodiff.primitives.products import *  # noqa: F403
from fastml.autodiff.primitives.reductions import *  # noqa: F403
from fastml.autodiff.primitives.shapes import *  # noqa: F403

# Spelled so that type checkers can follow.
__all__ = []
__all__ += elementwise.__all__
__all__ += linalg.__all__
__all__ += products.__all__
__all__ += reductions.__all__
__all__ += shapes.__all__
