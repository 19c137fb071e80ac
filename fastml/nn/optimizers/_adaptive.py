"""Optimisers that divide each step by the size of gradients so far."""

import math
from collections.abc import Sequence
from typing import Any

from fastml.nn.optimizers._base import BaseOptimizer

__all__ = ["AdaGradOptimizer", "AdamOptimizer", "AdamWOptimizer", "RMSPropOptimizer"]


class AdaGradOptimizer(BaseOptimizer):
    """Steps divided by the root of the sum of all squares so far.

    Parameters
    ----------
    params : list of float arrays
        What is to be learned: their shapes and dtypes are read.
    learning_rate_init : float, default=0.01
        Learning rate to begin with.
    epsilon : float, default=1e-10
        Added to the root.
    lr_schedule, power_t, t_max
        See `BaseOptimizer`.

    Attributes
    ----------
    learning_rate : float
        Current learning rate.
    totals : list of arrays
        Sums of squares.

    References
    ----------
    Duchi, Hazan and Singer (2011), Adaptive subgradient methods for online learning and stochastic
    optimization.
    """

    _moments = ("totals",)

    def __init__(
        self,
        params: Sequence[Any],
        learning_rate_init: float = 0.01,
        epsilon: float = 1e-10,
        lr_schedule: str = "constant",
        power_t: float = 0.5,
        t_max: int | None = None,
    ) -> None:
        super().__init__(learning_rate_init, lr_schedule, power_t, t_max)
        self.epsilon = epsilon
        self.totals = self._zeros(params)

    def _update(self, i: int, param: Any, grad: Any, weights: Any, spans: Any) -> None:
        numbers = (self.learning_rate, float(self.epsilon), *weights)
        self._run("adagrad", (param, self.totals[i]), grad, numbers, spans)


class RMSPropOptimizer(BaseOptimizer):
    """Steps divided by the root of a running mean of squares.

    Parameters
    ----------
    params : list of float arrays
        What is to be learned: their shapes and dtypes are read.
    learning_rate_init : float, default=0.01
        Learning rate to begin with.
    rho : float, default=0.99
        Share of the mean that is kept from one step to the next.
    epsilon : float, default=1e-8
        Added to the root.
    lr_schedule, power_t, t_max
        See `BaseOptimizer`.

    Attributes
    ----------
    learning_rate : float
        Current learning rate.
    means : list of arrays
        Running means of squares.

    References
    ----------
    Tieleman and Hinton (2012), Neural networks for machine learning, lecture 6.5.
    """

    _moments = ("means",)

    def __init__(
        self,
        params: Sequence[Any],
        learning_rate_init: float = 0.01,
        rho: float = 0.99,
        epsilon: float = 1e-8,
        lr_schedule: str = "constant",
        power_t: float = 0.5,
        t_max: int | None = None,
    ) -> None:
        super().__init__(learning_rate_init, lr_schedule, power_t, t_max)
        self.rho = rho
        self.epsilon = epsilon
        self.means = self._zeros(params)

    def _update(self, i: int, param: Any, grad: Any, weights: Any, spans: Any) -> None:
        numbers = (self.learning_rate, float(self.rho), float(self.epsilon), *weights)
        self._run("rmsprop", (param, self.means[i]), grad, numbers, spans)


class AdamOptimizer(BaseOptimizer):
    """Steps along a running mean of gradients, divided by the root of one of squares.

    Parameters
    ----------
    params : list of float arrays
        What is to be learned: their shapes and dtypes are read.
    learning_rate_init : float, default=0.001
        Learning rate to begin with.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Shares of the means of gradients and of squares that are kept from one step to the next.
    epsilon : float, default=1e-8
        Added to the root.
    lr_schedule, power_t, t_max
        See `BaseOptimizer`.

    Attributes
    ----------
    learning_rate : float
        Current learning rate, before the correction for means that began at 0.
    t : int
        Steps taken.
    ms, vs : list of arrays
        Running means of gradients and of squares.

    References
    ----------
    Kingma and Ba (2014), Adam: a method for stochastic optimization, with the correction of
    section 2, end.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn.optimizers import AdamOptimizer
    >>> weights = np.array([1.0, 2.0])
    >>> adam = AdamOptimizer([weights], 0.1)
    >>> for _ in range(200):
    ...     adam.update_params([weights], [2 * weights])
    >>> bool(abs(weights).max() < 0.01)
    True
    """

    _moments = ("ms", "vs")
    _numbers = ("learning_rate", "t")

    def __init__(
        self,
        params: Sequence[Any],
        learning_rate_init: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        lr_schedule: str = "constant",
        power_t: float = 0.5,
        t_max: int | None = None,
    ) -> None:
        super().__init__(learning_rate_init, lr_schedule, power_t, t_max)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.t = 0
        self.ms = self._zeros(params)
        self.vs = self._zeros(params)

    def _begin_step(self) -> None:
        self.t += 1

    def _corrections(self) -> tuple[float, float]:
        """Return what the means lack, as they began at 0; the second one's root."""
        return 1 - self.beta_1**self.t, math.sqrt(1 - self.beta_2**self.t)

    def _step(
        self, i: int, param: Any, grad: Any, weights: Any, spans: Any, epsilon: float, shrink: float
    ) -> None:
        first, root = self._corrections()
        rate = float(self.learning_rate * root / first)
        numbers = (rate, float(self.beta_1), float(self.beta_2), float(epsilon), shrink, *weights)
        self._run("adam", (param, self.ms[i], self.vs[i]), grad, numbers, spans)

    def _update(self, i: int, param: Any, grad: Any, weights: Any, spans: Any) -> None:
        self._step(i, param, grad, weights, spans, self.epsilon, 1.0)


class AdamWOptimizer(AdamOptimizer):
    """Adam, with weights that decay apart from the gradient.

    Parameters
    ----------
    params : list of float arrays
        What is to be learned: their shapes and dtypes are read.
    learning_rate_init, beta_1, beta_2 : float
        As for `AdamOptimizer`.
    epsilon : float, default=1e-8
        Added to the root of the mean of squares after its correction, as in PyTorch.
    weight_decay : float, default=0.01
        Before a step, parameters are multiplied by ``1 - learning_rate * weight_decay``: those in
        the spans of the penalty that `update_params` is given, all without one.
    lr_schedule, power_t, t_max
        See `BaseOptimizer`.

    Attributes
    ----------
    learning_rate, t, ms, vs
        As of `AdamOptimizer`.

    References
    ----------
    Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """

    _decays = True

    def __init__(
        self,
        params: Sequence[Any],
        learning_rate_init: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        lr_schedule: str = "constant",
        power_t: float = 0.5,
        t_max: int | None = None,
    ) -> None:
        super().__init__(
            params, learning_rate_init, beta_1, beta_2, epsilon, lr_schedule, power_t, t_max
        )
        self.weight_decay = weight_decay

    def _update(self, i: int, param: Any, grad: Any, weights: Any, spans: Any) -> None:
        # The kernel adds epsilon to a root that is not corrected.
        _, root = self._corrections()
        shrink = float(1 - self.learning_rate * self.weight_decay)
        self._step(i, param, grad, weights, spans, self.epsilon * root, shrink)
