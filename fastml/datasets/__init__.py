"""Loaders of data sets in real formats, and generators of tasks with known answers."""

from fastml.datasets._folder import load_image_folder
from fastml.datasets._idx import load_idx, save_idx
from fastml.datasets._mnist import load_mnist
from fastml.datasets._sequence_tasks import (
    REBER_SYMBOLS,
    ReberStrings,
    make_adding_problem,
    make_embedded_reber,
    make_temporal_order,
)
from fastml.datasets._shapes import SHAPES, make_shapes, shapes_posterior

__all__ = [
    "REBER_SYMBOLS",
    "SHAPES",
    "ReberStrings",
    "load_idx",
    "load_image_folder",
    "load_mnist",
    "make_adding_problem",
    "make_embedded_reber",
    "make_shapes",
    "make_temporal_order",
    "save_idx",
    "shapes_posterior",
]
