"""Distances and kernels between rows."""

# tmp

__all__ = []
