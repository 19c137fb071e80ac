"""Kernel matrices in NumPy: the definition the other backends are compared with."""

import numpy as np
from scipy import sparse

from fastml.kernels.pairwise import forms


def _terms(x, Y, term):
    """Return the sums over features of one row x with every row of Y, in float64."""
    if term == forms.PRODUCT:
        return Y @ x
    difference = Y - x
    if term == forms.SQUARED:
        return (difference**2).sum(axis=1)
    if term == forms.ABSOLUTE:
        return np.abs(difference).sum(axis=1)
    whole = Y + x
    return (difference**2 / np.where(whole == 0, 1, whole)).sum(axis=1)


def _end(z, ending, degree):
    if ending == forms.ROOT:
        return np.sqrt(z)
    if ending == forms.EXP:
        return np.exp(z)
    if ending == forms.TANH:
        return np.tanh(z)
    return z if ending == forms.AFFINE else z ** np.float64(degree)


def _from_squares(sums, x_squares, y_squares):
    return np.maximum(x_squares[:, None].astype(np.float64) + y_squares - 2 * sums, 0)


def gram(
    X, Y, symmetric, term, offset, x_scale, y_scale, x_squares, y_squares,
    ending, gamma, coef0, degree, probe, out,
):  # fmt: skip
    """Evaluate a kernel function on every row of X and every row of Y."""
    left, right = X.astype(np.float64) - offset, Y.astype(np.float64) - offset
    if x_scale.size:
        left, right = left * x_scale[:, None], right * y_scale[:, None]
    sums = np.empty(out.shape)
    for i, x in enumerate(left):
        sums[i] = _terms(x, right, term)
    if x_squares.size:
        sums = _from_squares(sums, x_squares, y_squares)
        if symmetric:
            np.fill_diagonal(sums, 0)
    with np.errstate(all="ignore"):
        if sums.size:
            probe[:] = np.concatenate([sums[:, 0], sums[0]])
        out[:] = _end(gamma * sums + np.float64(coef0), ending, degree)
    if symmetric:
        out[:] = np.triu(out) + np.triu(out, 1).T


def gram_times(
    X, Y, term, offset, x_scale, y_scale, x_squares, y_squares,
    ending, gamma, coef0, degree, right, probe, out,
):  # fmt: skip
    """Multiply a kernel matrix."""
    values = np.empty((len(X), len(Y)))
    gram(
        X, Y, False, term, offset, x_scale, y_scale, x_squares, y_squares,
        ending, gamma, coef0, degree, probe, values,
    )  # fmt: skip
    out[:] = values @ right


def sparse_gram(
    x_data, x_indices, x_indptr, y_data, y_rows, y_indptr, symmetric, x_squares, y_squares,
    ending, gamma, coef0, degree, out,
):  # fmt: skip
    """Evaluate a kernel function of products on every row of X and every row of Y, both sparse."""
    n_features = len(y_indptr) - 1
    left = sparse.csr_array((x_data, x_indices, x_indptr), (len(out), n_features))
    right = sparse.csc_array((y_data, y_rows, y_indptr), (out.shape[1], n_features))
    sums = left.toarray().astype(np.float64) @ right.toarray().T
    if x_squares.size:
        sums = _from_squares(sums, x_squares, y_squares)
        if symmetric:
            np.fill_diagonal(sums, 0)
    with np.errstate(all="ignore"):
        out[:] = _end(gamma * sums + np.float64(coef0), ending, degree)
    if symmetric:
        out[:] = np.triu(out) + np.triu(out, 1).T


def row_squares(X, offset, out):
    """Sum the squares of every row, less the offset."""
    out[:] = ((X - offset).astype(np.float64) ** 2).sum(axis=1)


def nearest(X, Y, indices, values):
    """Find the row of Y nearest to every row of X, and the squared distance."""
    for i, x in enumerate(X.astype(np.float64)):
        squared = ((Y - x) ** 2).sum(axis=1)
        indices[i] = squared.argmin()
        values[i] = squared[indices[i]]
