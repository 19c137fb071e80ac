"""A restricted Boltzmann machine whose hidden units are linear: the code of a deep autoencoder."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from fastml import backends
from fastml.kernels.rbm.scalar import HIDDEN, VISIBLE
from fastml.neural_network._rbm_half_step import HalfStep
from fastml.nn.functional._row_sums import transposed_product

__all__ = ["Code", "learn_code"]

# Standard deviation of the weights to begin with, as of other machines.
SPREAD = 0.01


class Code(NamedTuple):
    """What was learned: arrays (n_features, n_units), (n_units,) and (n_features,)."""

    weights: Any
    hidden_bias: Any
    visible_bias: Any


def learn_code(
    X: Any,
    n_units: int,
    dtype: Any,
    seed: int,
    *,
    n_iter: int,
    batch_size: int,
    learning_rate: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    rate: float = 1.0,
    **others: Any,
) -> Code:
    """Train a machine of binary visible and Gaussian hidden units by contrastive divergence.

    Hidden units have variance 1: given v, h is normal about ``v W + c``; given h, units of v are on
    with probability ``sigmoid(W h + b)``.

    Parameters
    ----------
    X : array or CSR matrix (n_samples, n_features)
        States of the visible units or their probabilities.
    n_units : int
        Hidden units.
    dtype : dtype
        float32 or float64.
    seed : int
        Key of the draws.
    n_iter, batch_size, learning_rate, momentum, weight_decay
        As for `BernoulliRBM`.
    rate : float, default=1
        What the learning rate is multiplied by.
    **others
        Parameters of other machines.

    Returns
    -------
    Code
        On the host.

    References
    ----------
    G. E. Hinton and R. R. Salakhutdinov, "Reducing the dimensionality of data with neural
    networks", Science 313, 2006, supporting material.
    """
    backend, dtype = backends.resolve(X), np.dtype(dtype)
    n_features, step_size = X.shape[1], dtype.type(learning_rate * rate)
    keep, decay = dtype.type(momentum), dtype.type(weight_decay)
    first = np.random.RandomState(seed).normal(0, SPREAD, (n_features, n_units))
    W = backend.asarray(first, dtype)
    b, c = (backend.asarray(np.zeros(n), dtype) for n in (n_features, n_units))
    ones = backend.asarray(np.ones(n_units), dtype)
    velocities = [backend.asarray(np.zeros(a.shape), dtype) for a in (W, b, c)]
    turned = backend.empty((n_units, n_features), dtype)
    # Both see the parameters change.
    up, down = HalfStep(backend, W, c, HIDDEN, ones), HalfStep(backend, turned, b, VISIBLE)
    batches = [X[i : i + batch_size] for i in range(0, X.shape[0], batch_size)]
    for step, rows in enumerate(batches * n_iter):
        v = backend.asarray(rows.toarray() if sp.issparse(rows) else rows, dtype)
        share = dtype.type(1 / len(v))
        turned[...] = W.T
        means, back = up.means(v), down.means(up.draw(v, seed, step))
        again = up.means(back)
        seen, made = transposed_product(backend, v, means), transposed_product(backend, back, again)
        slopes = (
            (seen - made) * share - decay * W,
            (v - back).sum(axis=0) * share,
            (means - again).sum(axis=0) * share,
        )
        for parameter, velocity, slope in zip((W, b, c), velocities, slopes, strict=True):
            velocity *= keep
            velocity += step_size * slope
            parameter += velocity
    found = Code(*(backend.to_host(a) for a in (W, c, b)))
    if not all(np.isfinite(a).all() for a in found):
        raise ValueError(
            "The machine of the code diverged: lower learning_rate or momentum in pretraining."
        )
    return found
