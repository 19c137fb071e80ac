"""Weights of dense layers as lists of arrays, scikit-learn's `coefs_` and `intercepts_`."""

import math
from typing import Any

import numpy as np

from fastml import backends
from fastml.neural_network._base import BaseNetworkEstimator
from fastml.nn import Network
from fastml.nn.layers import Dense, Layer, Run

__all__ = ["CoefsMixin"]


class CoefsMixin(BaseNetworkEstimator):
    """Estimators whose parameters are those of dense layers.

    Predictions use the arrays in the lists, whoever put them there.
    """

    coefs_: list[np.ndarray[Any, Any]]
    intercepts_: list[np.ndarray[Any, Any]]
    activation: Any

    def _is_begun(self) -> bool:
        return hasattr(self, "coefs_")

    def _first_bound(self, fan_in: int, fan_out: int) -> float:
        """Return up to which size weights are drawn at first (Glorot and Bengio 2010)."""
        return math.sqrt((2.0 if self.activation == "logistic" else 6.0) / (fan_in + fan_out))

    def _new_network(self, shape: tuple[int, ...], dtype: Any, random_state: Any) -> Network:
        network = Network(self._layers(self.n_outputs_), shape, dtype=dtype)
        for coef, intercept in _pairs(network.views):
            bound = self._first_bound(*coef.shape)
            coef[...] = random_state.uniform(-bound, bound, coef.shape)
            intercept[...] = random_state.uniform(-bound, bound, intercept.shape)
        return network

    def _load(self, shape: tuple[int, ...], dtype: Any) -> Network:
        network = Network(self._layers(self.n_outputs_), shape, dtype=dtype)
        pairs = _pairs(network.views)
        wanted = [coef.shape for coef, _ in pairs]
        found = [np.shape(coef) for coef in self.coefs_]
        if found != wanted:
            raise ValueError(
                f"Training cannot go on with other layers: coefs_ have shapes {found}, the layers "
                f"need {wanted}."
            )
        for (coef, intercept), old, offset in zip(
            pairs, self.coefs_, self.intercepts_, strict=True
        ):
            coef[...] = old
            intercept[...] = offset
        return network

    def _attributes(self, network: Network, dtype: Any) -> dict[str, Any]:
        flat = np.array(network.backend.to_host(network.flat), dtype)
        pairs = _pairs(network.split(flat))
        return {
            "coefs_": [coef for coef, _ in pairs],
            "intercepts_": [intercept for _, intercept in pairs],
            "n_layers_": len(pairs) + 1,
        }

    def _sums_of(self, X: Any, run: Run | None = None) -> Any:
        return self._applied(self._layers(self.n_outputs_), X, run or Run())

    def _applied(self, layers: list[Layer], X: Any, run: Run) -> Any:
        """Return what layers make of rows, with the weights there are."""
        move = backends.resolve(X).asarray
        weights = zip(self.coefs_, self.intercepts_, strict=True)
        dtype = np.asarray(self.coefs_[0]).dtype
        x = X if X.dtype == dtype else X.astype(dtype)
        for layer in layers:
            given = {}
            if isinstance(layer, Dense):
                coef, intercept = next(weights)
                given = {"weight": move(coef, dtype), "bias": move(intercept, dtype)}
            x = layer.apply(x, given, {}, run)
        return x


def _pairs(views: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return weight and bias of each dense layer."""
    arrays = list(views.values())
    return list(zip(arrays[::2], arrays[1::2], strict=True))
