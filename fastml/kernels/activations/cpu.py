"""Activation functions on the CPU."""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange, vecmath
from fastml._jit.reductions import lane_sum64
from fastml._jit.rowwise import lane_find, lane_max_of, lane_max_over
from fastml._jit.simd import TILE_COLS
from fastml.kernels.activations.elements import apply, apply_backward
from fastml.kernels.activations.forms import RELU
from fastml.kernels.activations.rows import exponentials, exponentiate, shift

# Elements of one task.
TASK_SIZE = 8192
# Of rows that are worked on together: they and their exponentials stay in L1.
RUN_SIZE = 2048


def _forward_work(kind, alpha, x, out):
    return x.size * (1 if kind == RELU else 8)


@njit_parallel(work=_forward_work)
def forward(
    kind,  # IN scalar
    alpha,  # IN scalar
    x,  # IN (n,)
    out,  # OUT (n,)
):
    """Apply an activation to every element.

    Parameters
    ----------
    kind : int
        Which: one of `forms`.
    alpha : float
        Of the dtype of x. Slope of the leaky rectifier, scale of ELU; nothing to others.
    x : (n,) float array
        Arguments.
    out : (n,) float array
        Written: the activations.
    """
    n = x.size
    for task in prange(-(-n // TASK_SIZE)):
        start = task * TASK_SIZE
        stop = min(n, start + TASK_SIZE)
        apply(kind, alpha, x[start:stop], out[start:stop])


def _backward_work(kind, alpha, x, g, gradient):
    return x.size * (1 if kind <= RELU else 8)


@njit_parallel(work=_backward_work)
def backward(
    kind,  # IN scalar
    alpha,  # IN scalar
    x,  # IN (n,)
    g,  # IN (n_given,)
    gradient,  # OUT (n,)
):
    """Multiply g by the derivative of an activation, of every element.

    Parameters
    ----------
    kind, alpha : scalar
        As for `forward`.
    x : (n,) float array
        Arguments of the activation; its results where `forms.BY_RESULT` says so.
    g : (n_given,) float array
        Gradient by the result; one number, for all elements, or n of them.
    gradient : (n,) float array
        Written: the gradient by the argument.
    """
    n = x.size
    for task in prange(-(-n // TASK_SIZE)):
        start = task * TASK_SIZE
        stop = min(n, start + TASK_SIZE)
        given = g[start:stop] if g.size == n else np.full(stop - start, g[0])
        apply_backward(kind, alpha, x[start:stop], given, gradient[start:stop])


@njit_leaf
def _normalise(log, x, start, n_rows, n_columns, spare, out):
    """Write the softmax, or its logarithm, of rows that begin at a flat index."""
    n = n_rows * n_columns
    here = out[start : start + n]
    shift(x, start, n_rows, n_columns, here)
    real = x.dtype.type
    if log:
        exponentials(here, n, spare)
    else:
        exponentiate(here)
    for row in range(n_rows):
        first = row * n_columns
        line = here[first : first + n_columns]
        if log:
            less = real(vecmath.log(lane_sum64(spare, first, n_columns)))
            for i in range(n_columns):
                line[i] -= less
        else:
            factor = real(1.0 / lane_sum64(here, first, n_columns))
            for i in range(n_columns):
                line[i] *= factor


@njit_parallel(work=lambda log, x, out: 16 * x.size)
def softmax(
    log,  # IN scalar
    x,  # IN (n_rows, n_columns)
    out,  # OUT (n_rows, n_columns)
):
    """Normalise the exponentials of every row to add up to one.

    Parameters
    ----------
    log : bool
        Whether the logarithms of the results are wanted.
    x : (n_rows, n_columns) float array
        Rows of at least one element.
    out : (n_rows, n_columns) float array
        Written: exp(x) / sum(exp(x)) of every row, or its logarithm; NaN for rows that hold NaN,
        infinity, or nothing but negative infinity.
    """
    n, k = x.shape
    flat, written = x.reshape(-1), out.reshape(-1)
    run = max(1, RUN_SIZE // k)
    task_rows = run * max(1, TASK_SIZE // (run * k))
    for task in prange(-(-n // task_rows)):
        spare = np.empty(run * k if log else 0, x.dtype)
        stop = min(n, (task + 1) * task_rows)
        for row in range(task * task_rows, stop, run):
            _normalise(log, flat, row * k, min(run, stop - row), k, spare, written)


@njit_leaf
def _softmax_gradient(log, y, g, n_columns, gradient):
    """Write the gradient by the arguments of rows given as flat arrays."""
    real = y.dtype.type
    n = y.size
    if log:
        exponentials(y, n, gradient)
    else:
        for i in range(n):
            gradient[i] = g[i] * y[i]
    for first in range(0, n, n_columns):
        last = first + n_columns
        line, given, result = gradient[first:last], g[first:last], y[first:last]
        if log:
            total = real(lane_sum64(g, first, n_columns))
            for i in range(n_columns):
                line[i] = given[i] - line[i] * total
        else:
            total = real(lane_sum64(gradient, first, n_columns))
            for i in range(n_columns):
                line[i] -= result[i] * total


@njit_parallel(work=lambda log, y, g, gradient: 8 * y.size)
def softmax_backward(
    log,  # IN scalar
    y,  # IN (n_rows, n_columns)
    g,  # IN (n_rows, n_columns)
    gradient,  # OUT (n_rows, n_columns)
):
    """Return the gradient by the argument of a softmax.

    Parameters
    ----------
    log : bool
        As for `softmax`.
    y : (n_rows, n_columns) float array
        Result of `softmax`.
    g : (n_rows, n_columns) float array
        Gradient by it.
    gradient : (n_rows, n_columns) float array
        Written: ``g * y - y * sum(g * y)`` of every row; for logarithms ``g - exp(y) * sum(g)``.
    """
    n, k = y.shape
    flat, given, written = y.reshape(-1), g.reshape(-1), gradient.reshape(-1)
    run = max(1, RUN_SIZE // k)
    task_rows = run * max(1, TASK_SIZE // (run * k))
    for task in prange(-(-n // task_rows)):
        stop = min(n, (task + 1) * task_rows)
        for row in range(task * task_rows, stop, run):
            first, last = row * k, min(stop, row + run) * k
            _softmax_gradient(log, flat[first:last], given[first:last], k, written[first:last])


@njit_leaf
def _first_largest(values, start, n):
    """Return the position of the largest of `n` values, the first where they tie."""
    if start + n + TILE_COLS > values.size:
        # A vector would reach beyond the array.
        at = 0
        for i in range(1, n):
            if values[start + i] > values[start + at]:
                at = i
        return at
    whole = n // TILE_COLS * TILE_COLS
    best = lane_max_of(values, start + whole, n - whole)
    best = max(best, lane_max_over(values, start, whole // TILE_COLS))
    for first in range(0, n, TILE_COLS):
        lane = lane_find(values, start + first, best)
        if lane < TILE_COLS:
            # Beyond the row only where it holds NaN, and so nothing that equals the largest.
            return min(first + lane, n - 1)
    return n - 1


@njit_leaf
def _any_nan(values, start, stop):
    found = False
    for i in range(start, stop):
        found |= values[i] != values[i]
    return found


@njit_parallel(work=lambda S, *rest: 2 * S.size)
def winner_take_all(
    S,  # IN (n_rows, n_units)
    out,  # INOUT (n_rows, n_units)
    has_nan,  # INOUT (1,)
):
    """Write 1 where a row has its largest value, into zeros.

    Parameters
    ----------
    S : (n_rows, n_units) float array
        Values, at least one in a row.
    out : (n_rows, n_units) float array
        Zeros (which large arrays are from the start): 1 is written at the largest value of each
        row, the first where several are. In a row with NaN it may be at any place.
    has_nan : (1,) int32 array
        Set to 1 if there is NaN.
    """
    n, k = S.shape
    values, written = S.reshape(-1), out.reshape(-1)
    task_rows = max(1, TASK_SIZE // k)
    for task in prange(-(-n // task_rows)):
        first, stop = task * task_rows, min(n, (task + 1) * task_rows)
        for row in range(first, stop):
            written[row * k + _first_largest(values, row * k, k)] = 1
        if _any_nan(values, first * k, stop * k):
            # Whichever thread writes, and how often, it is the same number.
            has_nan[0] = 1
