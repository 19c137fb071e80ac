"""Rows of a table, by their numbers."""

from typing import Any

import numpy as np

from fastml.autodiff import primitive
from fastml.autodiff._real import real_values
from fastml.autodiff._variable import value_of
from fastml.backends import on_device

__all__ = ["embedding"]


def _taken(table: Any, tokens: Any, n_rows: int) -> Any:
    """Take rows of a table."""
    return table[tokens]


def _added(rows: Any, tokens: Any, n_rows: int) -> Any:
    """Add rows up by their numbers."""
    out = np.zeros_like(rows, shape=(n_rows, rows.shape[-1]))
    flat, numbers = rows.reshape(-1, rows.shape[-1]), tokens.reshape(-1)
    if on_device(rows) or numbers.size == 0:
        import importlib

        xp = importlib.import_module(type(out).__module__.partition(".")[0])
        xp.add.at(out, numbers, flat)
        return out
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    out[found] = np.add.reduceat(flat[order], starts, axis=0)
    return out


def _example(*shape: int) -> Any:
    how = {"tokens": np.array([[3, 0, 3], [1, 3, 0]]), "n_rows": 5}
    return lambda rng: ((rng.standard_normal(shape),), how)


take_rows: Any = primitive(
    "take_rows", _taken,
    lambda g, out, a, tokens, n_rows: add_rows(g, tokens=tokens, n_rows=n_rows),
    text="{0}[...]", example=_example(5, 2),
)  # fmt: skip
add_rows: Any = primitive(
    "add_rows", _added,
    lambda g, out, a, tokens, n_rows: take_rows(g, tokens=tokens, n_rows=n_rows),
    text="add_rows({0})", example=_example(2, 3, 2),
)  # fmt: skip


def embedding(input: Any, weight: Any) -> Any:
    """Return the rows of a table that tokens name, as ``torch.nn.functional.embedding`` does.

    Parameters
    ----------
    input : array-like of int, any shape
        Numbers of rows; of floats too, if they are integers.
    weight : Variable or array-like of shape (n_tokens, n_units)
        The table.

    Returns
    -------
    Variable or array of shape (*input.shape, n_units)
        The rows.

    Raises
    ------
    ValueError
        If a token has no row, or the table is not of two axes.

    Examples
    --------
    >>> from fastml.nn.functional import embedding
    >>> embedding([1, 0, 1], [[0.0, 1.0], [2.0, 3.0]])
    array([[2., 3.],
           [0., 1.],
           [2., 3.]])
    """
    table = real_values(weight, "weight")
    if table.ndim != 2:
        raise ValueError(f"weight must have shape (n_tokens, n_units), got {table.shape}.")
    given = value_of(real_values(input, "input"))
    if given.dtype.kind not in "iuf":
        raise ValueError(f"input must be integers, got dtype {given.dtype}.")
    n_rows = table.shape[0]
    # Written so that NaN is refused too.
    if given.size and not (given.min() >= 0 and given.max() < n_rows):
        raise ValueError(
            f"input must be tokens from 0 to {n_rows - 1}, as weight has so many rows, got values "
            f"from {given.min()} to {given.max()}."
        )
    tokens = given.astype(np.int64)
    if given.dtype.kind == "f" and (tokens != given).any():
        raise ValueError("input must be integers, got values with a fraction.")
    return take_rows(table, tokens=tokens, n_rows=n_rows)
