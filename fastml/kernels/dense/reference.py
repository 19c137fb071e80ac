"""Dense layers in NumPy."""

import numpy as np

from fastml.kernels.activations.formulas import BACKWARD, FORWARD
from fastml.kernels.dense.forms import IDENTITY


def forward(kind, alpha, X, W, b, argument, out):
    """Multiply rows by weights, add the bias, apply the activation."""
    z = X @ W + b if b.size else X @ W
    argument[:] = z[: len(argument)]
    out[:] = z if kind == IDENTITY else FORWARD[kind](z, alpha)


def data_gradient(G, W, out):
    """Multiply gradients by the transposed weights."""
    out[:] = G @ W.T


def weight_gradient(X, G, block_rows, partials):
    """Multiply transposed rows by gradients, block by block."""
    for block in range(len(partials)):
        rows = slice(block * block_rows, (block + 1) * block_rows)
        partials[block] = X[rows].astype(np.float64).T @ G[rows]


def backward(kind, alpha, argument, g, block_rows, gradient, partials):
    """Multiply gradients by the activation's derivative; add up each column, block by block."""
    G = g if kind == IDENTITY else BACKWARD[kind](argument, g, alpha)
    gradient[:] = G[: len(gradient)]
    for block in range(len(partials)):
        rows = slice(block * block_rows, (block + 1) * block_rows)
        partials[block] = G[rows].sum(axis=0, dtype=np.float64)[: partials.shape[1]]
