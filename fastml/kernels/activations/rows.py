"""Steps of a softmax over short runs of rows that stay in the cache."""

from fastml._jit import njit_leaf, vecmath
from fastml._jit.lanes import widest_vectors
from fastml._jit.reductions import lane_top


@njit_leaf
def shift(x, start, n_rows, n_columns, shifted):
    """Write rows of the flat array x, from element `start`, less the largest of each."""
    for row in range(n_rows):
        first = start + row * n_columns
        top = lane_top(x, first, n_columns)
        source, target = x[first : first + n_columns], shifted[row * n_columns :]
        for i in range(n_columns):
            target[i] = source[i] - top


@njit_leaf
def exponentials(shifted, n, out):
    """Write exponentials of the first `n` elements; of all rows at once, for rows may be short."""
    widest_vectors()
    for i in range(n):
        out[i] = vecmath.exp(shifted[i])


@njit_leaf
def exponentiate(values):
    """Do so in place: of two names for one array LLVM would not make vectors."""
    widest_vectors()
    for i in range(values.size):
        values[i] = vecmath.exp(values[i])
