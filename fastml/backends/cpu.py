"""Compiled kernels on the cores of the host."""

from fastml.backends.base import Backend

BACKEND = Backend("cpu")
