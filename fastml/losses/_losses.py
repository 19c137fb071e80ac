"""Losses of the outputs of a network."""

from typing import Any

import numpy as np

from fastml.autodiff._variable import value_of
from fastml.losses import _nodes as nodes
from fastml.losses._input import labels_or_shares, pair, reduction_of

__all__ = [
    "binary_cross_entropy", "cross_entropy", "hinge", "poisson", "softmax_cross_entropy",
    "squared", "squared_hinge",
]  # fmt: skip


def _loss(node: Any, outputs: Any, targets: Any, reduction: str, sample_weight: Any) -> Any:
    how = reduction_of(reduction, sample_weight, outputs.shape[:1])
    return node(outputs, targets, how=how)


def squared(
    outputs: Any, targets: Any, *, reduction: str = "mean", sample_weight: Any = None
) -> Any:
    """Return the squared loss ``1/2 sum_k (o_k - t_k)^2`` of samples.

    Parameters
    ----------
    outputs : Variable, or array-like of shape (n_samples, ...)
        What was put out: of each sample any number of values k, over which the loss adds up. An
        array of one axis holds one value of each sample.
    targets : Variable, or array-like of the shape of outputs
        What was wanted.
    reduction : {"mean", "sum", "none"}, default="mean"
        Whether to return the mean over the samples, the sum, or the loss of each.
    sample_weight : array-like of shape (n_samples,), optional
        What to multiply the losses by, at least 0. The mean is divided by the sum of the weights.

    Returns
    -------
    Variable or number or array
        Of the dtype of outputs: of no axes, or of shape (n_samples,) for "none". Sums are float64
        inside and have the same bits on any number of threads. A variable, that gradients flow
        through, if outputs or targets are one. NaN in, NaN out.

    Raises
    ------
    ValueError
        If shapes do not match, dtypes are not real, there is no such reduction, weights are
        negative or not finite, or there is nothing to take the mean of.

    Examples
    --------
    >>> from fastml import losses
    >>> float(losses.squared([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [3.0, 4.0]]))
    1.0
    """
    outputs, targets = pair(outputs, targets)
    return _loss(nodes.squared, outputs, targets, reduction, sample_weight)


def cross_entropy(
    outputs: Any, targets: Any, *, reduction: str = "mean", sample_weight: Any = None
) -> Any:
    """Return the cross-entropy ``-sum_k t_k ln o_k`` of samples.

    Where the outputs are a softmax, `softmax_cross_entropy` of its argument is exact where the
    softmax is rounded to 0.

    Parameters
    ----------
    outputs : Variable, or array-like of shape (n_samples, ...)
        Probabilities, from 0 to 1.
    targets : Variable, or array-like of the shape of outputs
        Probabilities. Where one is 0 its term is 0, whatever the output.
    reduction, sample_weight
        As for `squared`.

    Returns
    -------
    Variable or number or array
        As of `squared`.

    Raises
    ------
    ValueError
        As `squared` does, and for probabilities outside [0, 1].
    """
    outputs, targets = pair(outputs, targets, 0.0, 1.0)
    o = value_of(outputs)
    if o.size and not (o.min() >= 0 and o.max() <= 1):
        raise ValueError(
            f"outputs must be in the range [0, 1], got values from {float(o.min()):g} to "
            f"{float(o.max()):g}."
        )
    return _loss(nodes.cross_entropy, outputs, targets, reduction, sample_weight)


def softmax_cross_entropy(
    logits: Any, targets: Any, *, reduction: str = "mean", sample_weight: Any = None
) -> Any:
    """Return the cross-entropy of targets and the softmax of logits.

    ``L_i = -ln(exp(y_i) / sum_j exp(y_j))`` for the label i; ``sum_i t_i L_i`` for probabilities t.

    Parameters
    ----------
    logits : Variable, or array-like of shape (n_samples, n_classes)
        Scores. There may be more axes of samples in front; none for a single sample.
    targets : array-like of shape (n_samples,), or of the shape of logits
        Labels, integers from 0 to n_classes - 1; or probabilities, which may be a variable.
    reduction : {"mean", "sum", "none"}, default="mean"
        As for `squared`.
    sample_weight : array-like of the shape of logits without the last axis, optional
        As for `squared`.

    Returns
    -------
    Variable or number or array
        As of `squared`.

    Raises
    ------
    ValueError
        As `squared` does, and for labels out of range or probabilities outside [0, 1].

    Examples
    --------
    >>> from fastml import losses
    >>> round(float(losses.softmax_cross_entropy([[3.2, 5.1, -1.7]], [0])), 2)
    2.04
    """
    logits, targets = labels_or_shares(logits, targets)
    how = reduction_of(reduction, sample_weight, logits.shape[:-1])
    return nodes.softmax_cross_entropy(logits, targets, how=how)


