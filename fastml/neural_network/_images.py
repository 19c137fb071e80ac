"""Images as estimators take them, and what units of a network see of them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from fastml.backends import as_cupy, on_device
from fastml.nn._field import ReceptiveField
from fastml.nn._network import checked_shape
from fastml.nn.layers import AvgPool1D, Conv1D, Layer, MaxPool1D
from fastml.nn.training import RowsOnDisk

__all__ = ["MaximalPatches", "as_rows", "patches_at", "sample_shape", "shaped", "takes_sequences"]


class MaximalPatches(NamedTuple):
    """What excites a unit most, the strongest first.

    Attributes
    ----------
    patches : ndarray (n_patches, height, width, n_channels)
        What the unit sees of the input; 0 where it sees padding. Of sequences
        (n_patches, length, n_channels).
    activations : ndarray (n_patches,)
        What the unit puts out.
    samples : ndarray (n_patches,)
        Numbers of the samples.
    places : ndarray (n_patches, n_axes)
        Where in its layer the unit is.
    starts : ndarray (n_patches, n_axes)
        Where in the sample the patch begins: row and column. Negative in the padding.
    """

    patches: Any
    activations: Any
    samples: Any
    places: Any
    starts: Any


def takes_sequences(layers: Any) -> bool:
    """Return whether there are layers that move along one axis.

    Parameters
    ----------
    layers : str or sequence of Layer
        As estimators take them.
    """
    if isinstance(layers, str) or not isinstance(layers, Sequence | Layer):
        return False
    if isinstance(layers, Layer):
        inner = getattr(layers, "layers", ())
        wrapped = getattr(layers, "layer", None)
        one = isinstance(layers, Conv1D | MaxPool1D | AvgPool1D)
        return one or takes_sequences(list(inner)) or (bool(wrapped) and takes_sequences(wrapped))
    return any(takes_sequences(layer) for layer in layers if isinstance(layer, Layer))


def as_rows(X: Any) -> tuple[Any, tuple[int, ...]]:
    """Return samples of any shape as rows, and their shape.

    Parameters
    ----------
    X : array-like, DataFrame, sparse matrix or device array
        Samples along the first axis.
    """
    if sp.issparse(X) or hasattr(X, "iloc") or hasattr(X, "columns"):
        return X, tuple(X.shape[1:])
    if not hasattr(X, "ndim"):
        X = as_cupy(X) if on_device(X) else np.asarray(X)
    if X.ndim <= 2:
        return X, tuple(X.shape[1:])
    return X.reshape(X.shape[0], math.prod(X.shape[1:])), tuple(X.shape[1:])


def sample_shape(
    given: tuple[int, ...], input_shape: Any, sequences: bool, who: str
) -> tuple[int, ...]:
    """Return the shape of a sample for the network, channels last.

    Parameters
    ----------
    given : tuple of int
        Of a sample of X.
    input_shape : int, sequence of int or None
        The estimator's parameter.
    sequences : bool
        Whether the network takes sequences.
    who : str
        The estimator.

    Raises
    ------
    ValueError
        For samples that are no images (or sequences), or have not as many values as the parameter
        says.
    """
    n_axes = 1 if sequences else 2
    expected = "(length,) or (length, channels)" if sequences else "(H, W) or (H, W, C)"
    if input_shape is not None:
        shape = checked_shape(input_shape)
        if len(shape) not in (n_axes, n_axes + 1):
            raise ValueError(f"input_shape must be {expected}, got {input_shape!r}.")
        whole = shape if len(shape) > n_axes else (*shape, 1)
        if given not in (shape, whole, (math.prod(shape),)):
            raise ValueError(
                f"X has samples of shape {given}, but input_shape={input_shape!r} of {who} asks "
                f"for that shape, or for rows of {math.prod(shape)} features."
            )
        return whole
    if len(given) == n_axes + 1:
        return given
    if len(given) == n_axes:
        return (*given, 1)
    if len(given) != 1:
        raise ValueError(
            f"{who} takes samples of shape {expected}, or rows of features; got X with samples of "
            f"shape {given}."
        )
    side = math.isqrt(given[0])
    return (side, side, 1) if side * side == given[0] else (1, given[0], 1)


def shaped(X: Any, shape: tuple[int, ...]) -> Any:
    """Return checked rows as samples of a shape.

    Parameters
    ----------
    X : array or RowsOnDisk (n_samples, n_features)
        The rows.
    shape : tuple of int
        Of a sample.
    """
    if isinstance(X, RowsOnDisk):
        return RowsOnDisk(X.backend, X.X, X.dtype, shape, X.rows)
    return X.reshape(X.shape[0], *shape)


def patches_at(
    X: Any, places: Any, field: ReceptiveField
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return what units see, and where it begins.

    Parameters
    ----------
    X : ndarray (n, *sizes, n_channels)
        One sample for each.
    places : ndarray (n, n_axes)
        Of the units in their layer.
    field : ReceptiveField
        Of these.
    """
    sizes = np.array(X.shape[1:-1])
    jump, start = np.array(field.jump), np.array(field.start)
    size = np.array(field.size)
    # What sees everything, sees no more than there is.
    whole = jump == 0
    first = np.where(whole, 0, start)
    size = np.where(whole, sizes, size)
    starts = first + places * jump
    patches = np.zeros((len(X), *size, X.shape[-1]), X.dtype)
    for patch, sample, begin in zip(patches, X, starts, strict=True):
        low, high = np.maximum(begin, 0), np.minimum(begin + size, sizes)
        if (high > low).all():
            inside = tuple(map(slice, low - begin, high - begin))
            patch[inside] = sample[tuple(map(slice, low, high))]
    return patches, starts
