"""Networks: layers, their functions, optimisers and the training loop."""

from fastml.nn import layers, shapes
from fastml.nn._ensemble import EnsembleMoments, ensemble_moments, geometric_mean, mask_rates
from fastml.nn._forest import TreeBatch
from fastml.nn._network import Network
from fastml.nn._reading import read_sequences
from fastml.nn._sequences import Sequences
from fastml.nn._summary import Summary, SummaryRow, summary
from fastml.nn._trees import Tree, balanced_tree
from fastml.nn.layers import *  # noqa: F403
from fastml.nn.shapes import *  # noqa: F403

__all__ = ["Network", "Sequences", "Summary", "SummaryRow", "read_sequences", "summary"]
__all__ += ["EnsembleMoments", "ensemble_moments", "geometric_mean", "mask_rates"]
__all__ += ["Tree", "TreeBatch", "balanced_tree"]
__all__ += layers.__all__
__all__ += shapes.__all__
