"""Dense layers on the CPU: a register tile, then bias and activation while its results are hot.

Every sum over inputs has one order, and every sum over rows is cut at places that the shapes say:
the same bits on any number of threads.
"""

import numpy as np

from fastml._jit import njit_leaf, njit_parallel, prange
from fastml._jit.block import block_cols, most_rows
from fastml.kernels.activations.elements import apply, apply_backward
from fastml.kernels.dense.forms import IDENTITY
from fastml.kernels.dense.panels import (
    RUN_STRIDE,
    multiply_rows,
    pack_panel,
    pack_transposed,
    stripe_gradient,
    write_rows,
)

# Tiles of rows that weights are packed for; fewer read them where they lie.
PACK_TILES = 3
# Groups of panels and tiles to have at least, so that several threads have something to do, and
# multiply-adds of a task at least, so that what it allocates does not count.
LEAST_UNITS, TASK_SIZE, MOST_TASKS = 8, 1 << 19, 256
# Tiles and panels of a task of the weights' gradient: of few rows, and of many, of which each task
# would otherwise read too much.
FEW_ROWS, SMALL_STRIPE, LARGE_STRIPE = 2048, (8, 4), (16, 8)
# Elements that are worked on at a time, and stay in L1.
RUN_SIZE = 1024


def _product_work(n_rows, n_inputs, n_outputs):
    # The tile does so many multiply-adds in the time of one operation: below 50 us or so threads
    # gain little where they are free, and lose much where others keep the cores busy.
    return n_rows * n_inputs * n_outputs / 40


