"""Pieces of the CPU kernels for trees: products of a few nodes, and what is done node by node."""

import numpy as np

from fastml._jit import njit_leaf, vecmath
from fastml._jit.block import block_cols, block_tile, most_rows
from fastml._jit.lanes import fma, select, widest_vectors
from fastml._jit.memory import copy_items
from fastml.kernels.dense.panels import pack_panel, pack_transposed
from fastml.kernels.recurrent.forms import RNN_TANH
from fastml.kernels.tree.forms import CHILD_SUM

# Nodes that are multiplied at once: several tiles, whose sums stay in the cache.
NODES_AT_ONCE = 56
# Rows of the left operand are a cache line longer, or they would fall into few of the cache's sets.
SPARE = 16


@njit_leaf
def padded(n_columns, like):
    wide = block_cols(like)
    return -(-n_columns // wide) * wide


@njit_leaf
def packed(weight):
    """Return the columns of a matrix in panels."""
    wide, n = block_cols(weight), weight.shape[0]
    panels = np.empty(padded(weight.shape[1], weight) * n, weight.dtype)
    for first in range(0, weight.shape[1], wide):
        pack_panel(weight, first, panels, first * n)
    return panels


@njit_leaf
def packed_transposed(weight):
    """Return the columns of a transposed matrix in panels."""
    wide, n = block_cols(weight), weight.shape[1]
    panels = np.empty(padded(weight.shape[0], weight) * n, weight.dtype)
    offset = np.zeros(n, weight.dtype)
    for first in range(0, weight.shape[0], wide):
        pack_transposed(weight, first, offset, panels, first * n)
    return panels


@njit_leaf
def multiply(lines, n_rows, n_inner, panels, zeros, products, pitch):
    """Multiply the first rows of `lines` by all panels."""
    wide, most, line = block_cols(lines), most_rows(lines), n_inner + SPARE
    n_tiles = -(-n_rows // most)
    for column in range(0, pitch, wide):
        for k in range(n_tiles):
            r = k * n_rows // n_tiles
            block_tile(
                (k + 1) * n_rows // n_tiles - r, products, r * pitch + column, pitch,
                lines, r * line, line, 1, panels, column * n_inner, wide, n_inner, zeros, 0, 0,
            )  # fmt: skip


@njit_leaf
def add(out, out0, a, a0, n):
    widest_vectors()
    for j in range(n):
        out[out0 + j] += a[a0 + j]


@njit_leaf
def fill(out, out0, n):
    for j in range(n):
        out[out0 + j] = 0


@njit_leaf
def plain_step(kind, sums, products, products0, row, n, states):
    """Do the step of a node of plain units."""
    widest_vectors()
    zero = states.dtype.type(0)
    if kind == RNN_TANH:
        for j in range(n):
            states[row + j] = vecmath.tanh(sums[row + j] + products[products0 + j])
    else:
        for j in range(n):
            total = sums[row + j] + products[products0 + j]
            states[row + j] = select(total <= zero, zero, total)


@njit_leaf
def plain_step_back(kind, by_states, states, row, n, gradient):
    widest_vectors()
    one, zero = states.dtype.type(1), states.dtype.type(0)
    if kind == RNN_TANH:
        for j in range(row, row + n):
            gradient[j] = by_states[j] * fma(-states[j], states[j], one)
    else:
        for j in range(row, row + n):
            gradient[j] = select(states[j] > zero, by_states[j], zero)


@njit_leaf
def gather(composition, states, n, children, first, last, out, out0, length):
    """Write what a node's children bring: the sum of their states, or one after the other."""
    if composition == CHILD_SUM:
        copy_items(out, out0, states, children[first] * n, n)
        for e in range(first + 1, last):
            add(out, out0, states, children[e] * n, n)
    else:
        for e in range(first, last):
            copy_items(out, out0 + (e - first) * n, states, children[e] * n, n)
        at = (last - first) * n
        fill(out, out0 + at, length - at)
