"""What autoencoders minimise: a distance of rows and what is made of them, and penalties."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml.autodiff import primitives as p
from fastml.autodiff._variable import value_of
from fastml.backends import resolve
from fastml.losses import _nodes as nodes
from fastml.losses._nodes import Reduction
from fastml.neural_network._heads import Head
from fastml.neural_network._unrolled import Coded
from fastml.nn.layers._activation import activation_function, checked_activation
from fastml.nn.training import Batch, Loss

__all__ = [
    "Reconstruction", "explained", "reconstruction_head", "refuse_outside", "relative_entropy",
    "squared_distances",
]  # fmt: skip


class Reconstruction(Loss):
    """The mean loss of rows against themselves, and penalties on their code.

    Parameters
    ----------
    loss : {"squared_error", "log_loss"} or callable
        See `Autoencoder`.
    activation : str or callable
        Of the outputs.
    sparsity_target : float or None
        Mean activation that is asked of units of the code.
    sparsity_cost, contractive : float
        Factors of the penalties.
    """

    def __init__(
        self,
        loss: Any,
        activation: Any,
        sparsity_target: float | None = None,
        sparsity_cost: float = 0.0,
        contractive: float = 0.0,
    ) -> None:
        self.loss, self.function = loss, activation_function(activation)
        self.sparsity_target, self.sparsity_cost = sparsity_target, sparsity_cost
        self.contractive = contractive

    def __call__(self, outputs: Coded, batch: Batch) -> Any:
        """Return the mean loss; see `Loss`."""
        value = self._distance(outputs.sums, batch)
        if self.sparsity_target is not None:
            code = p.reshape(outputs.code, shape=(batch.n_rows, -1))
            mean = p.sum(code * _shares(batch, code)[:, None], axis=0)
            value = value + self.sparsity_cost * relative_entropy(self.sparsity_target, mean)
        if outputs.contraction is not None:
            whole = p.sum(outputs.contraction * _shares(batch, outputs.contraction))
            value = value + self.contractive * whole
        return value

    def _distance(self, sums: Any, batch: Batch) -> Any:
        rows = batch.X
        if sp.issparse(rows):
            rows = resolve(value_of(sums)).asarray(rows.toarray())
        if callable(self.loss):
            return self.loss(self.function(sums), rows, sample_weight=batch.weight)
        how = Reduction(False, 1.0 / batch.total, batch.weight)
        if self.loss == "log_loss":
            return nodes.binary_cross_entropy(sums, rows, how=how)
        return nodes.squared(self.function(sums), rows, how=how)


def _shares(batch: Batch, like: Any) -> Any:
    """Return the share of each row in the mean, where a variable is and in its dtype."""
    value = value_of(like)
    weight = np.ones(batch.n_rows) if batch.weight is None else batch.weight
    return resolve(value).asarray(weight / batch.total, value.dtype)


def relative_entropy(target: float, mean: Any) -> Any:
    """Return the Kullback-Leibler divergence of coins of mean `target` and others, summed.

    Parameters
    ----------
    target : float
        In (0, 1).
    mean : Variable or array (n_units,)
        In [0, 1]. Where one of them is 0 or 1, the result is large, and not infinite.
    """
    least = float(np.finfo(value_of(mean).dtype).eps)
    # A sum of shares of units that are always on may be more than 1.
    inside = p.clip(mean, low=least, high=1 - least)
    entropy = target * np.log(target) + (1 - target) * np.log1p(-target)
    cross = target * p.log(inside) + (1 - target) * p.log(1 - inside)
    return p.sum(float(entropy) - cross)


def reconstruction_head(estimator: Any) -> Head:
    """Return the head of an autoencoder; what is "auto" depends on the rows it was fitted to first.

    Parameters
    ----------
    estimator : Autoencoder
        Which knows the least and the largest value of these.

    Raises
    ------
    ValueError
        For outputs that the loss does not take, or rows.
    """
    loss, activation = estimator.loss, estimator.out_activation
    low, high = estimator.data_range_
    shares = low >= 0 and high <= 1
    if loss == "auto":
        given = activation in ("logistic", "sigmoid")
        wanted = activation == "auto" and estimator.activation not in ("identity", None)
        loss = "log_loss" if shares and (given or wanted) else "squared_error"
    if activation == "auto":
        activation = "logistic" if loss == "log_loss" else "identity"
    checked_activation(activation)
    if loss == "log_loss" and activation not in ("logistic", "sigmoid"):
        raise ValueError(
            "loss='log_loss' needs outputs that are probabilities, those of "
            f"out_activation='logistic', got out_activation={activation!r}."
        )
    if loss == "log_loss":
        refuse_outside(low, high)
    e = estimator
    made = Reconstruction(loss, activation, e.sparsity_target, e.sparsity_cost, e.contractive)
    return Head(activation, made)


def refuse_outside(low: float, high: float) -> None:
    """Refuse rows that are not within [0, 1].

    Parameters
    ----------
    low, high : float
        Their least and their largest value.
    """
    if low < 0 or high > 1:
        raise ValueError(
            f"loss='log_loss' is for X within [0, 1], got values from {low:g} to {high:g}. Scale "
            "them (sklearn.preprocessing.MinMaxScaler), or use loss='squared_error'."
        )


def dense_pieces(X: Any, n_rows: int = 4096) -> Iterator[tuple[int, Any]]:
    """Yield the number of the first row, and rows on the host, of (n, n_features), in pieces.

    Parameters
    ----------
    X : array, sparse matrix or RowsOnDisk (n, ...)
        Rows.
    n_rows : int, default=4096
        Of a piece.
    """
    host = resolve(X).to_host
    for start in range(0, X.shape[0], n_rows):
        rows = X[start : start + n_rows]
        rows = rows.toarray() if sp.issparse(rows) else host(rows)
        yield start, rows.reshape(len(rows), -1)


def squared_distances(X: Any, outputs: Any) -> Any:
    """Return the squared distance of each row and its reconstruction, in float64.

    Parameters
    ----------
    X : array, sparse matrix or RowsOnDisk (n, ...)
        Rows.
    outputs : ndarray (n, ...)
        What was made of them, on the host.
    """
    outputs = outputs.reshape(len(outputs), -1)
    found = np.empty(len(outputs))
    for start, rows in dense_pieces(X):
        part = slice(start, start + len(rows))
        difference = np.subtract(rows, outputs[part], dtype=np.float64)
        found[part] = np.einsum("ij,ij->i", difference, difference)
    return found


def explained(X: Any, outputs: Any, weight: Any = None) -> float:
    """Return one less the squared distances of rows to reconstructions over those to their mean.

    Parameters
    ----------
    X, outputs
        As for `squared_distances`.
    weight : ndarray (n,), optional
        Of each row.
    """
    weight = np.ones(len(outputs)) if weight is None else weight
    total, mean, scatter = 0.0, 0.0, 0.0
    for start, rows in dense_pieces(X):
        w = weight[start : start + len(rows)]
        if not w.any():
            continue
        center = np.average(rows, axis=0, weights=w).astype(np.float64)
        squares = np.square(np.subtract(rows, center, dtype=np.float64)).sum(axis=1)
        # Not a product, which BLAS would add up as its threads come.
        spread = float((w * squares).sum())
        shift, both = center - mean, total + w.sum()
        scatter += spread + float(np.square(shift).sum()) * total * w.sum() / both
        mean, total = mean + shift * (w.sum() / both), both
    lost = float((weight * squared_distances(X, outputs)).sum())
    if not scatter:
        return 1.0 if not lost else 0.0
    return float(1.0 - lost / scatter)
