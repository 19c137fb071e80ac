"""Layers over trees as nodes of the graph: a forest in one, each way."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff import Variable, gradients, primitive
from fastml.autodiff import primitives as p
from fastml.backends import Backend, on_device, resolve
from fastml.kernels.dense.forms import IDENTITY
from fastml.kernels.recurrent.forms import LSTM, RNN_TANH
from fastml.kernels.tree.forms import CHILD_SUM
from fastml.nn._structure import Structure
from fastml.nn.functional._dense_nodes import linear
from fastml.nn.functional._embedding import add_rows, take_rows
from fastml.nn.functional._row_sums import column_sums, transposed_product

__all__ = ["Ascent", "ascend", "composed"]


class Ascent:
    """How a node goes up through a forest, and what its passes leave to each other.

    Parameters
    ----------
    kind : int
        Of the cell: RNN_TANH, RNN_RELU or LSTM of `kernels.recurrent.forms`.
    composition : int
        One of `kernels.tree.forms`.
    structure : Structure
        Of the forest.
    """

    __slots__ = ("composed", "composition", "done", "kind", "passed", "structure")

    def __init__(self, kind: int, composition: int, structure: Structure) -> None:
        self.kind = kind
        self.composition = composition
        self.structure = structure
        self.passed: Any = None
        self.done: Any = None
        self.composed: Any = None


class _Passed(NamedTuple):
    """What the forward pass leaves."""

    backend: Backend
    result: Any
    rows: Any
    by_input: Any
    weights: tuple[Any, Any]
    places: tuple[Any, ...]
    gates: Any
    forget: Any
    states: Any
    cells: Any
    previous: Any


class _Done(NamedTuple):
    """What the backward pass made of a gradient."""

    g: Any
    gradient: Any
    by_products: Any
    by_forget: Any


def _pass(how: Ascent, x: Any, w_x: Any, w_h: Any, b: Any) -> _Passed:
    """Go through the forest; return what there is then."""
    backend = resolve(w_h if on_device(w_h) else x)
    dtype = np.result_type(x.dtype, w_h.dtype).newbyteorder("=")
    rows, w_x, w_h = (backend.asarray(a, dtype) for a in (x, w_x, w_h))
    forest, is_lstm = how.structure, how.kind == LSTM
    n = w_x.shape[0] // 4 if is_lstm else w_x.shape[0]
    n_nodes, empty = forest.n_nodes, backend.empty
    sums = empty((n_nodes, w_x.shape[0]), dtype)
    backend.kernels("dense").data_gradient(rows, w_x, sums)
    if b is not None:
        sums += backend.asarray(b, dtype)
    # An LSTM that adds up has a product of its own for each child.
    n_products = 3 * n if is_lstm and how.composition == CHILD_SUM else w_h.shape[0]
    weights = w_h[:n_products], w_h[n_products:]
    schedule = forest.schedule(backend.n_workers)
    # Kernels on a device go level by level, and are told of levels on the host.
    places = [backend.asarray(a) for a in (forest.children, forest.offsets, forest.parents)]
    places += [backend.asarray(forest.numbers), backend.asarray(schedule.nodes), *schedule[1:]]
    # States and cells are one result, since a node has one.
    out = empty((n_nodes * (1 + is_lstm), n), dtype)
    n_gated = n_nodes * is_lstm
    gates, forget = empty((n_gated, 3 * n * is_lstm), dtype), empty((n_gated, n), dtype)
    previous = empty((forest.n_inner, w_h.shape[1]), dtype)
    states, cells = out[:n_nodes], out[n_nodes:]
    backend.kernels("tree").forward(
        how.kind, how.composition, sums, *weights, *places, gates, forget, states, cells, previous
    )
    result = backend.to_host(out) if type(x) is np.ndarray else out
    return _Passed(
        backend, result, rows, w_x, weights, tuple(places), gates, forget, states, cells, previous
    )


def _forward(x: Any, w_x: Any, w_h: Any, b: Any, how: Ascent) -> Any:
    """States of all nodes, and the cells of an LSTM behind them."""
    how.passed = _pass(how, x, w_x, w_h, b)
    return how.passed.result


def _backward(g: Any, out: Any, inputs: tuple[Any, ...], how: Ascent) -> tuple[_Passed, _Done]:
    """Return what the passes made; go back once for each gradient."""
    passed: Any = how.passed
    if passed is None or passed.result is not out:
        # Another pass came between; its values are not those of this result.
        passed = how.passed = _pass(how, *inputs)._replace(result=out)
        how.done = None
    if how.done is not None and how.done.g is g:
        return passed, how.done
    backend, states = passed.backend, passed.states
    dtype, n_nodes = states.dtype, len(states)
    # Written over.
    given = backend.asarray(g, dtype).copy()
    gradient = backend.empty((n_nodes, passed.by_input.shape[0]), dtype)
    by_products = backend.empty((len(passed.previous), len(passed.weights[0])), dtype)
    by_forget = backend.empty(passed.forget.shape, dtype)
    backend.kernels("tree").backward(
        how.kind, how.composition, *passed.weights, *passed.places, passed.gates, passed.forget,
        states, passed.cells, gradient, by_products, by_forget, given[:n_nodes], given[n_nodes:],
    )  # fmt: skip
    how.done = _Done(g, gradient, by_products, by_forget)
    return passed, how.done


def _of_input(i: int, passed: _Passed, done: _Done) -> Any:
    """Return the gradient by an input."""
    backend = passed.backend
    if i == 0:
        found = backend.empty(passed.rows.shape, done.gradient.dtype)
        zero, nothing = found.dtype.type(0), found[:0]
        run = backend.kernels("dense").forward
        run(IDENTITY, zero, done.gradient, passed.by_input, nothing.reshape(-1), nothing, found)
        return found
    if i == 1:
        return transposed_product(backend, done.gradient, passed.rows)
    if i == 2:
        found = transposed_product(backend, done.by_products, passed.previous)
        if len(passed.weights[1]) == 0:
            return found
        by_edges = transposed_product(backend, done.by_forget, passed.states)
        return backend.xp.concatenate([found, by_edges])
    return column_sums(backend, done.gradient)


def _adjoint(i: int) -> Callable[..., Any]:
    def adjoint(g: Any, out: Any, *inputs: Any, how: Ascent) -> Any:
        if Variable in (type(g), *map(type, inputs)):
            return _by_composition(g, inputs, how)[i]
        passed, done = _backward(g, out, inputs, how)
        found = _of_input(i, passed, done)
        return passed.backend.to_host(found) if type(inputs[i]) is np.ndarray else found

    return adjoint


def composed(inputs: tuple[Any, ...], how: Ascent) -> Any:
    """Return the node's result, made of primitives level by level.

    Parameters
    ----------
    inputs : tuple
        Of the node.
    how : Ascent
        Of the node.
    """
    x, w_x, w_h, b = inputs
    forest, is_lstm = how.structure, how.kind == LSTM
    n = w_x.shape[0] // 4 if is_lstm else w_x.shape[0]
    sums = linear(x, w_x) if b is None else linear(x, w_x) + b
    places = np.full(forest.n_nodes, -1)
    states: Any = None
    cells: Any = None
    done = 0
    for height in range(int(forest.heights.max(initial=0)) + 1):
        nodes = np.flatnonzero(forest.heights == height)
        level = _Level(how, forest, nodes, places, n)
        h, c = level.ascended(take_rows(sums, tokens=nodes, n_rows=forest.n_nodes), w_h, states,
                              cells)  # fmt: skip
        states = h if states is None else p.concatenate([states, h])
        cells = c if cells is None else p.concatenate([cells, c])
        places[nodes] = done + np.arange(nodes.size)
        done += nodes.size
    ends = [states, cells] if is_lstm else [states]
    return p.concatenate([take_rows(end, tokens=places, n_rows=done) for end in ends])


class _Level:
    """Nodes of one height, and where what is below them lies among the nodes done."""

    def __init__(self, how: Ascent, forest: Structure, nodes: Any, places: Any, n: int) -> None:
        self.how, self.n, self.m = how, n, nodes.size
        degrees = forest.degrees[nodes]
        self.above = np.repeat(np.arange(nodes.size), degrees)
        ends = np.cumsum(degrees)
        self.slot = np.arange(self.above.size) - np.repeat(ends - degrees, degrees)
        below = forest.children[np.repeat(forest.offsets[nodes], degrees) + self.slot]
        self.below, self.n_done = places[below], int(np.count_nonzero(places >= 0))

    def _of_children(self, a: Any) -> Any:
        return take_rows(a, tokens=self.below, n_rows=self.n_done)

    def _added(self, rows: Any) -> Any:
        return add_rows(rows, tokens=self.above, n_rows=self.m)

    def ascended(self, z: Any, w_h: Any, states: Any, cells: Any) -> tuple[Any, Any]:
        """Return states and cells of the level."""
        n, is_lstm = self.n, self.how.kind == LSTM
        sums_up = self.how.composition == CHILD_SUM
        n_places = w_h.shape[1] // n
        total, kept = z[:, : 3 * n], None
        if self.above.size:
            h = self._of_children(states)
            at = self.above * n_places + self.slot
            if sums_up:
                line = self._added(h)
            else:
                spread = add_rows(h, tokens=at, n_rows=self.m * n_places)
                line = p.reshape(spread, shape=(self.m, n_places * n))
            product = linear(line, w_h[: 3 * n] if is_lstm and sums_up else w_h)
            total = total + (product[:, : 3 * n] if is_lstm else product)
            if is_lstm:
                if sums_up:
                    by_child = linear(h, w_h[3 * n :])
                else:
                    each = p.reshape(product[:, 3 * n :], shape=(self.m * n_places, n))
                    by_child = take_rows(each, tokens=at, n_rows=self.m * n_places)
                of_node = take_rows(z[:, 3 * n :], tokens=self.above, n_rows=self.m)
                kept = self._added(p.sigmoid(of_node + by_child) * self._of_children(cells))
        if not is_lstm:
            total = p.tanh(total) if self.how.kind == RNN_TANH else p.maximum(total, 0.0)
            return total, total
        into, out, new = (total[:, k * n : (k + 1) * n] for k in range(3))
        c = p.sigmoid(into) * p.tanh(new)
        c = c if kept is None else c + kept
        return p.sigmoid(out) * p.tanh(c), c


def _by_composition(g: Any, inputs: tuple[Any, ...], how: Ascent) -> Any:
    """Return the gradients by all inputs, as variables."""
    if how.composed is None or how.composed[0] is not g:
        # New variables of the inputs' values: an input may depend on another one.
        fresh = tuple(p.identity(a) if type(a) is Variable else a for a in inputs)
        wrt = [a for a in fresh if type(a) is Variable and a.needs_grad]
        found = dict(zip(map(id, wrt), gradients(composed(fresh, how), wrt, g, create_graph=True),
                         strict=True))  # fmt: skip
        how.composed = g, [found.get(id(a)) for a in fresh]
    return how.composed[1]


def _example(rng: np.random.Generator) -> Any:
    # Three trees: of one node, a chain, and one with three children.
    degrees, heights = np.array([0, 1, 1, 0, 3, 0, 1, 0, 0]), np.array([0, 2, 1, 0, 2, 0, 1, 0, 0])
    children = np.array([1, 2, 1, 2, 4, 3])
    structure = Structure(np.array([0, 1, 4, 9]), degrees, heights, children)
    found = []
    for kind, n_places in ((LSTM, 0), (LSTM, 3), (RNN_TANH, 0), (RNN_TANH, 3)):
        width = 4 if kind == LSTM else 1
        rows = width if n_places == 0 or kind != LSTM else 3 + n_places
        shapes = [(9, 3), (2 * width, 3), (2 * rows, 2 * max(n_places, 1)), (2 * width,)]
        inputs = tuple(rng.standard_normal(shape) for shape in shapes)
        found.append((inputs, {"how": Ascent(kind, int(n_places > 0), structure)}))
    return found


ascend = primitive(
    "tree", _forward, *(_adjoint(i) for i in range(4)),
    text="tree({0}, {2})", example=_example,
)  # fmt: skip
