"""Batches of sequences, and layers that run through them one after the other."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.autodiff._real import real_values
from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.kernels.recurrent.forms import LSTM, N_GATES
from fastml.nn._sequences import checked_offsets, elements
from fastml.nn.functional._recurrent_nodes import pack, unpack
from fastml.nn.functional._recurrent_runs import Way, run_layer
from fastml.nn.functional._recurrent_steps import Layout, Watched

__all__ = ["NO_MASKS", "Batch", "Masks", "batch_of", "checked_weights", "floats", "run_layers"]

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Batch(NamedTuple):
    """Sequences as rows of one matrix, and how to give results the shape of the input.

    Attributes
    ----------
    rows : Variable or array (n_rows, n_features)
        Elements of all sequences.
    sequences : Layout
        Where they are.
    shape : tuple of int
        Of the input, but for its last axis.
    places : ndarray or None
        Rows among those of the input, where it has others too.
    single : bool
        Whether the input is one sequence without a batch axis.
    """

    rows: Any
    sequences: Layout
    shape: tuple[int, ...]
    places: Any
    single: bool

    def shaped(self, rows: Any) -> Any:
        """Return rows of results in the shape of the input, with zeros where it has no element."""
        if self.places is not None:
            n_rows = self.shape[0] * self.shape[1]
            rows = unpack(rows, rows=self.places, n_rows=n_rows)
        return p.reshape(rows, shape=(*self.shape, rows.shape[1]))


class Masks(NamedTuple):
    """Probabilities of dropout, and what draws.

    Attributes
    ----------
    between, recurrent : float
        Of outputs between layers, and of states.
    drop : callable or None
        ``drop(a, rate, number)`` returns an array with some values set to 0 and the others
        scaled, by draw number so and so of the layers.
    """

    between: float = 0.0
    recurrent: float = 0.0
    drop: Callable[[Any, float, int], Any] | None = None

    def of_states(self, number: int, shape: tuple[int, int], like: Any) -> Any:
        """Return what the states of a layer and direction are multiplied by; None for ones."""
        if self.recurrent == 0 or self.drop is None:
            return None
        xp = resolve(value_of(like)).xp
        mask = self.drop(xp.ones(shape, like.dtype), self.recurrent, 2 * number + 1)
        return xp.ascontiguousarray(mask)

    def outputs(self, number: int, rows: Any) -> Any:
        """Return outputs of a layer with some set to 0."""
        if self.between == 0 or self.drop is None:
            return rows
        return self.drop(rows, self.between, 2 * number)


NO_MASKS = Masks()


def floats(x: Any, name: str) -> Any:
    """Return a variable as it is, anything else as an array of float32 or float64."""
    x = real_values(x, name)
    if type(x) is Variable or x.dtype.char in "fd":
        return x
    return x.astype(np.float32 if x.dtype == np.float16 else np.float64)


def _integers(a: Any, name: str) -> Any:
    found = np.asarray(a)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a one-dimensional array of integers, got shape {found.shape} of "
            f"dtype {found.dtype}."
        )
    return found.astype(np.int64)


def batch_of(input: Any, lengths: Any = None, batch_first: bool = False) -> Batch:
    """Return sequences as rows of one matrix.

    Parameters
    ----------
    input, lengths, batch_first
        As for `lstm`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a sequence is empty.
    """
    if isinstance(input, tuple):
        return _packed_batch(input, lengths)
    x = floats(input, "input")
    if x.ndim not in (2, 3):
        raise ValueError(
            "input must have shape (n_steps, n_features), (n_steps, n_sequences, n_features) or, "
            f"with batch_first, (n_sequences, n_steps, n_features), got {x.shape}."
        )
    if x.ndim == 2:
        if lengths is not None:
            raise ValueError("lengths are of a batch of sequences; the input is a single one.")
        return Batch(x, Layout.of([0], [_some(len(x))], 1), x.shape[:1], None, True)
    axis = 1 if batch_first else 0
    n_steps, n = _some(x.shape[axis]), x.shape[1 - axis]
    rows = p.reshape(x, shape=(n_steps * n, x.shape[2]))
    first_step, row_step = (n_steps, 1) if batch_first else (1, n)
    firsts = np.arange(n) * first_step
    if lengths is not None:
        lengths = _integers(lengths, "lengths")
        if lengths.size != n or np.any(lengths < 1) or np.any(lengths > n_steps):
            raise ValueError(
                f"lengths must be {n} numbers from 1 to {n_steps}, as the input of shape {x.shape} "
                f"has so many sequences and steps, got {lengths}."
            )
        if np.any(lengths < n_steps):
            ends = np.cumsum(lengths)
            places = elements(firsts, lengths, row_step)
            rows = pack(rows, rows=places, n_rows=n_steps * n)
            sequences = Layout.of(ends - lengths, lengths, 1)
            return Batch(rows, sequences, x.shape[:2], places, False)
    sequences = Layout(None, firsts, np.full(n, n_steps), row_step)
    return Batch(rows, sequences, x.shape[:2], None, False)


def _some(n_steps: int) -> int:
    if n_steps == 0:
        raise ValueError("input must have at least one step, got an empty sequence.")
    return n_steps


def _packed_batch(input: tuple[Any, ...], lengths: Any) -> Batch:
    if len(input) != 2 or lengths is not None:
        raise ValueError(
            "a packed input is (flat, offsets), the lengths of which are in the offsets; got "
            f"{len(input)} items{'' if lengths is None else ' and lengths'}."
        )
    rows = floats(input[0], "flat")
    if rows.ndim != 2:
        raise ValueError(f"flat must have shape (n_rows, n_features), got {rows.shape}.")
    offsets = checked_offsets(input[1], len(rows))
    sequences = Layout.of(offsets[:-1], np.diff(offsets), 1)
    return Batch(rows, sequences, rows.shape[:1], None, False)


def checked_weights(
    kind: int, weights: Any, n_features: int, n_directions: int
) -> list[tuple[Any, ...]]:
    """Return weights of layers and directions, with None for biases that are not there.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    found: list[tuple[Any, ...]] = []
    for i, given in enumerate(weights):
        if len(given) not in (2, 4):
            raise ValueError(
                f"weights[{i}] must be (weight_ih, weight_hh) or (weight_ih, weight_hh, bias_ih, "
                f"bias_hh), got {len(given)} items."
            )
        arrays: list[Any] = [
            None if a is None else floats(a, f"weights[{i}]: {name}")
            for a, name in zip(given, _NAMES, strict=False)
        ]
        n_units = arrays[1].shape[-1] if arrays[1].ndim else 0
        if i and i % n_directions == 0:
            n_features = n_directions * found[-1][1].shape[1]
        width = N_GATES[kind] * n_units
        wanted = ((width, n_features), (width, n_units), (width,), (width,))
        for a, name, shape in zip(arrays, _NAMES, wanted, strict=False):
            if a is not None and a.shape != shape:
                raise ValueError(
                    f"{name} in weights[{i}] must have shape {shape} for {n_features} features and "
                    f"{n_units} units, got {a.shape}."
                )
        found.append((*arrays, *[None] * (4 - len(arrays))))
    if not found or len(found) % n_directions:
        raise ValueError(
            f"weights must have an item for each layer and each of {n_directions} directions, got "
            f"{len(found)} items."
        )
    return found


