"""Batch and layer normalisation in NumPy."""

import numpy as np


def column_affine(X, mean, scale, shift, out):
    """Move and scale columns."""
    out[:] = (X - mean) * scale + shift


def column_sums(X, G, mean, block_rows, sums):
    """Add up gradients, and their products with centred values, over each block of rows."""
    products = G.astype(np.float64) * (X - mean)
    for block in range(len(sums)):
        here = slice(block * block_rows, (block + 1) * block_rows)
        sums[block] = G[here].sum(axis=0, dtype=np.float64), products[here].sum(axis=0)


def column_backward(X, G, mean, by_gradient, by_value, shift, gradient):
    """Combine gradients and centred values of columns."""
    gradient[:] = by_gradient * G + by_value * (X - mean) + shift


def row_normalize(X, weight, bias, eps, out, means, scales):
    """Give rows mean 0 and variance 1, then move and scale columns."""
    means[:] = X.mean(axis=1, dtype=np.float64)
    scales[:] = 1 / np.sqrt(X.var(axis=1, dtype=np.float64) + eps)
    out[:] = (X - means[:, None]) * scales[:, None] * weight + bias


def row_backward(X, G, weight, means, scales, gradient):
    """Return the gradient of that by X."""
    normal, g = (X - means[:, None]) * scales[:, None], G * weight
    along = (g * normal).mean(axis=1, keepdims=True, dtype=np.float64)
    level = g.mean(axis=1, keepdims=True, dtype=np.float64)
    gradient[:] = scales[:, None] * (g - level - normal * along)


def row_sums(X, G, means, scales, block_rows, sums):
    """Add up gradients, and their products with normalised values, over each block of rows."""
    products = G.astype(np.float64) * ((X - means[:, None]) * scales[:, None])
    for block in range(len(sums)):
        here = slice(block * block_rows, (block + 1) * block_rows)
        sums[block] = G[here].sum(axis=0, dtype=np.float64), products[here].sum(axis=0)
