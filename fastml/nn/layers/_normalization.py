"""Normalisation as layers."""

import math
from typing import Any

import numpy as np

from fastml.nn import functional as F
from fastml.nn._description import number
from fastml.nn._field import ReceptiveField
from fastml.nn.initializers import Constant
from fastml.nn.layers._layer import Layer, Parameter, Run, Shape

__all__ = ["BatchNorm", "LayerNorm"]


class _Normalization(Layer):
    """What layers share that scale and shift what they normalised."""

    affine: bool
    epsilon: float

    by_step = True

    def _normalized(self, input_shape: Shape) -> Shape:
        """Return the shape of weight and bias."""
        return input_shape[-1:]

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the result; see `Layer.output_shape`."""
        if not input_shape:
            raise ValueError("expected samples of one axis or more, got shape ().")
        return input_shape

    def parameters(self, input_shape: Shape) -> dict[str, Parameter]:
        """Return what is known of weight and bias; see `Layer.parameters`."""
        if not self.affine:
            return {}
        shape = self._normalized(input_shape)
        return {
            "weight": Parameter(shape, Constant(1.0), 1, 1, penalized=False),
            "bias": Parameter(shape, Constant(0.0), 1, 1, penalized=False),
        }

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return the multiplications for one sample; see `Layer.multiply_adds`."""
        return math.prod(input_shape)


class BatchNorm(_Normalization):
    """Each channel (the last axis) less its mean, divided by its standard deviation.

    Both are those of the batch in training; a moving average of them is kept for prediction.

    Parameters
    ----------
    momentum : float, default=0.1
        Share of the new batch in the moving average, in [0, 1].
    epsilon : float, default=1e-5
        Added to variances, positive.
    affine : bool, default=True
        Whether the result is multiplied by "weight" (channels,), and "bias" (channels,) added.

    Notes
    -----
    State is "mean" and "variance" (channels,), the latter with one degree of freedom less, as
    PyTorch keeps it.

    References
    ----------
    S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", ICML 2015.
    """

    def __init__(
        self, momentum: float = 0.1, epsilon: float = 1e-5, *, affine: bool = True
    ) -> None:
        self.momentum = number("momentum", momentum, low=0)
        if self.momentum > 1:
            raise ValueError(f"momentum must be a number in [0, 1], got {momentum!r}.")
        self.epsilon = number("epsilon", epsilon, above=0)
        self.affine = bool(affine)

    def state(self, input_shape: Shape) -> dict[str, Any]:
        """Return the moving averages at first; see `Layer.state`."""
        n = input_shape[-1]
        return {"mean": np.zeros(n), "variance": np.ones(n)}

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        mean, variance = state["mean"], state["variance"]
        if run.training:
            # Of their own until the pass is known to be good.
            mean, variance = mean.copy(), variance.copy()
            run.updates += [(state["mean"], mean), (state["variance"], variance)]
        return F.batch_norm(
            x, mean, variance, parameters.get("weight"), parameters.get("bias"), run.training,
            self.momentum, self.epsilon, layout="NHWC",
        )  # fmt: skip


class LayerNorm(_Normalization):
    """Each sample less its mean, divided by its standard deviation.

    Parameters
    ----------
    over : {"channels", "sample"}, default="channels"
        What mean and deviation are taken over: the channels (the last axis) of each place by
        itself, or all values of a sample.
    epsilon : float, default=1e-5
        Added to variances, positive.
    affine : bool, default=True
        Whether the result is multiplied by "weight", and "bias" added, of the shape of what is
        normalised.

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", 2016.
    """

    def __init__(
        self, over: str = "channels", epsilon: float = 1e-5, *, affine: bool = True
    ) -> None:
        if over not in ("channels", "sample"):
            raise ValueError(f"over must be 'channels' or 'sample', got {over!r}.")
        self.over = over
        self.by_step = over == "channels"
        self.epsilon = number("epsilon", epsilon, above=0)
        self.affine = bool(affine)

    def _normalized(self, input_shape: Shape) -> Shape:
        return input_shape[-1:] if self.over == "channels" else input_shape

    def apply(self, x: Any, parameters: dict[str, Any], state: dict[str, Any], run: Run) -> Any:
        """Return the result for a batch; see `Layer.apply`."""
        return F.layer_norm(
            x, self._normalized(x.shape[1:]), parameters.get("weight"), parameters.get("bias"),
            self.epsilon,
        )  # fmt: skip

    def field(self, field: ReceptiveField, input_shape: Shape) -> ReceptiveField:
        """Return what the units see of the input; see `Layer.field`."""
        alone = self.over == "channels" and len(input_shape) > 1
        return field if alone else field.over(input_shape)
