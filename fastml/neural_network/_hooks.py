"""What estimators of networks say of themselves to what trains them."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight

from fastml import backends
from fastml._random import seed_from
from fastml.neural_network._heads import Head
from fastml.neural_network._task import backend_of
from fastml.nn import Network
from fastml.nn.layers import Layer, Run

__all__ = ["Hooks"]


class Hooks(BaseEstimator):
    """What a network is made of, what its targets are, and how its weights are kept."""

    _accept_sparse: Any

    network_: Network
    n_outputs_: int
    out_activation_: Any
    # Set by constructors, from parameters of these names.
    solver: str
    batch_size: Any
    shuffle: bool
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    random_state: Any
    verbose: Any
    max_iter: int
    max_fun: int
    checkpoint: Any
    checkpoint_every: int

    def _set(self, parameters: dict[str, Any]) -> None:
        """Set the constructor's parameters: its local variables."""
        for name, value in parameters.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # What a subclass says.

    def _layers(self, n_outputs: int) -> list[Layer]:
        """Return the layers, without the activation of the last one, which the head has."""
        raise NotImplementedError

    def _head(self) -> Head:
        """Return activation and loss of the outputs, once targets are known."""
        raise NotImplementedError

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """Return rows and targets, checked."""
        raise NotImplementedError

    def _checked_targets(self, y: Any) -> Any:
        """Return targets that are known to be numbers or labels, if there can be such."""
        raise NotImplementedError

    def _encoded(self, y: Any, incremental: bool) -> Any:
        """Learn what targets there are, set `n_outputs_`; return targets as (n, n_outputs)."""
        raise NotImplementedError

    def _numbered(self, y: Any) -> Any:
        """Return targets as (n, n_outputs) or (n,), once it is known what there are."""
        raise NotImplementedError

    def _targets(self, encoded: Any, head: Head, dtype: Any) -> Any:
        """Return encoded targets as the loss takes them."""
        raise NotImplementedError

    def _score_of(self, sums: Any, encoded: Any, head: Head, weight: Any) -> float:
        """Return the score of sums of the last layer, NaN where they are not finite."""
        raise NotImplementedError

    def _to_compare(self, X: Any, encoded: Any) -> Any:
        """Return what `_score_of` compares with, for rows held out and their encoded targets."""
        return encoded

    def _checked_weight(self, sample_weight: Any, X: Any) -> Any:
        """Return weights of samples in float64, or of what else has a target."""
        return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)

    def _class_weights(self, y: Any, weight: Any, incremental: bool) -> Any:
        """Return the weights of samples, those of their classes included."""
        return weight

    def _sample_shape(self, X: Any) -> tuple[int, ...]:
        """Return the shape of one sample as the network takes it."""
        return tuple(X.shape[1:])

    def _check_more(self) -> None:
        """Refuse parameters that their limits alone do not tell from good ones."""

    # How weights are kept.

    def _is_begun(self) -> bool:
        """Whether there are weights to go on from."""
        return hasattr(self, "network_")

    def _new_network(self, shape: tuple[int, ...], dtype: Any, random_state: Any) -> Network:
        """Return a network that has not learned anything."""
        layers = self._layers(self.n_outputs_)
        return Network(layers, shape, dtype=dtype, seed=seed_from(random_state))

    def _begin(self, network: Network, X: Any, weight: Any) -> None:
        """Let a new network begin with what its rows, and what they weigh, tell."""

    def _load(self, shape: tuple[int, ...], dtype: Any) -> Network:
        """Return a network of what has been learned so far."""
        network = Network(self._layers(self.n_outputs_), shape, dtype=dtype)
        if network.flat.shape != self.network_.flat.shape:
            raise ValueError(
                f"The network fitted before has {self.network_.n_parameters} parameters, and the "
                f"one to go on with {network.n_parameters}: layers must not change."
            )
        network.flat[...] = self.network_.flat
        for name, value in self.network_.state.items():
            network.state[name][...] = value
        return network

    def _attributes(self, network: Network, dtype: Any) -> dict[str, Any]:
        """Return the fitted attributes that hold what a network has learned, on the host."""
        kept = Network(network.layer, network.input_shape, dtype=dtype, seed=network.seed)
        kept.flat[...] = network.backend.to_host(network.flat)
        for name, value in network.state.items():
            kept.state[name][...] = network.backend.to_host(value)
        return {"network_": kept}

    def _sums_of(self, X: Any, run: Run | None = None) -> Any:
        """Return the sums of the last layer for some rows, where the backend has them."""
        return self._network_on(backend_of(X)).forward(X, run)

    def _network_on(self, backend: backends.Backend) -> Network:
        """Return the network where a backend has its arrays: itself, or a copy."""
        network = self.network_
        if backend is network.backend:
            return network
        moved: Network = self._attributes(network, network.dtype)["network_"]
        return moved.to(backend)
