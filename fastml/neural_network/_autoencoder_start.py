"""What an autoencoder's weights are at first: principal components, or Boltzmann machines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from fastml import backends
from fastml._random import seed_from
from fastml.autodiff import grad
from fastml.autodiff import primitives as p
from fastml.decomposition import PCA
from fastml.neural_network._code_machine import learn_code
from fastml.neural_network._gaussian_rbm import GaussianRBM
from fastml.neural_network._rbm import BernoulliRBM
from fastml.neural_network._unrolled import DECODER, ENCODER
from fastml.nn import Network
from fastml.nn.functional import dense
from fastml.nn.layers import Dense
from fastml.nn.layers._activation import activation_function
from fastml.nn.training import RowsOnDisk

__all__ = ["begin_with"]

# Of the machines, unless `pretraining` says something else.
PRETRAINING = {
    "algorithm": "cd", "n_iter": 20, "batch_size": 20, "learning_rate": 0.1, "momentum": 0.5,
}  # fmt: skip
# Units without bounds learn more slowly, or not at all (Hinton 2012, section 13.2).
LINEAR_RATE = 0.1


class Pair(NamedTuple):
    """A dense layer of the encoder, and the one of the decoder that undoes it.

    Attributes
    ----------
    weight, bias : arrays (n_in, n_out) and (n_out,)
        Of the encoder: parts of a network, to be set.
    back, back_bias : arrays (n_out, n_in) or None, and (n_in,)
        Of the decoder; None for tied weights.
    activation, below : str or callable
        Of the layer, and of what its inputs come from.
    """

    weight: Any
    bias: Any
    back: Any
    back_bias: Any
    activation: Any
    below: Any


def begin_with(estimator: Any, network: Network, X: Any, weight: Any) -> None:
    """Set the parameters of a new network as ``init='pca'`` or ``'rbm'`` says.

    Parameters
    ----------
    estimator : Autoencoder
        Whose; its rows have been looked at.
    network : Network
        On the host, of one layer `Unrolled` of dense layers.
    X : array, sparse matrix or RowsOnDisk (n_samples, n_features)
        Checked rows.
    weight : ndarray (n_samples,) or None
        What they weigh. Machines count all rows alike that weigh anything.
    """
    seed = seed_from(estimator._random_state)
    path = estimator.checkpoint
    if path is not None and Path(path).exists():
        # The fit goes on from there.
        return
    rows = X[:] if isinstance(X, RowsOnDisk) else X
    if weight is not None and not weight.all():
        some = np.flatnonzero(weight)
        if not len(some):
            return
        there = backends.resolve(rows).asarray(some) if backends.on_device(rows) else some
        rows, weight = rows[there], weight[some]
    pairs = list(_pairs(network, estimator.out_activation_))
    if estimator.init == "pca":
        _principal(pairs, rows, weight, seed)
    else:
        _unroll(pairs, rows, seed, estimator)


def _pairs(network: Network, out_activation: Any) -> Iterator[Pair]:
    """Yield the layers from the input on."""
    layer: Any = network.layer.layers[0]
    numbers = [i for i, x in enumerate(layer.encoder.layers) if isinstance(x, Dense)]
    back = [i for i, x in enumerate(layer.decoder.layers) if isinstance(x, Dense)][::-1]
    views, below = network.views, out_activation
    for i, j in zip(numbers, back, strict=True):
        activation = layer.encoder.layers[i].activation
        yield Pair(
            views[f"{ENCODER}.{i}.weight"], views[f"{ENCODER}.{i}.bias"],
            views.get(f"{DECODER}.{j}.weight"), views[f"{DECODER}.{j}.bias"], activation, below,
        )  # fmt: skip
        below = activation


def _about_zero(activation: Any) -> tuple[float, float]:
    """Return value and slope of an activation at 0; slope 1 where it does not rise there."""
    function = activation_function(activation)
    slope = float(grad(lambda x: p.sum(function(x)))(np.zeros(1))[0])
    return float(function(np.zeros(1))[0]), slope if slope > 0 else 1.0


def _principal(pairs: list[Pair], rows: Any, weight: Any, seed: int) -> None:
    """Give units the principal components of what comes to them.

    Activations are taken to be linear about 0, so that the decoder's layers undo the encoder's.
    Units that there are no components for keep their weights.
    """
    for number, layer in enumerate(pairs):
        n_features, n_units = layer.weight.shape
        m = min(n_units, n_features, rows.shape[0])
        if sp.issparse(rows) and m == min(rows.shape):
            # ARPACK does not find all of them; there are not many.
            rows = rows.toarray()
        solver = "arpack" if sp.issparse(rows) else "auto"
        pca = PCA(m, svd_solver=solver, random_state=(seed + number) % 2**32)
        pca.fit(rows, sample_weight=weight)
        (at_0, slope), (below_0, below) = map(_about_zero, (layer.activation, layer.below))
        scale = 1 / np.sqrt(slope * below)
        components = scale * pca.components_.astype(np.float64)
        layer.weight[:, :m] = components.T
        # Not BLAS, whose sums depend on its threads.
        layer.bias[:m] = -np.einsum("ij,j->i", components, pca.mean_)
        layer.back_bias[:] = (pca.mean_ - below_0) / below - at_0 * components.sum(axis=0)
        if layer.back is not None:
            layer.back[:] = layer.weight.T
        rows = _upwards(layer, rows)


def _upwards(layer: Pair, rows: Any) -> Any:
    """Return what a layer makes of rows, where these are."""
    backend = backends.resolve(rows)
    dtype = layer.weight.dtype
    rows = rows.astype(dtype) if sp.issparse(rows) else backend.asarray(rows, dtype)
    weight, bias = backend.asarray(layer.weight), backend.asarray(layer.bias)
    return dense(rows, weight, bias, layer.activation)


def _unroll(pairs: list[Pair], rows: Any, seed: int, estimator: Any) -> None:
    """Train machines one after another; give encoder and decoder the weights of each."""
    given = _checked(estimator.pretraining or {})
    low, high = estimator.data_range_
    binary = low >= 0 and high <= 1
    for number, layer in enumerate(pairs):
        key = (seed + number) % 2**32
        n_units = layer.weight.shape[1]
        if layer.activation in (None, "identity"):
            if not binary:
                raise ValueError(
                    "init='rbm' has no machine for a linear code of X that is not within [0, 1]. "
                    "init='pca' is what linear units come to; or scale X "
                    "(sklearn.preprocessing.MinMaxScaler), or add hidden layers."
                )
            code = learn_code(rows, n_units, layer.weight.dtype, key, rate=LINEAR_RATE, **given)
            up, hidden_bias, visible_bias = code
            down = up.T
        else:
            machine: Any = BernoulliRBM if binary else GaussianRBM
            # With tied weights, units of variance 1 alone have the same weights both ways.
            options = dict(given)
            if not binary:
                options["variance"] = 1.0 if layer.back is None else "data"
                options["learning_rate"] *= LINEAR_RATE
            model = machine(n_units, random_state=key, **options).fit(rows)
            down, hidden_bias = model.components_, model.intercept_hidden_
            visible_bias = model.intercept_visible_
            up = down.T if binary else down.T / model.variance_[:, None]
        layer.weight[:], layer.bias[:], layer.back_bias[:] = up, hidden_bias, visible_bias
        if layer.back is not None:
            layer.back[:] = down
        rows, binary = _upwards(layer, rows), True


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of machines, if they have such."""
    known = set(BernoulliRBM._get_param_names()) - {"n_components", "random_state", "out_of_range"}
    for name in given:
        if name not in known:
            raise ValueError(
                f"pretraining must hold parameters of BernoulliRBM other than n_components and "
                f"random_state, {sorted(known)}, got {name!r}."
            )
    found: dict[str, Any] = PRETRAINING | given
    BernoulliRBM(**found)._validate_params()
    return found
