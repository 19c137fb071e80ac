"""Matrix factorisations in NumPy."""

import numpy as np
import scipy.linalg


def eigh(
    matrix,  # INOUT (n, n)
    values,  # OUT (n_vectors,)
    vectors,  # OUT (n_vectors, n)
):
    found, columns = np.linalg.eigh(matrix)
    values[:] = found[::-1][: values.shape[0]]
    vectors[:] = columns[:, ::-1].T[: values.shape[0]]


def svd(
    matrix,  # INOUT (n_rows, n_columns)
    left,  # OUT (n_rows, rank)
    values,  # OUT (rank,)
    right,  # OUT (rank, n_columns)
):
    left[:], values[:], right[:] = np.linalg.svd(matrix, full_matrices=False)


def qr(
    matrix,  # INOUT (n_rows, n_columns)
    basis,  # OUT (n_rows, rank)
):
    basis[:] = np.linalg.qr(matrix).Q


def lu(
    matrix,  # INOUT (n_rows, n_columns)
    basis,  # OUT (n_rows, rank)
):
    basis[:] = scipy.linalg.lu(matrix, permute_l=True)[0]


def triangularize(
    matrix,  # INOUT (n_rows, n_columns)
    factor,  # OUT (rank, n_columns)
):
    factor[:] = np.linalg.qr(matrix, mode="r")


def solve_positive(
    matrix,  # INOUT (n, n)
    right,  # IN (n, n_columns)
    out,  # OUT (n, n_columns)
):
    out[:] = scipy.linalg.solve(matrix, right, assume_a="pos")
