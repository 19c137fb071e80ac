"""Loaders of data sets in real formats, and generators of tasks with known answers."""

from fastml.datasets._adding import make_adding_problem
from fastml.datasets._folder import load_image_folder
from fastml.datasets._idx import load_idx, save_idx
from fastml.datasets._mnist import load_mnist
from fastml.datasets._reber import REBER_SYMBOLS, make_embedded_reber
from fastml.datasets._shapes import SHAPES, make_shapes, shapes_posterior
from fastml.datasets._temporal_order import ORDER_SYMBOLS, make_temporal_order

__all__ = [
    "ORDER_SYMBOLS",
    "REBER_SYMBOLS",
    "SHAPES",
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
