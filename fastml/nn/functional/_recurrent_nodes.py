"""Recurrent layers as nodes: a layer over whole sequences in one, each way."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff import Variable, gradients, primitive
from fastml.autodiff import primitives as p
from fastml.backends import Backend, on_device, resolve
from fastml.kernels.dense.forms import IDENTITY
from fastml.kernels.recurrent.forms import GRU, LSTM, N_GATES, RNN_TANH
from fastml.nn.functional._dense_nodes import linear
from fastml.nn.functional._recurrent_steps import Layout, by_steps
from fastml.nn.functional._row_sums import column_sums, transposed_product

__all__ = ["Recurrence", "cell_step", "composed", "forward_pass", "pack", "recur", "unpack"]


class Recurrence:
    """How a node runs through sequences, and what its passes leave to each other.

    Parameters
    ----------
    kind : int
        Of the cell: one of `kernels.recurrent.forms`.
    leak : float
        Of a plain cell.
    sequences : Layout
        Of the rows.
    mask : (n_sequences, n_units) array, optional
        What states are multiplied by before the product.
    keeps : bool, default=True
        Whether there may be a backward pass, to which the forward pass leaves its gates.
    """

    __slots__ = ("done", "keeps", "kind", "leak", "mask", "passed", "sequences", "unrolled")

    def __init__(
        self, kind: int, leak: float, sequences: Layout, mask: Any = None, keeps: bool = True
    ) -> None:
        self.kind = kind
        self.leak = leak
        self.sequences = sequences
        self.mask = mask
        self.keeps = keeps
        self.passed: Any = None
        self.done: Any = None
        self.unrolled: Any = None


class _Passed(NamedTuple):
    """What the forward pass leaves."""

    backend: Backend
    result: Any
    rows: Any
    weights: tuple[Any, Any]
    mask: Any
    firsts: Any
    first_states: Any
    first_cells: Any
    gates: Any
    states: Any
    kept: Any


class _Done(NamedTuple):
    """What the backward pass made of a gradient."""

    g: Any
    gradient: Any
    by_products: Any
    previous: Any
    by_first: Any
    by_cells: Any


def forward_pass(
    how: Recurrence, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> _Passed:  # fmt: skip
    """Run through the sequences; return what there is then."""
    backend = resolve(w_hh if on_device(w_hh) else x)
    dtype = np.result_type(x.dtype, w_hh.dtype).newbyteorder("=")
    rows, w_ih, w_hh = (backend.asarray(a, dtype) for a in (x, w_ih, w_hh))
    sequences, kind = how.sequences, how.kind
    n_rows, n = rows.shape[0], w_hh.shape[1]
    n_sequences = sequences.firsts.size
    no_bias = backend.empty(0, dtype)
    b_ih, b_hh = (no_bias if b is None else backend.asarray(b, dtype) for b in (b_ih, b_hh))
    mask = backend.empty((0, n), dtype)
    if how.mask is not None:
        mask = sequences.sorted(backend.asarray(how.mask, dtype))
    n_written = n_rows * how.keeps
    gates = backend.empty((n_written, w_hh.shape[0]), dtype)
    # States of all steps, last states and last cells: one result, since a node has one.
    n_cells = n_sequences * (kind == LSTM)
    out = backend.empty((n_rows + n_sequences + n_cells, n), dtype)
    states = out[:n_rows]
    kept = backend.empty((n_written, n * (kind in (LSTM, GRU))), dtype)
    first_states = sequences.sorted(backend.asarray(h0, dtype))
    first_cells = backend.empty((0, n), dtype)
    if kind == LSTM:
        first_cells = sequences.sorted(backend.asarray(c0, dtype))
    last, last_cell = first_states.copy(), first_cells.copy()
    firsts = backend.asarray(sequences.firsts)
    backend.kernels("recurrent").forward(
        kind, dtype.type(how.leak), rows, w_ih, b_ih, w_hh, b_hh, mask, firsts,
        sequences.lengths, sequences.row_step, backend.n_workers, gates, states, kept, last,
        last_cell,
    )  # fmt: skip
    out[n_rows : n_rows + n_sequences] = sequences.unsorted(last)
    if kind == LSTM:
        out[n_rows + n_sequences :] = sequences.unsorted(last_cell)
    result = backend.to_host(out) if type(x) is np.ndarray else out
    return _Passed(
        backend, result, rows, (w_ih, w_hh), mask, firsts, first_states, first_cells, gates,
        states, kept,
    )  # fmt: skip


def _forward(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, how: Any) -> Any:
    """States of a recurrent layer after each row, the last ones, and the last cells."""
    how.passed = forward_pass(how, x, h0, c0, w_ih, w_hh, b_ih, b_hh)
    return how.passed.result


def _backward(g: Any, out: Any, inputs: tuple[Any, ...], how: Recurrence) -> tuple[Any, Any]:
    """Return what the passes made; run back once for each gradient."""
    passed = how.passed
    if passed is None or passed.result is not out:
        # Another pass came between; its values are not those of this result.
        passed = how.passed = forward_pass(how, *inputs)._replace(result=out)
        how.done = None
    if how.done is not None and how.done.g is g:
        return passed, how.done
    backend, sequences = passed.backend, how.sequences
    n_rows, n_sequences, dtype = len(passed.rows), sequences.firsts.size, passed.gates.dtype
    given = backend.asarray(g, dtype)
    by_last = sequences.sorted(given[n_rows : n_rows + n_sequences])
    by_cells = passed.first_cells
    if how.kind == LSTM:
        by_cells = sequences.sorted(given[n_rows + n_sequences :])
    gradient = backend.empty(passed.gates.shape, dtype)
    previous = backend.empty(passed.states.shape, dtype)
    by_products = gradient
    written = gradient[:0]
    if how.kind == GRU:
        by_products = written = backend.empty(gradient.shape, dtype)
    backend.kernels("recurrent").backward(
        how.kind, dtype.type(how.leak), passed.weights[1], passed.mask, passed.firsts,
        sequences.lengths, sequences.row_step, backend.n_workers, passed.first_states,
        passed.first_cells, passed.gates, passed.states, passed.kept, given[:n_rows], gradient,
        written, previous, by_last, by_cells,
    )  # fmt: skip
    by_first, by_cells = sequences.unsorted(by_last), sequences.unsorted(by_cells)
    how.done = _Done(g, gradient, by_products, previous, by_first, by_cells)
    return passed, how.done


def _of_input(i: int, passed: Any, done: Any) -> Any:
    """Return the gradient by an input."""
    backend = passed.backend
    if i == 0:
        found = backend.empty(passed.rows.shape, done.gradient.dtype)
        zero, nothing = found.dtype.type(0), found[:0]
        run = backend.kernels("dense").forward
        run(IDENTITY, zero, done.gradient, passed.weights[0], found.reshape(-1)[:0], nothing, found)
        return found
    if i in (1, 2):
        return done.by_first if i == 1 else done.by_cells
    if i == 3:
        return transposed_product(backend, done.gradient, passed.rows)
    if i == 4:
        return transposed_product(backend, done.by_products, done.previous)
    return column_sums(backend, done.gradient if i == 5 else done.by_products)


def _adjoint(i: int) -> Callable[..., Any]:
    def adjoint(g: Any, out: Any, *inputs: Any, how: Recurrence) -> Any:
        if Variable in (type(g), *map(type, inputs)):
            return _unrolled(g, inputs, how)[i]
        found = _of_input(i, *_backward(g, out, inputs, how))
        return how.passed.backend.to_host(found) if type(inputs[i]) is np.ndarray else found

    return adjoint


def cell_step(how: Recurrence, z: Any, product: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """Return the new state and cell, made of primitives."""
    kind, leak = how.kind, how.leak
    n = h.shape[1]
    if kind == LSTM:
        i, f, new, o = ((z + product)[:, k * n : (k + 1) * n] for k in range(4))
        c = p.sigmoid(f) * c + p.sigmoid(i) * p.tanh(new)
        return p.sigmoid(o) * p.tanh(c), c
    if kind == GRU:
        reset, update = (p.sigmoid((z + product)[:, k * n : (k + 1) * n]) for k in range(2))
        new = p.tanh(z[:, 2 * n :] + reset * product[:, 2 * n :])
        return (1 - update) * new + update * h, c
    value = p.tanh(z + product) if kind == RNN_TANH else p.maximum(z + product, 0.0)
    return (1 - leak) * h + leak * value, c


def _reset_before(z: Any, h: Any, masked: Any, w_hh: Any, b_hh: Any) -> Any:
    """Return the new state of a GRU whose reset comes before the product."""
    n = h.shape[1]
    bias = np.zeros(3 * n, h.dtype) if b_hh is None else b_hh
    sums = z[:, : 2 * n] + linear(masked, w_hh[: 2 * n]) + bias[: 2 * n]
    reset, update = p.sigmoid(sums[:, :n]), p.sigmoid(sums[:, n:])
    new = p.tanh(z[:, 2 * n :] + linear(reset * masked, w_hh[2 * n :]) + bias[2 * n :])
    return (1 - update) * new + update * h


def composed(inputs: tuple[Any, ...], how: Recurrence, reset_after: bool = True) -> Any:
    """Return the node's result, made of primitives step by step.

    Parameters
    ----------
    inputs : tuple
        Of the node.
    how : Recurrence
        Of the node.
    reset_after : bool, default=True
        Whether a GRU resets products, or the states before them: the node does not have that.
    """
    x, h, c, w_ih, w_hh, b_ih, b_hh = inputs
    z = linear(x, w_ih)
    z = z if b_ih is None else z + b_ih

    def step(rows: Any, h: Any, c: Any, mask: Any) -> tuple[Any, Any]:
        sums, masked = p.getitem(z, index=(rows,)), h if mask is None else h * mask
        if not reset_after:
            return _reset_before(sums, h, masked, w_hh, b_hh), c
        product = linear(masked, w_hh)
        return cell_step(how, sums, product if b_hh is None else product + b_hh, h, c)

    return by_steps(step, h, c, how.sequences, how.mask)


def _unrolled(g: Any, inputs: tuple[Any, ...], how: Recurrence) -> Any:
    """Return the gradients by all inputs, as variables."""
    if how.unrolled is None or how.unrolled[0] is not g:
        # New variables of the inputs' values: an input may depend on another one.
        fresh = [p.identity(a) if type(a) is Variable else a for a in inputs]
        wrt = [a for a in fresh if type(a) is Variable and a.needs_grad]
        found = iter(gradients(composed(tuple(fresh), how), wrt, g, create_graph=True))
        by_input = [next(found) if type(a) is Variable and a.needs_grad else None for a in fresh]
        how.unrolled = g, by_input
    return how.unrolled[1]


def _example(rng: np.random.Generator) -> Any:
    found = []
    for kind, leak, masked in ((LSTM, 1.0, False), (GRU, 1.0, True), (RNN_TANH, 0.4, False)):
        width = 2 * N_GATES[kind]
        shapes = [(6, 3), (3, 2), (3, 2), (width, 3), (width, 2), (width,), (width,)]
        inputs: list[Any] = [rng.standard_normal(shape) for shape in shapes]
        if kind != LSTM:
            inputs[2] = None
        sequences = Layout.of([0, 1, 4], [1, 3, 2], 1)
        mask = rng.uniform(0.5, 1.5, (3, 2)) if masked else None
        if masked:
            sequences = sequences.backwards()
        found.append((tuple(inputs), {"how": Recurrence(kind, leak, sequences, mask)}))
    return found


recur = primitive(
    "recurrent", _forward, *(_adjoint(i) for i in range(7)),
    text="recurrent({0}, {1})", example=_example,
)  # fmt: skip


def _packed(a: Any, rows: Any, n_rows: int) -> Any:
    """Take rows, none of them twice."""
    return a[rows]


def _unpacked(a: Any, rows: Any, n_rows: int) -> Any:
    """Put rows in their places among zeros."""
    out = np.zeros_like(a, shape=(n_rows, *a.shape[1:]))
    out[rows] = a
    return out


def _examples_of_rows(n: int) -> Any:
    how = {"rows": np.array([3, 0, 4]), "n_rows": 5}
    return lambda rng: ((rng.standard_normal((n, 2)),), how)


pack: Any = primitive(
    "pack", _packed, lambda g, out, a, rows, n_rows: unpack(g, rows=rows, n_rows=n_rows),
    text="pack({0})", example=_examples_of_rows(5),
)  # fmt: skip
unpack: Any = primitive(
    "unpack", _unpacked, lambda g, out, a, rows, n_rows: pack(g, rows=rows, n_rows=n_rows),
    text="unpack({0})", example=_examples_of_rows(3),
)  # fmt: skip
