"""Outputs of an encoder and decoder, step by step: what comes out is what goes in next."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax

from fastml.neural_network._encoder_decoder import some_states
from fastml.nn import Network, Sequences
from fastml.nn.layers import Run

__all__ = ["Hypothesis", "Stepper", "beam_search", "roll_out"]


class Stepper:
    """The decoder of a network, for some sequences.

    Parameters
    ----------
    network : Network
        Whose only layer is an `EncoderDecoder`.
    X : Sequences
        Where the network is.

    Attributes
    ----------
    n : int
        How many sequences there are.
    begin : list
        States of the decoder before its first step.
    """

    def __init__(self, network: Network, X: Sequences) -> None:
        run = Run()
        network.forward(X, run)
        self.n = len(X)
        self.begin = run.recurrent.end
        self._backend, self._dtype = network.backend, network.dtype
        self._layer, *self._arrays = network.part("0")

    def first(self, start: int) -> Any:
        """Return inputs of the first step.

        Parameters
        ----------
        start : int
            The token that stands for the start, if there are tokens.
        """
        n_given = self._layer.n_given  # type: ignore[attr-defined]
        if not n_given:
            return np.full(self.n, start)
        found = np.zeros((self.n, n_given), self._dtype)
        found[:, -1] = 1
        return found

    def step(self, inputs: Any, begin: list[Any]) -> tuple[Any, list[Any]]:
        """Return outputs of a step, on the host, and the states after it.

        Parameters
        ----------
        inputs : ndarray
            For each sequence.
        begin : list
            States before.
        """
        inputs = self._backend.asarray(inputs)
        outputs, end = self._layer.step(inputs, begin, *self._arrays)  # type: ignore[attr-defined]
        return self._backend.to_host(outputs), end

    def after(self, outputs: Any) -> Any:
        """Return the inputs that follow outputs; see `EncoderDecoder.fed_back`."""
        return self._layer.fed_back(outputs)  # type: ignore[attr-defined]


def roll_out(
    stepper: Stepper, start: int, max_length: int, goes_on: Callable[[Any, Any, int], Any]
) -> tuple[Any, Any]:
    """Return the outputs of all steps of all sequences, one sequence after the other.

    Parameters
    ----------
    stepper : Stepper
        Of the sequences.
    start : int
        The token that stands for the start, if there are tokens.
    max_length : int
        The most steps.
    goes_on : callable
        ``goes_on(outputs, numbers, t)`` tells which of the sequences of these numbers have another
        step after step t.

    Returns
    -------
    outputs : ndarray (n_rows, n_outputs)
        Of all steps.
    offsets : int64 ndarray (n_sequences + 1,)
        Where those of each sequence begin.
    """
    numbers, inputs, begin = np.arange(stepper.n), stepper.first(start), stepper.begin
    parts, owners = [], []
    for t in range(max_length):
        outputs, begin = stepper.step(inputs, begin)
        parts.append(outputs)
        owners.append(numbers)
        if t + 1 == max_length:
            break
        still = np.flatnonzero(goes_on(outputs, numbers, t))
        if not still.size:
            break
        if still.size < numbers.size:
            numbers, outputs, begin = numbers[still], outputs[still], some_states(begin, still)
        inputs = stepper.after(outputs)
    owner = np.concatenate(owners)
    counts = np.bincount(owner, minlength=stepper.n)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(parts)[order], np.append(0, np.cumsum(counts))


class Hypothesis(NamedTuple):
    """A sequence of tokens, and how probable it is.

    Attributes
    ----------
    tokens : tuple of int
        Without the end.
    log_probability : float
        Of them, and of the end unless they were cut off.
    score : float
        That over a power of their number.
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float


class _Beam:
    """What is left of the hypotheses for one sequence."""

    def __init__(self, width: int, penalty: float, max_length: int) -> None:
        self.width, self.penalty, self.max_length = width, penalty, max_length
        self.live: list[tuple[int, ...]] = [()]
        self.totals = np.zeros(1)
        self.done: list[Hypothesis] = []

    def _made(self, tokens: tuple[int, ...], total: float, length: int) -> Hypothesis:
        return Hypothesis(tokens, float(total), float(total) / length**self.penalty)

    def grow(self, shares: Any) -> tuple[list[int], list[int]]:
        """Go on by one token; return which of the live ones go on, and by which tokens.

        Parameters
        ----------
        shares : ndarray (n_live, n_tokens)
            Logarithms of probabilities; the last token is the end.
        """
        n_tokens = shares.shape[1]
        totals = (self.totals[:, None] + shares).reshape(-1)
        best = np.argsort(-totals, kind="stable")[: self.width - len(self.done)]
        rows, tokens, kept = [], [], []
        for place in best:
            row, token = divmod(int(place), n_tokens)
            if token == n_tokens - 1:
                said = self.live[row]
                self.done.append(self._made(said, totals[place], len(said) + 1))
            else:
                rows.append(row)
                tokens.append(token)
                kept.append(totals[place])
        self.live = [(*self.live[row], token) for row, token in zip(rows, tokens, strict=True)]
        self.totals = np.array(kept)
        if self.live and len(self.live[0]) < self.max_length:
            return rows, tokens
        if not self.done:
            # Cut off. Otherwise they count for less than those that came to an end.
            cut = zip(self.live, self.totals, strict=True)
            self.done = [self._made(said, total, len(said)) for said, total in cut]
        return [], []


def beam_search(
    stepper: Stepper, start: int, max_length: int, width: int, penalty: float
) -> list[list[Hypothesis]]:
    """Return the best hypotheses for each sequence, the best one first.

    Parameters
    ----------
    stepper : Stepper
        Of the sequences. Its last output is that of the end.
    start : int
        The token that stands for the start.
    max_length : int
        The most tokens. Hypotheses that are longer are cut off there, and returned where no other
        came to an end.
    width : int
        How many hypotheses go on, less those that came to an end.
    penalty : float
        Hypotheses are compared by their log probability over this power of their number of tokens,
        the end included.

    References
    ----------
    I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural networks",
    NIPS 2014, section 3.2. Y. Wu et al., "Google's neural machine translation system", 2016,
    section 7.
    """
    beams = [_Beam(width, penalty, max_length) for _ in range(stepper.n)]
    owners = np.arange(stepper.n)
    inputs, begin = stepper.first(start), stepper.begin
    while owners.size:
        outputs, begin = stepper.step(inputs, begin)
        shares = log_softmax(outputs.astype(np.float64), axis=1)
        starts = np.flatnonzero(np.append(True, owners[1:] != owners[:-1]))
        rows: list[int] = []
        tokens: list[int] = []
        for start_row, stop in zip(starts, [*starts[1:], owners.size], strict=True):
            some, said = beams[owners[start_row]].grow(shares[start_row:stop])
            rows += [int(start_row) + row for row in some]
            tokens += said
        places = np.array(rows, np.int64)
        owners, begin, inputs = owners[places], some_states(begin, places), np.array(tokens)
    return [sorted(beam.done, key=lambda found: -found.score) for beam in beams]
