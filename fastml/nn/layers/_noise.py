"""Noise on what comes in, in training only."""

from typing import Any

import scipy.sparse as sp

from fastml.autodiff import primitives as p
from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.nn._description import number
from fastml.nn.layers._layer import Layer, Run

__all__ = ["GaussianNoise", "MaskingNoise", "SaltAndPepperNoise"]


class _Noise(Layer):
    """What layers of noise share: nothing but training, and draws keyed by their place."""

    by_step = True

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        stream = run.next_stream()
        if not run.training:
            return x
        return self._corrupted(x.toarray() if sp.issparse(x) else x, run, stream)

    def _corrupted(self, x: Any, run: Run, stream: int) -> Any:
        raise NotImplementedError


class GaussianNoise(_Noise):
    """In training, add normal draws to each value.

    Parameters
    ----------
    stddev : float, default=0.1
        Their standard deviation, at least 0.
    """

    def __init__(self, stddev: float = 0.1) -> None:
        self.stddev = number("stddev", stddev, low=0)

    def _corrupted(self, x: Any, run: Run, stream: int) -> Any:
        return x + _drawn("normal", x, run, stream) * value_of(x).dtype.type(self.stddev)


class MaskingNoise(_Noise):
    """In training, set each value to 0 with a probability; the others stay as they are.

    Parameters
    ----------
    rate : float, default=0.25
        The probability, in [0, 1).

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010, section 3.3.
    """

    def __init__(self, rate: float = 0.25) -> None:
        self.rate = number("rate", rate, low=0, below=1)

    def _corrupted(self, x: Any, run: Run, stream: int) -> Any:
        # Dropout is this, with the others scaled up.
        return run.dropped(x, self.rate, stream) * value_of(x).dtype.type(1 - self.rate)


class SaltAndPepperNoise(_Noise):
    """In training, set each value with a probability to the least or the largest one there is.

    Parameters
    ----------
    rate : float, default=0.25
        The probability, in [0, 1); half of it for each of the two.
    low, high : float, default=0 and 1
        What values are set to.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11, 2010, section 3.3.
    """

    def __init__(self, rate: float = 0.25, low: float = 0.0, high: float = 1.0) -> None:
        self.rate = number("rate", rate, low=0, below=1)
        self.low = number("low", low)
        self.high = number("high", high)

    def _corrupted(self, x: Any, run: Run, stream: int) -> Any:
        draws, real = _drawn("uniform", x, run, stream), value_of(x).dtype.type
        noisy = p.where(draws < real(self.rate / 2), real(self.low), x)
        chosen = (draws >= real(self.rate / 2)) & (draws < real(self.rate))
        return p.where(chosen, real(self.high), noisy)


def _drawn(kernel: str, x: Any, run: Run, stream: int) -> Any:
    """Return draws of a batch's shape and dtype, where it is."""
    value = value_of(x)
    backend = resolve(value)
    out = backend.empty(value.shape, value.dtype)
    getattr(backend.kernels("rng"), kernel)(run.seed, stream, run.step, out.reshape(-1))
    return out
