"""Gradients checked by numbers: complex steps, or central differences extrapolated."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastml.autodiff._functional import grad
from fastml.autodiff._variable import Variable, value_of

__all__ = ["GradientCheck", "check_grad", "numerical_gradient"]

# Steps of the central differences, relative to the size of the entry: halved from one to the next.
FIRST_STEP = 2e-2
N_STEPS = 12


class GradientCheck(NamedTuple):
    """Result of `check_grad`.

    Attributes
    ----------
    error : float
        Largest difference from the numerical gradient, relative to that gradient's largest entry
        (or to one, if that is smaller).
    argument : int
        Which input it is found in.
    entry : tuple of int
        Where in that input.
    ours, numerical : float or complex
        The two derivatives there.
    """

    error: float
    argument: int
    entry: tuple[int, ...]
    ours: Any
    numerical: Any


def check_grad(
    f: Callable[..., Any], *inputs: Any, rtol: float = 1e-7, analytic: bool = False
) -> GradientCheck:
    """Compare the gradient of a function with numerical derivatives, in float64.

    Parameters
    ----------
    f : callable
        A function of arrays that returns one real number.
    *inputs : array-like
        Where to check; float or complex, taken as float64 or complex128.
    rtol : float, default=1e-7
        Largest difference let pass, see `GradientCheck.error`.
    analytic : bool, default=False
        Use complex steps, which are exact to rounding: for real inputs of an `f` made of analytic
        functions, without absolute values, comparisons or conjugation.

    Returns
    -------
    GradientCheck
        The entry that differs most.

    Raises
    ------
    AssertionError
        If it differs by more than `rtol`; says which entry, and both numbers.

    Notes
    -----
    Central differences are extrapolated by Richardson's method, down to steps where rounding takes
    over (Ridders, Advances in Engineering Software 4, 1982). The complex step is that of Squire and
    Trapp, SIAM Review 40, 1998.

    Examples
    --------
    >>> from fastml import autodiff as ad
    >>> ad.check_grad(lambda x: ad.sum(ad.exp(x)), [0.0, 1.0]).error < 1e-7
    True
    """
    arrays = [_wide(x) for x in inputs]
    found = grad(f, tuple(range(len(arrays))))(*arrays)
    worst = GradientCheck(0.0, 0, (), 0.0, 0.0)
    for i, (array, ours) in enumerate(zip(arrays, found, strict=True)):
        numerical = numerical_gradient(f, arrays, i, analytic=analytic)
        difference = np.abs(ours - numerical)
        scale = max(1.0, float(np.max(np.abs(numerical), initial=0.0)))
        if not array.size:
            continue
        # NaN counts as the largest difference of all.
        entry = np.unravel_index(np.argmax(np.nan_to_num(difference, nan=np.inf)), array.shape)
        error = float(difference[entry]) / scale
        if not error <= worst.error:
            place = tuple(int(k) for k in entry)
            worst = GradientCheck(error, i, place, ours[entry], numerical[entry])
    if not worst.error <= rtol:
        raise AssertionError(
            f"The gradient by input {worst.argument} differs at entry {worst.entry}: "
            f"{worst.ours} against {worst.numerical} numerically, a relative difference of "
            f"{worst.error:.2g}, above rtol={rtol}."
        )
    return worst


def _wide(x: Any) -> Any:
    x = np.asarray(value_of(x))
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def numerical_gradient(
    f: Callable[..., Any], inputs: Sequence[Any], argument: int, *, analytic: bool = False
) -> Any:
    """Return the gradient of a real function by one of its inputs, by differences alone.

    Parameters
    ----------
    f : callable
        Returns one real number.
    inputs : sequence of arrays
        Of dtype float64 or complex128.
    argument : int
        By which to differentiate.
    analytic : bool, default=False
        See `check_grad`.

    Returns
    -------
    ndarray
        Of that input's shape; dL/d(re) + i dL/d(im) where it is complex.
    """
    x = inputs[argument]
    out = np.zeros_like(x)

    def moved(entry: tuple[int, ...], step: Any) -> Any:
        at = x.astype(np.result_type(x.dtype, type(step)))
        at[entry] += step
        args = [Variable(a, needs_grad=False) for a in inputs]
        args[argument] = Variable(at, needs_grad=False)
        return np.asarray(value_of(f(*args))).item()

    for entry in np.ndindex(x.shape):
        along = functools.partial(moved, entry)
        if analytic:
            if x.dtype.kind == "c":
                raise ValueError(
                    "analytic=True takes real inputs; a complex step has no room left."
                )
            out[entry] = along(1e-100j).imag / 1e-100
            continue
        size = max(1.0, abs(x[entry]))
        derivative = _extrapolated(along, size)
        if x.dtype.kind == "c":
            derivative += 1j * _extrapolated(along, 1j * size)
        out[entry] = derivative
    return out


def _extrapolated(along: Callable[[Any], Any], unit: complex) -> Any:
    """Return the derivative at 0 along a unit, per length: the best of a tableau of differences."""
    best, smallest = np.nan, np.inf
    row: list[Any] = []
    step = FIRST_STEP
    for _ in range(N_STEPS):
        new = [(along(step * unit) - along(-step * unit)).real / (2 * step * abs(unit))]
        for k, before in enumerate(row):
            factor = 4.0 ** (k + 1)
            new.append((factor * new[k] - before) / (factor - 1))
            error = max(abs(new[k + 1] - new[k]), abs(new[k + 1] - before))
            if error <= smallest:
                best, smallest = new[k + 1], error
        row = new
        step /= 2
    return best
