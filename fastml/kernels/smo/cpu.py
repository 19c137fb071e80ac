"""Sequential minimal optimisation on the CPU: two passes over all rows for a step."""

import numpy as np

from fastml._jit import njit_parallel, prange
from fastml.kernels.smo.steps import add_block, solve_one

# Columns of a task: their sums stay in L1.
BLOCK = 1024
# Rows of a task of `gather`.
ROWS = 16


def _solve_work(K, parts, starts, *rest):
    # One problem is a chain of steps, for one thread; several take turns about as long as this.
    return 50 * starts[-1] * (len(parts) > 1)


@njit_parallel(work=_solve_work)
def solve(
    K,  # IN (n_rows, n_rows)
    parts,  # IN (n_problems, 4)
    starts,  # IN (n_problems + 1,)
    lower,  # IN (n_variables,)
    upper,  # IN (n_variables,)
    solution,  # INOUT (n_variables,)
    gradient,  # INOUT (n_variables,)
    tol,  # IN scalar
    max_iter,  # IN scalar
    n_iter,  # OUT (n_problems,)
    gap,  # OUT (n_problems,)
):
    """Solve problems over parts of one kernel matrix, each by steps along pairs of variables.

    A problem is to minimise ``1/2 b'K b + p'b`` over b between bounds with a given sum. A step
    raises the variable along which the objective falls most, and lowers the one that promises most
    with it to second order [1]_; of equals the last.

    Parameters
    ----------
    K : (n_rows, n_rows) float array
        Symmetric.
    parts : (n_problems, 4) int64 array
        The variables of a problem are rows ``parts[p, 0]`` up to ``parts[p, 1]`` of the matrix and
        ``parts[p, 2]`` up to ``parts[p, 3]``.
    starts : (n_problems + 1,) int64 array
        Where the variables of a problem begin in the arrays below.
    lower, upper : (n_variables,) float64 array
        Bounds; infinity is none.
    solution : (n_variables,) float64 array
        A point between the bounds; the solution afterwards, exactly on the bounds that it meets.
    gradient : (n_variables,) float64 array
        ``K b + p`` there, and afterwards.
    tol : float
        A problem is solved when no pair has a slope of this or more.
    max_iter : int
        Most steps of a problem.
    n_iter : (n_problems,) int64 array
        Written: steps.
    gap : (n_problems,) float64 array
        Written: the largest slope along a pair that is left; NaN if values of the kernel were met
        that are not finite. Otherwise, if it is above tol after fewer than max_iter steps, the next
        step would be lost in rounding.

    References
    ----------
    .. [1] R.-E. Fan, P.-H. Chen and C.-J. Lin, "Working set selection using second order
       information for training support vector machines", JMLR 6 (2005), WSS 2.
    """
    for p in prange(len(parts)):
        solve_one(
            np.int64(p), K, parts, starts, lower, upper, solution, gradient, tol, max_iter,
            n_iter, gap,
        )  # fmt: skip


def _gather_work(matrix, rows, columns, out):
    return 4 * out.size


@njit_parallel(work=_gather_work)
def gather(
    matrix,  # IN (n_rows, n_columns)
    rows,  # IN (n_chosen_rows,)
    columns,  # IN (n_chosen_columns,)
    out,  # OUT (n_chosen_rows, n_chosen_columns)
):
    """Copy chosen columns of chosen rows.

    Parameters
    ----------
    matrix : (n_rows, n_columns) float array
        The matrix.
    rows : (n_chosen_rows,) int64 array
        Rows of it.
    columns : (n_chosen_columns,) int64 array
        Columns of it.
    out : (n_chosen_rows, n_chosen_columns) float array
        Written, of the dtype of the matrix.
    """
    for task in prange(-(-len(rows) // ROWS)):
        for r in range(task * ROWS, min(len(rows), (task + 1) * ROWS)):
            line, row = out[r], matrix[rows[r]]
            for c in range(len(columns)):
                line[c] = row[columns[c]]


def _put_work(block, rows, matrix):
    return block.size


@njit_parallel(work=_put_work)
def put_rows(
    block,  # IN (n_chosen, n_columns)
    rows,  # IN (n_chosen,)
    matrix,  # INOUT (n_rows, n_columns)
):
    """Store rows at their places.

    Parameters
    ----------
    block : (n_chosen, n_columns) float array
        What to store.
    rows : (n_chosen,) int64 array
        Different rows of the matrix.
    matrix : (n_rows, n_columns) float array
        Of any float dtype.
    """
    n = block.shape[1]
    n_parts = -(-n // BLOCK)
    for task in prange(len(rows) * n_parts):
        r, start = task // n_parts, task % n_parts * BLOCK
        stop = min(n, start + BLOCK)
        line, row = matrix[rows[r]], block[r]
        for c in range(start, stop):
            line[c] = row[c]


def _add_work(matrix, rows, weights, total):
    return len(rows) * total.size // 4


@njit_parallel(work=_add_work)
def add_rows(
    matrix,  # IN (n_rows, n_columns)
    rows,  # IN (n_chosen,)
    weights,  # IN (n_chosen,)
    total,  # INOUT (n_columns,)
):
    """Add chosen rows, times their weights.

    Parameters
    ----------
    matrix : (n_rows, n_columns) float array
        The matrix.
    rows : (n_chosen,) int64 array
        Rows of it.
    weights : (n_chosen,) float64 array
        Their weights.
    total : (n_columns,) float64 array
        What they are added to, in their order.
    """
    n = total.size
    for block in prange(-(-n // BLOCK)):
        start = block * BLOCK
        add_block(matrix, rows, weights, total, start, min(n, start + BLOCK))
