"""Pooling: the largest elements and the means of windows that slide over images."""
