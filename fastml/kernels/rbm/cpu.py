"""Restricted Boltzmann machines on the CPU: fused Gibbs half-steps, free energies, training."""

import numpy as np

from fastml._jit import njit_parallel, prange
from fastml._jit.memory import aligned
from fastml._jit.subsets import PANEL_COLS, TABLE_SIZE, WORD_BITS
from fastml.kernels.rbm.bits import (
    BITS,
    GRADIENT_ROWS,
    LISTS,
    ROWS,
    TASK_ROWS,
    add_bit_products,
    add_row_products,
    from_panels,
    pack_rows,
    sums_for,
    to_panels,
    turned_panels,
    unpack_rows,
)
from fastml.kernels.rbm.lists import MOST_LISTED, list_rows, n_blocks
from fastml.kernels.rbm.scalar import LABEL
from fastml.kernels.rbm.states import (
    gaussian_task,
    hidden_task,
    label_task,
    take_rows,
    visible_task,
)
from fastml.kernels.rbm.units import (
    add_flipped,
    choose,
    draw_uniforms,
    row_sums,
    sigmoids,
    softplus,
    start_sums,
    to_normals,
)
from fastml.kernels.rbm.update import update_biases, update_task

# Multiplications by bits in the time of one operation: below 50 us or so for each of its steps a
# batch gains little from threads that are free, and loses much where others keep the cores busy.
LANES = 100


def _half_step_work(states, weights, *rest):
    return states.size * weights.shape[1] / LANES


