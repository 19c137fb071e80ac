"""Steps of one parameter: what NumPy's formulas compute, operation by operation."""

import math


def momentum(w, g, velocity, rate, keep, nesterov):
    """Return parameter and velocity (Sutskever et al. 2013)."""
    velocity = keep * velocity - rate * g
    return w + (keep * velocity - rate * g if nesterov else velocity), velocity


def adagrad(w, g, total, rate, epsilon):
    """Return parameter and sum of squares (Duchi et al. 2011)."""
    total = total + g * g
    return w + -rate * g / (math.sqrt(total) + epsilon), total


def rmsprop(w, g, mean, rate, keep, rest, epsilon):
    """Return parameter and mean of squares (Hinton 2012)."""
    mean = keep * mean + rest * (g * g)
    return w + -rate * g / (math.sqrt(mean) + epsilon), mean


def adam(w, g, first, second, rate, keep_1, rest_1, keep_2, rest_2, epsilon):
    """Return parameter and moments (Kingma and Ba 2014)."""
    first = keep_1 * first + rest_1 * g
    second = keep_2 * second + rest_2 * (g * g)
    return w + -rate * first / (math.sqrt(second) + epsilon), first, second
