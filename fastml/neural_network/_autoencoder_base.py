"""How an autoencoder is made, kept and run; what `Autoencoder` adds is for its users."""

import copy
import math
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from fastml import backends
from fastml._random import seed_from
from fastml._validation import validate
from fastml.backends import Backend
from fastml.neural_network._autoencoder_layers import (
    check_together,
    decoder_layers,
    encoder_layers,
    range_of,
)
from fastml.neural_network._autoencoder_start import begin_with
from fastml.neural_network._heads import Head, activated
from fastml.neural_network._images import as_rows, sample_shape, shaped, takes_sequences
from fastml.neural_network._on_disk import rows_on_disk
from fastml.neural_network._reconstruction import explained, reconstruction_head, refuse_outside
from fastml.neural_network._samples import SamplesOfShape
from fastml.neural_network._task import stretches
from fastml.neural_network._unrolled import Unrolled, joined, parted
from fastml.nn import Network
from fastml.nn._network import checked_shape
from fastml.nn.layers import Run

__all__ = ["BaseAutoencoder"]


class BaseAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, SamplesOfShape):
    """Networks of an encoder and a decoder, whose targets are their rows."""

    encoder_: Network
    decoder_: Network
    data_range_: tuple[float, float]
    encoder: Any
    input_shape: Any
    tied: bool
    contractive: float
    init: str

    @property
    def _accept_sparse(self) -> Any:
        return ("csr", "csc") if self.encoder is None else False

    @property
    def coefs_(self) -> list[np.ndarray[Any, Any]]:
        """Weights of all layers, those of the encoder first: views of the networks' own."""
        return self._views("weight")

    @property
    def intercepts_(self) -> list[np.ndarray[Any, Any]]:
        """Biases of all layers, likewise."""
        return self._views("bias")

    def _views(self, kind: str) -> list[np.ndarray[Any, Any]]:
        both = [*self.encoder_.views.items(), *self.decoder_.views.items()]
        return [a for name, a in both if name.rpartition(".")[2] == kind]

    # What training asks for.

    def _check_more(self) -> None:
        check_together(self)

    def _head(self) -> Head:
        return reconstruction_head(self)

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        given: tuple[int, ...] = ()
        if self.encoder is not None:
            X, given = as_rows(X)
            if not reset:
                self._check_shape(given)
        check = rows_on_disk if isinstance(X, np.memmap) else validate
        X = check(self, X, reset=reset, accept_sparse=self._accept_sparse)
        if reset:
            self._shape_given = given or tuple(X.shape[1:])
            self.input_shape_ = self._shape_of(self._shape_given)
            self.data_range_ = range_of(X)
        elif self._head().loss.loss == "log_loss":  # type: ignore[attr-defined]
            refuse_outside(*range_of(X))
        if len(self.input_shape_) > 1:
            X = shaped(X, self.input_shape_)
        # Targets are the rows; these stand in for them.
        return X, np.zeros(X.shape[0], np.int8)

    def _shape_of(self, given: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a sample as the network takes it."""
        wanted = given if self.input_shape is None else checked_shape(self.input_shape)
        if self.encoder is None or (len(given) == 1 and len(wanted) == 1):
            if wanted != given:
                raise ValueError(
                    f"X has {math.prod(given)} features, but input_shape={self.input_shape!r}."
                )
            return given
        sequences = takes_sequences(self.encoder)
        return sample_shape(given, self.input_shape, sequences, type(self).__name__)

    def _encoded(self, y: Any, incremental: bool) -> Any:
        self.n_outputs_ = math.prod(self.input_shape_)
        return y

    def _numbered(self, y: Any) -> Any:
        return y

    def _targets(self, encoded: Any, head: Head, dtype: Any) -> Any:
        return encoded

    def _to_compare(self, X: Any, encoded: Any) -> Any:
        return X

    def _score_of(self, sums: Any, encoded: Any, head: Head, weight: Any) -> float:
        outputs = activated(head.activation, sums)
        if not np.isfinite(outputs).all():
            return np.nan
        return explained(encoded, outputs, weight)

    # How weights are kept.

    def _is_begun(self) -> bool:
        return hasattr(self, "encoder_")

    def _unrolled(self, shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Network:
        encoder, decoder = encoder_layers(self), decoder_layers(self, self.n_outputs_)
        layer = Unrolled(encoder, decoder, self.tied, self.contractive > 0)
        network = Network(layer, shape, dtype=dtype, seed=seed)
        if math.prod(network.output_shape) != self.n_outputs_:
            raise ValueError(
                f"decoder puts out samples of shape {network.output_shape}, which have not as many "
                f"values as the samples of shape {shape} that go in."
            )
        return network

    def _new_network(self, shape: tuple[int, ...], dtype: Any, random_state: Any) -> Network:
        return self._unrolled(shape, dtype, seed_from(random_state))

    def _begin(self, network: Network, X: Any, weight: Any) -> None:
        if self.init != "random":
            begin_with(self, network, X, weight)

    def _load(self, shape: tuple[int, ...], dtype: Any) -> Network:
        network = self._unrolled(shape, dtype)
        joined(network, self.encoder_, self.decoder_)
        return network

    def _attributes(self, network: Network, dtype: Any) -> dict[str, Any]:
        layer: Any = network.layer.layers[0]
        encoder = Network(layer.encoder, network.input_shape, dtype=dtype)
        decoder = Network(layer.decoder, encoder.output_shape, dtype=dtype)
        parted(network, encoder, decoder)
        return {"encoder_": encoder, "decoder_": decoder}

    # How they are used.

    def _sums_of(self, X: Any, run: Run | None = None) -> Any:
        backend = backends.resolve(X)
        code = _on(backend, self.encoder_).forward(X, run)
        return _on(backend, self.decoder_).forward(code, run)

    def _through(self, network: Network, X: Any, backend: Backend) -> Any:
        """Return what a network makes of what it takes, on the host."""
        network = _on(backend, network)
        parts = [network.forward(part) for part in stretches(X, self._rows_at_once)]
        return np.concatenate([backend.to_host(part) for part in parts])

    @property
    def _n_features_out(self) -> int:
        return math.prod(self.encoder_.output_shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.encoder is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _on(backend: Backend, network: Network) -> Network:
    """Return a network where a backend has its arrays: itself, or a copy."""
    return network if backend is network.backend else copy.deepcopy(network).to(backend)
