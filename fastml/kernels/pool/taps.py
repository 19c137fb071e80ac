"""Which elements a window meets, along one axis: its taps.

Forward, target o meets source ``x = o * stride - pad + k * dilation`` by tap k. Backward, target x
meets source o by the same equation.
"""

import numpy as np

from fastml._jit import njit_leaf


@njit_leaf
def taps_of(target, back, n_sources, window, stride, pad, dilation, at, number):
    """Write the sources of a target, and by which tap; return how many there are.

    Sources come in the order of their index.
    """
    count = 0
    if back:
        reach = target + pad
        last = min(window - 1, reach // dilation)
        first = max(0, -(((n_sources - 1) * stride - reach) // dilation))
        for k in range(last, first - 1, -1):
            rest = reach - k * dilation
            if rest % stride == 0:
                at[count] = rest // stride
                number[count] = k
                count += 1
        return count
    start = target * stride - pad
    first = max(0, -(start // dilation))
    stop = min(window, -((start - n_sources) // dilation))
    for k in range(first, stop):
        at[count] = start + k * dilation
        number[count] = k
        count += 1
    return count


@njit_leaf
def _runs(n, back, n_sources, window, stride, pad, dilation, fill, runs, columns):
    """Find the runs, and write them where told to; return their number and that of all taps."""
    at, number = np.empty(window, np.int64), np.empty(window, np.int64)
    step = stride if back else 1
    n_runs, n_taps = 0, 0
    for phase in range(min(step, n)):
        before, first_before = -1, -1
        for target in range(phase, n, step):
            count = taps_of(target, back, n_sources, window, stride, pad, dilation, at, number)
            if count == before and (count == 0 or number[0] == first_before):
                if fill:
                    runs[n_runs - 1, 1] += 1
                continue
            if fill:
                runs[n_runs, 0], runs[n_runs, 1] = target, 1
                runs[n_runs, 2], runs[n_runs, 3] = n_taps, n_taps + count
                columns[0, n_taps : n_taps + count] = at[:count]
                columns[1, n_taps : n_taps + count] = number[:count]
            n_runs += 1
            n_taps += count
            before, first_before = count, number[0]
    return n_runs, n_taps


@njit_leaf
def runs_of(n, back, n_sources, window, stride, pad, dilation):
    """Return runs of targets that meet their sources by the same taps.

    Parameters
    ----------
    n, back, n_sources, window, stride, pad, dilation : int
        Targets; whether they are inputs of the forward pass; sources; and the window.

    Returns
    -------
    runs : (n_runs, 4) int64 array
        First target, number of targets, and where the taps of the first one begin and end in
        `columns`. From one target of a run to the next is a stride backward, else 1; from one
        source to the next it is the other way round.
    columns : (2, n_taps) int64 array
        Sources, and the numbers of the taps.
    """
    nothing = np.empty((0, 4), np.int64)
    n_runs, n_taps = _runs(
        n, back, n_sources, window, stride, pad, dilation, False, nothing, nothing
    )
    runs, columns = np.empty((n_runs, 4), np.int64), np.empty((2, n_taps), np.int64)
    _runs(n, back, n_sources, window, stride, pad, dilation, True, runs, columns)
    return runs, columns


@njit_leaf
def rows_of(n, back, n_sources, window, stride, pad, dilation, row_size, kw):
    """Return where the windows of each row of targets are.

    Returns
    -------
    rows : (2, n_taps) int64 array
        As the columns of `runs_of`: sources times `row_size`, numbers times `kw`.
    places : (n, 3) int64 array
        Where the taps of each target begin and end in `rows`, and what to add to the sources.
    """
    runs, rows = runs_of(n, back, n_sources, window, stride, pad, dilation)
    rows[0] *= row_size
    rows[1] *= kw
    places = np.empty((n, 3), np.int64)
    step, source_step = (stride, row_size) if back else (1, stride * row_size)
    for r in range(runs.shape[0]):
        for t in range(runs[r, 1]):
            target = runs[r, 0] + t * step
            places[target, 0], places[target, 1] = runs[r, 2], runs[r, 3]
            places[target, 2] = t * source_step
    return rows, places


@njit_leaf
def extent(o, n, window, stride, before, after, include_pads):
    """Return how many elements a window counts: those of the image, or with its padding."""
    start = o * stride - before
    if include_pads:
        return min(start + window, n + after) - start
    return min(start + window, n) - max(start, 0)
