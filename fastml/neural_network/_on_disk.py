"""Rows that stay on disk: checked a piece at a time, and read as batches need them."""

from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from fastml import backends
from fastml._validation import FLOATS, check_finite_wanted
from fastml.nn.training import RowsOnDisk

__all__ = ["rows_on_disk"]

# Bytes looked at together for NaN and infinity.
PIECE = 1 << 22


def rows_on_disk(estimator: Any, X: np.memmap, *, reset: bool, **options: Any) -> RowsOnDisk:
    """Return checked rows of a memory-mapped array, without a copy of it.

    Parameters
    ----------
    estimator : estimator instance
        Gets `n_features_in_`, or is checked against it.
    X : memmap (n_samples, ...)
        Rows, of any real dtype.
    reset : bool
        Whether this is a fit from the beginning.
    **options
        For `sklearn.utils.validation.validate_data`.

    Returns
    -------
    RowsOnDisk
        float32 or float64.
    """
    options = {name: value for name, value in options.items() if name != "accept_sparse"}
    # Shape and dtype are checked on a stand-in without data.
    stand_in = np.broadcast_to(np.zeros((), X.dtype), X.shape)
    dtype = validate_data(
        estimator,
        stand_in[:2] if X.ndim else stand_in,
        reset=reset,
        dtype=FLOATS,
        ensure_all_finite=False,
        **options,
    ).dtype
    if X.dtype.kind == "f" and check_finite_wanted():
        step = max(1, PIECE * len(X) // max(1, X.nbytes))
        for start in range(0, len(X), step):
            piece = np.asarray(X[start : start + step])
            name = type(estimator).__name__
            assert_all_finite(piece, estimator_name=name, input_name="X")
    return RowsOnDisk(backends.resolve(X), X, dtype)