def run_layers(
    kind: int,
    batch: Batch,
    weights: Sequence[tuple[Any, ...]],
    first: Sequence[tuple[Any, Any]] | None,
    *,
    leak: float = 1.0,
    n_directions: int = 1,
    masks: Masks = NO_MASKS,
    reset_after: bool = True,
    transitions: Sequence[tuple[tuple[Any, Any], ...]] | None = None,
    truncate: int | None = None,
    watched: Sequence[list[Watched]] | None = None,
) -> tuple[Any, list[Any], list[Any]]:
    """Run layers of sequences one after the other.

    Parameters
    ----------
    kind : int
        Of the cells.
    batch : Batch
        The sequences.
    weights : sequence of tuples
        As `checked_weights` gives them.
    first : sequence of (array, array or None), optional
        Initial states and cells of each layer and direction; zeros by default.
    leak : float
        Of plain cells.
    n_directions : int
        1, or 2 for layers that run through sequences both ways.
    masks : Masks
        Of dropout.
    reset_after : bool
        Of a GRU.
    transitions : sequence of tuples of (weight_hh, bias_hh), optional
        Of each layer and direction: further cells that each step goes through.
    truncate : int, optional
        The most steps that gradients go back through.
    watched : sequence of lists, optional
        Of each layer and direction: get what there is after each step.

    Returns
    -------
    rows : Variable or array (n_rows, n_directions * n_units)
        Of the last layer.
    states, cells : lists of Variables or arrays (n_sequences, n_units)
        The last ones of each layer and direction; no cells but of an LSTM.
    """
    rows, sequences = batch.rows, batch.sequences
    n, n_rows = sequences.firsts.size, rows.shape[0]
    states, cells = [], []
    for layer in range(0, len(weights), n_directions):
        ways = []
        for number in range(layer, layer + n_directions):
            given = weights[number]
            n_units = given[1].shape[1]
            if first is None:
                xp = resolve(value_of(rows)).xp
                h0 = xp.zeros((n, n_units), rows.dtype)
                c0 = h0 if kind == LSTM else None
            else:
                h0, c0 = first[number]
            mask = masks.of_states(number, (n, n_units), rows)
            way = sequences if number == layer else sequences.backwards()
            further = () if transitions is None else transitions[number]
            seen = None if watched is None else watched[number]
            how = Way(kind, leak, way, mask, reset_after, further, truncate, seen)
            out = run_layer((rows, h0, c0, *given), how)
            ways.append(out[:n_rows])
            states.append(out[n_rows : n_rows + n])
            if kind == LSTM:
                cells.append(out[n_rows + n :])
        rows = ways[0] if n_directions == 1 else p.concatenate(ways, axis=1)
        if layer + n_directions < len(weights):
            rows = masks.outputs(layer, rows)
    return rows, states, cells
