"""A recurrent layer over sequences: whole, in pieces that gradients stay in, or step by step."""

from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.kernels.recurrent.forms import LSTM, N_GATES
from fastml.nn.functional._dense_nodes import linear
from fastml.nn.functional._recurrent_nodes import (
    Recurrence,
    cell_step,
    composed,
    forward_pass,
    recur,
)
from fastml.nn.functional._recurrent_steps import Layout, Watched, by_steps

__all__ = ["Way", "gate_values", "run_layer"]


class Way(NamedTuple):
    """How a layer runs through sequences.

    Attributes
    ----------
    kind : int
        Of the cells.
    leak : float
        Of plain cells.
    layout : Layout
        Of the sequences, in the direction of the layer.
    mask : array (n_sequences, n_units) or None
        What states are multiplied by.
    reset_after : bool
        Of a GRU.
    transitions : tuple of (weight_hh, bias_hh)
        Of further cells in each step, that have no input but the states of those before.
    truncate : int or None
        The most steps that gradients go back through.
    watched : list of Watched or None
        Gets what there is after each step, which is then a node of its own.
    """

    kind: int
    leak: float
    layout: Layout
    mask: Any = None
    reset_after: bool = True
    transitions: tuple[tuple[Any, Any], ...] = ()
    truncate: int | None = None
    watched: list[Watched] | None = None


def run_layer(inputs: tuple[Any, ...], way: Way) -> Any:
    """Return states of all rows, the last ones and the last cells as one, as the node does.

    Parameters
    ----------
    inputs : tuple
        Of the node: rows, initial states and cells, weights and biases.
    way : Way
        How.
    """
    varies = any(type(a) is Variable for a in (*inputs, *sum(way.transitions, ())))
    if way.truncate is not None and varies:
        return _in_pieces(inputs, way)
    how = Recurrence(way.kind, way.leak, way.layout, way.mask, varies)
    if not way.reset_after:
        return composed(inputs, how, False)
    if way.transitions or way.watched is not None:
        return _step_by_step(inputs, way)
    return recur(*inputs, how=how)


def _step_by_step(inputs: tuple[Any, ...], way: Way) -> Any:
    """Return the result of cells that each have a node in each step."""
    rows, h0, c0, *given = inputs
    cells = [tuple(given)]
    for weight, bias in way.transitions:
        nothing = value_of(weight)[:, :0]
        cells.append((nothing, weight, None, bias))

    def step(places: Any, h: Any, c: Any, mask: Any) -> tuple[Any, Any]:
        n = len(places)
        x = p.getitem(rows, index=(places,))
        how = Recurrence(
            way.kind, way.leak, Layout(None, np.arange(n), np.ones(n, np.int64), 1), mask
        )
        for weights in cells:
            h, c = (_node if way.watched is None else _seen)(how, x, h, c, weights)
            x = value_of(x)[:, :0]
        return h, c

    return by_steps(step, h0, c0, way.layout, way.mask, way.watched)


def _node(how: Recurrence, x: Any, h: Any, c: Any, weights: Any) -> tuple[Any, Any]:
    """Return the next states and cells by a node."""
    n = how.sequences.firsts.size
    out = recur(x, h, c, *weights, how=how)
    return out[:n], out[2 * n :] if how.kind == LSTM else None


def _seen(how: Recurrence, x: Any, h: Any, c: Any, weights: Any) -> tuple[Any, Any]:
    """Return them made of primitives: states are then made of the cells that are returned."""
    w_ih, w_hh, *biases = weights
    sums, product = linear(x, w_ih), linear(h if how.mask is None else h * how.mask, w_hh)
    sums, product = (
        a if b is None else a + b for a, b in zip((sums, product), biases, strict=True)
    )
    return cell_step(how, sums, product, h, c)


def _in_pieces(inputs: tuple[Any, ...], way: Way) -> Any:
    """Return the result for sequences cut where gradients end, each piece a sequence of its own.

    Values are those of whole sequences: pieces begin with the states that those before end with.
    """
    rows, h0, c0, *weights = inputs
    n_rows, size, layout = rows.shape[0], way.truncate or 0, way.layout
    n = layout.firsts.size
    firsts, lengths = layout.unsorted(layout.firsts), layout.unsorted(layout.lengths)
    plain = tuple(value_of(a) for a in inputs)
    fixed = tuple((value_of(w), value_of(b)) for w, b in way.transitions)
    h, c = plain[1:3]
    begins, cells, which, starts = [h0], [c0], [np.arange(n)], [np.zeros(n, np.int64)]
    # Of each sequence, the number of its last piece among all.
    last, n_pieces = np.arange(n), n
    while True:
        going = lengths[which[-1]] - starts[-1] > size
        whole = which[-1][going]
        if not len(whole):
            break
        places = Layout.of(
            firsts[whole] + starts[-1][going] * layout.row_step,
            np.full(len(whole), size),
            layout.row_step,
        )
        mask = None if way.mask is None else way.mask[whole]
        piece = way._replace(layout=places, mask=mask, transitions=fixed, watched=None)
        given = (plain[0], h[going], c if c is None else c[going], *plain[3:])
        out = run_layer(given, piece)
        # From the end on: step by step there are only the rows of the pieces.
        ends = out[out.shape[0] - len(whole) * (1 if c is None else 2) :]
        h, c = ends[: len(whole)], c if c is None else ends[len(whole) :]
        begins.append(h)
        cells.append(c)
        which.append(whole)
        starts.append(starts[-1][going] + size)
        last[whole] = n_pieces + np.arange(len(whole))
        n_pieces += len(whole)
    of, start = np.concatenate(which), np.concatenate(starts)
    places = Layout.of(
        firsts[of] + start * layout.row_step,
        np.minimum(lengths[of] - start, size),
        layout.row_step,
    )
    mask = None if way.mask is None else resolve(way.mask).xp.ascontiguousarray(way.mask[of])
    cut = way._replace(layout=places, mask=mask, truncate=None)
    begin = p.concatenate(begins), None if c is None else p.concatenate(cells)
    out = run_layer((rows, *begin, *weights), cut)
    taken = [np.arange(n_rows), n_rows + last]
    if c is not None:
        taken.append(n_rows + n_pieces + last)
    return p.getitem(out, index=(np.concatenate(taken),))


def gate_values(kind: int, batch: Any, weights: Any, n_directions: int) -> list[Any]:
    """Return values of gates for all rows: of each gate, and of an LSTM the cells.

    Parameters
    ----------
    kind : int
        Of the cells: a GRU or an LSTM.
    batch : Batch
        What comes to the layer.
    weights : sequence of tuples
        Of its directions.
    n_directions : int
        1 or 2; their values come side by side.
    """
    ways = []
    for number in range(n_directions):
        layout = batch.sequences if number == 0 else batch.sequences.backwards()
        n_units = weights[number][1].shape[1]
        xp = resolve(batch.rows).xp
        h0 = xp.zeros((layout.firsts.size, n_units), batch.rows.dtype)
        inputs = batch.rows, h0, h0 if kind == LSTM else None, *weights[number]
        passed = forward_pass(Recurrence(kind, 1.0, layout), *inputs)
        parts = [passed.gates[:, i * n_units : (i + 1) * n_units] for i in range(N_GATES[kind])]
        ways.append([*parts, passed.kept] if kind == LSTM else parts)
    xp = resolve(batch.rows).xp
    return [xp.concatenate(of_gate, axis=1) for of_gate in zip(*ways, strict=True)]
