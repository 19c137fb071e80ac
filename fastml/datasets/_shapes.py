"""Small shapes at random places under noise: images whose best classifier is known."""

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.utils import check_random_state

__all__ = ["SHAPES", "make_shapes", "shapes_posterior"]

SHAPES = ("plus", "cross", "tee", "corner", "block")
# Nine pixels each, so that brightness tells nothing of the class.
_ROWS = {
    "plus": ("..#..", "..#..", "#####", "..#..", "..#.."),
    "cross": ("#...#", ".#.#.", "..#..", ".#.#.", "#...#"),
    "tee": ("#####", "..#..", "..#..", "..#..", "..#.."),
    "corner": ("#....", "#....", "#....", "#....", "#####"),
    "block": (".....", ".###.", ".###.", ".###.", "....."),
}
_SIDE = 5
_GLYPHS = np.array([[[c == "#" for c in row] for row in _ROWS[name]] for name in SHAPES])
# Rows of an image set at a time, which keeps the scores of their templates small.
_CHUNK = 1024


def make_shapes(
    n_samples: int = 100,
    *,
    size: int = 16,
    noise: float = 0.3,
    random_state: int | RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw images of one shape each, at a random place, under normal noise.

    The shapes are `SHAPES`: a plus, a diagonal cross, a T, an L and a block. Each has nine pixels
    of brightness 1 in a square of 5 x 5; the rest is 0. Class and place are uniform and
    independent. Without noise, shapes can be told apart for certain; with noise, nothing does
    better than `shapes_posterior`. The classes' mean images differ little, so that linear
    classifiers do badly.

    Parameters
    ----------
    n_samples : int, default=100
        How many images.
    size : int, default=16
        Height and width of an image, at least 5.
    noise : float, default=0.3
        Standard deviation of the noise on every pixel.
    random_state : int, RandomState instance or None, default=None
        Determines class, place and noise.

    Returns
    -------
    X : ndarray of shape (n_samples, size, size)
        The images, float32.
    y : ndarray of shape (n_samples,)
        The classes: index into `SHAPES`.

    Examples
    --------
    >>> from fastml.datasets import make_shapes, shapes_posterior
    >>> X, y = make_shapes(1000, noise=0.3, random_state=0)
    >>> float((shapes_posterior(X, noise=0.3).argmax(axis=1) == y).mean())
    1.0
    """
    for name, value, least in (("n_samples", n_samples, 0), ("size", size, _SIDE)):
        if isinstance(value, bool) or int(value) != value or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise must be a number of at least 0, got {noise!r}.")
    rng = check_random_state(random_state)
    y = rng.randint(len(SHAPES), size=n_samples)
    top, left = rng.randint(size - _SIDE + 1, size=(2, n_samples))
    X = (noise * rng.standard_normal((n_samples, size, size))).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(X, (_SIDE, _SIDE), (1, 2), writeable=True)
    windows[np.arange(n_samples), top, left] += _GLYPHS[y]
    return X, y


def shapes_posterior(X: ArrayLike, *, noise: float) -> np.ndarray:
    """Return the probability of each class for images of `make_shapes`, by Bayes' rule.

    A class and a place make an image T, which is seen under normal noise of variance s^2. So
    p(class | X) is proportional to the sum over places of exp((<X, T> - <T, T> / 2) / s^2).

    Parameters
    ----------
    X : array-like of shape (n_samples, size, size)
        The images.
    noise : float
        Standard deviation of their noise, more than 0.

    Returns
    -------
    ndarray of shape (n_samples, 5)
        Probabilities in the order of `SHAPES`, float64. Their largest is the best guess that
        there is, and the mean over images of the largest is the accuracy it will have.
    """
    images = np.asarray(X, np.float64)
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.shape[1] < _SIDE:
        raise ValueError(
            f"X must have the shape (n_samples, size, size), size at least {_SIDE}, "
            f"got {images.shape}."
        )
    if not 0 < noise < np.inf:
        raise ValueError(f"noise must be a number above 0, got {noise!r}.")
    windows = np.lib.stride_tricks.sliding_window_view(images, (_SIDE, _SIDE), (1, 2))
    log_likelihood = np.empty((len(images), len(SHAPES)))
    for start in range(0, len(images), _CHUNK):
        part = np.s_[start : start + _CHUNK]
        scores = np.tensordot(windows[part], _GLYPHS.astype(float), axes=((3, 4), (1, 2)))
        # All templates have the same <T, T>.
        log_likelihood[part] = logsumexp(scores / noise**2, axis=(1, 2))
    return np.exp(log_likelihood - logsumexp(log_likelihood, axis=1, keepdims=True))
