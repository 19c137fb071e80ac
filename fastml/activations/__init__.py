"""Activation functions."""

from fastml.activations._functions import winner_take_all

__all__ = ["winner_take_all"]
