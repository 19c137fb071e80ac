"""Pieces of the CPU kernels: states as packed bits, and products by them."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.memory import aligned, copy_items
from fastml._jit.simd import TILE_COLS
from fastml._jit.subsets import (
    PANEL_COLS,
    WORD_BITS,
    add_subsets,
    bits_equal,
    fill_table,
    transpose_bits,
    transpose_square,
)
from fastml._jit.tile import tile, tile_rows

# Rows of one task: a multiple of every tile's rows and of a word's bits, whose sums and table stay
# in the L1 cache.
TASK_ROWS = 144
# Visible units of a task of the update: a multiple of every tile's rows and of a word's bits.
GRADIENT_ROWS = 96
# Rows that are summed before they join those before them, a whole number of words.
CHUNK_ROWS = 256
# What rows of visible units are held as.
BITS, LISTS, ROWS = 0, 1, 2


@njit_leaf
def padded(n):
    """Return the next multiple of what a table serves."""
    return -(-n // PANEL_COLS) * PANEL_COLS


@njit_leaf
def place_in(panels, panel, row):
    """Return the index of a row's first element in panels taken as flat."""
    return (panel * panels.shape[1] + row) * PANEL_COLS


@njit_leaf
def chunk_sums(n_rows, total):
    """Return room for the sums of a chunk of rows; `total` itself, where there is one chunk."""
    if n_rows <= CHUNK_ROWS:
        return total
    total[:] = 0
    return aligned(total.shape[0], total)


@njit_leaf
def sums_for(like):
    """Return room for the sums of a task, and for the tile that goes over its last rows."""
    return aligned((TASK_ROWS + tile_rows(like)) * PANEL_COLS, like)


@njit_leaf
def pack_rows(states, start, stop, words, at):
    """Pack rows start..stop into words at places from `at` on; return whether all are 0 or 1."""
    n_units = states.shape[1]
    n_whole = n_units // TILE_COLS
    zero, one = states.dtype.type(0), states.dtype.type(1)
    full = np.uint16(0xFFFF)
    rest = np.zeros(TILE_COLS, states.dtype)
    binary = True
    for r in range(start, stop):
        for w in range(n_whole):
            first = r * n_units + w * TILE_COLS
            ones = bits_equal(states, first, one)
            if ones | bits_equal(states, first, zero) != full:
                binary = False
            words[w, at + r - start] = ones
        if n_whole * TILE_COLS < n_units:
            for j in range(n_whole * TILE_COLS, n_units):
                rest[j - n_whole * TILE_COLS] = states[r, j]
            ones = bits_equal(rest, 0, one)
            if ones | bits_equal(rest, 0, zero) != full:
                binary = False
            words[n_whole, at + r - start] = ones
        if not binary:
            break
    return binary


@njit_leaf
def unpack_rows(words, n_rows, states):
    """Write rows of zeros and ones."""
    for r in range(n_rows):
        for j in range(states.shape[1]):
            word = words[j // WORD_BITS, r]
            states[r, j] = states.dtype.type((word >> (j % WORD_BITS)) & 1)


@njit_leaf
def pack_columns(words, start, n_rows, unit_word, columns, at):
    """Transpose bits of sixteen units: a word of `columns` holds sixteen rows of one unit.

    Rows from `start` on go to the groups of `columns`, units to places from `at` on.
    """
    for group in range(columns.shape[0]):
        first = start + group * WORD_BITS
        n_left = min(max(n_rows - first, 0), WORD_BITS)
        # Rows beyond the last may hold bits of an earlier batch.
        keep = np.uint16((1 << n_left) - 1)
        here = group * columns.shape[1] + at
        transpose_bits(columns, here, words, unit_word * words.shape[1] + first, keep)


@njit_leaf
def add_bit_products(words, first_word, stop_word, first, n_rows, weights, panel, table, sums):
    """Add products of rows of bits, of words first_word..stop_word, by a panel of the weights.

    Word w stands for rows 16 w and on of the weights; rows of bits are those from `first` on.
    """
    start = panel * weights.shape[1] * PANEL_COLS
    for w in range(first_word, stop_word):
        fill_table(table, weights, start + w * WORD_BITS * PANEL_COLS, PANEL_COLS)
        add_subsets(sums, 0, n_rows, words, w * words.shape[1] + first, table)


@njit_leaf
def add_row_products(states, first, n_rows, n_units, weights, panel, sums):
    """Add products of rows of any numbers by a panel of the weights.

    `sums` has room for a tile of rows beyond the last.
    """
    rows, stride = tile_rows(states), states.shape[1]
    start = panel * weights.shape[1] * PANEL_COLS
    few = np.empty((0, stride), states.dtype)
    for r in range(0, n_rows, rows):
        source, at = states, (first + r) * stride
        if first + r + rows > states.shape[0]:
            few = np.zeros((rows, stride), states.dtype)
            copy_items(few, 0, states, at, (n_rows - r) * stride)
            source, at = few, 0
        for column in range(0, PANEL_COLS, TILE_COLS):
            here = r * PANEL_COLS + column
            tile(
                sums, here, PANEL_COLS,
                source, at, stride, 1, 0,
                weights, start + column, PANEL_COLS,
                n_units, 1,
                sums, here, PANEL_COLS,
            )  # fmt: skip


@njit_leaf
def to_panels(matrix):
    """Copy a matrix to panels of its columns, aligned, with zeros up to whole words and panels."""
    n_in, n_out = matrix.shape
    n_panels, height = padded(n_out) // PANEL_COLS, padded(n_in)
    flat = aligned(n_panels * height * PANEL_COLS, matrix)
    flat[:] = 0
    for panel in range(n_panels):
        column = panel * PANEL_COLS
        width = min(PANEL_COLS, n_out - column)
        for i in range(n_in):
            here, there = i * n_out + column, (panel * height + i) * PANEL_COLS
            if width == PANEL_COLS:
                copy_items(flat, there, matrix, here, PANEL_COLS)
            else:
                copy_items(flat, there, matrix, here, width)
    return flat.reshape((n_panels, height, PANEL_COLS))


@njit_leaf
def turned_panels(panels):
    """Return the transposed matrix, in panels of its own."""
    n_panels, height = panels.shape[0], panels.shape[1]
    width = n_panels * PANEL_COLS
    turned = aligned(panels.size, panels).reshape((height // PANEL_COLS, width, PANEL_COLS))
    for panel in range(n_panels):
        for i in range(0, height, TILE_COLS):
            for column in range(0, PANEL_COLS, TILE_COLS):
                row = (i // PANEL_COLS) * width + panel * PANEL_COLS + column
                there = row * PANEL_COLS + i % PANEL_COLS
                here = (panel * height + i) * PANEL_COLS + column
                transpose_square(turned, there, PANEL_COLS, panels, here, PANEL_COLS)
    return turned


@njit_leaf
def from_panels(panels, matrix):
    """Copy panels back."""
    n_in, n_out = matrix.shape
    for panel in range(panels.shape[0]):
        column = panel * PANEL_COLS
        width = min(PANEL_COLS, n_out - column)
        for i in range(n_in):
            there = (panel * panels.shape[1] + i) * PANEL_COLS
            copy_items(matrix, i * n_out + column, panels, there, width)
