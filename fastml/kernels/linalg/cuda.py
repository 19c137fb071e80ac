"""Moments and centred products of blocks of rows on the GPU; the products are CuPy's."""

import numpy as np

from fastml._jit.cuda import array_module

# float32 products are summed in float32 over this many rows at most, then added in float64.
_CHUNK_ROWS = 256
# The same for `multiply`, whose sums are those of a library's matrix product.
_INNER = 8192
# Rows of one row of `block_asymmetry`'s result.
_SQUARE = 64
# Size of the centred rows, and of the products, that are in memory at a time.
_BUFFER_BYTES = 128 << 20


def _runs(n_samples, block_rows, bytes_per_block):
    """Yield (first block, number of blocks, their rows): runs of full blocks, then the rest."""
    full = n_samples // block_rows
    at_once = max(1, _BUFFER_BYTES // max(bytes_per_block, 1))
    for first in range(0, full, at_once):
        yield first, min(at_once, full - first), block_rows
    if n_samples % block_rows:
        yield full, 1, n_samples % block_rows


def _chunked(xp, blocks, rows, n_columns, dtype):
    """Zeros for `blocks` blocks of rows, as (chunks, rows, columns) and as (blocks, ...) views."""
    chunks = -(-rows // _CHUNK_ROWS)
    # A block smaller than a chunk needs no padding.
    chunk_rows = -(-rows // chunks)
    buffer = xp.zeros((blocks * chunks, chunk_rows, n_columns), dtype)
    return buffer, buffer.reshape(blocks, chunks * chunk_rows, n_columns)[:, :rows]


def _add_chunks(left, right, blocks, out):
    """``out[b]`` = sum over the chunks of block b of left' right, added in float64."""
    products = left.swapaxes(1, 2) @ right
    shape = (blocks, left.shape[0] // blocks, *products.shape[1:])
    products.reshape(shape).sum(axis=1, dtype=np.float64, out=out)


def _block_means(xp, rows, w, means, weights):
    """Weighted mean over axis 1 of (blocks, rows, features), and the weights' sums."""
    if w is None:
        weights[:] = rows.shape[1]
        rows.mean(axis=1, dtype=np.float64, out=means)
        return
    w.sum(axis=1, dtype=np.float64, out=weights)
    (rows * w[..., None].astype(np.float64)).sum(axis=1, out=means)
    means /= xp.where(weights > 0, weights, 1)[:, None]


def _weighted_blocks(X, sample_weight, first, blocks, rows, block_rows):
    start = first * block_rows
    stop = start + blocks * rows
    w = sample_weight[start:stop].reshape(blocks, rows) if sample_weight.size else None
    return X[start:stop].reshape(blocks, rows, X.shape[1]), w


def block_moments(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    means,  # OUT (n_blocks, n_features)
    scatters,  # OUT (n_blocks, n_features, n_features)
    weights,  # OUT (n_blocks,)
):
    xp = array_module(X)
    n_samples, n_features = X.shape
    chunks = -(-block_rows // _CHUNK_ROWS)
    size = X.itemsize * n_features * max(block_rows, chunks * n_features)
    for first, blocks, n_rows in _runs(n_samples, block_rows, size):
        rows, w = _weighted_blocks(X, sample_weight, first, blocks, n_rows, block_rows)
        here = slice(first, first + blocks)
        _block_means(xp, rows, w, means[here], weights[here])
        buffer, centred = _chunked(xp, blocks, n_rows, n_features, X.dtype)
        xp.subtract(rows, means[here, None], out=centred, casting="same_kind")
        if w is not None:
            centred *= xp.sqrt(w)[..., None]
        _add_chunks(buffer, buffer, blocks, scatters[here])


def block_column_moments(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    means,  # OUT (n_blocks, n_features)
    spreads,  # OUT (n_blocks, n_features)
    weights,  # OUT (n_blocks,)
):
    xp = array_module(X)
    n_samples, n_features = X.shape
    for first, blocks, n_rows in _runs(n_samples, block_rows, 8 * block_rows * n_features):
        rows, w = _weighted_blocks(X, sample_weight, first, blocks, n_rows, block_rows)
        here = slice(first, first + blocks)
        _block_means(xp, rows, w, means[here], weights[here])
        squares = rows - means[here, None]
        squares *= squares
        if w is not None:
            squares *= w[..., None]
        squares.sum(axis=1, out=spreads[here])


def project(
    X,  # IN (n_samples, n_features)
    mean,  # IN (n_features,)
    right,  # IN (n_features, n_columns)
    out,  # OUT (n_samples, n_columns)
):
    xp = array_module(X)
    step = max(1, _BUFFER_BYTES // max(1, X.itemsize * X.shape[1]))
    for start in range(0, X.shape[0], step):
        rows = X[start : start + step]
        centred = xp.empty(rows.shape, X.dtype)
        xp.subtract(rows, mean, out=centred, casting="same_kind")
        xp.matmul(centred, right, out=out[start : start + step])


def block_project_back(
    X,  # IN (n_samples, n_features)
    mean,  # IN (n_features,)
    left,  # IN (n_samples, n_columns)
    block_rows,  # IN scalar
    partials,  # OUT (n_blocks, n_features, n_columns)
):
    xp = array_module(X)
    n_samples, n_features = X.shape
    n_columns = left.shape[1]
    chunks = -(-block_rows // _CHUNK_ROWS)
    size = X.itemsize * max(block_rows * (n_features + n_columns), chunks * n_features * n_columns)
    for first, blocks, n_rows in _runs(n_samples, block_rows, size):
        start = first * block_rows
        stop = start + blocks * n_rows
        buffer, centred = _chunked(xp, blocks, n_rows, n_features, X.dtype)
        xp.subtract(X[start:stop].reshape(centred.shape), mean, out=centred, casting="same_kind")
        other, rows = _chunked(xp, blocks, n_rows, n_columns, X.dtype)
        rows[:] = left[start:stop].reshape(rows.shape)
        _add_chunks(buffer, other, blocks, partials[first : first + blocks])


def multiply(
    matrix,  # IN (n_rows, n_inner)
    right,  # IN (n_inner, n_columns)
    out,  # OUT (n_rows, n_columns)
):
    xp = array_module(matrix)
    total = xp.zeros(out.shape, np.float64)
    for start in range(0, matrix.shape[1], _INNER):
        total += matrix[:, start : start + _INNER] @ right[start : start + _INNER]
    out[:] = total


def center(
    matrix,  # INOUT (n_rows, n_columns)
    row_means,  # IN (n_rows,)
    column_means,  # IN (n_columns,)
    mean,  # IN scalar
):
    step = max(1, _BUFFER_BYTES // max(1, 8 * matrix.shape[1]))
    for start in range(0, matrix.shape[0], step):
        rows = matrix[start : start + step]
        rows[:] = rows - (row_means[start : start + step, None] + column_means) + mean


def block_asymmetry(
    matrix,  # IN (n, n)
    excess,  # IN (n,)
    maxima,  # OUT (n_blocks, 2)
):
    xp = array_module(matrix)
    for block in range(maxima.shape[0]):
        start = block * _SQUARE
        rows = slice(start, start + _SQUARE)
        above, below = matrix[rows, start:], matrix[start:, rows].T
        expected = excess[rows, None] - excess[start:]
        maxima[block, 0] = abs((above.astype(np.float64) - below) - expected).max()
        maxima[block, 1] = xp.maximum(abs(above).max(), abs(below).max())
