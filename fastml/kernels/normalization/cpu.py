"""Batch and layer normalisation on the CPU."""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml._jit.reductions import lane_sum64

# Elements of one task, about.
TASK_SIZE = 16384
# Fewer columns than these are worked on several rows at a time.
NARROW = 64


@njit_leaf
def _task_rows(n_columns):
    return max(1, TASK_SIZE // max(n_columns, 1))


@njit_leaf
def _repeated(column, n_times):
    """Return numbers of columns one row after the other."""
    found = np.empty(n_times * column.size, column.dtype)
    for row in range(n_times):
        found[row * column.size : (row + 1) * column.size] = column
    return found


@njit_leaf
def _rows_at_once(n_columns):
    return max(1, NARROW // max(n_columns, 1))


@njit_leaf
def _affine(x, mean, scale, shift, out):
    for j in range(x.size):
        out[j] = (x[j] - mean[j]) * scale[j] + shift[j]


@njit_parallel(work=lambda X, *rest: 2 * X.size)
def column_affine(
    X,  # IN (n_rows, n_columns)
    mean,  # IN (n_columns,)
    scale,  # IN (n_columns,)
    shift,  # IN (n_columns,)
    out,  # OUT (n_rows, n_columns)
):
    """Move and scale columns: ``out = (X - mean) * scale + shift``.

    Parameters
    ----------
    X : (n_rows, n_columns) float
        Values.
    mean : (n_columns,), dtype of X
        Subtracted from each column.
    scale : (n_columns,), dtype of X
        What that is multiplied by.
    shift : (n_columns,), dtype of X
        Added to that.
    out : (n_rows, n_columns), dtype of X
        Written: the result.
    """
    n, k = X.shape
    x, written = X.reshape(-1), out.reshape(-1)
    several = _rows_at_once(k)
    means, scales, shifts = (
        _repeated(mean, several), _repeated(scale, several), _repeated(shift, several),
    )  # fmt: skip
    step = -(-_task_rows(k) // several) * several
    for task in prange(-(-n // step)):
        for row in range(task * step, min(n, (task + 1) * step), several):
            first, last = row * k, min(row + several, n) * k
            _affine(x[first:last], means, scales, shifts, written[first:last])


@njit_leaf
def _add_products(x, g, mean, total, product):
    for j in range(x.size):
        total[j] += np.float64(g[j])
        product[j] += np.float64(g[j]) * np.float64(x[j] - mean[j])


@njit_parallel(work=lambda X, *rest: 4 * X.size)
def column_sums(
    X,  # IN (n_rows, n_columns)
    G,  # IN (n_rows, n_columns)
    mean,  # IN (n_columns,)
    block_rows,  # IN scalar
    sums,  # OUT (n_blocks, 2, n_columns)
):
    """Add up gradients, and their products with centred values, over each block of rows.

    Parameters
    ----------
    X : (n_rows, n_columns) float
        Values.
    G : (n_rows, n_columns), dtype of X
        Gradient by what was made of them.
    mean : (n_columns,), dtype of X
        Subtracted from each column.
    block_rows : int
        Rows of a block; the last has what is left.
    sums : (n_blocks, 2, n_columns) float64
        Written: the sums of G, and of ``G * (X - mean)``.
    """
    n, k = X.shape
    x, g = X.reshape(-1), G.reshape(-1)
    several = _rows_at_once(k)
    means = _repeated(mean, several)
    for block in prange(sums.shape[0]):
        start, stop = block * block_rows, min(n, (block + 1) * block_rows)
        totals = np.zeros((2, several * k))
        for row in range(start, stop, several):
            first, last = row * k, min(row + several, stop) * k
            _add_products(x[first:last], g[first:last], means, totals[0], totals[1])
        for which in range(2):
            for j in range(k):
                total = 0.0
                for i in range(several):
                    total += totals[which, i * k + j]
                sums[block, which, j] = total


@njit_leaf
def _combine(x, g, mean, by_gradient, by_value, shift, gradient):
    for j in range(x.size):
        gradient[j] = by_gradient[j] * g[j] + by_value[j] * (x[j] - mean[j]) + shift[j]


@njit_parallel(work=lambda X, *rest: 2 * X.size)
def column_backward(
    X,  # IN (n_rows, n_columns)
    G,  # IN (n_rows, n_columns)
    mean,  # IN (n_columns,)
    by_gradient,  # IN (n_columns,)
    by_value,  # IN (n_columns,)
    shift,  # IN (n_columns,)
    gradient,  # OUT (n_rows, n_columns)
):
    """Combine gradients and values: ``by_gradient * G + by_value * (X - mean) + shift``.

    Parameters
    ----------
    X : (n_rows, n_columns) float
        Values.
    G : (n_rows, n_columns), dtype of X
        Gradient by what was made of them.
    mean : (n_columns,), dtype of X
        Subtracted from each column of values.
    by_gradient, by_value, shift : (n_columns,), dtype of X
        Factors of the columns, and what is added.
    gradient : (n_rows, n_columns), dtype of X
        Written: the gradient by X.
    """
    n, k = X.shape
    x, g, written = X.reshape(-1), G.reshape(-1), gradient.reshape(-1)
    several = _rows_at_once(k)
    means, shifts = _repeated(mean, several), _repeated(shift, several)
    factors, slopes = _repeated(by_gradient, several), _repeated(by_value, several)
    step = -(-_task_rows(k) // several) * several
    for task in prange(-(-n // step)):
        for row in range(task * step, min(n, (task + 1) * step), several):
            first, last = row * k, min(row + several, n) * k
            _combine(x[first:last], g[first:last], means, factors, slopes, shifts,
                     written[first:last])  # fmt: skip


@njit_leaf
def _centre(x, mean, out, squares):
    for j in range(x.size):
        centred = x[j] - mean
        out[j] = centred
        squares[j] = centred * centred


@njit_leaf
def _scale_and_move(out, scale, weight, bias):
    for j in range(out.size):
        out[j] = out[j] * scale * weight[j] + bias[j]


@njit_parallel(work=lambda X, *rest: 4 * X.size)
def row_normalize(
    X,  # IN (n_rows, n_columns)
    weight,  # IN (n_columns,)
    bias,  # IN (n_columns,)
    eps,  # IN scalar
    out,  # OUT (n_rows, n_columns)
    means,  # OUT (n_rows,)
    scales,  # OUT (n_rows,)
):
    """Give rows mean 0 and variance 1, then move and scale columns.

    Parameters
    ----------
    X : (n_rows, n_columns) float
        Values, at least one in a row.
    weight, bias : (n_columns,), dtype of X
        What columns are multiplied by, and what is added.
    eps : float
        Added to the variances.
    out : (n_rows, n_columns), dtype of X
        Written: the result.
    means, scales : (n_rows,), dtype of X
        Written: the mean of each row, and one over the root of its variance plus eps.
    """
    n, k = X.shape
    step = _task_rows(k)
    for task in prange(-(-n // step)):
        squares = np.empty(k, X.dtype)
        for row in range(task * step, min(n, (task + 1) * step)):
            means[row] = X.dtype.type(lane_sum64(X, row * k, k) / k)
            _centre(X[row], means[row], out[row], squares)
            scales[row] = X.dtype.type(1 / np.sqrt(lane_sum64(squares, 0, k) / k + eps))
            _scale_and_move(out[row], scales[row], weight, bias)


@njit_leaf
def _weigh(x, g, weight, mean, scale, weighted, products):
    for j in range(x.size):
        weighted[j] = g[j] * weight[j]
        products[j] = weighted[j] * ((x[j] - mean) * scale)


@njit_leaf
def _project_out(x, weighted, mean, scale, level, along, gradient):
    for j in range(x.size):
        gradient[j] = scale * (weighted[j] - level - (x[j] - mean) * scale * along)


@njit_parallel(work=lambda X, *rest: 4 * X.size)
def row_backward(
    X,  # IN (n_rows, n_columns)
    G,  # IN (n_rows, n_columns)
    weight,  # IN (n_columns,)
    means,  # IN (n_rows,)
    scales,  # IN (n_rows,)
    gradient,  # OUT (n_rows, n_columns)
):
    """Return the gradient of `row_normalize` by X.

    Parameters
    ----------
    X : (n_rows, n_columns) float
        Values.
    G : (n_rows, n_columns), dtype of X
        Gradient by what was made of them.
    weight : (n_columns,), dtype of X
        What columns are multiplied by.
    means, scales : (n_rows,), dtype of X
        As `row_normalize` wrote them.
    gradient : (n_rows, n_columns), dtype of X
        Written: the gradient by X.
    """
    n, k = X.shape
    step = _task_rows(k)
    for task in prange(-(-n // step)):
        weighted, products = np.empty(k, X.dtype), np.empty(k, X.dtype)
        for row in range(task * step, min(n, (task + 1) * step)):
            _weigh(X[row], G[row], weight, means[row], scales[row], weighted, products)
            level = X.dtype.type(lane_sum64(weighted, 0, k) / k)
            along = X.dtype.type(lane_sum64(products, 0, k) / k)
            _project_out(X[row], weighted, means[row], scales[row], level, along, gradient[row])


@njit_leaf
def _add_normal_products(x, g, mean, scale, total, product):
    for j in range(x.size):
        total[j] += np.float64(g[j])
        product[j] += np.float64(g[j]) * np.float64((x[j] - mean) * scale)


@njit_parallel(work=lambda X, *rest: 4 * X.size)
def row_sums(
    X,  # IN (n_rows, n_columns)
    G,  # IN (n_rows, n_columns)
    means,  # IN (n_rows,)
    scales,  # IN (n_rows,)
    block_rows,  # IN scalar
    sums,  # OUT (n_blocks, 2, n_columns)
):
    """Add up gradients, and their products with normalised values, over each block of rows.

    Parameters
    ----------
    X : (n_rows, n_columns) float
        Values.
    G : (n_rows, n_columns), dtype of X
        Gradient by what was made of them.
    means, scales : (n_rows,), dtype of X
        As `row_normalize` wrote them.
    block_rows : int
        Rows of a block; the last has what is left.
    sums : (n_blocks, 2, n_columns) float64
        Written: the sums of G, and of G times the normalised values.
    """
    n = X.shape[0]
    for block in prange(sums.shape[0]):
        sums[block] = 0.0
        for row in range(block * block_rows, min(n, (block + 1) * block_rows)):
            _add_normal_products(
                X[row], G[row], means[row], scales[row], sums[block, 0], sums[block, 1]
            )
