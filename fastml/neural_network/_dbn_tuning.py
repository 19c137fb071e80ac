"""Fine-tuning by back-propagation: the recognition weights as a network that tells classes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastml.backends import Backend
from fastml.neural_network._heads import classifier_head
from fastml.neural_network._task import prepared_rows
from fastml.nn import Network
from fastml.nn.layers import Dense
from fastml.nn.optimizers import AdamOptimizer
from fastml.nn.training import DivergenceError, InMemory, Settings, TrainingState, train


def back_propagation(
    estimator: Any,
    X: Any,
    numbers: Any,
    backend: Backend,
    n_iter: int,
    seed: int,
    told: Callable[[Any], bool],
) -> None:
    """Train all layers upwards, with a softmax of the classes on top; set `coefs_`.

    Parameters
    ----------
    estimator : BaseDBN
        With layers that are fitted.
    X : array or CSR matrix
        Rows.
    numbers : ndarray of shape (n_rows,)
        Numbers of their classes.
    backend : Backend
        Where it runs.
    n_iter : int
        Passes.
    seed : int
        Key of the draws.
    told : callable
        Told of each pass; True ends the training.

    Raises
    ------
    DivergenceError
        A ValueError, for a loss that becomes NaN or infinite.
    """
    dtype = np.dtype(str(X.dtype))
    coefs, intercepts = estimator._upward_layers()
    layers = [
        *(Dense(len(bias), "logistic") for bias in intercepts),
        Dense(len(estimator.classes_)),
    ]
    network = Network(layers, X.shape[1], dtype=dtype, seed=seed)
    for number, arrays in enumerate(zip(coefs, intercepts, strict=True)):
        for name, array in zip(("weight", "bias"), arrays, strict=True):
            network.views[f"{number}.{name}"][...] = array
    network.to(backend)

    def keep(state: Any = None) -> bool:
        flat = np.array(backend.to_host(network.flat), dtype)
        arrays = list(network.split(flat).values())
        estimator.coefs_, estimator.intercepts_ = arrays[::2], arrays[1::2]
        return state is not None and told(state)

    keep()
    if not n_iter:
        return
    rows, targets = prepared_rows(backend, X), backend.asarray(numbers)
    source = InMemory(backend, rows, targets, batch_size=estimator.batch_size, seed=seed)
    try:
        train(
            network,
            classifier_head("log_loss", "auto", True).loss,
            source,
            optimizer=AdamOptimizer([network.flat], estimator._fine_tuning_rate()),
            settings=Settings(n_iter, n_iter_no_change=np.inf, verbose=bool(estimator.verbose)),
            state=TrainingState(seed=seed),
            on_epoch=keep,
        )
    except DivergenceError:
        keep()
        raise
