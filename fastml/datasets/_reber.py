"""Strings of the embedded Reber grammar, and what may come next in them."""

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

from fastml.nn._description import integer

__all__ = ["REBER_SYMBOLS", "make_embedded_reber"]

REBER_SYMBOLS = ("B", "T", "P", "S", "X", "V", "E")
# Of each state of Reber's grammar the symbols that may come next, and the states they lead to.
_INNER = (
    (("B", 1), ("B", 1)),
    (("T", 2), ("P", 3)),
    (("S", 2), ("X", 4)),
    (("T", 3), ("V", 5)),
    (("X", 3), ("S", 6)),
    (("P", 4), ("V", 6)),
    (("E", 7), ("E", 7)),
)


def _embedded() -> tuple[np.ndarray, np.ndarray]:
    """Return symbols and next states (n_states, 2) of the grammar around two copies of Reber's."""
    size = len(_INNER)
    start, first, ends, last = 0, 2, 2 + 2 * size, 4 + 2 * size
    arcs: dict[int, tuple[tuple[str, int], ...]] = {
        start: (("B", 1), ("B", 1)),
        1: (("T", first), ("P", first + size)),
    }
    for copy, symbol in enumerate("TP"):
        begin, end = first + copy * size, ends + copy
        for state, pair in enumerate(_INNER):
            arcs[begin + state] = tuple((s, end if n == size else begin + n) for s, n in pair)
        arcs[end] = ((symbol, last), (symbol, last))
    arcs[last] = (("E", last + 1), ("E", last + 1))
    table = [arcs[state] for state in range(last + 1)]
    symbols = np.array([[REBER_SYMBOLS.index(s) for s, _ in pair] for pair in table])
    return symbols, np.array([[n for _, n in pair] for pair in table])


_SYMBOL, _NEXT = _embedded()
_LEGAL = (_SYMBOL[:, :, None] == np.arange(len(REBER_SYMBOLS))).any(axis=1)


def make_embedded_reber(
    n_samples: int = 100, *, random_state: int | RandomState | None = None
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Draw strings of the embedded Reber grammar, whose next symbols are to be told.

    A string begins with B and either T or P, goes on with a string of Reber's grammar, and ends
    with the same T or P and with E. Where two symbols may come next, both are as likely. Nothing
    between the two tells which of T and P it was, and they are six steps apart or more.

    Parameters
    ----------
    n_samples : int, default=100
        How many strings.
    random_state : int, RandomState instance or None, default=None
        Determines the strings.

    Returns
    -------
    X : list of ndarray of shape (n_steps,)
        Strings without their last symbol, as indices into `REBER_SYMBOLS`.
    y : list of ndarray of shape (n_steps,)
        The symbol that comes next in each step, likewise.
    legal : list of ndarray of shape (n_steps, 7)
        Which symbols could have come next, bool: one or two.

    Raises
    ------
    ValueError
        If `n_samples` is not an integer, or negative.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997,
    experiment 1. A. Cleeremans, D. Servan-Schreiber and J. L. McClelland, "Finite state automata
    and simple recurrent networks", Neural Computation 1, 1989. A. S. Reber, "Implicit learning of
    artificial grammars", 1967.

    Examples
    --------
    >>> from fastml.datasets import REBER_SYMBOLS, make_embedded_reber
    >>> X, y, legal = make_embedded_reber(2, random_state=0)
    >>> ["".join(REBER_SYMBOLS[s] for s in [*x, last[-1]]) for x, last in zip(X, y)]
    ['BPBPVVEPE', 'BTBPVPSETE']
    >>> [REBER_SYMBOLS[s] for s in legal[0][0].nonzero()[0]]
    ['T', 'P']
    """
    if not integer("n_samples", n_samples, low=0):
        return [], [], []
    rng = check_random_state(random_state)
    states, symbols = [np.zeros(n_samples, int)], []
    going = np.arange(n_samples)
    lengths = np.zeros(n_samples, int)
    # All strings go on at once, those that have ended stay in the last state.
    while going.size:
        now = states[-1].copy()
        coins = rng.randint(2, size=going.size)
        said = np.zeros(n_samples, int)
        said[going] = _SYMBOL[now[going], coins]
        now[going] = _NEXT[now[going], coins]
        lengths[going] += 1
        going = going[now[going] < len(_NEXT)]
        states.append(now)
        symbols.append(said)
    passed = zip(lengths, np.array(symbols).T, np.array(states).T, strict=True)
    strings = [(string[:n], _LEGAL[where[1:n]]) for n, string, where in passed]
    return [s[:-1] for s, _ in strings], [s[1:] for s, _ in strings], [sets for _, sets in strings]
