"""Losses under the names, order and defaults that PyTorch's functions have.

What PyTorch deprecates, `size_average` and `reduce`, is left out; what comes after them there is
keyword-only here.
"""

from typing import Any

import numpy as np

from fastml import losses
from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.autodiff._real import real_values
from fastml.autodiff._variable import value_of
from fastml.backends import on_device, resolve
from fastml.losses._input import REDUCTIONS

__all__ = ["binary_cross_entropy_with_logits", "cross_entropy", "mse_loss", "nll_loss"]


def _xp(a: Any) -> Any:
    return resolve(value_of(a)).xp if on_device(value_of(a)) else np


def _floats(x: Any, name: str) -> Any:
    x = real_values(x, name)
    if type(x) is Variable or x.dtype.char in "fd":
        return x
    return x.astype(np.float32 if x.dtype == np.float16 else np.float64)


def _checked(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        known = ", ".join(map(repr, REDUCTIONS))
        raise ValueError(f"reduction must be one of {known}, got {reduction!r}.")


def _reduced(found: Any, reduction: str, total: Any = None) -> Any:
    """Return losses as they are, their sum, or that over their number or a total."""
    if reduction == "none":
        return found
    whole = p.sum(found)
    if reduction == "sum":
        return whole
    return whole / (found.size if total is None else total)


def mse_loss(input: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Return the squared difference, by default its mean over all elements.

    Parameters
    ----------
    input, target : Variable or array-like of one shape
        What was put out, and what was wanted.
    reduction : {"mean", "sum", "none"}, default="mean"
        What to make of the elements.

    Returns
    -------
    Variable, number or array
        Of the shape of the input for "none".

    Examples
    --------
    >>> from fastml.nn.functional import mse_loss
    >>> float(mse_loss([1.0, 2.0], [1.0, 4.0]))
    2.0
    """
    x, t = _floats(input, "input"), _floats(target, "target")
    if x.shape != t.shape:
        raise ValueError(f"target must have the shape of input, {x.shape}, got {t.shape}.")
    found = 2 * losses.squared(
        p.reshape(x, shape=(x.size,)), p.reshape(t, shape=(x.size,)), reduction=reduction
    )
    return p.reshape(found, shape=x.shape) if reduction == "none" else found


def _class_last(x: Any) -> Any:
    """Return scores of classes, which are the second axis, or the only one, with these last."""
    if x.ndim == 0:
        raise ValueError("input must have an axis of classes, got shape ().")
    return p.moveaxis(x, 1, -1) if x.ndim > 2 else x


def _is_labels(target: Any) -> bool:
    return type(target) is not Variable and target.dtype.kind in "iu"


def _class_weight(weight: Any, n_classes: int, like: Any) -> Any:
    xp = _xp(like)
    if weight is None:
        return xp.ones(n_classes, like.dtype)
    weight = xp.asarray(value_of(weight), dtype=like.dtype)
    if weight.shape != (n_classes,):
        raise ValueError(f"weight must have shape ({n_classes},), got {weight.shape}.")
    return weight


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Return the cross-entropy of targets and the softmax of scores.

    Parameters
    ----------
    input : Variable or array-like of shape (n_classes,), (n, n_classes) or (n, n_classes, ...)
        Scores.
    target : array-like of shape (), (n,) or (n, ...), or of the shape of input
        Labels, integers from 0 to n_classes - 1; or probabilities, which may be a variable.
    weight : array-like of shape (n_classes,), optional
        Of each class. With labels the mean is over the sum of the weights of the labels.
    ignore_index : int, default=-100
        Samples with this label do not count.
    reduction : {"mean", "sum", "none"}, default="mean"
        What to make of the losses of the samples.
    label_smoothing : float, default=0.0
        Share, from 0 to 1, of the target that is spread over all classes.

    Returns
    -------
    Variable, number or array
        For "none" of the shape of input without its classes.

    Raises
    ------
    ValueError
        If shapes do not match or numbers are out of range.

    Examples
    --------
    >>> from fastml.nn.functional import cross_entropy
    >>> round(float(cross_entropy([[3.2, 5.1, -1.7]], [0])), 2)
    2.04
    """
    _checked(reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing!r}.")
    x = _class_last(_floats(input, "input"))
    target = target if hasattr(target, "dtype") else np.asarray(target)
    if _is_labels(target) and target.shape == x.shape[:-1]:
        ignored = target == ignore_index
        if weight is None and label_smoothing == 0 and not bool(ignored.any()):
            return losses.softmax_cross_entropy(x, target, reduction=reduction)
        return _of_labels(x, target, ignored, weight, reduction, label_smoothing)
    shares = _class_last(target if type(target) is Variable else _floats(target, "target"))
    if weight is None and label_smoothing == 0:
        return losses.softmax_cross_entropy(x, shares, reduction=reduction)
    if shares.shape != x.shape:
        raise ValueError(
            f"target must be labels of shape {x.shape[:-1]}, or probabilities of the shape of "
            f"input; got shape {target.shape}."
        )
    n_classes = x.shape[-1]
    shares = (1 - label_smoothing) * shares + label_smoothing / n_classes
    weighted = shares * _class_weight(weight, n_classes, x)
    return _reduced(-p.sum(weighted * p.log_softmax(x, axis=-1), axis=-1), reduction)


def _of_labels(
    x: Any, labels: Any, ignored: Any, weight: Any, reduction: str, smoothing: float
) -> Any:
    """Return the cross-entropy where classes have weights or labels are smoothed or left out."""
    n_classes, xp = x.shape[-1], _xp(x)
    counts = xp.asarray(~ignored)
    known = xp.where(counts, xp.asarray(labels), 0)
    per_class = _class_weight(weight, n_classes, x)
    # Labels are checked, and losses without weights computed, by the node.
    plain = losses.softmax_cross_entropy(x, known, reduction="none")
    factor = per_class[known] * counts
    found = (1 - smoothing) * plain * factor
    if smoothing:
        spread = -p.sum(per_class * p.log_softmax(x, axis=-1), axis=-1)
        found = found + smoothing / n_classes * spread * counts.astype(x.dtype)
    return _reduced(found, reduction, factor.sum())


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Return minus the log-probabilities of labels.

    Parameters
    ----------
    input : Variable or array-like of shape (n_classes,), (n, n_classes) or (n, n_classes, ...)
        Logarithms of probabilities, as `log_softmax` returns them.
    target : array-like of shape (), (n,) or (n, ...)
        Labels, integers from 0 to n_classes - 1.
    weight, ignore_index, reduction
        As for `cross_entropy`.

    Returns
    -------
    Variable, number or array
        For "none" of the shape of target.
    """
    _checked(reduction)
    x, xp = _class_last(_floats(input, "input")), _xp(input)
    labels = xp.asarray(target)
    if labels.dtype.kind not in "iu" or labels.shape != x.shape[:-1]:
        raise ValueError(
            f"target must be labels, integers of shape {x.shape[:-1]}; got {labels.dtype} of shape "
            f"{labels.shape}."
        )
    counts = labels != ignore_index
    known = xp.where(counts, labels, 0)
    n_classes = x.shape[-1]
    if known.size and not (int(known.min()) >= 0 and int(known.max()) < n_classes):
        raise ValueError(f"target must be labels from 0 to {n_classes - 1}, or {ignore_index}.")
    factor = _class_weight(weight, n_classes, x)[known] * counts
    chosen = (known[..., None] == xp.arange(n_classes)) * factor[..., None]
    # Not a product with zeros: log-probabilities may be -inf.
    terms = p.where(chosen != 0, x, xp.zeros(x.shape, x.dtype)) * -chosen
    return _reduced(p.sum(terms, axis=-1), reduction, factor.sum())


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Return the cross-entropy of targets and the sigmoid of scores, of each element.

    Parameters
    ----------
    input : Variable or array-like, any shape
        Scores.
    target : Variable or array-like of the shape of input
        Probabilities, from 0 to 1.
    weight : array-like that broadcasts to that shape, optional
        What losses are multiplied by.
    reduction : {"mean", "sum", "none"}, default="mean"
        What to make of the elements.
    pos_weight : array-like that broadcasts to that shape, optional
        What the part of the target itself, not that of its complement, is multiplied by.

    Returns
    -------
    Variable, number or array
        Of the shape of the input for "none".
    """
    _checked(reduction)
    x, t = _floats(input, "input"), _floats(target, "target")
    if x.shape != t.shape:
        raise ValueError(f"target must have the shape of input, {x.shape}, got {t.shape}.")
    if pos_weight is None:
        flat = p.reshape(x, shape=(x.size,)), p.reshape(t, shape=(x.size,))
        if weight is None and reduction != "none":
            return losses.binary_cross_entropy(*flat, reduction=reduction)
        found = p.reshape(losses.binary_cross_entropy(*flat, reduction="none"), shape=x.shape)
    else:
        more = 1 + (_xp(x).asarray(pos_weight, dtype=x.dtype) - 1) * t
        found = (1 - t) * x + more * p.softplus(-x)
    if weight is not None:
        found = found * _xp(x).asarray(weight, dtype=x.dtype)
    return _reduced(found, reduction)
