"""Recurrent layers over sequences, of arrays and of variables."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastml._random import seed_from
from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.autodiff._real import real_values
from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.kernels.recurrent.forms import GRU, LSTM, N_GATES, RNN_RELU, RNN_TANH
from fastml.nn.functional._dropout import node as dropout_node
from fastml.nn.functional._recurrent_nodes import (
    Recurrence,
    Sequences,
    composed,
    pack,
    recur,
    unpack,
)

__all__ = ["gru", "lstm", "rnn"]

_NONLINEARITIES = {"tanh": RNN_TANH, "relu": RNN_RELU}
_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Batch(NamedTuple):
    """Sequences as rows of one matrix, and how to give results the shape of the input.

    Attributes
    ----------
    rows : Variable or array (n_rows, n_features)
        Elements of all sequences.
    sequences : Sequences
        Where they are.
    shape : tuple of int
        Of the input, but for its last axis.
    places : ndarray or None
        Rows among those of the input, where it has others too.
    single : bool
        Whether the input is one sequence without a batch axis.
    """

    rows: Any
    sequences: Sequences
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
    """Probabilities of dropout, and the draws: of streams from `stream` on.

    Attributes
    ----------
    between, recurrent : float
        Of outputs between layers, and of states.
    seed, stream, step : int
        See `dropout`.
    alike : bool
        Whether all sequences and steps have the same masks.
    """

    between: float = 0.0
    recurrent: float = 0.0
    seed: int = 0
    stream: int = 0
    step: int = 0
    alike: bool = False

    def _dropped(self, a: Any, rate: float, stream: int) -> Any:
        return dropout_node(a, p=rate, seed=self.seed, stream=self.stream + stream, step=self.step)

    def of_states(self, number: int, shape: tuple[int, int], like: Any) -> Any:
        """Return what the states of a layer and direction are multiplied by; None for ones."""
        if self.recurrent == 0:
            return None
        xp = resolve(value_of(like)).xp
        ones = xp.ones((1, shape[1]) if self.alike else shape, like.dtype)
        mask = self._dropped(ones, self.recurrent, 2 * number + 1)
        return xp.ascontiguousarray(xp.broadcast_to(mask, shape))

    def outputs(self, number: int, rows: Any) -> Any:
        """Return outputs of a layer with some set to 0."""
        if self.between == 0:
            return rows
        if self.alike:
            ones = resolve(value_of(rows)).xp.ones(rows.shape[1], rows.dtype)
            return rows * self._dropped(ones, self.between, 2 * number)
        return self._dropped(rows, self.between, 2 * number)


NO_MASKS = Masks()


def _floats(x: Any, name: str) -> Any:
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
    x = _floats(input, "input")
    if x.ndim not in (2, 3):
        raise ValueError(
            "input must have shape (n_steps, n_features), (n_steps, n_sequences, n_features) or, "
            f"with batch_first, (n_sequences, n_steps, n_features), got {x.shape}."
        )
    if x.ndim == 2:
        if lengths is not None:
            raise ValueError("lengths are of a batch of sequences; the input is a single one.")
        return Batch(x, Sequences.of([0], [_some(len(x))], 1), x.shape[:1], None, True)
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
            within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
            places = np.repeat(firsts, lengths) + within * row_step
            rows = pack(rows, rows=places, n_rows=n_steps * n)
            sequences = Sequences.of(ends - lengths, lengths, 1)
            return Batch(rows, sequences, x.shape[:2], places, False)
    sequences = Sequences(None, firsts, np.full(n, n_steps), row_step)
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
    rows, offsets = _floats(input[0], "flat"), _integers(input[1], "offsets")
    if rows.ndim != 2:
        raise ValueError(f"flat must have shape (n_rows, n_features), got {rows.shape}.")
    lengths = np.diff(offsets)
    if offsets.size == 0 or offsets[0] != 0 or offsets[-1] != len(rows) or np.any(lengths < 1):
        raise ValueError(
            f"offsets must go up from 0 to the {len(rows)} rows of flat, with no sequence empty, "
            f"got {offsets}."
        )
    return Batch(rows, Sequences.of(offsets[:-1], lengths, 1), rows.shape[:1], None, False)


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
            None if a is None else _floats(a, f"weights[{i}]: {name}")
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
            inputs = rows, h0, c0, *given
            keeps = any(type(a) is Variable for a in inputs)
            how = Recurrence(kind, leak, way, mask, keeps)
            out = recur(*inputs, how=how) if reset_after else composed(inputs, how, False)
            ways.append(out[:n_rows])
            states.append(out[n_rows : n_rows + n])
            if kind == LSTM:
                cells.append(out[n_rows + n :])
        rows = ways[0] if n_directions == 1 else p.concatenate(ways, axis=1)
        if layer + n_directions < len(weights):
            rows = masks.outputs(layer, rows)
    return rows, states, cells


def _first(
    hx: Any, kind: int, weights: list[tuple[Any, ...]], n: int, single: bool
) -> list[tuple[Any, Any]] | None:
    """Return initial states and cells of each layer and direction."""
    if hx is None:
        return None
    if kind == LSTM and not (isinstance(hx, tuple | list) and len(hx) == 2):
        raise ValueError("hx must be a pair of initial states and cells.")
    parts = []
    for name, a in zip(("h_0", "c_0"), hx if kind == LSTM else (hx,), strict=False):
        a = _floats(a, name)
        n_units = weights[0][1].shape[1]
        wanted = (len(weights), n_units) if single else (len(weights), n, n_units)
        if a.shape != wanted:
            raise ValueError(f"{name} must have shape {wanted}, got {a.shape}.")
        parts.append(p.reshape(a, shape=(len(weights), n, n_units)))
    return [(parts[0][i], parts[1][i] if kind == LSTM else None) for i in range(len(weights))]


def _recurrent(
    kind: int, input: Any, weights: Any, hx: Any, lengths: Any, batch_first: bool,
    bidirectional: bool, dropout: float, recurrent_dropout: float, training: bool,
    seed: int | None, stream: int, step: int, leak: float = 1.0, reset_after: bool = True,
) -> Any:  # fmt: skip
    for name, value in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be a probability from 0 to 1, got {value!r}.")
    batch = batch_of(input, lengths, batch_first)
    n_directions = 2 if bidirectional else 1
    found = checked_weights(kind, weights, batch.rows.shape[1], n_directions)
    if len({given[1].shape[1] for given in found}) > 1:
        raise ValueError("all layers must have as many units, as their states are one array.")
    first = _first(hx, kind, found, batch.sequences.firsts.size, batch.single)
    masks = NO_MASKS
    if training and (dropout or recurrent_dropout):
        key = seed_from(None) if seed is None else int(seed)
        masks = Masks(float(dropout), float(recurrent_dropout), key, int(stream), int(step))
    rows, *ends = run_layers(
        kind, batch, found, first, leak=leak, n_directions=n_directions, masks=masks,
        reset_after=reset_after,
    )  # fmt: skip
    last = [p.concatenate(e) if batch.single else p.stack(e) for e in ends if e]
    return batch.shaped(rows), (tuple(last) if kind == LSTM else last[0])


def lstm(
    input: Any,
    weights: Sequence[Sequence[Any]],
    hx: tuple[Any, Any] | None = None,
    *,
    lengths: Any = None,
    batch_first: bool = False,
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    training: bool = False,
    seed: int | None = None,
    stream: int = 0,
    step: int = 0,
) -> tuple[Any, tuple[Any, Any]]:
    """Run layers of long short-term memory through sequences, as ``torch.nn.LSTM`` does.

    Of each element x, with sigma the sigmoid::

        i = sigma(W_ii x + b_ii + W_hi h + b_hi)    f = sigma(W_if x + b_if + W_hf h + b_hf)
        g =  tanh(W_ig x + b_ig + W_hg h + b_hg)    o = sigma(W_io x + b_io + W_ho h + b_ho)
        c = f * c + i * g                           h = o * tanh(c)

    Parameters
    ----------
    input : Variable, array-like or (flat, offsets)
        Sequences of one length: (n_steps, n_sequences, n_features), with `batch_first` of
        (n_sequences, n_steps, n_features); or a single one, (n_steps, n_features). Of several
        lengths: so with `lengths`, or a pair of all elements (n_rows, n_features) and of offsets
        (n_sequences + 1,), between which the elements of each sequence are. No sequence is empty.
    weights : sequence of (weight_ih, weight_hh) or (weight_ih, weight_hh, bias_ih, bias_hh)
        For each layer and direction: variables or arrays of shapes (4 n_units, n_features),
        (4 n_units, n_units) and (4 n_units,), with rows for i, f, g, o; as PyTorch's.
    hx : (h_0, c_0), optional
        Initial states and cells: (n_layers * n_directions, n_sequences, n_units) each, without
        n_sequences for a single sequence. Zeros by default.
    lengths : array-like of int of shape (n_sequences,), optional
        Numbers of elements, from 1 to n_steps; what is behind them is not read.
    batch_first : bool, default=False
        See `input`.
    bidirectional : bool, default=False
        Whether each layer runs both ways, and gives both states of each element side by side.
    dropout : float, default=0.0
        Probability that an output of a layer but the last is set to 0 in training.
    recurrent_dropout : float, default=0.0
        Probability that a unit's state is set to 0 in training where it enters the gates: the
        same units in all steps of a sequence.
    training : bool, default=False
        Whether there is dropout.
    seed, stream, step : int, optional
        Of dropout, as for `fastml.nn.functional.dropout`; layers take streams from `stream` on.

    Returns
    -------
    output : Variable or array
        States of the last layer: as the input, with n_directions * n_units in place of features;
        zeros behind the end of a sequence. Those of a packed input are rows like it.
    (h_n, c_n) : Variables or arrays of the shapes of h_0 and c_0
        States and cells after the last element of each sequence.

    Raises
    ------
    ValueError
        If shapes do not fit, or a sequence is empty.

    Notes
    -----
    A sequence has the same result, to the bit, alone, in any batch and padded, and on any number
    of threads.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997. Y. Gal and Z. Ghahramani, "A
    theoretically grounded application of dropout in recurrent neural networks", NIPS 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import functional as F
    >>> weights = [(np.ones((8, 3)), np.zeros((8, 2)))]
    >>> output, (h, c) = F.lstm(np.ones((4, 3)), weights)
    >>> output.shape, h.shape, float(np.round(c[0, 0], 4))
    ((4, 2), (1, 2), 3.5302)
    """
    return _recurrent(
        LSTM, input, weights, hx, lengths, batch_first, bidirectional, dropout, recurrent_dropout,
        training, seed, stream, step,
    )  # fmt: skip


def gru(
    input: Any,
    weights: Sequence[Sequence[Any]],
    hx: Any = None,
    *,
    reset_after: bool = True,
    lengths: Any = None,
    batch_first: bool = False,
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    training: bool = False,
    seed: int | None = None,
    stream: int = 0,
    step: int = 0,
) -> tuple[Any, Any]:
    """Run layers of gated recurrent units through sequences, as ``torch.nn.GRU`` does.

    Of each element x, with sigma the sigmoid::

        r = sigma(W_ir x + b_ir + W_hr h + b_hr)    z = sigma(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
        h = (1 - z) * n + z * h

    Parameters
    ----------
    input : Variable, array-like or (flat, offsets)
        As for `lstm`.
    weights : sequence of (weight_ih, weight_hh) or (weight_ih, weight_hh, bias_ih, bias_hh)
        As for `lstm`, with rows for r, z, n.
    hx : Variable or array-like, optional
        Initial states, as h_0 of `lstm`.
    reset_after : bool, default=True
        Whether r resets the product with the state, as in PyTorch, or as in the paper the state
        before it, ``W_hn (r * h)``: that runs step by step, and takes several times as long.
    lengths, batch_first, bidirectional, dropout, recurrent_dropout, training, seed, stream, step
        As for `lstm`.

    Returns
    -------
    output, h_n : Variables or arrays
        As those of `lstm`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a sequence is empty.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import functional as F
    >>> output, h = F.gru(np.ones((4, 3)), [(np.ones((6, 3)), np.zeros((6, 2)))])
    >>> output.shape, h.shape
    ((4, 2), (1, 2))
    """
    return _recurrent(
        GRU, input, weights, hx, lengths, batch_first, bidirectional, dropout, recurrent_dropout,
        training, seed, stream, step, reset_after=reset_after,
    )  # fmt: skip


def rnn(
    input: Any,
    weights: Sequence[Sequence[Any]],
    hx: Any = None,
    nonlinearity: str = "tanh",
    *,
    leak: float = 1.0,
    lengths: Any = None,
    batch_first: bool = False,
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    training: bool = False,
    seed: int | None = None,
    stream: int = 0,
    step: int = 0,
) -> tuple[Any, Any]:
    """Run plain recurrent layers through sequences, as ``torch.nn.RNN`` does, or leaky ones.

    Of each element x::

        h = (1 - leak) h + leak * tanh(W_ih x + b_ih + W_hh h + b_hh)

    Parameters
    ----------
    input : Variable, array-like or (flat, offsets)
        As for `lstm`.
    weights : sequence of (weight_ih, weight_hh) or (weight_ih, weight_hh, bias_ih, bias_hh)
        As for `lstm`, with one row for each unit.
    hx : Variable or array-like, optional
        Initial states, as h_0 of `lstm`.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Of the units.
    leak : float, default=1.0
        How far units go to their new value: more than 0, and 1 at most.
    lengths, batch_first, bidirectional, dropout, recurrent_dropout, training, seed, stream, step
        As for `lstm`.

    Returns
    -------
    output, h_n : Variables or arrays
        As those of `lstm`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a sequence is empty.

    References
    ----------
    J. L. Elman, "Finding structure in time", 1990. H. Jaeger et al., "Optimization and applications
    of echo state networks with leaky-integrator neurons", 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import functional as F
    >>> F.rnn(np.ones((2, 1)), [(np.ones((1, 1)), np.zeros((1, 1)))], leak=0.5)[0]
    array([[0.38079708],
           [0.57119562]])
    """
    kind = _NONLINEARITIES.get(nonlinearity)
    if kind is None:
        raise ValueError(f"nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}.")
    if not 0 < leak <= 1:
        raise ValueError(f"leak must be more than 0 and at most 1, got {leak!r}.")
    return _recurrent(
        kind, input, weights, hx, lengths, batch_first, bidirectional, dropout, recurrent_dropout,
        training, seed, stream, step, float(leak),
    )  # fmt: skip
