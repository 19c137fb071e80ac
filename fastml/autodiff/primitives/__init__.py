"""The operations of the graph, by subject."""

from fastml.autodiff.primitives import elementwise, linalg, products, reductions, shapes
from fastml.autodiff.primitives.elementwise import *  # noqa: F403
from fastml.autodiff.primitives.linalg import *  # noqa: F403
from fastml.autodiff.primitives.products import *  # noqa: F403
from fastml.autodiff.primitives.reductions import *  # noqa: F403
from fastml.autodiff.primitives.shapes import *  # noqa: F403

__all__ = [
    name
    for module in (elementwise, linalg, products, reductions, shapes)
    for name in module.__all__
]
