"""How parameters of networks start: by name, or as an instance with numbers of one's own.

All draws are Philox's on the host, keyed by (seed, stream of the parameter, element): a network
starts from the same bits on every backend and for any number of threads.
"""

import math
from typing import Any

import numpy as np

from fastml.backends import resolve
from fastml.nn._description import Description, integer, number

__all__ = [
    "Constant",
    "Glorot",
    "He",
    "Initializer",
    "LeCun",
    "Normal",
    "Orthogonal",
    "Uniform",
    "initializer",
]


class Initializer(Description):
    """Values that a parameter starts with."""

    def draw(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, seed: int, stream: int, dtype: Any
    ) -> Any:
        """Return the values.

        Parameters
        ----------
        shape : tuple of int
            Of the parameter.
        fan_in, fan_out : int
            How many inputs a unit sums over, and how many units an input goes to.
        seed, stream : int
            Key and stream of the draws.
        dtype : dtype
            float32 or float64.

        Returns
        -------
        ndarray of the shape and dtype
        """
        raise NotImplementedError


def _filled(kernel: str, shape: tuple[int, ...], seed: int, stream: int, dtype: Any) -> Any:
    # The host's kernels whatever the option says, since those of a device may round otherwise.
    backend = resolve(backend="cpu")
    out = backend.empty(math.prod(shape), dtype)
    getattr(backend.kernels("rng"), kernel)(seed, stream, 0, out)
    return out.reshape(shape)


class Uniform(Initializer):
    """Uniform in [-limit, limit).

    Parameters
    ----------
    limit : float, default=0.05
        Positive.
    """

    def __init__(self, limit: float = 0.05) -> None:
        self.limit = number("limit", limit, above=0)

    def draw(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, seed: int, stream: int, dtype: Any
    ) -> Any:
        """Return the values; see `Initializer.draw`."""
        drawn = _filled("uniform", shape, seed, stream, dtype)
        drawn *= dtype(2 * self.limit)
        drawn -= dtype(self.limit)
        return drawn


class Normal(Initializer):
    """Normal with mean 0.

    Parameters
    ----------
    std : float, default=0.01
        Standard deviation, positive.
    """

    def __init__(self, std: float = 0.01) -> None:
        self.std = number("std", std, above=0)

    def draw(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, seed: int, stream: int, dtype: Any
    ) -> Any:
        """Return the values; see `Initializer.draw`."""
        drawn = _filled("normal", shape, seed, stream, dtype)
        drawn *= dtype(self.std)
        return drawn


class _Scaled(Initializer):
    """Of a variance that depends on the fans."""

    def __init__(self, distribution: str = "uniform", gain: float = 1.0) -> None:
        if distribution not in ("uniform", "normal"):
            raise ValueError(f"distribution must be 'uniform' or 'normal', got {distribution!r}.")
        self.distribution = distribution
        self.gain = number("gain", gain, above=0)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance for a gain of 1."""
        raise NotImplementedError

    def draw(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, seed: int, stream: int, dtype: Any
    ) -> Any:
        """Return the values; see `Initializer.draw`."""
        std = self.gain * math.sqrt(self.variance(max(fan_in, 1), max(fan_out, 1)))
        made: Initializer = (
            Uniform(math.sqrt(3) * std) if self.distribution == "uniform" else Normal(std)
        )
        return made.draw(shape, fan_in, fan_out, seed, stream, dtype)


class Glorot(_Scaled):
    """Of variance ``gain^2 * 2 / (fan_in + fan_out)``.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="uniform"
        What is drawn from.
    gain : float, default=1.0
        Factor of the standard deviation, positive.

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance for a gain of 1."""
        return 2 / (fan_in + fan_out)


class He(_Scaled):
    """Of variance ``gain^2 * 2 / fan_in``, for rectifiers.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="uniform"
        What is drawn from.
    gain : float, default=1.0
        Factor of the standard deviation, positive.

    References
    ----------
    K. He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance for a gain of 1."""
        return 2 / fan_in


class LeCun(_Scaled):
    """Of variance ``gain^2 / fan_in``.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="uniform"
        What is drawn from.
    gain : float, default=1.0
        Factor of the standard deviation, positive.

    References
    ----------
    Y. LeCun, L. Bottou, G. B. Orr and K.-R. Mueller, "Efficient BackProp", 1998, section 4.6.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance for a gain of 1."""
        return 1 / fan_in


class Orthogonal(Initializer):
    """Rows or columns, whichever are fewer, that are orthonormal, times the gain.

    The matrix has the units as one axis: the first axis for weights of convolutions, the last for
    weights of two axes, with all others joined to the second one.

    Parameters
    ----------
    gain : float, default=1.0
        Positive.
    n_blocks : int, default=1
        Blocks that the first axis is cut into, each orthogonal by itself, such as the gates of a
        recurrent layer.

    References
    ----------
    A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", ICLR 2014.
    """

    def __init__(self, gain: float = 1.0, n_blocks: int = 1) -> None:
        self.gain = number("gain", gain, above=0)
        self.n_blocks = integer("n_blocks", n_blocks)

    def draw(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, seed: int, stream: int, dtype: Any
    ) -> Any:
        """Return the values; see `Initializer.draw`."""
        if len(shape) < 2:
            raise ValueError(f"orthogonal values need two axes or more, got shape {shape}.")
        drawn = _filled("normal", shape, seed, stream, np.float64)
        blocks = [self._orthonormal(block) for block in np.split(drawn, self.n_blocks)]
        return np.ascontiguousarray(self.gain * np.concatenate(blocks), dtype)

    @staticmethod
    def _orthonormal(drawn: Any) -> Any:
        shape = drawn.shape
        n = shape[-1] if len(shape) == 2 else math.prod(shape[1:])
        matrix = drawn.reshape(-1, n) if drawn.size else drawn.reshape(shape[0], n)
        tall = matrix.shape[0] >= matrix.shape[1]
        q, r = np.linalg.qr(matrix if tall else matrix.T)
        # Signs that make the decomposition unique, so that draws are uniform over rotations.
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return (q if tall else q.T).reshape(shape)


class Constant(Initializer):
    """The same everywhere.

    Parameters
    ----------
    value : float, default=0.0
        Finite.
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = number("value", value)

    def draw(
        self, shape: tuple[int, ...], fan_in: int, fan_out: int, seed: int, stream: int, dtype: Any
    ) -> Any:
        """Return the values; see `Initializer.draw`."""
        return np.full(shape, self.value, dtype)


_NAMED: dict[str, Initializer] = {
    "glorot_uniform": Glorot(),
    "glorot_normal": Glorot("normal"),
    "he_uniform": He(),
    "he_normal": He("normal"),
    "lecun_uniform": LeCun(),
    "lecun_normal": LeCun("normal"),
    "orthogonal": Orthogonal(),
    "normal": Normal(),
    "uniform": Uniform(),
    "zeros": Constant(0.0),
    "ones": Constant(1.0),
}


def initializer(which: "str | Initializer", name: str = "initializer") -> Initializer:
    """Return an initialiser by its name, or as it is.

    Parameters
    ----------
    which : str or Initializer
        One of "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "lecun_normal", "orthogonal", "normal", "uniform", "zeros", "ones"; or an instance.
    name : str
        What errors call it.

    Raises
    ------
    ValueError
        For another name.
    """
    if isinstance(which, Initializer):
        return which
    if isinstance(which, str) and which in _NAMED:
        return _NAMED[which]
    raise ValueError(f"{name} must be an initializer or one of {sorted(_NAMED)}, got {which!r}.")
