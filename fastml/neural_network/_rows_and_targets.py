"""Rows and targets of a fit, checked together in scikit-learn's words."""

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_y, check_consistent_length, validate_data

from fastml._validation import FLOATS, check_finite_wanted, validate
from fastml.backends import fetched, on_device
from fastml.neural_network._on_disk import rows_on_disk

__all__ = ["checked_pair"]


def checked_pair(
    estimator: Any, X: Any, y: Any, *, reset: bool, numeric: bool = False, **options: Any
) -> tuple[Any, Any]:
    """Return rows where they live, and targets on the host.

    Parameters
    ----------
    estimator : estimator instance
        Gets `n_features_in_` and `feature_names_in_`, or is checked against them.
    X : array-like, sparse matrix, device array or memmap
        Rows.
    y : array-like or device array
        Targets.
    reset : bool
        Whether this is a fit from the beginning.
    numeric : bool, default=False
        Whether targets are numbers, not labels.
    **options
        For `sklearn.utils.validation.validate_data`.

    Returns
    -------
    X : ndarray, sparse matrix, device array or RowsOnDisk
        float32 or float64.
    y : ndarray (n_samples,) or (n_samples, n_outputs), or sparse matrix
        Targets.
    """
    y = fetched(y) if on_device(y) else y
    if on_device(X) or isinstance(X, np.memmap):
        check = validate if on_device(X) else rows_on_disk
        X = check(estimator, X, reset=reset, **options)
        y = _check_y(y, multi_output=True, y_numeric=numeric, estimator=estimator)
        check_consistent_length(np.broadcast_to(0, X.shape[:1]), y)
        return X, y
    return validate_data(
        estimator,
        X,
        y,
        reset=reset,
        dtype=FLOATS,
        multi_output=True,
        y_numeric=numeric,
        ensure_all_finite=check_finite_wanted(),
        **options,
    )
