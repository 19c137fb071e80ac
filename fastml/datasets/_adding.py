"""The adding problem: two numbers to be remembered over many steps."""

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

from fastml.nn._description import integer

__all__ = ["make_adding_problem"]


def make_adding_problem(
    n_samples: int = 100,
    *,
    length: int = 100,
    random_state: int | RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences of numbers, two of which are marked and to be added.

    Each step has a number, uniform in [0, 1), and a mark, which is 1 in one step of the first half
    and in one of the second half, and 0 in the others. The target is the sum of the two marked
    numbers. Who knows nothing of them guesses 1, with a mean squared error of 1/6 = 0.167.

    Parameters
    ----------
    n_samples : int, default=100
        How many sequences.
    length : int, default=100
        How many steps each has, at least 2.
    random_state : int, RandomState instance or None, default=None
        Determines numbers and marks.

    Returns
    -------
    X : ndarray of shape (n_samples, length, 2)
        Numbers and marks, float32.
    y : ndarray of shape (n_samples,)
        Sums, float32.

    Raises
    ------
    ValueError
        If a number of samples or steps is not an integer, or too small.

    References
    ----------
    S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997,
    experiment 4. Numbers, marks and target are as in Q. V. Le, N. Jaitly and G. E. Hinton, "A
    simple way to initialize recurrent networks of rectified linear units", 2015, section 4.1.

    Examples
    --------
    >>> from fastml.datasets import make_adding_problem
    >>> X, y = make_adding_problem(3, length=50, random_state=0)
    >>> X.shape, X[..., 1].sum(axis=1).tolist()
    ((3, 50, 2), [2.0, 2.0, 2.0])
    >>> bool(((X[..., 0] * X[..., 1]).sum(axis=1) == y).all())
    True
    """
    integer("n_samples", n_samples, low=0)
    integer("length", length, low=2)
    rng = check_random_state(random_state)
    X = np.zeros((n_samples, length, 2), np.float32)
    # Of so many bits as float32 has, so that none becomes 1.
    X[..., 0] = rng.randint(1 << 24, size=(n_samples, length)) / (1 << 24)
    rows, half = np.arange(n_samples), length // 2
    first = rng.randint(half, size=n_samples)
    second = half + rng.randint(length - half, size=n_samples)
    X[rows, first, 1] = X[rows, second, 1] = 1
    return X, X[rows, first, 0] + X[rows, second, 0]
