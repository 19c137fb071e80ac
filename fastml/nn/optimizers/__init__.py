"""Optimisers: steps of gradient descent over arrays of parameters."""

from fastml.nn.optimizers._adaptive import (
    AdaGradOptimizer,
    AdamOptimizer,
    AdamWOptimizer,
    RMSPropOptimizer,
)
from fastml.nn.optimizers._base import BaseOptimizer, Penalty
from fastml.nn.optimizers._clip import clip_norm, clip_scale, clip_value, gradient_norm
from fastml.nn.optimizers._sgd import SGDOptimizer

__all__ = [
    "AdaGradOptimizer", "AdamOptimizer", "AdamWOptimizer", "BaseOptimizer", "Penalty",
    "RMSPropOptimizer", "SGDOptimizer", "clip_norm", "clip_scale", "clip_value", "gradient_norm",
]  # fmt: skip
