"""Matrix factorisations by cuSOLVER, through CuPy."""

import numpy as np
import scipy.linalg

from fastml._jit.cuda import array_module


def eigh(
    matrix,  # INOUT (n, n)
    values,  # OUT (n_vectors,)
    vectors,  # OUT (n_vectors, n)
):
    found, columns = array_module(matrix).linalg.eigh(matrix)
    values[:] = found[::-1][: values.shape[0]]
    vectors[:] = columns[:, ::-1].T[: values.shape[0]]


def svd(
    matrix,  # INOUT (n_rows, n_columns)
    left,  # OUT (n_rows, rank)
    values,  # OUT (rank,)
    right,  # OUT (rank, n_columns)
):
    found = array_module(matrix).linalg.svd(matrix, full_matrices=False)
    left[:], values[:], right[:] = found


def qr(
    matrix,  # INOUT (n_rows, n_columns)
    basis,  # OUT (n_rows, rank)
):
    basis[:] = array_module(matrix).linalg.qr(matrix)[0]


def lu(
    matrix,  # INOUT (n_rows, n_columns)
    basis,  # OUT (n_rows, rank)
):
    if array_module(matrix) is np:
        basis[:] = scipy.linalg.lu(matrix, permute_l=True)[0]
        return
    # cupyx.scipy cannot be imported where there is no device.
    import cupyx.scipy.linalg

    basis[:] = cupyx.scipy.linalg.lu(matrix, permute_l=True)[0]


def triangularize(
    matrix,  # INOUT (n_rows, n_columns)
    factor,  # OUT (rank, n_columns)
):
    factor[:] = array_module(matrix).linalg.qr(matrix, mode="r")


def solve_positive(
    matrix,  # INOUT (n, n)
    right,  # IN (n, n_columns)
    out,  # OUT (n, n_columns)
):
    xp = array_module(matrix)
    if xp is np:
        out[:] = scipy.linalg.solve(matrix, right, assume_a="pos")
        return
    # cupyx.scipy cannot be imported where there is no device.
    import cupyx.scipy.linalg

    factor = xp.linalg.cholesky(matrix)
    half = cupyx.scipy.linalg.solve_triangular(factor, right, lower=True)
    out[:] = cupyx.scipy.linalg.solve_triangular(factor, half, lower=True, trans="T")
