"""Functions of networks, on arrays and variables of the graph, named and ordered as PyTorch's."""

from fastml.nn.functional import (
    _activations,
    _conv,
    _conv_transpose,
    _dense,
    _dropout,
    _embedding,
    _losses,
    _norm,
    _pool,
    _recurrent,
    _tree,
)
from fastml.nn.functional._activations import *  # noqa: F403
from fastml.nn.functional._conv import *  # noqa: F403
from fastml.nn.functional._conv_transpose import *  # noqa: F403
from fastml.nn.functional._dense import *  # noqa: F403
from fastml.nn.functional._dropout import *  # noqa: F403
from fastml.nn.functional._embedding import *  # noqa: F403
from fastml.nn.functional._losses import *  # noqa: F403
from fastml.nn.functional._norm import *  # noqa: F403
from fastml.nn.functional._pool import *  # noqa: F403
from fastml.nn.functional._recurrent import *  # noqa: F403
from fastml.nn.functional._tree import *  # noqa: F403

__all__ = []
__all__ += _activations.__all__
__all__ += _conv.__all__
__all__ += _conv_transpose.__all__
__all__ += _dense.__all__
__all__ += _dropout.__all__
__all__ += _embedding.__all__
__all__ += _losses.__all__
__all__ += _norm.__all__
__all__ += _pool.__all__
__all__ += _recurrent.__all__
__all__ += _tree.__all__
