"""Arithmetic of one competition, compiled by both twins."""


def repeated(rate, weight):
    """Return the rate of one step that goes as far as `weight` steps at `rate` towards one row."""
    return rate if weight == 1.0 else 1.0 - (1.0 - rate) ** weight