@njit_leaf
def _n_groups(A, n_columns):
    """Return into how many groups to cut panels, each of which meets each tile of rows."""
    n_panels, n_tiles = -(-n_columns // block_cols(A)), -(-A.shape[0] // most_rows(A))
    return max(1, min(n_panels, -(-LEAST_UNITS // max(n_tiles, 1))))


@njit_leaf
def _n_tasks(A, n_columns):
    n_units = -(-A.shape[0] // most_rows(A)) * _n_groups(A, n_columns)
    return min(n_units, MOST_TASKS, 1 + A.size * n_columns // TASK_SIZE)


@njit_leaf
def _multiply_task(task, n_tasks, A, n_columns, lying, n_full, packed, bias, kind, alpha, argument,
                   out):  # fmt: skip
    """Compute the results of some tiles of rows and groups of panels."""
    wide, most = block_cols(A), most_rows(A)
    n_rows = A.shape[0]
    n_panels, n_tiles, groups = -(-n_columns // wide), -(-n_rows // most), _n_groups(A, n_columns)
    n_units = n_tiles * groups
    lines = np.empty(most * RUN_STRIDE, A.dtype)
    # Half tiles leave half their columns as they are.
    sums = np.zeros(-(-n_panels // groups) * most * wide, A.dtype)
    results = np.empty(0 if kind == IDENTITY else sums.size, A.dtype)
    plain = kind == IDENTITY and argument.shape[0] == 0
    n_direct = n_columns // wide if plain else 0
    for unit in range(task * n_units // n_tasks, (task + 1) * n_units // n_tasks):
        t, group = unit // groups, unit % groups
        r = t * n_rows // n_tiles
        height = (t + 1) * n_rows // n_tiles - r
        first, last = group * n_panels // groups, (group + 1) * n_panels // groups
        multiply_rows(
            A, r, height, n_columns, first, last, lying, n_full, packed, bias, lines, sums,
            out.reshape(-1), n_direct,
        )  # fmt: skip
        if argument.shape[0] > 0:
            write_rows(sums, r, height, first, first, last, argument)
        if kind == IDENTITY:
            write_rows(sums, r, height, first, max(first, n_direct), last, out)
        else:
            n = (last - first) * height * wide
            apply(kind, alpha, sums[:n], results[:n])
            write_rows(results, r, height, first, first, last, out)


@njit_parallel(work=lambda kind, alpha, X, W, *rest: _product_work(X.shape[0], *W.shape))
def forward(
    kind,  # IN scalar
    alpha,  # IN scalar
    X,  # IN (n_samples, n_inputs)
    W,  # IN (n_inputs, n_outputs)
    b,  # IN (n_biases,)
    argument,  # OUT (n_kept, n_outputs)
    out,  # OUT (n_samples, n_outputs)
):
    """Multiply rows by weights, add the bias, and apply the activation.

    Parameters
    ----------
    kind : int
        Which activation: one of `activations.forms`, or `forms.IDENTITY`.
    alpha : float
        Its parameter, of the dtype of X.
    X : (n_samples, n_inputs) float array
        Rows.
    W : (n_inputs, n_outputs) float array
        Weights.
    b : (n_biases,) float array
        Bias of each output, or none.
    argument : (n_kept, n_outputs) float array
        Written: what the activation is applied to, of n_samples rows, or of none where that is not
        wanted.
    out : (n_samples, n_outputs) float array
        Written: the result.
    """
    n_columns, wide = W.shape[1], block_cols(W)
    n_panels = -(-n_columns // wide)
    bias = np.zeros(n_panels * wide, W.dtype)
    bias[: b.size] = b
    n_full = n_columns // wide if X.shape[0] < PACK_TILES * most_rows(X) else 0
    size = W.shape[0] * wide
    packed = np.empty((n_panels - n_full) * size, W.dtype)
    for q in prange(n_full, n_panels):
        pack_panel(W, q * wide, packed, (q - n_full) * size)
    lying = W.reshape(-1)
    n_tasks = _n_tasks(X, n_columns)
    for task in prange(n_tasks):
        _multiply_task(
            task, n_tasks, X, n_columns, lying, n_full, packed, bias, kind, alpha, argument, out
        )


@njit_parallel(work=lambda G, W, out: _product_work(G.shape[0], *W.shape))
def data_gradient(
    G,  # IN (n_samples, n_outputs)
    W,  # IN (n_inputs, n_outputs)
    out,  # OUT (n_samples, n_inputs)
):
    """Multiply gradients by the transposed weights.

    Parameters
    ----------
    G : (n_samples, n_outputs) float array
        Gradient by the results, before the activation.
    W : (n_inputs, n_outputs) float array
        Weights.
    out : (n_samples, n_inputs) float array
        Written: gradient by the rows.
    """
    n_columns, wide = W.shape[0], block_cols(W)
    n_panels = -(-n_columns // wide)
    zeros, offset = np.zeros(n_panels * wide, W.dtype), np.zeros(W.shape[1], W.dtype)
    size = W.shape[1] * wide
    packed = np.empty(n_panels * size, W.dtype)
    for q in prange(n_panels):
        pack_transposed(W, q * wide, offset, packed, q * size)
    n_tasks = _n_tasks(G, n_columns)
    for task in prange(n_tasks):
        _multiply_task(
            task, n_tasks, G, n_columns, packed, 0, packed, zeros, IDENTITY, G.dtype.type(0),
            out[:0], out,
        )  # fmt: skip


@njit_parallel(work=lambda X, G, *rest: _product_work(*X.shape, G.shape[1]))
def weight_gradient(
    X,  # IN (n_samples, n_inputs)
    G,  # IN (n_samples, n_outputs)
    block_rows,  # IN scalar
    partials,  # OUT (n_blocks, n_inputs, n_outputs)
):
    """Multiply transposed rows by gradients, block by block.

    Parameters
    ----------
    X : (n_samples, n_inputs) float array
        Rows.
    G : (n_samples, n_outputs) float array
        Gradient by the results, before the activation.
    block_rows : int
        Rows of a block; the last one may have fewer.
    partials : (n_blocks, n_inputs, n_outputs) float array
        Written: the gradient by the weights of each block, ``ceil(n_samples / block_rows)`` of
        them, or one of zeros where there are no samples. Some hundred rows add up in the dtype of
        X, and those sums in float64.
    """
    n_samples, n_inputs = X.shape
    n_tiles, n_panels = -(-n_inputs // most_rows(X)), -(-G.shape[1] // block_cols(G))
    tall, broad = SMALL_STRIPE if min(n_samples, block_rows) <= FEW_ROWS else LARGE_STRIPE
    down, across = -(-n_tiles // tall), -(-n_panels // broad)
    for task in prange(partials.shape[0] * down * across):
        block, stripe = task // (down * across), task % (down * across)
        start = block * block_rows
        stop = min(n_samples, start + block_rows)
        tile0, first = (stripe // across) * tall, (stripe % across) * broad
        stripe_gradient(
            X, G, start, stop, tile0, min(n_tiles, tile0 + tall), n_tiles,
            first, min(n_panels, first + broad), partials[block],
        )  # fmt: skip


@njit_leaf
def _block_backward(kind, alpha, argument, g, start, stop, gradient, sums):
    """Apply the activation's derivative to rows start ... stop - 1, and add up columns."""
    m = g.shape[1]
    flat = g.reshape(-1)
    sums[:] = 0
    run = max(1, RUN_SIZE // m)
    for row in range(start, stop, run):
        end = min(stop, row + run)
        if kind != IDENTITY:
            apply_backward(
                kind, alpha, argument.reshape(-1)[row * m : end * m], flat[row * m : end * m],
                gradient.reshape(-1)[row * m : end * m],
            )  # fmt: skip
        if sums.size:
            for i in range(row, end):
                line = g[i] if kind == IDENTITY else gradient[i]
                for j in range(m):
                    sums[j] += line[j]


@njit_parallel(work=lambda kind, alpha, argument, g, *rest: 2 * g.size)
def backward(
    kind,  # IN scalar
    alpha,  # IN scalar
    argument,  # IN (n_kept, n_outputs)
    g,  # IN (n_samples, n_outputs)
    block_rows,  # IN scalar
    gradient,  # OUT (n_written, n_outputs)
    partials,  # OUT (n_blocks, n_biases)
):
    """Multiply gradients by the activation's derivative, and add up each column.

    Parameters
    ----------
    kind : int
        As for `forward`.
    alpha : float
        As for `forward`.
    argument : (n_kept, n_outputs) float array
        What the activation was applied to, or its result where `forms.from_result` says so; no rows
        for `forms.IDENTITY`.
    g : (n_samples, n_outputs) float array
        Gradient by the results; at least one output.
    block_rows : int
        As for `weight_gradient`.
    gradient : (n_written, n_outputs) float array
        Written: gradient before the activation; no rows for `forms.IDENTITY`, whose is g.
    partials : (n_blocks, n_biases) float array
        Written: gradient by the bias of each block, ``ceil(n_samples / block_rows)`` of them, or
        one of zeros where there are no samples; no columns where that is not wanted. Sums are
        float64.
    """
    n_samples = g.shape[0]
    for block in prange(partials.shape[0]):
        start = block * block_rows
        sums = np.empty(partials.shape[1])
        stop = min(n_samples, start + block_rows)
        _block_backward(kind, alpha, argument, g, start, stop, gradient, sums)
        for j in range(sums.size):
            partials[block, j] = sums[j]
