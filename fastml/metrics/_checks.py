"""Checking the rows and parameters of pairwise functions, in scikit-learn's words."""

from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import check_pairwise_arrays
from sklearn.utils._param_validation import (
    Hidden,
    Interval,
    validate_parameter_constraints,
)

from fastml._validation import FLOATS, canonical, check_finite_wanted
from fastml.backends import as_cupy, fetched, on_device, sparse_on_device

__all__ = ["check_parameters", "check_rows", "scalar"]

_NOT_NEGATIVE = [Interval(Real, 0, None, closed="left"), None, Hidden(np.ndarray)]
_POSITIVE = [Interval(Real, 0, None, closed="neither"), Hidden(np.ndarray)]
_ROWS = ["array-like", "sparse matrix"]
_KNOWN: dict[str, Any] = {
    "gamma": _NOT_NEGATIVE,
    "degree": [Interval(Real, 1, None, closed="left")],
    "coef0": [Interval(Real, None, None, closed="neither")],
    "squared": ["boolean"],
    "dense_output": ["boolean"],
}
_OWN: dict[str, Any] = {
    "laplacian_kernel": {"gamma": [*_POSITIVE, None]},
    "chi2_kernel": {"gamma": _POSITIVE},
}


def check_parameters(caller: str, **values: Any) -> None:
    """Refuse parameters of the wrong type or range.

    Raises
    ------
    InvalidParameterError
        scikit-learn's: names the parameter, what was expected and what was given.
    """
    own = _OWN.get(caller, {})
    known = {name: own.get(name, _KNOWN[name]) for name in values}
    validate_parameter_constraints(known, values, caller_name=caller)


def scalar(name: str, value: Any) -> Any:
    """Return a number given as an array of one element; anything else as it is.

    Raises
    ------
    ValueError
        For an array of several elements.
    """
    if isinstance(value, np.ndarray):
        if value.size != 1:
            raise ValueError(f"{name} must be a single number, got an array of {value.shape}.")
        return float(value.reshape(()))
    return value


def check_rows(caller: str, X: Any, Y: Any, *, sparse_too: bool = True) -> tuple[Any, Any]:
    """Validate the rows of a pairwise function.

    Parameters
    ----------
    caller : str
        Name of the function.
    X, Y : array-like, sparse matrix or device array; Y may be None
        The rows.
    sparse_too : bool
        Whether sparse rows are taken.

    Returns
    -------
    X, Y
        float32, or float64 where not both are float32; sparse rows in CSR form. None for a Y that
        is X. NaN and infinity were looked for in sparse rows, and where a conversion was needed;
        in other dense rows they show in what is computed.
    """
    if Y is X:
        Y = None
    if _as_kernels_take_it(X) and (
        Y is None or (_as_kernels_take_it(Y) and Y.dtype == X.dtype and Y.shape[1] == X.shape[1])
    ):
        return X, Y
    if sparse_on_device(X):
        X = fetched(X)
    if sparse_on_device(Y):
        Y = fetched(Y)
    if on_device(X) or on_device(Y):
        return _rows_on_device(X, Y)
    validate_parameter_constraints(
        {"X": _ROWS, "Y": [*_ROWS, None]}, {"X": X, "Y": Y}, caller_name=caller
    )
    X, Y = check_pairwise_arrays(
        X,
        Y,
        accept_sparse="csr" if sparse_too else False,
        ensure_all_finite=check_finite_wanted(),
    )
    return canonical(X), None if Y is X else canonical(Y)


def _as_kernels_take_it(X: Any) -> bool:
    """Return whether scikit-learn would hand back X itself, which takes it longer than it pays."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in FLOATS
        and X.shape[0] > 0
        and X.shape[1] > 0
    )


def _rows_on_device(X: Any, Y: Any) -> tuple[Any, Any]:
    """Check shapes and dtypes against stand-ins without data."""
    parts = [as_cupy(part) if on_device(part) else part for part in (X, Y) if part is not None]
    if any(sparse.issparse(part) for part in parts):
        raise TypeError("Of X and Y, one is sparse and the other lives on a CUDA device.")
    stand_ins = [
        np.broadcast_to(np.zeros((), part.dtype), part.shape) if on_device(part) else part
        for part in parts
    ]
    checked = check_pairwise_arrays(stand_ins[0], stand_ins[-1])
    parts = [
        part.astype(stand_in.dtype, copy=False) if on_device(part) else stand_in
        for part, stand_in in zip(parts, checked, strict=False)
    ]
    return parts[0], None if Y is None else parts[1]
