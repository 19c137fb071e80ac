"""Temporal order: in which order a few symbols came, far from each other."""

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

from fastml.nn._description import integer

__all__ = ["ORDER_SYMBOLS", "make_temporal_order"]

ORDER_SYMBOLS = ("E", "B", "a", "b", "c", "d", "X", "Y")
# First and last steps that a relevant symbol may be in, counted from 1 on as the paper does.
_PLACES = {2: ((10, 20), (50, 60)), 3: ((10, 20), (33, 43), (66, 76))}
_LENGTHS = 100, 110


def make_temporal_order(
    n_samples: int = 100,
    *,
    n_relevant: int = 3,
    random_state: int | RandomState | None = None,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw sequences of symbols whose class is the order of the few X and Y among them.

    A sequence begins with E and ends with B, and has 100 to 110 symbols. The others are drawn from
    a, b, c and d, but for X or Y in two or three places: in steps 10 to 20 and 50 to 60, or 10 to
    20, 33 to 43 and 66 to 76. Symbols, places and lengths are uniform and independent.

    Parameters
    ----------
    n_samples : int, default=100
        How many sequences.
    n_relevant : {2, 3}, default=3
        In how many places is X or Y.
    random_state : int, RandomState instance or None, default=None
        Determines the sequences.

    Returns
    -------
    X : list of ndarray of shape (n_steps,)
        Sequences, as indices into `ORDER_SYMBOLS`.
    y : ndarray of shape (n_samples,)
        Classes from 0 to 3, or to 7: X and Y in their order as digits 0 and 1 of a binary number.

    Raises
    ------
    ValueError
        If `n_samples` is not an integer, or negative, or `n_relevant` neither 2 nor 3.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997,
    experiments 6a and 6b.

    Examples
    --------
    >>> from fastml.datasets import ORDER_SYMBOLS, make_temporal_order
    >>> X, y = make_temporal_order(2, random_state=0)
    >>> symbols = ["".join(ORDER_SYMBOLS[s] for s in sequence) for sequence in X]
    >>> ["".join(s for s in string if s in "XY") for string in symbols], y.tolist()
    (['YXX', 'YYX'], [4, 6])
    """
    integer("n_samples", n_samples, low=0)
    if n_relevant not in _PLACES:
        raise ValueError(f"n_relevant must be 2 or 3, got {n_relevant!r}.")
    rng = check_random_state(random_state)
    shortest, longest = _LENGTHS
    lengths = rng.randint(shortest, longest + 1, size=n_samples)
    symbols = rng.randint(2, 6, size=(n_samples, longest))
    rows, y = np.arange(n_samples), np.zeros(n_samples, int)
    for first, last in _PLACES[n_relevant]:
        places = rng.randint(first - 1, last, size=n_samples)
        which = rng.randint(2, size=n_samples)
        symbols[rows, places] = 6 + which
        y = 2 * y + which
    symbols[:, 0] = 0
    symbols[rows, lengths - 1] = 1
    return [sequence[:n] for n, sequence in zip(lengths, symbols, strict=True)], y
