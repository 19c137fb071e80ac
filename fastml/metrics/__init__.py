"""Distances and kernels between rows."""

from fastml.metrics import pairwise
from fastml.metrics._distances import (
    euclidean_distances,
    pairwise_distances_argmin,
    pairwise_distances_argmin_min,
)

__all__ = [
    "euclidean_distances",
    "pairwise",
    "pairwise_distances_argmin",
    "pairwise_distances_argmin_min",
]
