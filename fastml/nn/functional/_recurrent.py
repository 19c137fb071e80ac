"""Recurrent layers over sequences, of arrays and of variables."""

from collections.abc import Sequence
from typing import Any

from fastml._random import seed_from
from fastml.autodiff import primitives as p
from fastml.kernels.recurrent.forms import GRU, LSTM, RNN_RELU, RNN_TANH
from fastml.nn.functional._dropout import node as dropout_node
from fastml.nn.functional._sequences import (
    NO_MASKS,
    Masks,
    batch_of,
    checked_weights,
    floats,
    run_layers,
)

__all__ = ["gru", "lstm", "rnn"]

_NONLINEARITIES = {"tanh": RNN_TANH, "relu": RNN_RELU}


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
        a = floats(a, name)
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

        def drop(a: Any, rate: float, number: int) -> Any:
            return dropout_node(a, p=rate, seed=key, stream=int(stream) + number, step=int(step))

        masks = Masks(float(dropout), float(recurrent_dropout), drop)
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
