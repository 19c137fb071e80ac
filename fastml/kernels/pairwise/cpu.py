"""Kernel matrices on the CPU: sums in registers, the rest of the function while they are in L1."""

import numpy as np

from fastml._jit import njit_parallel, prange
from fastml._jit.simd import TILE_COLS
from fastml._jit.stretches import lane_squared_distance64
from fastml.kernels.linalg.long import multiply_rows
from fastml.kernels.linalg.panels import pack_columns
from fastml.kernels.pairwise.closest import nearest_block
from fastml.kernels.pairwise.panels import (
    BLOCK,
    SMALL_BLOCK,
    block_of,
    block_shape,
    gram_block,
    pack_panel,
    sparse_rows,
)

# Numbers that one instruction takes, about: work is counted in instructions.
LANES = 16
# Below this size rows are packed by one thread: others would have to be started twice.
PACKED_ALONE = 200_000
# Rows of one task where it goes through all of the others.
TASK_ROWS = 2 * SMALL_BLOCK


def _gram_work(X, Y, symmetric, *rest):
    return X.shape[0] * Y.shape[0] * (X.shape[1] / LANES + 2) / (1 + symmetric)


@njit_parallel(work=_gram_work)
def gram(
    X,  # IN (n_samples, n_features)
    Y,  # IN (n_others, n_features)
    symmetric,  # IN scalar
    term,  # IN scalar
    offset,  # IN (n_features,)
    x_scale,  # IN (n_scales,)
    y_scale,  # IN (n_other_scales,)
    x_squares,  # IN (n_squares,)
    y_squares,  # IN (n_other_squares,)
    ending,  # IN scalar
    gamma,  # IN scalar
    coef0,  # IN scalar
    degree,  # IN scalar
    probe,  # OUT (n_samples + n_others,)
    out,  # OUT (n_samples, n_others)
):
    """Evaluate a kernel function on every row of X and every row of Y.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    Y : (n_others, n_features) float array
        Other rows, of the same dtype.
    symmetric : bool
        Whether Y is X: one half of the matrix is computed and mirrored.
    term : int
        What is summed over the features: one of the first row of `forms`.
    offset : (n_features,) float array
        Subtracted from every row of X and Y.
    x_scale : (n_scales,) float array
        Factors of the rows of X: n_samples of them, or none.
    y_scale : (n_other_scales,) float array
        Factors of the rows of Y: n_others of them, or none.
    x_squares : (n_squares,) float array
        Squared lengths of the rows of X less the offset; with them products become squared
        distances ``|x|^2 + |y|^2 - 2 x'y``. None of them otherwise.
    y_squares : (n_other_squares,) float array
        The same for Y.
    ending : int
        What is made of ``gamma * sum + coef0``: one of the second row of `forms`.
    gamma, coef0 : float
        Of the dtype of X.
    degree : float
        Of the dtype of X: the exponent, at least 1, where the ending is a power.
    probe : (n_samples + n_others,) float array
        Written, if there are rows on both sides: the sums of each row of X with the first of Y,
        then those of each row of Y with the first of X. NaN or infinity anywhere in X or Y shows.
    out : (n_samples, n_others) float array
        Written: the kernel matrix; where `symmetric`, symmetric to the bit.
    """
    n, d = X.shape
    k = Y.shape[0]
    n_panels = -(-k // TILE_COLS)
    panels = np.empty((n_panels, d, TILE_COLS), X.dtype)
    if Y.size < PACKED_ALONE:
        for g in range(n_panels):
            pack_panel(Y, g, offset, y_scale, panels[g])
    else:
        for g in prange(n_panels):
            pack_panel(Y, np.int64(g), offset, y_scale, panels[g])
    n_rows, n_columns = block_shape(X, Y, symmetric)
    n_down, n_across = -(-n // n_rows), -(-k // n_columns)
    n_tasks = n_down * (n_down + 1) // 2 if symmetric else n_down * n_across
    for task in prange(n_tasks):
        i, j = block_of(np.int64(task), n_across, symmetric)
        gram_block(
            i * n_rows, min(n, (i + 1) * n_rows), j * n_columns, min(k, (j + 1) * n_columns),
            X, symmetric, term, offset, x_scale, x_squares, y_squares, panels,
            ending, gamma, coef0, degree, probe, out,
        )  # fmt: skip


def _gram_times_work(X, Y, *rest):
    right = rest[-3]
    return X.shape[0] * Y.shape[0] * ((X.shape[1] + right.shape[1]) / LANES + 2)


@njit_parallel(work=_gram_times_work)
def gram_times(
    X,  # IN (n_samples, n_features)
    Y,  # IN (n_others, n_features)
    term,  # IN scalar
    offset,  # IN (n_features,)
    x_scale,  # IN (n_scales,)
    y_scale,  # IN (n_other_scales,)
    x_squares,  # IN (n_squares,)
    y_squares,  # IN (n_other_squares,)
    ending,  # IN scalar
    gamma,  # IN scalar
    coef0,  # IN scalar
    degree,  # IN scalar
    right,  # IN (n_others, n_columns)
    probe,  # OUT (n_samples + n_others,)
    out,  # OUT (n_samples, n_columns)
):
    """Multiply a kernel matrix of which some rows are held at a time, as long as they are in L2.

    Parameters
    ----------
    X, Y, term, offset, x_scale, y_scale, x_squares, y_squares, ending, gamma, coef0, degree, probe
        Rows and function, as for `gram`; of Y a few thousand rows at most, for L2's sake.
    right : (n_others, n_columns) float array
        Right factor, of the dtype of X.
    out : (n_samples, n_columns) float array
        Written: the product, in the dtype of `out`; long float32 sums are kept in float64.
    """
    n, d = X.shape
    k = Y.shape[0]
    n_panels = -(-k // TILE_COLS)
    panels = np.empty((n_panels, d, TILE_COLS), X.dtype)
    if Y.size < PACKED_ALONE:
        for g in range(n_panels):
            pack_panel(Y, g, offset, y_scale, panels[g])
    else:
        for g in prange(n_panels):
            pack_panel(Y, np.int64(g), offset, y_scale, panels[g])
    right_panels = np.zeros((-(-right.shape[1] // TILE_COLS), k, TILE_COLS), X.dtype)
    pack_columns(right, right_panels)
    for task in prange(-(-n // TASK_ROWS)):
        start = task * TASK_ROWS
        stop = min(n, start + TASK_ROWS)
        n_rows = stop - start
        values = np.empty((n_rows, k), X.dtype)
        sums = np.empty(n_rows + k, X.dtype)
        gram_block(
            0, n_rows, 0, k,
            X[start:stop], False, term, offset, x_scale[start:stop], x_squares[start:stop],
            y_squares, panels, ending, gamma, coef0, degree, sums, values,
        )  # fmt: skip
        probe[start:stop] = sums[:n_rows]
        if task == 0:
            probe[n:] = sums[n_rows:]
        multiply_rows(values, right_panels, 0, n_rows, out[start:stop])


def _sparse_work(x_data, x_indices, x_indptr, y_data, y_rows, y_indptr, *rest):
    # Entries of Y for each of X, if the features are alike.
    return x_data.size * (y_data.size // max(1, y_indptr.size - 1)) + rest[-1].size


@njit_parallel(work=_sparse_work)
def sparse_gram(
    x_data,  # IN (n_entries,)
    x_indices,  # IN (n_entries,)
    x_indptr,  # IN (n_samples + 1,)
    y_data,  # IN (n_other_entries,)
    y_rows,  # IN (n_other_entries,)
    y_indptr,  # IN (n_features + 1,)
    symmetric,  # IN scalar
    x_squares,  # IN (n_squares,)
    y_squares,  # IN (n_other_squares,)
    ending,  # IN scalar
    gamma,  # IN scalar
    coef0,  # IN scalar
    degree,  # IN scalar
    out,  # OUT (n_samples, n_others)
):
    """Evaluate a kernel function of products on every row of X and every row of Y, both sparse.

    Parameters
    ----------
    x_data : (n_entries,) float array
        Entries of X in CSR form.
    x_indices : (n_entries,) int32 array
        Their features, in order in every row.
    x_indptr : (n_samples + 1,) int64 array
        Where the rows begin.
    y_data : (n_other_entries,) float array
        Entries of Y in CSC form.
    y_rows : (n_other_entries,) int32 array
        Their rows, in order in every column.
    y_indptr : (n_features + 1,) int64 array
        Where the columns begin.
    symmetric : bool
        Whether Y is X: the diagonal of distances is then 0.
    x_squares : (n_squares,) float64 array
        As for `gram`.
    y_squares : (n_other_squares,) float64 array
        As for `gram`.
    ending : int
        As for `gram`.
    gamma, coef0, degree : float
        As for `gram`, of the dtype of `out`.
    out : (n_samples, n_others) float array
        Written: the kernel matrix. Distances are formed in float64.
    """
    n = out.shape[0]
    for task in prange(-(-n // SMALL_BLOCK)):
        row0 = np.int64(task) * SMALL_BLOCK
        sparse_rows(
            row0, min(n, row0 + SMALL_BLOCK), x_data, x_indices, x_indptr, y_data, y_rows, y_indptr,
            symmetric, x_squares, y_squares, ending, gamma, coef0, degree, out,
        )  # fmt: skip


def _squares_work(X, offset, out):
    return 3 * X.size / LANES


@njit_parallel(work=_squares_work)
def row_squares(
    X,  # IN (n_samples, n_features)
    offset,  # IN (n_features,)
    out,  # OUT (n_samples,)
):
    """Sum the squares of every row, less the offset.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    offset : (n_features,) float array
        Subtracted from every row.
    out : (n_samples,) float64 array
        Written: the sums. Differences are taken in the dtype of X, all else in float64.
    """
    d = X.shape[1]
    zeros = np.zeros(d, X.dtype)
    for block in prange(-(-X.shape[0] // BLOCK)):
        for row in range(block * BLOCK, min(X.shape[0], (block + 1) * BLOCK)):
            out[row] = lane_squared_distance64(X, row * d, offset, zeros, 0, d)


def _nearest_work(X, Y, indices, values):
    return X.shape[0] * Y.shape[0] * (X.shape[1] / LANES + 2)


@njit_parallel(work=_nearest_work)
def nearest(
    X,  # IN (n_samples, n_features)
    Y,  # IN (n_others, n_features)
    indices,  # OUT (n_samples,)
    values,  # OUT (n_samples,)
):
    """Find the row of Y nearest to every row of X, by differences.

    Parameters
    ----------
    X : (n_samples, n_features) float array
        Rows.
    Y : (n_others, n_features) float array
        Candidates, at least one.
    indices : (n_samples,) int64 array
        Written: the index of the nearest row, the lowest one where distances tie.
    values : (n_samples,) float array
        Written: the squared distance to it; NaN or infinity for a row that holds such.
    """
    n, d = X.shape
    k = Y.shape[0]
    n_panels = -(-k // TILE_COLS)
    panels = np.empty((n_panels, d, TILE_COLS), X.dtype)
    offset = np.zeros(d, X.dtype)
    none = np.empty(0, X.dtype)
    if Y.size < PACKED_ALONE:
        for g in range(n_panels):
            pack_panel(Y, g, offset, none, panels[g])
    else:
        for g in prange(n_panels):
            pack_panel(Y, np.int64(g), offset, none, panels[g])
    for task in prange(-(-n // TASK_ROWS)):
        start = task * TASK_ROWS
        nearest_block(X, start, min(n, start + TASK_ROWS), panels, k, indices, values)
