"""Moments and centred products of blocks of rows in NumPy, in float64."""

import numpy as np


def block_moments(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    means,  # OUT (n_blocks, n_features)
    scatters,  # OUT (n_blocks, n_features, n_features)
    weights,  # OUT (n_blocks,)
):
    w = np.asarray(sample_weight if sample_weight.size else np.ones(len(X)), dtype=np.float64)
    for b in range(len(means)):
        block = slice(b * block_rows, (b + 1) * block_rows)
        rows, weights[b] = X[block].astype(np.float64), w[block].sum()
        means[b] = w[block] @ rows / weights[b] if weights[b] > 0 else 0
        rows -= means[b]
        scatters[b] = rows.T @ (w[block, None] * rows)


def block_column_moments(
    X,  # IN (n_samples, n_features)
    sample_weight,  # IN (n_weights,)
    block_rows,  # IN scalar
    means,  # OUT (n_blocks, n_features)
    spreads,  # OUT (n_blocks, n_features)
    weights,  # OUT (n_blocks,)
):
    w = np.asarray(sample_weight if sample_weight.size else np.ones(len(X)), dtype=np.float64)
    for b in range(len(means)):
        block = slice(b * block_rows, (b + 1) * block_rows)
        rows, weights[b] = X[block].astype(np.float64), w[block].sum()
        means[b] = w[block] @ rows / weights[b] if weights[b] > 0 else 0
        spreads[b] = w[block] @ (rows - means[b]) ** 2


def project(
    X,  # IN (n_samples, n_features)
    mean,  # IN (n_features,)
    right,  # IN (n_features, n_columns)
    out,  # OUT (n_samples, n_columns)
):
    out[:] = (X - mean) @ right


def block_project_back(
    X,  # IN (n_samples, n_features)
    mean,  # IN (n_features,)
    left,  # IN (n_samples, n_columns)
    block_rows,  # IN scalar
    partials,  # OUT (n_blocks, n_features, n_columns)
):
    for b in range(len(partials)):
        block = slice(b * block_rows, (b + 1) * block_rows)
        partials[b] = (X[block] - mean).T @ left[block]


def multiply(
    matrix,  # IN (n_rows, n_inner)
    right,  # IN (n_inner, n_columns)
    out,  # OUT (n_rows, n_columns)
):
    out[:] = matrix.astype(np.float64) @ right.astype(np.float64)


def center(
    matrix,  # INOUT (n_rows, n_columns)
    row_means,  # IN (n_rows,)
    column_means,  # IN (n_columns,)
    mean,  # IN scalar
):
    matrix[:] = matrix - np.add.outer(row_means, column_means) + mean


def block_asymmetry(
    matrix,  # IN (n, n)
    excess,  # IN (n,)
    maxima,  # OUT (n_blocks, 2)
):
    wide = matrix.astype(np.float64)
    gaps = abs(wide - wide.T - np.subtract.outer(excess, excess))
    for b, start in enumerate(range(0, len(wide), 64)):
        rows = slice(start, start + 64)
        maxima[b, 0] = gaps[rows, start:].max()
        maxima[b, 1] = max(abs(wide[rows, start:]).max(), abs(wide[start:, rows]).max())
