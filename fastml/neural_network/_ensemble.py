"""Predictions of an estimator's networks under masks of dropout, as an ensemble."""

from typing import Any

import numpy as np

from fastml._random import seed_from
from fastml.neural_network._heads import activated
from fastml.neural_network._task import backend_of, prepared_rows, stretches
from fastml.nn import EnsembleMoments, ensemble_moments

__all__ = ["moments_over_masks"]


def moments_over_masks(estimator: Any, X: Any, n_masks: Any, random_state: Any) -> EnsembleMoments:
    """Return mean and standard deviation of an estimator's outputs over masks.

    Parameters
    ----------
    estimator : BaseNetworkEstimator
        Fitted.
    X : array-like, sparse matrix or device array (n_samples, ...)
        Rows as they were given.
    n_masks : int or "all"
        As `fastml.nn.ensemble_moments` takes it.
    random_state : int, RandomState instance or None
        Determines the masks.
    """
    X = estimator._new_rows(X)
    backend = backend_of(X)
    rows = prepared_rows(backend, X)
    network = estimator._load(estimator._sample_shape(rows), rows.dtype).to(backend)

    def outputs(sums: Any) -> Any:
        return activated(estimator.out_activation_, sums)

    seed = seed_from(random_state)
    parts = [
        ensemble_moments(network, part, n_masks, seed=seed, activate=outputs)
        for part in stretches(rows, estimator._rows_at_once)
    ]
    mean, std = (
        np.concatenate([getattr(part, name) for part in parts]).astype(rows.dtype, copy=False)
        for name in ("mean", "std")
    )
    return EnsembleMoments(mean, std, parts[0].n_members)
