"""Sequences whose answers need a long memory, as the papers on it have them."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

__all__ = [
    "REBER_SYMBOLS",
    "ReberStrings",
    "make_adding_problem",
    "make_embedded_reber",
    "make_temporal_order",
]

# Symbols and next states of the grammar; the last state has none.
_REBER = (
    (("T", 1), ("P", 2)), (("S", 1), ("X", 3)), (("T", 2), ("V", 4)), (("X", 2), ("S", 5)),
    (("P", 3), ("V", 5)), (),
)  # fmt: skip
REBER_SYMBOLS = "BTSXPVE"


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")
    return int(value)


def make_adding_problem(
    n_samples: int = 100, *, n_steps: int = 100, random_state: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences of numbers two of which are marked, and the sum of these.

    To say 1 always has a mean squared error of 1/6.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences.
    n_steps : int, default=100
        Of each, 2 at least.
    random_state : int, RandomState instance or None, default=None
        Determines the draws.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, 2)
        A number from [0, 1) and a mark in each step: 1 once in each half, else 0.
    y : ndarray of shape (n_samples,)
        The sum of the two numbers that are marked.

    Raises
    ------
    ValueError
        If the first two are no such integers.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997,
    experiment 4. In the form of Q. V. Le, N. Jaitly and G. E. Hinton, "A simple way to initialize
    recurrent networks of rectified linear units", 2015, section 4.1.

    Examples
    --------
    >>> from fastml.datasets import make_adding_problem
    >>> X, y = make_adding_problem(3, n_steps=10, random_state=0)
    >>> bool(((X[:, :, 0] * X[:, :, 1]).sum(axis=1) == y).all())
    True
    """
    n_samples, n_steps = _count("n_samples", n_samples, 1), _count("n_steps", n_steps, 2)
    rng = check_random_state(random_state)
    X = np.zeros((n_samples, n_steps, 2))
    X[:, :, 0] = rng.uniform(size=(n_samples, n_steps))
    half = n_steps // 2
    rows = np.arange(n_samples)
    X[rows, rng.randint(0, half, n_samples), 1] = 1
    X[rows, rng.randint(half, n_steps, n_samples), 1] = 1
    return X, (X[:, :, 0] * X[:, :, 1]).sum(axis=1)


class ReberStrings(NamedTuple):
    """Strings of the embedded Reber grammar.

    Attributes
    ----------
    X : list of int arrays (n_steps,)
        Symbols but for the last one: numbers in `fastml.datasets.REBER_SYMBOLS`.
    y : list of int arrays (n_steps,)
        The symbol that follows each.
    allowed : list of bool arrays (n_steps, 7)
        Which symbols may follow.
    """

    X: list[np.ndarray]
    y: list[np.ndarray]
    allowed: list[np.ndarray]


def make_embedded_reber(n_samples: int = 100, *, random_state: Any = None) -> ReberStrings:
    """Return strings of the embedded Reber grammar: the last symbol but one is the second.

    Parameters
    ----------
    n_samples : int, default=100
        Number of strings.
    random_state : int, RandomState instance or None, default=None
        Determines the draws.

    Returns
    -------
    ReberStrings
        Symbols, those that follow, and those that may.

    Raises
    ------
    ValueError
        If the first one is no such integer.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997,
    experiment 1. A. S. Reber, "Implicit learning of artificial grammars", 1967.

    Examples
    --------
    >>> from fastml.datasets import REBER_SYMBOLS, make_embedded_reber
    >>> strings = make_embedded_reber(1, random_state=0)
    >>> "".join(REBER_SYMBOLS[i] for i in strings.X[0])
    'BTBPVPSET'
    """
    rng = check_random_state(random_state)
    made = ReberStrings([], [], [])
    for _ in range(_count("n_samples", n_samples, 1)):
        side = "TP"[rng.randint(2)]
        text, sets, state = "B" + side + "B", ["TP", "B"], 0
        while _REBER[state]:
            sets.append("".join(symbol for symbol, _ in _REBER[state]))
            symbol, state = _REBER[state][rng.randint(2)]
            text += symbol
        sets += ["E", side, "E"]
        text += "E" + side + "E"
        symbols = np.array([REBER_SYMBOLS.index(s) for s in text])
        made.X.append(symbols[:-1])
        made.y.append(symbols[1:])
        made.allowed.append(np.array([[s in may for s in REBER_SYMBOLS] for may in sets]))
    return made


def make_temporal_order(
    n_samples: int = 100, *, n_steps: int = 100, n_marks: int = 3, random_state: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences of symbols, some of them marks, and the order in which those come.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences.
    n_steps : int, default=100
        Of each, 10 for each mark at least.
    n_marks : int, default=3
        How many marks there are: with 3 there are 8 orders.
    random_state : int, RandomState instance or None, default=None
        Determines the draws.

    Returns
    -------
    X : int ndarray of shape (n_samples, n_steps)
        Symbols: 0 and 1 are marks, one about the middle of each of `n_marks` parts of the
        sequence; 2 to 5 say nothing, 6 is the first one and 7 the last.
    y : int ndarray of shape (n_samples,)
        The marks as digits of a binary number.

    Raises
    ------
    ValueError
        If the first three are no such integers.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997,
    experiment 6b.

    Examples
    --------
    >>> from fastml.datasets import make_temporal_order
    >>> X, y = make_temporal_order(1, n_steps=30, random_state=0)
    >>> X[0][X[0] < 2].tolist(), int(y[0])
    ([1, 0, 1], 5)
    """
    n_samples, n_marks = _count("n_samples", n_samples, 1), _count("n_marks", n_marks, 1)
    n_steps = _count("n_steps", n_steps, 10 * n_marks)
    rng = check_random_state(random_state)
    X = rng.randint(2, 6, (n_samples, n_steps))
    X[:, 0], X[:, -1] = 6, 7
    marks = rng.randint(0, 2, (n_samples, n_marks))
    size = n_steps // n_marks
    rows = np.arange(n_samples)
    for i in range(n_marks):
        middle = i * size + size // 2
        X[rows, middle + rng.randint(-(size // 5), size // 5 + 1, n_samples)] = marks[:, i]
    return X, marks @ (1 << np.arange(n_marks)[::-1])