def binary_cross_entropy(
    logits: Any, targets: Any, *, reduction: str = "mean", sample_weight: Any = None
) -> Any:
    """Return the cross-entropy of targets and the sigmoid of logits.

    ``-sum_k t_k ln p_k + (1 - t_k) ln(1 - p_k)`` where p is the sigmoid of the logits, computed
    without it: exact for logits of any size.

    Parameters
    ----------
    logits : Variable, or array-like of shape (n_samples, ...)
        Scores; one for each of several answers of a sample.
    targets : Variable, or array-like of the shape of logits
        Probabilities, from 0 to 1.
    reduction, sample_weight
        As for `squared`.

    Returns
    -------
    Variable or number or array
        As of `squared`.

    Raises
    ------
    ValueError
        As `squared` does, and for probabilities outside [0, 1].
    """
    logits, targets = pair(logits, targets, 0.0, 1.0, "logits")
    return _loss(nodes.binary_cross_entropy, logits, targets, reduction, sample_weight)


def _margins(node: Any, outputs: Any, targets: Any, reduction: str, sample_weight: Any) -> Any:
    outputs, targets = pair(outputs, targets)
    t = value_of(targets)
    if not bool((np.abs(t) == 1).all()):
        raise ValueError("targets must be -1 or 1.")
    return _loss(node, outputs, targets, reduction, sample_weight)


def hinge(outputs: Any, targets: Any, *, reduction: str = "mean", sample_weight: Any = None) -> Any:
    """Return the hinge loss ``sum_k max(1 - t_k o_k, 0)`` of samples.

    Parameters
    ----------
    outputs : Variable, or array-like of shape (n_samples, ...)
        Scores; of several classes one against the rest each.
    targets : Variable, or array-like of the shape of outputs
        1 for members of a class, -1 for others.
    reduction, sample_weight
        As for `squared`.

    Returns
    -------
    Variable or number or array
        As of `squared`. The derivative where ``t o`` is 1 is taken to be 0.

    Raises
    ------
    ValueError
        As `squared` does, and for other targets.
    """
    return _margins(nodes.hinge, outputs, targets, reduction, sample_weight)


def squared_hinge(
    outputs: Any, targets: Any, *, reduction: str = "mean", sample_weight: Any = None
) -> Any:
    """Return the squared hinge loss ``sum_k max(1 - t_k o_k, 0)^2`` of samples.

    Parameters
    ----------
    outputs, targets, reduction, sample_weight
        As for `hinge`.

    Returns
    -------
    Variable or number or array
        As of `squared`.

    Raises
    ------
    ValueError
        As `hinge` does.
    """
    return _margins(nodes.squared_hinge, outputs, targets, reduction, sample_weight)


def poisson(
    outputs: Any, targets: Any, *, reduction: str = "mean", sample_weight: Any = None
) -> Any:
    """Return the Poisson loss ``sum_k exp(o_k) - t_k o_k`` of samples.

    Minus the logarithm of the probability of counts t where exp(o) are expected, less what does not
    depend on the outputs.

    Parameters
    ----------
    outputs : Variable, or array-like of shape (n_samples, ...)
        Logarithms of the expected counts.
    targets : Variable, or array-like of the shape of outputs
        Counts, at least 0.
    reduction, sample_weight
        As for `squared`.

    Returns
    -------
    Variable or number or array
        As of `squared`.

    Raises
    ------
    ValueError
        As `squared` does, and for negative targets.
    """
    outputs, targets = pair(outputs, targets, 0.0)
    return _loss(nodes.poisson, outputs, targets, reduction, sample_weight)
