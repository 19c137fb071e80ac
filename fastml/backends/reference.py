"""Plain NumPy: the definition that the other backends are tested against."""

from fastml.backends.base import Backend

BACKEND = Backend("reference")
