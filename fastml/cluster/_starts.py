"""What an estimator is to start from: checks of its parameters against X, and given centers."""

import warnings
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import _is_arraylike_not_scalar

from fastml._validation import is_plain


def settled_n_init(estimator: Any, X: Any, several: int) -> int:
    """Refuse more clusters than rows; return the number of starts.

    'auto' is `several` where starts are of uneven quality.
    """
    n_clusters, init = estimator.n_clusters, estimator.init
    if X.shape[0] < n_clusters:
        raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={n_clusters}.")
    n_init = estimator.n_init
    if n_init == "auto":
        n_init = several if callable(init) or (isinstance(init, str) and init == "random") else 1
    if _is_arraylike_not_scalar(init) and n_init != 1:
        warnings.warn(
            "Explicit initial center position passed: performing only one init in "
            f"{type(estimator).__name__} instead of n_init={n_init}.",
            RuntimeWarning,
            stacklevel=5,
        )
        n_init = 1
    return int(n_init)


def given_centers(estimator: Any, X: Any, random_state: np.random.RandomState) -> np.ndarray | None:
    """Return centers that an array or a callable gives; None where they are to be drawn."""
    init = estimator.init
    if callable(init):
        init = init(X, estimator.n_clusters, random_state=random_state)
    elif not _is_arraylike_not_scalar(init):
        return None
    if is_plain(init) and init.dtype == X.dtype and init.flags.c_contiguous:
        # What check_array would do with it, in a tenth of the time.
        assert_all_finite(init, input_name="init")
        centers = init
    else:
        centers = check_array(init, dtype=X.dtype, order="C", input_name="init")
    if centers.shape[0] != estimator.n_clusters:
        raise ValueError(
            f"The shape of the initial centers {centers.shape} does not match the number of "
            f"clusters {estimator.n_clusters}."
        )
    if centers.shape[1] != X.shape[1]:
        raise ValueError(
            f"The shape of the initial centers {centers.shape} does not match the number of "
            f"features of the data {X.shape[1]}."
        )
    return centers


def same_clustering(labels: np.ndarray, others: np.ndarray) -> bool:
    """Return whether two labellings differ in the names of the clusters only."""
    pairs = labels.astype(np.int64) * (int(others.max()) + 1) + others
    n_pairs = len(np.unique(pairs))
    return n_pairs == len(np.unique(labels)) == len(np.unique(others))
