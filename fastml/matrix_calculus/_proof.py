"""Derivatives by numbers alone, and by the graph: what closed forms are compared with."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastml import autodiff as ad

__all__ = ["adjugate", "along", "by_graph", "by_numbers", "units", "vec", "zeros_with_one"]

Inputs = Mapping[str, Any]
Function = Callable[..., Any]

# Steps of the central differences, halved from one to the next, before extrapolation.
FIRST_STEP = 2.0**-5
N_STEPS = 6


def by_numbers(f: Function, at: Inputs, step: Inputs) -> Any:
    """Return the derivative of a function along a direction, by extrapolated differences.

    Parameters
    ----------
    f : callable
        Takes the entries of `at` by name; returns an array.
    at : dict of str to array
        Where.
    step : dict of str to array
        The direction, for those inputs that vary.

    Returns
    -------
    ndarray
        Of the shape of what `f` returns.
    """

    def difference(h: float) -> Any:
        ahead, behind = ({**at, **{k: at[k] + s * d for k, d in step.items()}} for s in (h, -h))
        return (np.asarray(f(**ahead)) - np.asarray(f(**behind))) / (2 * h)

    # Richardson: each column takes away the next even power of the step. The best of the tableau
    # is where neighbours differ least: later, rounding grows.
    best, smallest = None, np.inf
    row: list[Any] = []
    for n in range(N_STEPS):
        new = [difference(FIRST_STEP / 2**n)]
        for k, before in enumerate(row):
            new.append(new[k] + (new[k] - before) / (4.0 ** (k + 1) - 1))
            error = max(_largest(new[k + 1] - new[k]), _largest(new[k + 1] - before))
            if error <= smallest:
                best, smallest = new[k + 1], error
        row = new
    if best is None:
        raise FloatingPointError("The function is not finite near the point.")
    return best


def _largest(x: Any) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def units(x: Any) -> Any:
    """Yield index and array of every matrix of a shape with a one and zeros elsewhere."""
    for entry in np.ndindex(np.shape(x)):
        yield entry, zeros_with_one(np.shape(x), entry)


def zeros_with_one(shape: tuple[int, ...], entry: tuple[int, ...]) -> Any:
    """Return J^ij: zeros, with a one in a place."""
    out = np.zeros(shape)
    out[entry] = 1.0
    return out


def along(f: Function, at: Inputs, step: Inputs) -> Any:
    """Return the derivative of a function along a direction, by the graph.

    Parameters
    ----------
    f, at, step
        As for `by_numbers`; `f` is made of primitives.

    Returns
    -------
    ndarray
    """
    inputs = {k: ad.variable(v) for k, v in at.items()}
    out = f(**inputs)
    moving = [inputs[k] for k in step]
    total = np.zeros(np.shape(_value(out)), np.result_type(*(v.dtype for v in moving), _value(out)))
    if not isinstance(out, ad.Variable) or not out.needs_grad:
        return total
    is_complex = out.dtype.kind == "c"
    for entry in np.ndindex(out.shape):
        # Gradients of the real and of the imaginary part: no need for f to be analytic.
        for part in (1, 1j) if is_complex else (1,):
            seed = np.zeros_like(out.value)
            seed[entry] = part
            found = ad.gradients(out, moving, seed)
            change = sum(
                float(np.sum((np.conj(g) * d).real))
                for g, d in zip(found, step.values(), strict=True)
            )
            total[entry] += part * change
    return total


def by_graph(f: Function, at: Inputs, wrt: str) -> Any:
    """Return the derivatives of an analytic function by every entry of an input, by the graph.

    Parameters
    ----------
    f : callable
        See `along`.
    at : dict of str to array
    wrt : str
        Which input.

    Returns
    -------
    ndarray
        Of the shape of the result followed by that of the input.
    """
    # The gradient of the real part of an analytic function is its derivative's conjugate.
    return np.conj(ad.jacobian(lambda x: f(**{**at, wrt: x}))(at[wrt]))


def _value(x: Any) -> Any:
    return x.value if isinstance(x, ad.Variable) else np.asarray(x)


def adjugate(x: Any) -> Any:
    """Return the adjugate of a square matrix, the transpose of its cofactors, from its minors."""
    n = len(x)
    out = np.ones_like(x)
    for i in range(n if n > 1 else 0):
        for j in range(n):
            minor = np.delete(np.delete(x, i, 0), j, 1)
            out[j, i] = (-1) ** (i + j) * np.linalg.det(minor)
    return out


def vec(x: Any) -> Any:
    """Return the columns of a matrix below one another."""
    return x.T.reshape(-1)
