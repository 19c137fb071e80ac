"""Which layers an autoencoder has."""

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml import backends
from fastml.nn.layers import (
    Dense,
    Dropout,
    GaussianNoise,
    Layer,
    MaskingNoise,
    SaltAndPepperNoise,
)
from fastml.nn.layers._activation import checked_activation
from fastml.nn.layers._containers import checked_layers
from fastml.nn.training import RowsOnDisk

__all__ = ["check_together", "decoder_layers", "encoder_layers", "range_of", "sizes_of"]

_LOGISTIC = ("logistic", "sigmoid")


def sizes_of(hidden_layer_sizes: Any) -> list[Any]:
    """Return the sizes of the encoder's layers, the last of which is that of the code.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        As `Autoencoder` takes it.
    """
    several = hasattr(hidden_layer_sizes, "__iter__")
    return list(hidden_layer_sizes) if several else [hidden_layer_sizes]


def code_activation_of(estimator: Any) -> Any:
    """Return the activation of the code.

    Parameters
    ----------
    estimator : Autoencoder
        Without layers of the user's choice.
    """
    if estimator.code_activation != "auto":
        return estimator.code_activation
    return estimator.activation if len(sizes_of(estimator.hidden_layer_sizes)) == 1 else "identity"


def encoder_layers(estimator: Any) -> list[Layer]:
    """Return the layers from the input to the code.

    Parameters
    ----------
    estimator : Autoencoder
        Which knows the least and the largest value of its rows, if it adds salt and pepper.
    """
    e = estimator
    found: list[Layer] = []
    if e.noise == "masking":
        found.append(MaskingNoise(e.noise_level))
    elif e.noise == "gaussian":
        found.append(GaussianNoise(e.noise_level))
    elif e.noise == "salt_and_pepper":
        found.append(SaltAndPepperNoise(e.noise_level, *e.data_range_))
    if e.encoder is not None:
        return [*found, *e.encoder]
    *hidden, code = sizes_of(e.hidden_layer_sizes)
    return [*found, *_hidden(e, hidden), Dense(int(code), code_activation_of(e))]


def decoder_layers(estimator: Any, n_features: int) -> list[Layer]:
    """Return the layers from the code to the sums of the outputs.

    Parameters
    ----------
    estimator : Autoencoder
        Whose.
    n_features : int
        Of the outputs.
    """
    if estimator.decoder is not None:
        return list(estimator.decoder)
    hidden = sizes_of(estimator.hidden_layer_sizes)[-2::-1]
    return [*_hidden(estimator, hidden), Dense(n_features)]


def _hidden(estimator: Any, sizes: list[Any]) -> list[Layer]:
    found: list[Layer] = []
    for size in sizes:
        found.append(Dense(int(size), estimator.activation))
        if estimator.dropout:
            found.append(Dropout(estimator.dropout))
    return found


def check_together(estimator: Any) -> None:
    """Refuse parameters that are good alone, but not with each other.

    Parameters
    ----------
    estimator : Autoencoder
        Whose.

    Raises
    ------
    ValueError
        Naming them.
    """
    e = estimator
    if (e.encoder is None) != (e.decoder is None):
        raise ValueError(
            "encoder and decoder must be given together, or neither of them, got "
            f"encoder={e.encoder!r} and decoder={e.decoder!r}."
        )
    if e.noise in ("masking", "salt_and_pepper") and e.noise_level >= 1:
        raise ValueError(
            f"noise_level must be a probability below 1 for noise={e.noise!r}, got "
            f"{e.noise_level!r}."
        )
    if e.encoder is not None:
        for layers in (e.encoder, e.decoder):
            checked_layers(layers)
        for name, plain in (("tied", False), ("init", "random"), ("dropout", 0)):
            if getattr(e, name) != plain:
                raise ValueError(
                    f"{name}={getattr(e, name)!r} is for dense layers of hidden_layer_sizes, not "
                    "for the layers of encoder and decoder."
                )
        _check_sparsity(e, [a for a in (getattr(x, "activation", None) for x in e.encoder) if a])
        return
    sizes = sizes_of(e.hidden_layer_sizes)
    if not sizes or any(not isinstance(size, Integral) or size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    checked_activation(e.activation)
    code = checked_activation(code_activation_of(e))
    _check_sparsity(e, [code])
    if e.init == "rbm":
        if len(sizes) > 1 and e.activation not in _LOGISTIC:
            raise ValueError(
                "init='rbm' needs activation='logistic', as hidden units of restricted Boltzmann "
                f"machines have, got {e.activation!r}."
            )
        if code not in (*_LOGISTIC, "identity", None):
            raise ValueError(
                "init='rbm' needs a code of units that machines have, code_activation='logistic' "
                f"or 'identity', got {code!r}."
            )


def _check_sparsity(estimator: Any, activations: list[Any]) -> None:
    """Refuse a mean that is asked of units of another range, by the last one of activations."""
    last = activations[-1] if activations else "identity"
    if estimator.sparsity_target is not None and last not in _LOGISTIC and not callable(last):
        raise ValueError(
            "sparsity_target is a mean of units between 0 and 1: it needs a code of activation "
            f"'logistic', got {last!r}."
        )


def range_of(X: Any) -> tuple[float, float]:
    """Return the least and the largest value of rows.

    Parameters
    ----------
    X : array, sparse matrix or RowsOnDisk
        Rows.
    """
    if sp.issparse(X):
        low, high = X.min(), X.max()
    elif isinstance(X, RowsOnDisk):
        pieces = [X[i : i + 4096] for i in range(0, X.shape[0], 4096)]
        found = [range_of(piece) for piece in pieces]
        low, high = min(low for low, _ in found), max(high for _, high in found)
    else:
        xp = backends.resolve(X).xp if backends.on_device(X) else np
        low, high = xp.min(X), xp.max(X)
    return float(low), float(high)
