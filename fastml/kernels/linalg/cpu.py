"""Moments and centred products of blocks of rows on the CPU."""

import numpy as np

from fastml._jit import njit_parallel, prange
from fastml._jit.simd import TILE_COLS
from fastml.kernels.linalg.long import multiply_rows
from fastml.kernels.linalg.panels import (
    STRIPE_COLS,
    column_moments,
    pack_columns,
    project_rows,
    split_mean,
    stripe_moments,
    stripe_project_back,
)

# Rows of one task of `project`: a multiple of every tile's rows.
PROJECT_ROWS = 240
# Rows of one task of `multiply`, whose rows are long.
MULTIPLY_ROWS = 48
# Side of the squares in which a matrix and its transposed are read side by side.
SQUARE = 64
# Numbers that one instruction takes, about: work is counted in instructions.
LANES = 8


def _moments_work(X, sample_weight, block_rows, means, scatters, weights):
    return X.size * X.shape[1] / LANES / 2  # of a symmetric matrix, half is computed


@njit_parallel(work=_moments_work)
def block_moments(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    means,  # OUT (n_blocks, n_features)
    scatters,  # OUT (n_blocks, n_features, n_features)
    weights,  # OUT (n_blocks,)
):
    """Weight, mean and scatter of each block of rows, in one pass over X.

    Parameters
    ----------
    X : (n_samples, n_features) float
        Rows.
    sample_weight : (n_weights,), dtype of X
        Weights of the rows, not negative: n_samples of them, or none, which stands for ones.
    block_rows : int
        Rows of a block; the last one may have fewer.
    means : (n_blocks, n_features) float64
        Written: the weighted mean of each block, 0 where a block's rows all have weight 0.
    scatters : (n_blocks, n_features, n_features) float64
        Written: the weighted sum over a block's rows of the outer products about the block's mean.
    weights : (n_blocks,) float64
        Written: the sum of the weights of each block.
    """
    n_samples, n_features = X.shape
    n_stripes = -(-n_features // STRIPE_COLS)
    n_pairs = n_stripes * (n_stripes + 1) // 2
    # A task is one block of rows and one pair of column stripes, so that there is enough to do for
    # many threads both when rows are many and when a few large scatter matrices fill the memory.
    for task in prange(means.shape[0] * n_pairs):
        block, pair = task // n_pairs, task % n_pairs
        i = 0
        while pair >= n_stripes - i:
            pair -= n_stripes - i
            i += 1
        j = i + pair
        first, second = i * STRIPE_COLS, j * STRIPE_COLS
        start = block * block_rows
        stop = min(start + block_rows, n_samples)
        mean = np.empty(min(STRIPE_COLS, n_features - first))
        other_mean = np.empty(min(STRIPE_COLS, n_features - second))
        weight = stripe_moments(
            X, sample_weight, start, stop, first, second, mean, other_mean, scatters[block]
        )
        if i == j:
            means[block, first : first + mean.shape[0]] = mean
        if i == 0 and j == 0:
            weights[block] = weight


def _column_work(X, sample_weight, block_rows, means, spreads, weights):
    return 4 * X.size / LANES


@njit_parallel(work=_column_work)
def block_column_moments(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    means,  # OUT (n_blocks, n_features)
    spreads,  # OUT (n_blocks, n_features)
    weights,  # OUT (n_blocks,)
):
    """Weight, mean and sum of squares about it of each column in each block of rows.

    Parameters
    ----------
    X : (n_samples, n_features) float
        Rows.
    sample_weight : (n_weights,), dtype of X
        Weights of the rows, not negative: n_samples of them, or none, which stands for ones.
    block_rows : int
        Rows of a block; the last one may have fewer.
    means : (n_blocks, n_features) float64
        Written: the weighted mean of each block, 0 where a block's rows all have weight 0.
    spreads : (n_blocks, n_features) float64
        Written: the weighted sum of the squared differences from the block's mean.
    weights : (n_blocks,) float64
        Written: the sum of the weights of each block.
    """
    n_samples, n_features = X.shape
    n_stripes = -(-n_features // STRIPE_COLS)
    for task in prange(means.shape[0] * n_stripes):
        block, first = task // n_stripes, (task % n_stripes) * STRIPE_COLS
        start = block * block_rows
        stop = min(start + block_rows, n_samples)
        last = min(first + STRIPE_COLS, n_features)
        weight = column_moments(
            X, sample_weight, start, stop, first,
            means[block, first:last], spreads[block, first:last],
        )  # fmt: skip
        if first == 0:
            weights[block] = weight


def _project_work(X, mean, right, out):
    return X.size * right.shape[1] / LANES


@njit_parallel(work=_project_work)
def project(
    X,  # IN (n_samples, n_features)
    mean,  # IN (n_features,)
    right,  # IN (n_features, n_columns)
    out,  # OUT (n_samples, n_columns)
):
    """Centre the rows of X and multiply: ``out = (X - mean) right``.

    Parameters
    ----------
    X : (n_samples, n_features) float
        Rows.
    mean : (n_features,) float64
        Subtracted from every row.
    right : (n_features, n_columns), dtype of X
        Right factor.
    out : (n_samples, n_columns), dtype of X
        Written: the product.
    """
    n_samples, n_features = X.shape
    n_columns = right.shape[1]
    panels = np.zeros((-(-n_columns // TILE_COLS), n_features, TILE_COLS), X.dtype)
    pack_columns(right, panels)
    shift = np.empty((2, n_features), X.dtype)
    split_mean(mean, shift[0], shift[1])
    for task in prange(-(-n_samples // PROJECT_ROWS)):
        start = task * PROJECT_ROWS
        project_rows(X, shift, panels, start, min(start + PROJECT_ROWS, n_samples), out)


def _project_back_work(X, mean, left, block_rows, partials):
    return X.size * left.shape[1] / LANES


@njit_parallel(work=_project_back_work)
def block_project_back(
    X,  # IN (n_samples, n_features)
    mean,  # IN (n_features,)
    left,  # IN (n_samples, n_columns)
    block_rows,  # IN scalar
    partials,  # OUT (n_blocks, n_features, n_columns)
):
    """Centre the rows of X and multiply by their transpose, block by block.

    Parameters
    ----------
    X : (n_samples, n_features) float
        Rows.
    mean : (n_features,) float64
        Subtracted from every row.
    left : (n_samples, n_columns), dtype of X
        What the transposed rows multiply.
    block_rows : int
        Rows of a block; the last one may have fewer.
    partials : (n_blocks, n_features, n_columns) float64
        Written: ``(X - mean)' left`` over the rows of each block.
    """
    n_samples, n_features = X.shape
    n_stripes = -(-n_features // STRIPE_COLS)
    for task in prange(partials.shape[0] * n_stripes):
        block, first = task // n_stripes, (task % n_stripes) * STRIPE_COLS
        start = block * block_rows
        stop = min(start + block_rows, n_samples)
        stripe_project_back(X, mean, left, start, stop, first, partials[block])


def _multiply_work(matrix, right, out):
    return matrix.size * right.shape[1] / LANES


@njit_parallel(work=_multiply_work)
def multiply(
    matrix,  # IN (n_rows, n_inner)
    right,  # IN (n_inner, n_columns)
    out,  # OUT (n_rows, n_columns)
):
    """Multiply two matrices, with long float32 sums kept in float64.

    Parameters
    ----------
    matrix : (n_rows, n_inner) float
        Left factor.
    right : (n_inner, n_columns), dtype of matrix
        Right factor: few columns, all of which are packed before the first row is read.
    out : (n_rows, n_columns) float
        Written: the product, in the dtype of `out`.
    """
    n_rows, n_inner = matrix.shape
    panels = np.zeros((-(-right.shape[1] // TILE_COLS), n_inner, TILE_COLS), matrix.dtype)
    pack_columns(right, panels)
    for task in prange(-(-n_rows // MULTIPLY_ROWS)):
        start = task * MULTIPLY_ROWS
        multiply_rows(matrix, panels, start, min(start + MULTIPLY_ROWS, n_rows), out)


@njit_parallel(work=lambda matrix, *means: matrix.size)
def center(
    matrix,  # INOUT (n_rows, n_columns)
    row_means,  # IN (n_rows,)
    column_means,  # IN (n_columns,)
    mean,  # IN scalar
):
    """Take the means of rows and columns out of a matrix, in place.

    A symmetric matrix stays symmetric to the last bit.

    Parameters
    ----------
    matrix : (n_rows, n_columns) float
        Overwritten by ``matrix - (row_means + column_means) + mean``.
    row_means : (n_rows,) float64
        Mean of each row.
    column_means : (n_columns,) float64
        Mean of each column.
    mean : float
        Mean of all.
    """
    n_rows, n_columns = matrix.shape
    for i in prange(n_rows):
        row = matrix[i]
        for j in range(n_columns):
            row[j] = matrix.dtype.type(row[j] - (row_means[i] + column_means[j]) + mean)


@njit_parallel(work=lambda matrix, *others: matrix.size)
def block_asymmetry(
    matrix,  # IN (n, n)
    excess,  # IN (n,)
    maxima,  # OUT (n_blocks, 2)
):
    """Largest difference between a square matrix and its transposed, by blocks of 64 rows.

    Parameters
    ----------
    matrix : (n, n) float
        Square matrix.
    excess : (n,) float64
        Differences that are expected: ``matrix[i, j] - matrix[j, i]`` is compared with
        ``excess[i] - excess[j]``.
    maxima : (n_blocks, 2) float64
        Written, a row for each 64 rows: how far the differences are from what is expected, and
        the largest absolute value, of the block and of what mirrors it.
    """
    n = matrix.shape[0]
    for block in prange(maxima.shape[0]):
        start = block * SQUARE
        stop = min(start + SQUARE, n)
        worst = 0.0
        largest = 0.0
        for first in range(start, n, SQUARE):
            last = min(first + SQUARE, n)
            for i in range(start, stop):
                for j in range(first, last):
                    above, below = np.float64(matrix[i, j]), np.float64(matrix[j, i])
                    worst = max(worst, abs((above - below) - (excess[i] - excess[j])))
                    largest = max(largest, abs(above), abs(below))
        maxima[block, 0] = worst
        maxima[block, 1] = largest
