"""What a support vector classifier is fitted to, checked in scikit-learn's words."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    _check_y,
    _num_samples,
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from fastml._validation import FLOATS, canonical, check_finite_wanted, validate
from fastml.backends import fetched, on_device

__all__ = ["called_kernel", "checked_classes", "checked_limits", "checked_rows"]
__all__ += ["checked_rows_and_targets"]


def checked_rows_and_targets(estimator: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """Return rows where they live, and targets on the host.

    Parameters
    ----------
    estimator : SVC
        Gets `n_features_in_` and `feature_names_in_`.
    X : array-like, sparse matrix or device array of shape (n_samples, n_features)
        Rows or kernel matrix; with a callable kernel anything that has a length, as it is.
    y : array-like of shape (n_samples,)
        Labels.

    Raises
    ------
    TypeError, ValueError
        For what scikit-learn refuses too.
    """
    y = fetched(y) if on_device(y) else y
    if callable(estimator.kernel):
        check_consistent_length(X, y)
        return X, column_or_1d(y, warn=True)
    if sparse.issparse(X) and estimator.kernel == "precomputed":
        raise TypeError("Sparse precomputed kernels are not supported.")
    options: dict[str, Any] = {"accept_sparse": "csr", "accept_large_sparse": False}
    if on_device(X) or _are_integers(y):
        X = validate(estimator, X, reset=True, **options)
        y = y if _are_integers(y) else _check_y(y, estimator=estimator)
        check_consistent_length(np.broadcast_to(0, X.shape[:1]), y)
    else:
        X, y = validate_data(
            estimator, X, y, dtype=FLOATS, ensure_all_finite=check_finite_wanted(), **options
        )
    if estimator.kernel == "precomputed" and X.shape[0] != X.shape[1]:
        raise ValueError(
            "Precomputed matrix must be a square matrix."
            f" Input is a {X.shape[0]}x{X.shape[1]} matrix."
        )
    return canonical(X), y


def _are_integers(y: Any) -> bool:
    """Return whether there is nothing to check about labels, which takes as long as a small fit."""
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iu"


def checked_rows(estimator: Any, X: Any) -> Any:
    """Return the rows of a prediction as the estimator was fitted to them: sparse or not."""
    if callable(estimator.kernel):
        return X
    X = validate(estimator, X, reset=False, accept_sparse="csr", accept_large_sparse=False)
    if estimator._sparse and not sparse.issparse(X):
        X = sparse.csr_array(fetched(X) if on_device(X) else X)
    if sparse.issparse(X) and not estimator._sparse:
        raise ValueError(
            f"cannot use sparse input in {type(estimator).__name__!r} trained on dense data"
        )
    if estimator.kernel == "precomputed" and X.shape[1] != estimator.shape_fit_[0]:
        raise _wrong_width(X, estimator.shape_fit_[0])
    return canonical(X)


def _wrong_width(matrix: Any, n_samples: int) -> ValueError:
    return ValueError(
        f"X.shape[1] = {matrix.shape[1]} should be equal to {n_samples}, "
        "the number of samples at training time"
    )


def called_kernel(estimator: Any, X: Any, others: Any) -> Any:
    """Return the kernel matrix that a callable makes of rows and others, in host memory."""
    values = estimator.kernel(X, others)
    if sparse.issparse(values):
        values = values.toarray()
    values = np.asarray(values)
    values = values.astype(values.dtype if values.dtype in FLOATS else np.float64, copy=False)
    if values.ndim != 2 or values.shape[0] != _num_samples(X):
        raise ValueError(
            "The callable passed as kernel must return a matrix with a row for each sample, got "
            f"shape {values.shape} for {_num_samples(X)} samples."
        )
    if values.shape[1] != _num_samples(others):
        raise _wrong_width(values, _num_samples(others))
    if check_finite_wanted():
        assert_all_finite(values, input_name="the kernel matrix")
    return values


def checked_classes(estimator: Any, y: Any) -> Any:
    """Set `classes_` and `class_weight_`; return the number of each row's class."""
    if not _are_integers(y):
        check_classification_targets(y)
    classes, numbers = np.unique(y, return_inverse=True)
    if estimator.class_weight is None:
        estimator.class_weight_ = np.ones(len(classes))
    else:
        estimator.class_weight_ = compute_class_weight(estimator.class_weight, classes=classes, y=y)
    if len(classes) < 2:
        raise ValueError(
            f"The number of classes has to be greater than one; got {len(classes)} class"
        )
    estimator.classes_ = classes
    return numbers


def checked_limits(estimator: Any, X: Any, numbers: Any, sample_weight: Any) -> Any:
    """Return the upper bounds of the dual variables; 0 for rows that do not count.

    Parameters
    ----------
    estimator : SVC
        For C and `class_weight_`.
    X : array
        The rows.
    numbers : (n_samples,) array
        Of their classes.
    sample_weight : array-like of shape (n_samples,) or None
        Factors; rows where they are negative do not count.

    Raises
    ------
    ValueError
        If no row counts, or those of one class only.
    """
    weight = estimator.class_weight_[numbers]
    if sample_weight is not None:
        weight = weight * _checked_weight(X, numbers, sample_weight)
    # Infinity times 0 would be no number.
    limits = np.zeros(len(numbers))
    limits[weight > 0] = float(estimator.C) * weight[weight > 0]
    return limits


def _checked_weight(X: Any, numbers: Any, sample_weight: Any) -> Any:
    n = len(numbers)
    sample_weight = fetched(sample_weight) if on_device(sample_weight) else sample_weight
    sample_weight = np.asarray(sample_weight, np.float64)
    if sample_weight.ndim == 1 and len(sample_weight) != n:
        raise ValueError(
            f"sample_weight and X have incompatible shapes: {sample_weight.shape!r} vs "
            f"{getattr(X, 'shape', (n,))!r}\nNote: Sparse matrices cannot be indexed w/"
            "boolean masks (use `indices=True` in CV)."
        )
    weight = _check_sample_weight(
        sample_weight, np.broadcast_to(0.0, (n, 1)), dtype=np.float64, allow_all_zero_weights=True
    )
    counted = weight > 0
    if not counted.any():
        raise ValueError("Invalid input - all samples have zero or negative weights.")
    if len(np.unique(numbers[counted])) < 2:
        raise ValueError(
            "Invalid input - all samples with positive weights belong to the same class."
        )
    return weight
