"""Checking input once per public call, in scikit-learn's words, wherever the array lives."""

from typing import Any

import numpy as np
import scipy.sparse as sp
import sklearn
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import _check_n_features, validate_data

from fastml.backends import as_cupy, fetched, on_device, sparse_on_device
from fastml.config import get_config

__all__ = [
    "canonical",
    "check_finite_wanted",
    "is_plain",
    "refuse_non_finite",
    "too_large",
    "validate",
]

FLOATS = [np.float64, np.float32]


def canonical(X: Any) -> Any:
    """Return sparse rows with one entry a place, in order; dense rows as they are.

    Kernels take entries as separate values. A copy is made: SciPy would change the caller's matrix,
    and its own methods do so on matrices that only share their indices with it.
    """
    if sp.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def check_finite_wanted() -> bool:
    """Return whether neither fastml's nor scikit-learn's options turn the check off."""
    return get_config().check_finite and not sklearn.get_config()["assume_finite"]


def validate(estimator: Any, X: Any, *, reset: bool, finite: bool = True, **options: Any) -> Any:
    """Validate the rows given to an estimator.

    Parameters
    ----------
    estimator : estimator instance
        Gets `n_features_in_` and `feature_names_in_`, or is checked against them.
    X : array-like, sparse matrix or device array
        The rows.
    reset : bool
        Whether this is a fit.
    finite : bool
        Whether NaN and infinity are to be looked for here; a caller whose first pass over X
        would show them saves a pass.
    **options
        For `sklearn.utils.validation.validate_data`.

    Returns
    -------
    ndarray, sparse matrix or device array
        float32 or float64; dense rows are still on their device if they came from one.
    """
    if sparse_on_device(X):
        # Callers that look for NaN later do so in dense rows.
        X, finite = fetched(X), True
    if on_device(X):
        return _validate_on_device(estimator, X, reset, finite, options)
    if _needs_no_conversion(estimator, X, **options):
        if finite and check_finite_wanted():
            assert_all_finite(X, estimator_name=type(estimator).__name__, input_name="X")
        _check_n_features(estimator, X, reset=reset)
        return X
    return validate_data(
        estimator,
        X,
        reset=reset,
        dtype=FLOATS,
        ensure_all_finite=finite and check_finite_wanted(),
        **options,
    )


def _needs_no_conversion(
    estimator: Any,
    X: Any,
    *,
    ensure_min_samples: int = 1,
    accept_sparse: Any = None,
    accept_large_sparse: bool = True,
    order: str | None = None,
    **others: Any,
) -> bool:
    """Return whether scikit-learn would hand back X itself, which takes it longer than small fits.

    Options not named here can ask for a copy or for another check.
    """
    return (
        is_plain(X)
        and X.shape[0] >= ensure_min_samples
        and X.shape[1] > 0
        and (order is None or (order == "C" and X.flags.c_contiguous))
        and not others
        and not hasattr(estimator, "feature_names_in_")
    )


def is_plain(X: Any) -> bool:
    """Return whether X is a two-dimensional NumPy array of floats that kernels take."""
    return type(X) is np.ndarray and X.ndim == 2 and X.dtype in FLOATS


def _validate_on_device(
    estimator: Any, X: Any, reset: bool, finite: bool, options: dict[str, Any]
) -> Any:
    """Check shape and dtype against a stand-in without data, and values on the device."""
    X = as_cupy(X)
    stand_in = np.broadcast_to(np.zeros((), X.dtype), X.shape)
    checked = validate_data(
        estimator, stand_in, reset=reset, dtype=FLOATS, ensure_all_finite=False, **options
    )
    X = X.astype(checked.dtype, copy=False)
    if finite and check_finite_wanted() and not bool(np.isfinite(X).all()):
        refuse_non_finite(estimator, X)
    return X


def refuse_non_finite(estimator: Any, X: Any) -> None:
    """Raise scikit-learn's error for an X that is known to hold NaN or infinity.

    Raises
    ------
    ValueError
        Always: where X is finite after all, its values are too large to be added up.
    """
    host = X.get() if on_device(X) else X
    assert_all_finite(host, estimator_name=type(estimator).__name__, input_name="X")
    raise too_large(type(estimator).__name__, host.dtype)


def too_large(who: str, dtype: Any) -> ValueError:
    """Return the error for finite values of which sums or squares overflow."""
    return ValueError(
        f"Input X of {who} contains values too large for {dtype}: "
        "their sums overflow. Scale the data down."
    )
