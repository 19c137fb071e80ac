"""What the pairwise kernels for the CPU make of sums, while these are in L1."""

import numpy as np

from fastml._jit import njit_leaf, vecmath
from fastml._jit.lanes import fma, widest_vectors
from fastml.kernels.pairwise.forms import AFFINE, EXP, ROOT, TANH

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
def raise_to(values, spare, gamma, coef0, degree, line):
    """Fill a line with ``gamma * values + coef0`` to an integer power of at least 1."""
    n = line.size
    for i in range(n):
        values[i] = fma(gamma, values[i], coef0)
        spare[i] = 1
    while degree > 1:
        if degree & 1:
            for i in range(n):
                spare[i] *= values[i]
        for i in range(n):
            values[i] *= values[i]
        degree >>= 1
    for i in range(n):
        line[i] = spare[i] * values[i]


@njit_leaf
def end(
    sums, spare, ending, gamma, coef0, degree, out, row0, column0, n_rows, n_columns
):  # fmt: skip
    """Write what becomes of sums to its place in a matrix, which is not where the sums are."""
    widest_vectors()
    multiplied = degree == np.floor(degree) and degree <= MOST_PRODUCTS
    for p in range(n_rows):
        values, line = sums[p], out[row0 + p, column0 : column0 + n_columns]
        if ending == AFFINE:
            for i in range(n_columns):
                line[i] = fma(gamma, values[i], coef0)
        elif ending == ROOT:
            for i in range(n_columns):
                line[i] = np.sqrt(fma(gamma, values[i], coef0))
        elif ending == EXP:
            for i in range(n_columns):
                line[i] = vecmath.exp(fma(gamma, values[i], coef0))
        elif ending == TANH:
            for i in range(n_columns):
                line[i] = vecmath.tanh(fma(gamma, values[i], coef0))
        elif multiplied:
            raise_to(values, spare, gamma, coef0, np.int64(degree), line)
        elif values.itemsize == 4:
            for i in range(n_columns):
                base = np.float64(fma(gamma, values[i], coef0))
                line[i] = vecmath.exp(np.float64(degree) * vecmath.log(base))
        else:
            for i in range(n_columns):
                line[i] = fma(gamma, values[i], coef0) ** degree
