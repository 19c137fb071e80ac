"""Dropout read as an ensemble: each choice of what to drop makes a network, all share weights.

N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15,
2014; I. Goodfellow et al., "Deep Learning", 2016, section 7.12; Y. Gal and Z. Ghahramani, "Dropout
as a Bayesian approximation", ICML 2016.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.nn._network import Network
from fastml.nn.layers import Run

__all__ = ["EnsembleMoments", "ensemble_moments", "geometric_mean", "mask_rates"]

# 2 to this power are the most networks that are gone through.
MAX_EXACT = 20
# Keys of the ensemble's masks are not those of training.
OTHER_KEY = 0x9E3779B97F4A7C15

Activate = Callable[[Any], Any]


class EnsembleMoments(NamedTuple):
    """What the members of an ensemble say.

    Attributes
    ----------
    mean : ndarray (n_samples, ...)
        Mean of their outputs, float64.
    std : ndarray (n_samples, ...)
        Standard deviation of them: how much the members disagree.
    n_members : int
        How many there were.
    """

    mean: np.ndarray
    std: np.ndarray
    n_members: int


def ensemble_moments(
    network: Network, X: Any, n_masks: Any, *, seed: int = 0, activate: Activate | None = None
) -> EnsembleMoments:
    """Return mean and standard deviation of the outputs over masks of dropout.

    A mask is the same for all samples, so that a sample's result does not depend on the others.

    Parameters
    ----------
    network : Network
        With layers `Dropout` or `DropConnect`; without any, all members are the same.
    X : array (n_samples, *input_shape)
        Where the network is.
    n_masks : int or "all"
        How many masks are drawn; "all" for each mask there is, weighted by its probability, which
        is exact. That takes 2 to the power of the number of units, or weights, that can be dropped.
    seed : int, default=0
        Key of the draws. The first n of more masks are the same masks.
    activate : callable, optional
        Applied to the outputs of every member.

    Returns
    -------
    EnsembleMoments

    Raises
    ------
    ValueError
        For another `n_masks`, and for "all" where more than 2**20 networks would be needed.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import Dense, Dropout, Network, ensemble_moments
    >>> network = Network([Dropout(0.5), Dense(1)], 2)
    >>> ensemble_moments(network, np.ones((1, 2)), "all").n_members
    4
    """
    count, weight = 0, 0.0
    mean: Any = np.float64(0)
    spread: Any = np.float64(0)
    for share, out in _members(network, X, n_masks, seed, activate):
        count += 1
        weight += share
        step = out - mean
        mean = mean + step * (share / weight)
        spread = spread + share * step * (out - mean)
    return EnsembleMoments(mean, np.sqrt(np.maximum(spread, 0) / weight), count)


def geometric_mean(
    network: Network, X: Any, n_masks: Any, *, seed: int = 0, activate: Activate | None = None
) -> np.ndarray:
    """Return the geometric mean of probabilities over masks, scaled to add up to 1.

    For one linear layer whose inputs are dropped, followed by softmax, that of all masks is what
    the layer gives without masks: weight scaling is exact there.

    Parameters
    ----------
    network, X, n_masks, seed, activate
        As `ensemble_moments` takes them; outputs must be positive.

    Returns
    -------
    ndarray (n_samples, n_classes)
        float64.
    """
    total: Any = np.float64(0)
    weight = 0.0
    for share, out in _members(network, X, n_masks, seed, activate):
        total = total + share * np.log(out)
        weight += share
    mean = total / weight
    mean = np.exp(mean - mean.max(axis=-1, keepdims=True))
    result: np.ndarray = mean / mean.sum(axis=-1, keepdims=True)
    return result


def mask_rates(network: Network) -> np.ndarray:
    """Return the rate of each unit and weight that can be dropped: n of them make 2^n masks.

    Parameters
    ----------
    network : Network
        With layers `Dropout` or `DropConnect`.

    Returns
    -------
    ndarray (n,)
        In the order in which layers ask for their masks.
    """
    run = _ChosenMasks(None)
    network.forward(network.backend.zeros((1, *network.input_shape), network.dtype), run)
    return np.concatenate([np.zeros(0), *run.asked])


def _members(
    network: Network, X: Any, n_masks: Any, seed: int, activate: Activate | None
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield weight and outputs of each member."""
    named = isinstance(n_masks, str)
    runs = _all_runs(network, n_masks) if named else _drawn_runs(n_masks, seed)
    for share, run in runs:
        out = network.forward(X, run)
        if activate is not None:
            out = activate(out)
        yield share, network.backend.to_host(out).astype(np.float64)


def _drawn_runs(n_masks: Any, seed: int) -> Iterator[tuple[float, Run]]:
    if isinstance(n_masks, bool) or not isinstance(n_masks, int | np.integer) or n_masks < 1:
        raise _wrong(n_masks)
    for i in range(int(n_masks)):
        yield 1.0, Run(seed=seed ^ OTHER_KEY, step=i, masks=True)


def _all_runs(network: Network, which: str) -> Iterator[tuple[float, Run]]:
    if which != "all":
        raise _wrong(which)
    rates = mask_rates(network)
    n = len(rates)
    if n > MAX_EXACT:
        raise ValueError(
            f"n_masks='all' would need 2**{n} networks, one for each choice of what is dropped; "
            f"up to 2**{MAX_EXACT} are gone through. Give a number of masks."
        )
    for number in range(1 << n):
        kept = (number >> np.arange(n)) & 1 == 1
        yield float(np.where(kept, 1 - rates, rates).prod()), _ChosenMasks(kept)


def _wrong(n_masks: Any) -> ValueError:
    return ValueError(f"n_masks must be a positive integer or 'all', got {n_masks!r}.")


class _ChosenMasks(Run):
    """A pass whose masks are given: what is kept of all layers, or None to keep all.

    Parameters
    ----------
    kept : bool array (n_rates,) or None
        In the order in which layers ask.

    Attributes
    ----------
    asked : list of arrays
        The rates, as layers ask.
    """

    __slots__ = ("asked", "kept", "place")

    def __init__(self, kept: np.ndarray | None) -> None:
        super().__init__(masks=True)
        self.kept = kept
        self.place = 0
        self.asked: list[np.ndarray] = []

    def dropped(self, x: Any, rate: float, stream: int, alike: bool = False) -> Any:
        """Return values with the next of what is given kept; see `Run.dropped`."""
        value = value_of(x)
        shape = value.shape[1:] if alike else value.shape
        size = math.prod(shape)
        self.asked.append(np.full(size, rate))
        kept = np.ones(size) if self.kept is None else self.kept[self.place : self.place + size]
        self.place += size
        return x * resolve(value).asarray((kept / (1 - rate)).reshape(shape), value.dtype)
