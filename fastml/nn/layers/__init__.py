"""Layers: descriptions of a function, of its parameters and of the shapes it takes."""

from fastml.nn.layers._containers import Sequential
from fastml.nn.layers._dense import Activation, Dense, Dropout, Flatten
from fastml.nn.layers._layer import Layer, Parameter, Run

__all__ = [
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "Parameter",
    "Run",
    "Sequential",
]
