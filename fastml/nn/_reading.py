"""Sequences as users have them: lists, padded arrays, DataFrames."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from fastml.backends import as_cupy, fetched, on_device
from fastml.nn._sequences import Sequences, elements

__all__ = ["has_cells", "is_list_of_sequences", "read_sequences", "refuse_non_finite_steps"]


def read_sequences(
    X: Any, *, tokens: bool = False, labels: bool = False, name: str = "X"
) -> Sequences:
    """Return sequences as one array.

    Parameters
    ----------
    X : Sequences, list, tuple, array or DataFrame
        One of

        - a list of arrays (n_steps, n_features), of n_steps of their own each;
        - a list of arrays (n_steps,), of one feature, or of tokens;
        - a pair (flat, offsets) of an array (n_elements, n_features) and of offsets
          (n_sequences + 1,), between two of which the elements of a sequence are;
        - an array (n_sequences, n_steps, n_features), or a pair of it and of lengths
          (n_sequences,), behind which nothing is read;
        - an array or DataFrame (n_sequences, n_steps), of one feature or of tokens;
        - a DataFrame with lists of steps in its cells: a row for each sequence and a column for
          each feature.
    tokens : bool, default=False
        Whether elements are integers that stand for tokens, not rows of features.
    labels : bool, default=False
        Whether elements are labels of any kind, or whatever targets are: left as they are.
    name : str, default="X"
        What errors call it.

    Returns
    -------
    Sequences
        ``flat`` of shape (n_elements, n_features), or (n_elements,) of tokens, in the dtype given.

    Raises
    ------
    ValueError
        For sequences that are empty, or have not as many features as the first one, by their
        numbers; and for anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.nn import read_sequences
    >>> read_sequences([np.zeros((3, 2)), np.zeros((5, 2))]).shape
    (2, 5, 2)
    >>> read_sequences((np.zeros((2, 5, 2)), [3, 5])).lengths.tolist()
    [3, 5]
    """
    if sp.issparse(X):
        raise TypeError(f"Sparse data was passed for {name}, but dense sequences are required.")
    if isinstance(X, Sequences):
        found = X
    elif isinstance(X, tuple) and len(X) == 2 and hasattr(X[0], "ndim"):
        found = _pair(X[0], X[1], name)
    elif has_cells(X):
        found = _of_list(_rows_of_cells(X, name), name)
    elif is_list_of_sequences(X):
        found = _of_list(list(X), name)
    else:
        found = _of_array(as_cupy(X) if on_device(X) else np.asarray(X), name)
    return found if labels else _with_elements(found, tokens, name)


def is_list_of_sequences(X: Any) -> bool:
    """Return whether there is an array or list for each sequence.

    Parameters
    ----------
    X : object
        What was given.
    """
    if isinstance(X, np.ndarray) or (hasattr(X, "dtype") and not hasattr(X, "columns")):
        # An array of objects, or a column of a table.
        if getattr(X, "ndim", 1) != 1 or not str(X.dtype).startswith(("object", "List")):
            return False
    elif not isinstance(X, Sequence) or isinstance(X, str):
        return False
    return len(X) > 0 and np.ndim(X[0] if isinstance(X, Sequence) else next(iter(X))) > 0


def refuse_non_finite_steps(X: Sequences, name: str = "X", who: str = "") -> None:
    """Refuse NaN and infinity, by the number of the sequence and of the step.

    Parameters
    ----------
    X : Sequences
        Of floats, on the host or a device.
    name, who : str
        What errors call it, and the estimator.

    Raises
    ------
    ValueError
        In scikit-learn's words.
    """
    finite = np.isfinite(X.flat)
    if bool(finite.all()):
        return
    row = int((finite if finite.ndim == 1 else finite.all(axis=1)).argmin())
    sequence = int(np.searchsorted(X.offsets, row, side="right")) - 1
    what = "NaN" if bool(np.isnan(X.flat[row]).any()) else "infinity"
    raise ValueError(
        f"Input {name} contains {what}: in sequence {sequence}, step {row - X.offsets[sequence]}."
        + (f" {who} does not accept missing or infinite values." if who else "")
    )


def _of_list(given: list[Any], name: str) -> Sequences:
    """Return the sequences of a list of arrays."""
    parts = [np.asarray(fetched(a) if on_device(a) else a) for a in given]
    first = parts[0]
    if first.ndim not in (1, 2):
        raise ValueError(
            f"{name}[0] must have shape (n_steps, n_features) or (n_steps,), got {first.shape}."
        )
    for i, a in enumerate(parts):
        if a.ndim != first.ndim:
            raise ValueError(
                f"Sequences must all have as many axes: {name}[0] has {first.ndim}, {name}[{i}] "
                f"has {a.ndim}."
            )
        if len(a) == 0:
            raise ValueError(f"Sequences must have at least one step, but {name}[{i}] is empty.")
        if a.shape[1:] != first.shape[1:]:
            raise ValueError(
                f"Sequences must all have as many features: {name}[0] has {first.shape[1]}, "
                f"{name}[{i}] has {a.shape[1]}."
            )
    offsets = np.append(0, np.cumsum([len(a) for a in parts]))
    return Sequences._of(np.concatenate(parts), offsets)


def _pair(values: Any, places: Any, name: str) -> Sequences:
    """Return the sequences of a flat array and offsets, or of a padded one and lengths."""
    if values.ndim != 3:
        return Sequences(values, places)
    n, n_steps = values.shape[:2]
    lengths = np.asarray(places)
    fits = lengths.shape == (n,) and lengths.dtype.kind in "iu"
    if not fits or np.any(lengths < 1) or np.any(lengths > n_steps):
        raise ValueError(
            f"lengths of {name} must be {n} integers from 1 to {n_steps}, as its array of shape "
            f"{values.shape} has so many sequences and steps, got {places!r}."
        )
    whole = _of_array(values, name)
    rows = elements(whole.offsets[:-1], lengths)
    return Sequences._of(whole.flat[rows], np.append(0, np.cumsum(lengths)))


def _of_array(values: Any, name: str) -> Sequences:
    """Return the sequences of an array, all of one length."""
    if values.ndim not in (2, 3):
        raise ValueError(
            f"{name} must be a list of sequences, or have shape (n_sequences, n_steps) or "
            f"(n_sequences, n_steps, n_features), got an array of shape {values.shape}."
        )
    n, n_steps = values.shape[:2]
    if n_steps == 0:
        raise ValueError(f"Sequences must have at least one step, got {name} of {values.shape}.")
    return Sequences._of(values.reshape(n * n_steps, *values.shape[2:]), np.arange(n + 1) * n_steps)


def has_cells(X: Any) -> bool:
    """Return whether X is a DataFrame with lists in it."""
    if not hasattr(X, "columns") or not len(X) or not len(X.columns):
        return False
    cell = next(iter(X[X.columns[0]]))
    return hasattr(cell, "__len__") and not isinstance(cell, str)


def _rows_of_cells(X: Any, name: str) -> list[Any]:
    """Return a matrix for each row of a DataFrame, of whose cells each has a feature's steps."""
    found = []
    for i, cells in enumerate(zip(*(X[column] for column in X.columns), strict=True)):
        lengths = {str(c): len(cell) for c, cell in zip(X.columns, cells, strict=True)}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"Features of a sequence must have as many steps: those of {name} in row {i} have "
                f"{lengths}."
            )
        found.append(np.column_stack([np.asarray(cell) for cell in cells]))
    return found


def _with_elements(X: Sequences, tokens: bool, name: str) -> Sequences:
    """Return sequences of rows of features, or of tokens, of a dtype that has numbers."""
    flat = X.flat
    if not on_device(flat) and flat.dtype.kind not in "fiub":
        if flat.dtype.kind == "c":
            raise ValueError(f"Complex data not supported, got {name} of dtype {flat.dtype}.")
        try:
            flat = flat.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must have numbers in its steps: {error}.") from None
    if tokens:
        if flat.ndim == 2 and flat.shape[1] == 1:
            flat = flat.reshape(-1)
        if flat.ndim != 1:
            raise ValueError(
                f"{name} must have a token in each step, got steps of shape {flat.shape[1:]}."
            )
    elif flat.ndim == 1:
        flat = flat.reshape(-1, 1)
    if flat.ndim == 2 and flat.shape[1] == 0:
        raise ValueError(f"{name} must have at least one feature, got sequences without any.")
    return X if flat is X.flat else X.with_flat(flat)
