"""Sequential minimal optimisation on a CUDA device.

The steps of a problem follow from each other, so a problem has one block of threads, which search
and change all rows together; problems run side by side. A problem over very many rows is solved by
parts of some hundred; what is large, their kernel rows and the gradient, takes the whole device.
"""

import numpy as np

from fastml._jit.cuda import as_device, cuda, cuda_device, cuda_kernel
from fastml._jit.grid import grid_1d
from fastml._jit.shares import block_max, threads_for
from fastml.kernels.smo.scalar import TAU

# Gradients and solutions are in float64 for any matrix: small steps would be lost.
FLOAT64_KERNELS = ("_solve", "_add_rows")

_MOST_THREADS = 256


@cuda_device
def _row_of(parts, p, t):
    """Return the row of the matrix that belongs to a problem's variable."""
    n_first = parts[p, 1] - parts[p, 0]
    return t + parts[p, 0] if t < n_first else t - n_first + parts[p, 2]


@cuda_device
def _curvature(K, i, j):
    return np.float64(K[i, i]) + np.float64(K[j, j]) - 2.0 * np.float64(K[i, j])


@cuda_device
def _damped(curvature):
    return curvature if curvature > 0 else TAU


@cuda_device
def _last(best, at, top, shares):
    """Return the last place of the block's largest value."""
    return int(block_max(np.float64(at) if best == top else -1.0, shares))


@cuda_kernel
def _solve(K, parts, starts, lower, upper, solution, gradient, tol, max_iter, n_iter, gap):
    shares = cuda.shared.array(_MOST_THREADS, np.float64)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for p in range(cuda.blockIdx.x, parts.shape[0], cuda.gridDim.x):
        first, stop = starts[p], starts[p + 1]
        done = 0
        while True:
            rising, at, falling = -np.inf, first, -np.inf
            for t in range(first + thread, stop, n_threads):
                if solution[t] < upper[t] and -gradient[t] >= rising:
                    rising, at = -gradient[t], t
                if solution[t] > lower[t]:
                    falling = max(falling, gradient[t])
            slope = block_max(rising, shares)
            largest = slope + block_max(falling, shares)
            if not largest >= tol or done >= max_iter:
                break
            i = _last(rising, at, slope, shares)
            i_row = _row_of(parts, p, i - first)
            best, at = -np.inf, first
            for t in range(first + thread, stop, n_threads):
                lead = slope + gradient[t]
                if solution[t] > lower[t] and lead > 0:
                    curvature = _curvature(K, i_row, _row_of(parts, p, t - first))
                    gain = lead * lead / _damped(curvature)
                    if gain >= best:
                        best, at = gain, t
            j = _last(best, at, block_max(best, shares), shares)
            j_row = _row_of(parts, p, j - first)
            room, other_room = upper[i] - solution[i], solution[j] - lower[j]
            curvature = _curvature(K, i_row, j_row)
            if not curvature < np.inf:
                largest = np.nan
                break
            step = (slope + gradient[j]) / _damped(curvature)
            step = min(step, min(room, other_room))
            before, other_before = solution[i], solution[j]
            value = upper[i] if step == room else before + step
            other_value = lower[j] if step == other_room else other_before - step
            # All have read before one writes.
            cuda.syncthreads()
            if value == before and other_value == other_before:
                break
            if thread == 0:
                solution[i] = value
                solution[j] = other_value
            for t in range(first + thread, stop, n_threads):
                row = _row_of(parts, p, t - first)
                gradient[t] += step * (np.float64(K[i_row, row]) - np.float64(K[j_row, row]))
            cuda.syncthreads()
            done += 1
        if thread == 0:
            n_iter[p] = done
            gap[p] = largest
        cuda.syncthreads()


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
    _solve[parts.shape[0], min(_MOST_THREADS, threads_for(K.shape[0]))](
        *map(as_device, (K, parts, starts, lower, upper, solution, gradient)), tol, max_iter,
        as_device(n_iter), as_device(gap),
    )  # fmt: skip


@cuda_kernel
def _gather(matrix, rows, columns, out):
    n = columns.shape[0]
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i // n, i % n] = matrix[rows[i // n], columns[i % n]]


def gather(
    matrix,  # IN (n_rows, n_columns)
    rows,  # IN (n_chosen_rows,)
    columns,  # IN (n_chosen_columns,)
    out,  # OUT (n_chosen_rows, n_chosen_columns)
):
    _gather[grid_1d(out.size)](*map(as_device, (matrix, rows, columns, out)))


@cuda_kernel
def _put_rows(block, rows, matrix):
    n = block.shape[1]
    for i in range(cuda.grid(1), block.size, cuda.gridsize(1)):
        matrix[rows[i // n], i % n] = block[i // n, i % n]


def put_rows(
    block,  # IN (n_chosen, n_columns)
    rows,  # IN (n_chosen,)
    matrix,  # INOUT (n_rows, n_columns)
):
    _put_rows[grid_1d(block.size)](*map(as_device, (block, rows, matrix)))


@cuda_kernel
def _add_rows(matrix, rows, weights, total):
    for column in range(cuda.grid(1), total.size, cuda.gridsize(1)):
        value = total[column]
        for r in range(rows.shape[0]):
            value += weights[r] * np.float64(matrix[rows[r], column])
        total[column] = value


def add_rows(
    matrix,  # IN (n_rows, n_columns)
    rows,  # IN (n_chosen,)
    weights,  # IN (n_chosen,)
    total,  # INOUT (n_columns,)
):
    _add_rows[grid_1d(total.size)](*map(as_device, (matrix, rows, weights, total)))
