"""Loaders of data sets in real formats, and generators of tasks with known answers."""

from fastml.datasets._folder import load_image_folder
from fastml.datasets._idx import load_idx, save_idx
from fastml.datasets._mnist import load_mnist
from fastml.datasets._shapes import SHAPES, make_shapes, shapes_posterior

__all__ = [
    "SHAPES",
    "load_idx",
    "load_image_folder",
    "load_mnist",
    "make_shapes",
    "save_idx",
    "shapes_posterior",
]
