"""From scikit-learn's `random_state` to the key of the counter-based generator."""

from numpy.random import RandomState
from sklearn.utils import check_random_state

__all__ = ["seed_from"]


def seed_from(random_state: int | RandomState | None) -> int:
    """Draw the 64-bit key that all random numbers of one fit hang on.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        What scikit-learn's estimators take. An instance is advanced by two draws, so that
        fits in sequence differ; an integer gives the same key each time.

    Returns
    -------
    int
        Uniform in [0, 2**64).
    """
    low, high = check_random_state(random_state).randint(0, 2**32, size=2, dtype="uint64")
    return int(high) << 32 | int(low)
