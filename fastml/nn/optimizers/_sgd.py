"""Gradient descent, with momentum or without."""

from collections.abc import Sequence
from typing import Any

from fastml.nn.optimizers._base import BaseOptimizer

__all__ = ["SGDOptimizer"]


class SGDOptimizer(BaseOptimizer):
    """Stochastic gradient descent.

    Parameters
    ----------
    params : list of float arrays
        What is to be learned: their shapes and dtypes are read.
    learning_rate_init : float, default=0.1
        Learning rate to begin with.
    lr_schedule : {"constant", "invscaling", "adaptive", "cosine"}, default="constant"
        See `BaseOptimizer`.
    momentum : float, default=0.9
        Share of the velocity that is kept from one step to the next.
    nesterov : bool, default=True
        Whether to step along the velocity after one more such step, as Nesterov's method does.
    power_t : float, default=0.5
        Exponent of "invscaling".
    t_max : int, optional
        Samples until "cosine" arrives at 0.

    Attributes
    ----------
    learning_rate : float
        Current learning rate.
    velocities : list of arrays
        ``momentum * velocity - learning_rate * gradient``; unused where the momentum is 0.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum in
    deep learning.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn.optimizers import SGDOptimizer
    >>> weights = np.array([1.0, 2.0])
    >>> SGDOptimizer([weights], 0.5, momentum=0).update_params([weights], [weights.copy()])
    >>> weights
    array([0.5, 1. ])
    """

    _moments = ("velocities",)

    def __init__(
        self,
        params: Sequence[Any],
        learning_rate_init: float = 0.1,
        lr_schedule: str = "constant",
        momentum: float = 0.9,
        nesterov: bool = True,
        power_t: float = 0.5,
        t_max: int | None = None,
    ) -> None:
        super().__init__(learning_rate_init, lr_schedule, power_t, t_max)
        self.momentum = momentum
        self.nesterov = nesterov
        self.velocities = self._zeros(params)

    def _update(self, i: int, param: Any, grad: Any, weights: Any, spans: Any) -> None:
        if self.momentum == 0:
            self._run("sgd", (param,), grad, (self.learning_rate, *weights), spans)
            return
        numbers = (self.learning_rate, float(self.momentum), bool(self.nesterov), *weights)
        self._run("momentum", (param, self.velocities[i]), grad, numbers, spans)
