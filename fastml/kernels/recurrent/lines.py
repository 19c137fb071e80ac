"""Rows of some sequences side by side, and their products with panels of weights."""

from fastml._jit import njit_leaf
from fastml._jit.block import block_cols, block_tile, most_rows
from fastml._jit.memory import copy_items
from fastml.kernels.recurrent.steps import masked

# Rows of inputs that are multiplied at once: several tiles, whose sums stay in the cache.
ROWS_AT_ONCE = 56
# Rows of the left operand are a cache line longer, or they would fall into few of the cache's sets.
SPARE = 16


@njit_leaf
def multiply(lines, line, n_rows, packed, n_inner, first, n_panels, init, init0, init_row, out,
             out0, out_row):  # fmt: skip
    """Multiply the first rows of `lines` by some panels, each with its columns of a row of out."""
    wide, most = block_cols(lines), most_rows(lines)
    n_tiles = -(-n_rows // most)
    for q in range(n_panels):
        for k in range(n_tiles):
            r = k * n_rows // n_tiles
            height = (k + 1) * n_rows // n_tiles - r
            block_tile(
                height, out, out0 + r * out_row + q * wide, out_row, lines, r * line, line, 1,
                packed, (first + q) * n_inner * wide, wide, n_inner,
                init, init0 + r * init_row + q * wide, init_row,
            )  # fmt: skip


@njit_leaf
def put(states, state0, mask, s, n, out, out0):
    """Copy a state, or its product with the mask of sequence s, if there are masks."""
    if mask.shape[0] > 0:
        masked(states[state0 : state0 + n], mask[s], out[out0 : out0 + n])
    else:
        copy_items(out, out0, states, state0, n)


@njit_leaf
def active(lengths, block, n_blocks, n_rows, t):
    """Return how many of the first sequences of a block have an element t."""
    while n_rows > 0 and lengths[block + (n_rows - 1) * n_blocks] <= t:
        n_rows -= 1
    return n_rows


@njit_leaf
def put_inputs(block, n_blocks, n_rows, t0, n_steps, rows, firsts, lengths, row_step, lines):
    """Copy the elements of some steps, step by step; return how many rows that makes."""
    n, line = rows.shape[1], rows.shape[1] + SPARE
    inputs = rows.reshape(-1)
    at = 0
    for t in range(t0, t0 + n_steps):
        n_rows = active(lengths, block, n_blocks, n_rows, t)
        for i in range(n_rows):
            s = block + i * n_blocks
            copy_items(lines, at * line, inputs, (firsts[s] + t * row_step) * n, n)
            at += 1
    return at
