"""What the pairwise kernels for the CPU make of sums, while these are in L1."""

import numpy as np

from fastml._jit import njit_leaf, vecmath
from fastml._jit.lanes import fma, widest_vectors
from fastml.kernels.pairwise.forms import EXP, POWER, ROOT, TANH

# Powers up to this one are multiplied out.
MOST_PRODUCTS = 64


@njit_leaf
def from_squares(x_square, y_squares, n, sums):
    """Turn products of centred rows into squared distances."""
    for c in range(n):
        # Both squares first: their sum is the same for (x, y) and (y, x).
        value = (x_square + y_squares[c]) - 2 * sums[c]
        # False for NaN, which goes through.
        sums[c] = 0 if value < 0 else value


@njit_leaf
def raise_to(values, spare, degree):
    """Raise values to an integer power of at least 1, by squaring."""
    for i in range(values.size):
        spare[i] = 1
    while degree > 0:
        if degree & 1:
            for i in range(values.size):
                spare[i] *= values[i]
        degree >>= 1
        if degree > 0:
            for i in range(values.size):
                values[i] *= values[i]
    for i in range(values.size):
        values[i] = spare[i]


@njit_leaf
def end(values, spare, ending, gamma, coef0, degree):
    """Turn sums into values of the kernel function, in place."""
    widest_vectors()
    if ending == EXP:
        for i in range(values.size):
            values[i] = vecmath.exp(fma(gamma, values[i], coef0))
        return
    if ending == TANH:
        for i in range(values.size):
            values[i] = vecmath.tanh(fma(gamma, values[i], coef0))
        return
    for i in range(values.size):
        values[i] = fma(gamma, values[i], coef0)
    if ending == ROOT:
        for i in range(values.size):
            values[i] = np.sqrt(values[i])
    elif ending == POWER:
        if degree == np.floor(degree) and degree <= MOST_PRODUCTS:
            raise_to(values, spare, np.int64(degree))
        elif values.itemsize == 4:
            for i in range(values.size):
                power = np.float64(degree) * vecmath.log(np.float64(values[i]))
                values[i] = vecmath.exp(power)
        else:
            for i in range(values.size):
                values[i] = values[i] ** degree
