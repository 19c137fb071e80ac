"""What losses take, checked."""

import math
from typing import Any

import numpy as np

from fastml.autodiff import Variable
from fastml.autodiff._real import real_values
from fastml.autodiff._variable import value_of
from fastml.backends import fetched, on_device
from fastml.losses._nodes import Reduction

__all__ = ["as_floats", "labels_or_shares", "number", "pair", "reduction_of"]

REDUCTIONS = ("mean", "sum", "none")


def as_floats(x: Any, name: str) -> Any:
    """Return a variable as it is, anything else as an array of float32 or float64."""
    x = real_values(x, name)
    if type(x) is Variable or (x.dtype.kind == "f" and x.dtype.itemsize in (4, 8)):
        return x
    return x.astype(np.float32 if x.dtype == np.float16 else np.float64)


def number(name: str, value: Any, low: float, high: float) -> float:
    """Return a parameter as a float, if it is finite and within limits."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = np.nan
    if not (low <= found <= high and np.isfinite(found)):
        upper = f"[{low:g}, {high:g}]" if np.isfinite(high) else f"[{low:g}, inf)"
        raise ValueError(f"{name} must be a number in the range {upper}, got {value!r}.")
    return found


def pair(
    outputs: Any, targets: Any, low: float = -np.inf, high: float = np.inf, name: str = "outputs"
) -> tuple[Any, Any]:
    """Return outputs and targets of one shape, the targets within limits."""
    outputs, targets = as_floats(outputs, name), as_floats(targets, "targets")
    if outputs.shape != targets.shape:
        raise ValueError(
            f"targets must have the shape of {name}, {outputs.shape}, got {targets.shape}."
        )
    _refuse_outside(value_of(targets), low, high)
    return outputs, targets


def _refuse_outside(t: Any, low: float, high: float) -> None:
    if not t.size:
        return
    # NaN is not inside either.
    if (low > -np.inf and not t.min() >= low) or (high < np.inf and not t.max() <= high):
        upper = f"[{low:g}, {high:g}]" if high < np.inf else f"[{low:g}, inf)"
        raise ValueError(
            f"targets must be in the range {upper}, got values from {float(t.min()):g} to "
            f"{float(t.max()):g}."
        )


def labels_or_shares(logits: Any, targets: Any) -> tuple[Any, Any]:
    """Return logits, and labels as int64 or probabilities of the shape of the logits."""
    logits = as_floats(logits, "logits")
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(
            "logits must have a score of at least one class along the last axis, got shape "
            f"{logits.shape}."
        )
    if not hasattr(targets, "dtype"):
        targets = np.asarray(targets)
    if targets.shape == logits.shape:
        return pair(logits, targets, 0.0, 1.0, "logits")
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"targets must be labels of shape {logits.shape[:-1]}, or probabilities of the shape "
            f"of logits, {logits.shape}; got shape {targets.shape}."
        )
    return logits, _labels(targets, logits.shape[-1])


def _labels(labels: Any, n_classes: int) -> Any:
    if type(labels) is Variable or labels.dtype.kind not in "iu":
        raise ValueError(f"Labels must be integers, got dtype {labels.dtype}.")
    # As unsigned numbers negative ones are the largest: one pass finds them too.
    found = labels.astype(np.int64, copy=False)
    if found.size and int(found.astype(np.uint64, copy=False).max()) >= n_classes:
        raise ValueError(
            f"Labels must be from 0 to {n_classes - 1}, as there are {n_classes} scores for each "
            f"sample; got labels from {labels.min()} to {labels.max()}."
        )
    return found


def reduction_of(reduction: str, sample_weight: Any, shape: tuple[int, ...]) -> Reduction:
    """Return what to make of the losses of samples of a shape."""
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}."
        )
    n = math.prod(shape)
    if reduction == "mean" and n == 0:
        raise ValueError("reduction='mean' needs at least one sample, got none.")
    if sample_weight is None:
        return Reduction(reduction == "none", 1.0 / n if reduction == "mean" else 1.0)
    if type(sample_weight) is Variable:
        raise TypeError("sample_weight must be an array: no gradient flows through weights.")
    weight = np.asarray(fetched(sample_weight) if on_device(sample_weight) else sample_weight)
    if weight.shape != shape:
        raise ValueError(f"sample_weight must have shape {shape}, got {weight.shape}.")
    weight = weight.astype(np.float64)
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError("sample_weight must be finite and not negative.")
    if reduction != "mean":
        return Reduction(reduction == "none", 1.0, weight)
    total = float(weight.sum())
    if total == 0:
        raise ValueError("reduction='mean' needs a sample_weight above 0, got zeros only.")
    return Reduction(False, 1.0 / total, weight)
