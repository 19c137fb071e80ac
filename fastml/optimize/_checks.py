"""Inputs as float64 arrays, or an error that says what was expected."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds

__all__ = ["checked_bounds", "checked_matrix", "checked_names", "checked_rows", "checked_vector"]


def checked_vector(x: Any, name: str, size: int | None = None, finite: bool = True) -> Any:
    """Return a vector of float64, of a size if one is given."""
    x = _real(x, name)
    x = x.reshape(-1) if x.ndim == 0 else x
    if x.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got shape {x.shape}.")
    if size is not None and len(x) != size:
        raise ValueError(f"{name} must have length {size}, got {len(x)}.")
    if finite and not np.all(np.isfinite(x)):
        raise ValueError(f"{name} must not contain NaN or infinity.")
    return x


def checked_matrix(A: Any, name: str, columns: int) -> Any:
    """Return a matrix of float64, CSR if it was sparse, of a number of columns."""
    if sp.issparse(A):
        A = sp.csr_array(A, dtype=np.float64)
        entries = A.data
    else:
        A = entries = np.atleast_2d(_real(A, name))
    if A.ndim != 2 or A.shape[1] != columns:
        raise ValueError(f"{name} must have shape (rows, {columns}), got {A.shape}.")
    if not np.all(np.isfinite(entries)):
        raise ValueError(f"{name} must not contain NaN or infinity.")
    return A


def checked_rows(A: Any, b: Any, names: tuple[str, str], columns: int) -> tuple[Any, Any]:
    """Return a matrix and the right sides of its rows; without rows where both are None."""
    if (A is None) != (b is None):
        raise ValueError(f"{names[0]} and {names[1]} must be given together.")
    if A is None:
        return np.zeros((0, columns)), np.zeros(0)
    A = checked_matrix(A, names[0], columns)
    return A, checked_vector(b, names[1], A.shape[0])


def checked_bounds(bounds: Any, n: int) -> tuple[Any, Any]:
    """Return lower and upper bounds, infinite where there are none.

    `bounds` is None (no bounds), a pair for all variables, a pair for each, or SciPy's `Bounds`.
    """
    if bounds is None:
        return np.full(n, -np.inf), np.full(n, np.inf)
    if isinstance(bounds, Bounds):
        lower, upper = (np.broadcast_to(np.asarray(v, float), n) for v in (bounds.lb, bounds.ub))
    else:
        try:
            pairs = list(bounds)
            if len(pairs) == 2 and not any(isinstance(v, Sequence | np.ndarray) for v in pairs):
                pairs = [pairs] * n
            low, high = zip(*pairs, strict=True) if pairs else ((), ())
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"bounds must be None, a pair, {n} pairs or scipy.optimize.Bounds."
            ) from error
        lower = np.array([-np.inf if v is None else v for v in low], dtype=float)
        upper = np.array([np.inf if v is None else v for v in high], dtype=float)
    if len(lower) != n:
        raise ValueError(f"bounds must be {n} pairs, one for each variable, got {len(lower)}.")
    if np.any(np.isnan(lower) | np.isnan(upper) | (lower == np.inf) | (upper == -np.inf)):
        raise ValueError("bounds must not be NaN, nor +inf below or -inf above.")
    return lower.copy(), upper.copy()


def checked_names(names: Sequence[str] | None, n: int) -> tuple[str, ...]:
    """Return names of the variables; x, or x1, x2, ... by default."""
    if names is None:
        return ("x",) if n == 1 else tuple(f"x{j + 1}" for j in range(n))
    if isinstance(names, str) or len(names) != n or len(set(names)) != n:
        raise ValueError(f"names must be {n} different names, got {names!r}.")
    return tuple(map(str, names))


def _real(x: Any, name: str) -> Any:
    try:
        x = np.asarray(x)
        if x.dtype.kind == "c":
            raise TypeError("complex")
        return np.array(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of real numbers.") from error