@njit_parallel(work=_half_step_work)
def propagate(
    states,  # IN (n_rows, n_in)
    weights,  # IN (n_in, n_out)
    bias,  # IN (n_out,)
    deviations,  # IN (n_deviations,)
    seed,  # IN scalar
    stream,  # IN scalar
    step,  # IN scalar
    first_row,  # IN scalar
    means,  # OUT (n_means, n_out)
    samples,  # OUT (n_samples, n_out)
):
    """Half of a Gibbs step: the units of one layer, given those of the other.

    Sums of inputs become means and states while they are in the cache; no random number is kept.

    Parameters
    ----------
    states : (n_rows, n_in) float array
        What is given.
    weights : (n_in, n_out) float array
        Weights from the given layer to the other.
    bias : (n_out,) float array
        Of the other layer.
    deviations : (n_deviations,) float array
        Standard deviations of n_out Gaussian units; none for binary units, whose mean is the
        sigmoid of the sum of their inputs.
    seed, stream, step : scalar uint64
        Key of the draws, see `fastml.kernels.rbm.scalar`.
    first_row : scalar int
        Number of the first row among all rows, for the draws.
    means : (n_means, n_out) float array
        Written: the expected state of each unit; no rows where they are not wanted.
    samples : (n_samples, n_out) float array
        Written: states drawn; no rows where they are not wanted.
    """
    n_rows, n_in = states.shape
    n_out = weights.shape[1]
    matrix = to_panels(weights)
    n_blocks, n_panels = -(-n_rows // TASK_ROWS), matrix.shape[0]
    n_words = -(-n_in // WORD_BITS)
    words = np.empty((n_words, n_rows), np.uint16)
    binary = np.empty(n_blocks, np.bool_)
    for block in prange(n_blocks):
        first = block * TASK_ROWS
        binary[block] = pack_rows(states, first, min(n_rows, first + TASK_ROWS), words, first)
    for task in prange(n_blocks * n_panels):
        first, panel = (task // n_panels) * TASK_ROWS, task % n_panels
        column = panel * PANEL_COLS
        n = min(TASK_ROWS, n_rows - first)
        sums = sums_for(states)
        start_sums(bias, column, n, sums)
        if binary[task // n_panels]:
            table = aligned(TABLE_SIZE, states)
            add_bit_products(words, 0, n_words, first, n, matrix, panel, table, sums)
        else:
            add_row_products(states, first, n, n_in, matrix, panel, sums)
        if deviations.shape[0] == 0:
            sigmoids(sums[: n * PANEL_COLS])
        width = min(PANEL_COLS, n_out - column)
        if means.shape[0] > 0:
            for r in range(n):
                for j in range(width):
                    means[first + r, column + j] = sums[r * PANEL_COLS + j]
        if samples.shape[0] > 0:
            draws = aligned(n * PANEL_COLS, states)
            draw_uniforms(seed, stream, step, first_row + first, n, n_out, column, draws)
            if deviations.shape[0] > 0:
                to_normals(draws)
            one, zero = states.dtype.type(1), states.dtype.type(0)
            for r in range(n):
                for j in range(width):
                    at = r * PANEL_COLS + j
                    if deviations.shape[0] > 0:
                        drawn = sums[at] + deviations[column + j] * draws[at]
                    else:
                        drawn = one if draws[at] < sums[at] else zero
                    samples[first + r, column + j] = drawn


@njit_parallel(work=lambda logits, *rest: 4 * logits.size)
def draw_labels(
    logits,  # IN (n_rows, n_labels)
    seed,  # IN scalar
    step,  # IN scalar
    first_row,  # IN scalar
    samples,  # OUT (n_rows, n_labels)
):
    """Draw one of the labels for each row: units of which exactly one is on.

    Parameters
    ----------
    logits : (n_rows, n_labels) float array
        What a label's probability is proportional to the exponential of.
    seed, step : scalar uint64
        Key of the draws, see `fastml.kernels.rbm.scalar`.
    first_row : scalar int
        Number of the first row among all rows, for the draws.
    samples : (n_rows, n_labels) float array
        Written: 1 for the label drawn, 0 for the others.
    """
    n_rows = logits.shape[0]
    for block in prange(-(-n_rows // TASK_ROWS)):
        first = block * TASK_ROWS
        n = min(TASK_ROWS, n_rows - first)
        draws = aligned(n * PANEL_COLS, logits)
        draw_uniforms(seed, np.uint64(LABEL), step, first_row + first, n, 1, 0, draws)
        for r in range(n):
            samples[first + r] = 0
            samples[first + r, choose(logits[first + r], draws[r * PANEL_COLS])] = 1


@njit_parallel(work=_half_step_work)
def hidden_terms(
    states,  # IN (n_rows, n_visible)
    weights,  # IN (n_visible, n_hidden)
    bias,  # IN (n_hidden,)
    flipped,  # IN (n_flips,)
    terms,  # OUT (n_rows,)
    flipped_terms,  # OUT (n_flips,)
):
    """What hidden units take from the free energy: the sum of ``log(1 + exp(input))``.

    Parameters
    ----------
    states : (n_rows, n_visible) float array
        Rows of visible units.
    weights : (n_visible, n_hidden) float array
        Weights.
    bias : (n_hidden,) float array
        Of the hidden units.
    flipped : (n_flips,) int64 array
        For each row a visible unit; or none.
    terms : (n_rows,) float64 array
        Written: the sums.
    flipped_terms : (n_flips,) float64 array
        Written: the sums of the rows in which x of that unit becomes 1 - x.
    """
    n_rows, n_visible = states.shape
    n_hidden = weights.shape[1]
    matrix = to_panels(weights)
    n_words = -(-n_visible // WORD_BITS)
    for block in prange(-(-n_rows // TASK_ROWS)):
        first = block * TASK_ROWS
        n = min(TASK_ROWS, n_rows - first)
        words = np.empty((n_words, TASK_ROWS), np.uint16)
        binary = pack_rows(states, first, first + n, words, 0)
        sums, other = sums_for(states), sums_for(states)
        table = aligned(TABLE_SIZE, states)
        terms[first : first + n] = 0.0
        if flipped.shape[0] > 0:
            flipped_terms[first : first + n] = 0.0
        for panel in range(matrix.shape[0]):
            column = panel * PANEL_COLS
            start_sums(bias, column, n, sums)
            if binary:
                add_bit_products(words, 0, n_words, 0, n, matrix, panel, table, sums)
            else:
                add_row_products(states, first, n, n_visible, matrix, panel, sums)
            width = min(PANEL_COLS, n_hidden - column)
            if flipped.shape[0] > 0:
                add_flipped(states, first, n, flipped, matrix, column, sums, other)
                softplus(other[: n * PANEL_COLS])
                row_sums(other, n, width, flipped_terms[first : first + n])
            softplus(sums[: n * PANEL_COLS])
            row_sums(sums, n, width, terms[first : first + n])


def _batch_work(X, batch_size, *rest):
    """The work of one batch, as each of them starts the threads anew."""
    weights = next(a for a in rest if np.ndim(a) == 2)
    return min(X.shape[0], batch_size) * weights.size / LANES


@njit_parallel(work=_batch_work)
def train(
    X,  # IN (n_rows, n_visible)
    batch_size,  # IN scalar
    rates,  # IN (n_batches,)
    persistent,  # IN scalar
    n_gibbs,  # IN scalar
    momentum,  # IN scalar
    weight_decay,  # IN scalar
    sparsity_target,  # IN scalar
    sparsity_cost,  # IN scalar
    sparsity_decay,  # IN scalar
    keep,  # IN scalar
    learn_variance,  # IN scalar
    n_labels,  # IN scalar
    seed,  # IN scalar
    first_update,  # IN scalar
    weights,  # INOUT (n_visible, n_hidden)
    visible_bias,  # INOUT (n_visible,)
    hidden_bias,  # INOUT (n_hidden,)
    log_variance,  # INOUT (n_gaussian,)
    velocity,  # INOUT (n_moving, n_hidden)
    bias_velocity,  # INOUT (n_biases,)
    activity,  # INOUT (n_hidden,)
    chains,  # INOUT (n_chains, n_hidden)
):
    """Learn from successive batches of rows by contrastive divergence or its persistent form.

    Binary states are kept as bits, and products by them take additions of subset sums. Rows of X
    that are not binary are kept as lists of what is not 0, where that is the smaller part; others,
    and Gaussian units, take the register tile. Each weight is updated by one
    task, which adds up all rows in one order: the bits do not depend on the number of threads.

    Parameters
    ----------
    X : (n_rows, n_visible) float array
        Rows. The last batch may have fewer than the others.
    batch_size : scalar int
        Rows of a batch.
    rates : (n_batches,) float64 array
        Learning rate of each batch.
    persistent : scalar bool
        Whether samples of the model come from `chains`, which go on from update to update, or from
        chains that begin at the batch.
    n_gibbs : scalar int
        Gibbs steps of an update.
    momentum : scalar float
        Share of the last change that is made again.
    weight_decay : scalar float
        Penalty on half the squared weights.
    sparsity_target, sparsity_cost : scalar float
        Expected activity of hidden units, and how strongly they are drawn to it.
    sparsity_decay : scalar float
        Weight of earlier batches in `activity`.
    keep : scalar float
        Probability that a hidden unit takes part for a row; 1 without dropout.
    learn_variance : scalar bool
        Whether `log_variance` is learned.
    n_labels : scalar int
        So many of the last visible units are labels: of them exactly one is on. None with Gaussian
        units.
    seed, first_update : scalar uint64
        Key of the draws, and how many updates there were before.
    weights : (n_visible, n_hidden) float array
        Updated.
    visible_bias : (n_visible,) float64 array
        Updated.
    hidden_bias : (n_hidden,) float64 array
        Updated.
    log_variance : (n_gaussian,) float64 array
        Of Gaussian visible units, n_visible of them; none where they are binary.
    velocity : (n_moving, n_hidden) float array
        Last change of the weights; no rows without momentum.
    bias_velocity : (n_biases,) float64 array
        That of visible and hidden biases and log-variances, one after another; none likewise.
    activity : (n_hidden,) float64 array
        Running mean of the hidden units' means.
    chains : (n_chains, n_hidden) float array
        Hidden states of the samples; without `persistent` as many as a batch has rows at most,
        left as they were drawn last.

    References
    ----------
    G. Hinton, "Training products of experts by minimizing contrastive divergence", Neural
    Computation 14, 2002. T. Tieleman, "Training restricted Boltzmann machines using approximations
    to the likelihood gradient", ICML 2008. For Gaussian units K. Cho, A. Ilin and T. Raiko,
    "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines", ICANN 2011.
    """
    n_rows, n_visible = X.shape
    n_hidden = weights.shape[1]
    gaussian = log_variance.shape[0] > 0
    model_kind = ROWS if gaussian else BITS
    matrix = to_panels(weights)
    turned = turned_panels(matrix)
    moving = to_panels(velocity)
    v_panels, h_panels = turned.shape[0], matrix.shape[0]
    v_width, h_width = v_panels * PANEL_COLS, h_panels * PANEL_COLS
    most = max(min(batch_size, n_rows), chains.shape[0])
    # Whole words of rows, and the tile that goes over the last of them.
    room = -(-most // WORD_BITS) * WORD_BITS + WORD_BITS
    v_words, h_words = v_width // WORD_BITS, h_width // WORD_BITS
    data_words = np.zeros((v_words, room), np.uint16)
    model_words = np.zeros((v_words, room), np.uint16)
    hidden_words = np.zeros((h_words, room), np.uint16)
    numbers = np.zeros((0, v_width), np.int32)
    values = np.zeros((0, v_width), X.dtype)
    places = np.zeros((0, 1), np.int64)
    data_rows = np.zeros((0, v_width + PANEL_COLS), X.dtype)
    model_rows = np.zeros((0, v_width + PANEL_COLS), X.dtype)
    data_means = aligned(room * h_width, X).reshape((h_panels, room, PANEL_COLS))
    model_means = aligned(room * h_width, X).reshape((h_panels, room, PANEL_COLS))
    data_sums = np.empty((-(-most // TASK_ROWS), h_width))
    model_sums = np.empty((-(-most // TASK_ROWS), h_width))
    squares = np.zeros((2, n_visible))
    visible_sums = np.zeros((2, n_visible))
    slopes = np.zeros((h_panels, n_visible))
    pull = np.zeros(h_width)
    precision = np.ones(n_visible, X.dtype)
    if persistent:
        pack_rows(chains, 0, chains.shape[0], hidden_words, 0)
    for batch in range(rates.shape[0]):
        start = batch * batch_size
        n_data = min(batch_size, n_rows - start)
        n_model = chains.shape[0] if persistent else n_data
        update = first_update + np.uint64(batch)
        step = update * np.uint64(n_gibbs + 1)
        n_packs = -(-n_data // WORD_BITS)
        binary = np.zeros(n_packs, np.bool_)
        if not gaussian:
            for pack in prange(n_packs):
                first = pack * WORD_BITS
                last = min(n_data, first + WORD_BITS)
                binary[pack] = pack_rows(X, start + first, start + last, data_words, first)
        data_kind = BITS
        if gaussian:
            data_kind = ROWS
            for i in range(n_visible):
                precision[i] = X.dtype.type(np.exp(-log_variance[i]))
        elif not binary.all():
            if numbers.shape[0] == 0:
                numbers = np.zeros((room, v_width + PANEL_COLS), np.int32)
                values = np.zeros((room, v_width + PANEL_COLS), X.dtype)
                places = np.zeros((room, n_blocks(n_visible) + 1), np.int64)
            n_listed = np.zeros(n_packs, np.int64)
            for pack in prange(n_packs):
                first = pack * WORD_BITS
                last = min(n_data, first + WORD_BITS)
                n_listed[pack] = list_rows(X, start, first, last, numbers, values, places)
            thin = n_listed.sum() <= MOST_LISTED * n_data * n_visible
            data_kind = LISTS if thin else ROWS
        if data_kind == ROWS:
            if data_rows.shape[0] == 0:
                data_rows = np.zeros((room + TASK_ROWS, v_width + PANEL_COLS), X.dtype)
            for pack in prange(n_packs):
                first = pack * WORD_BITS
                last = min(n_data, first + WORD_BITS)
                take_rows(X, start, first, last, precision, data_rows)
        for task in prange(-(-n_data // TASK_ROWS) * h_panels):
            hidden_task(
                task, h_panels, n_data, n_visible, n_hidden, data_kind, data_words, numbers,
                values, places, data_rows, matrix, hidden_bias, keep, not persistent, seed, update,
                step, data_means, data_sums, hidden_words,
            )  # fmt: skip
        if gaussian and model_rows.shape[0] == 0:
            model_rows = np.zeros((room + TASK_ROWS, v_width + PANEL_COLS), X.dtype)
        for _ in range(n_gibbs):
            step += np.uint64(1)
            for task in prange(-(-n_model // TASK_ROWS) * v_panels):
                if gaussian:
                    gaussian_task(
                        task, v_panels, n_model, n_visible, n_hidden, hidden_words, turned,
                        visible_bias, log_variance, precision, seed, step, model_rows,
                    )  # fmt: skip
                else:
                    visible_task(
                        task, v_panels, n_model, n_visible, n_hidden, hidden_words, turned,
                        visible_bias, seed, step, model_words,
                    )  # fmt: skip
            if n_labels > 0:
                for block in prange(-(-n_model // TASK_ROWS)):
                    label_task(
                        block, n_model, n_visible, n_hidden, n_labels, hidden_words, turned,
                        visible_bias, seed, step, model_words,
                    )  # fmt: skip
            for task in prange(-(-n_model // TASK_ROWS) * h_panels):
                hidden_task(
                    task, h_panels, n_model, n_visible, n_hidden, model_kind, model_words, numbers,
                    values, places, model_rows, matrix, hidden_bias, keep, True, seed, update, step,
                    model_means, model_sums, hidden_words,
                )  # fmt: skip
        rate = rates[batch]
        for j in range(n_hidden):
            mean = data_sums[: -(-n_data // TASK_ROWS), j].sum() / n_data
            if sparsity_cost > 0:
                activity[j] = sparsity_decay * activity[j] + (1.0 - sparsity_decay) * mean
                pull[j] = sparsity_cost * (sparsity_target - activity[j])
        for task in prange(-(-n_visible // GRADIENT_ROWS) * h_panels):
            update_task(
                task, h_panels, n_data, n_model, n_visible, data_kind, model_kind,
                data_words, model_words, numbers, values, places, data_rows, model_rows,
                data_means, model_means, rate, momentum, weight_decay, sparsity_cost > 0, pull,
                visible_bias, log_variance,
                matrix, turned, moving, visible_sums, squares, slopes,
            )  # fmt: skip
        update_biases(
            n_data, n_model, rate, momentum, pull, learn_variance, data_sums, model_sums,
            visible_sums, squares, slopes, visible_bias, hidden_bias, log_variance, bias_velocity,
        )  # fmt: skip
    from_panels(matrix, weights)
    from_panels(moving, velocity)
    unpack_rows(hidden_words, chains.shape[0], chains)
