"""Products with long sums on the CPU: float32 for some hundred terms, then float64."""

import numpy as np

from fastml._jit import njit_leaf
from fastml._jit.simd import TILE_COLS
from fastml._jit.tile import tile, tile_rows

# Terms that are added in float32 before float64 takes over; rows of a tile so long stay in the L1
# cache. Scratch rows are a cache line longer, or they would fall into few of the cache's sets.
RUN_COLS = 384
RUN_STRIDE = RUN_COLS + 16
FEW_PANELS = 2


@njit_leaf
def _write_panels(values, r, n_rows, out):
    """Copy what tiles hold of some rows to rows r.. of `out`, in its dtype."""
    n_columns = out.shape[1]
    for i in range(n_rows):
        for q in range(values.shape[0]):
            first = q * TILE_COLS
            line = values[q, i]
            if n_columns - first >= TILE_COLS:
                target = out[r + i, first : first + TILE_COLS]
                for j in range(TILE_COLS):
                    target[j] = out.dtype.type(line[j])
            else:
                for j in range(n_columns - first):
                    out[r + i, first + j] = out.dtype.type(line[j])


@njit_leaf
def multiply_rows(matrix, panels, start, stop, out):
    """Multiply rows start..stop by the right factor packed in panels."""
    rows = tile_rows(matrix)
    n_inner = matrix.shape[1]
    lines = np.zeros((rows, RUN_STRIDE), matrix.dtype)
    products = np.zeros((panels.shape[0], rows, TILE_COLS), matrix.dtype)
    nothing = np.zeros(TILE_COLS, matrix.dtype)
    # Where few panels meet a row, what it takes to copy the row in counts, and shorter runs win.
    run = RUN_COLS if panels.shape[0] > FEW_PANELS else RUN_COLS // 3
    sums = np.empty((panels.shape[0] if n_inner > run else 0, rows, TILE_COLS))
    for r in range(start, stop, rows):
        n_rows = min(rows, stop - r)
        sums[:] = 0.0
        for first in range(0, n_inner, run):
            width = min(run, n_inner - first)
            for i in range(n_rows):
                row, line = matrix[r + i, first : first + width], lines[i]
                for c in range(width):
                    line[c] = row[c]
            for q in range(panels.shape[0]):
                tile(
                    products, q * rows * TILE_COLS, TILE_COLS,
                    lines, 0, RUN_STRIDE, 0, 1,
                    panels, (q * n_inner + first) * TILE_COLS, 0,
                    1, width,
                    nothing, 0, 0,
                )  # fmt: skip
            for q in range(sums.shape[0]):
                for i in range(n_rows):
                    line, total = products[q, i], sums[q, i]
                    for j in range(TILE_COLS):
                        total[j] += line[j]
        if sums.shape[0] > 0:
            _write_panels(sums, r, n_rows, out)
        else:
            _write_panels(products, r, n_rows, out)
