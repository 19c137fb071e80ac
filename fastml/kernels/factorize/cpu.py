"""Matrix factorisations by LAPACK, with the same bits for any number of threads."""

import numpy as np
import scipy.linalg

from fastml.kernels.factorize.blas import one_blas_thread

# Up to this size, SciPy's checks take as long as the eigenvectors, and NumPy's do not.
SMALL = 24


def eigh(
    matrix,  # INOUT (n, n)
    values,  # OUT (n_vectors,)
    vectors,  # OUT (n_vectors, n)
):
    """Largest eigenvalues of a symmetric matrix and their eigenvectors, largest first.

    Parameters
    ----------
    matrix : (n, n) float
        Symmetric; overwritten.
    values : (n_vectors,), dtype of matrix
        Written: its `n_vectors` largest eigenvalues.
    vectors : (n_vectors, n), dtype of matrix
        Written: their eigenvectors, one in each row.
    """
    n, wanted = matrix.shape[0], values.shape[0]
    if wanted == 0:
        return
    # Divide and conquer wins unless few of the vectors are wanted.
    some = {"subset_by_index": [n - wanted, n - 1]} if 6 * wanted < n else {"driver": "evd"}
    with one_blas_thread():
        if n <= SMALL:
            found, columns = np.linalg.eigh(matrix)
        else:
            # The transposed symmetric matrix is the same one in the order that LAPACK works in.
            found, columns = scipy.linalg.eigh(
                matrix.T, overwrite_a=True, check_finite=False, **some
            )
    values[:] = found[: -wanted - 1 : -1]
    vectors[:] = columns[:, : -wanted - 1 : -1].T


def svd(
    matrix,  # INOUT (n_rows, n_columns)
    left,  # OUT (n_rows, rank)
    values,  # OUT (rank,)
    right,  # OUT (rank, n_columns)
):
    """Thin singular value decomposition, ``matrix = left diag(values) right``.

    Parameters
    ----------
    matrix : (n_rows, n_columns) float
        Overwritten.
    left : (n_rows, rank), dtype of matrix
        Written: left singular vectors; rank is the smaller of n_rows and n_columns.
    values : (rank,), dtype of matrix
        Written: singular values, largest first.
    right : (rank, n_columns), dtype of matrix
        Written: right singular vectors, one in each row.
    """
    with one_blas_thread():
        left[:], values[:], right[:] = scipy.linalg.svd(
            matrix, full_matrices=False, overwrite_a=True, check_finite=False
        )


def qr(
    matrix,  # INOUT (n_rows, n_columns)
    basis,  # OUT (n_rows, rank)
):
    """Orthonormal basis of the columns of a matrix.

    Parameters
    ----------
    matrix : (n_rows, n_columns) float
        Overwritten.
    basis : (n_rows, rank), dtype of matrix
        Written: the factor Q; rank is the smaller of n_rows and n_columns.
    """
    with one_blas_thread():
        basis[:], _ = scipy.linalg.qr(matrix, mode="economic", overwrite_a=True, check_finite=False)


def lu(
    matrix,  # INOUT (n_rows, n_columns)
    basis,  # OUT (n_rows, rank)
):
    """Row-permuted lower factor of a matrix: a well-conditioned basis of its columns.

    Parameters
    ----------
    matrix : (n_rows, n_columns) float
        Overwritten.
    basis : (n_rows, rank), dtype of matrix
        Written: the factor P L; rank is the smaller of n_rows and n_columns.
    """
    with one_blas_thread():
        basis[:], _ = scipy.linalg.lu(matrix, permute_l=True, overwrite_a=True, check_finite=False)


def triangularize(
    matrix,  # INOUT (n_rows, n_columns)
    factor,  # OUT (rank, n_columns)
):
    """Triangular factor R of a matrix, whose singular values and right vectors it shares.

    Parameters
    ----------
    matrix : (n_rows, n_columns) float
        Overwritten.
    factor : (rank, n_columns), dtype of matrix
        Written: the factor R; rank is the smaller of n_rows and n_columns.
    """
    with one_blas_thread():
        # SciPy's would return as many rows as the matrix has.
        factor[:] = np.linalg.qr(matrix, mode="r")


def solve_positive(
    matrix,  # INOUT (n, n)
    right,  # IN (n, n_columns)
    out,  # OUT (n, n_columns)
):
    """Solve linear equations with a symmetric positive definite matrix.

    Parameters
    ----------
    matrix : (n, n) float
        Symmetric positive definite; overwritten. numpy.linalg.LinAlgError where it is not, and a
        warning, scipy.linalg.LinAlgWarning, where it is next to singular.
    right : (n, n_columns), dtype of matrix
        Right-hand sides.
    out : (n, n_columns), dtype of matrix
        Written: the solutions.
    """
    with one_blas_thread():
        out[:] = scipy.linalg.solve(
            matrix.T, right, assume_a="pos", overwrite_a=True, check_finite=False
        )
