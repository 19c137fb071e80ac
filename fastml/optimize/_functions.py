"""Users' functions with their gradients: by the graph, given, or by differences."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastml import autodiff as ad
from fastml.autodiff import Variable, primitives

__all__ = ["Function"]

# How far a gradient by the graph may be from a difference along one direction.
AGREEMENT = 1e-4


class Function:
    """A function of x with values in one or several dimensions, and its Jacobian.

    Parameters
    ----------
    given : callable, or pair of callables
        The function; with its gradient, or its Jacobian with a row for each value.
    name : str
        What error messages call it.

    Attributes
    ----------
    by : {"autodiff", "given", "differences", None}
        How it is differentiated; None before the first time.
    """

    def __init__(self, given: Any, name: str) -> None:
        self.derivative: Callable[[Any], Any] | None = None
        if isinstance(given, tuple) and len(given) == 2 and all(map(callable, given)):
            given, self.derivative = given
        if not callable(given):
            raise TypeError(
                f"{name} must be a function of x, or a pair of it and its gradient, got "
                f"{type(given).__name__}."
            )
        self.function: Callable[[Any], Any] = given
        self.name = name
        self.by = None if self.derivative is None else "given"

    def __call__(self, x: Any) -> Any:
        """Return the values, of shape (n_values,)."""
        value = _plain(self.function(x))
        try:
            value = np.atleast_1d(np.asarray(value, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name} must return real numbers.") from error
        if value.ndim != 1:
            raise ValueError(f"{self.name} must return a number or a vector, got {value.shape}.")
        return value

    def jacobian(self, x: Any) -> Any:
        """Return the Jacobian, of shape (n_values, n)."""
        if self.by is None:
            self.by = "autodiff" if self._agrees(x) else "differences"
        if self.by == "autodiff":
            return self._by_graph(x)
        if self.derivative is not None:
            made = np.asarray(_plain(self.derivative(x)), dtype=np.float64)
            made = np.atleast_2d(made)
            if made.shape[1] != len(x):
                raise ValueError(f"The gradient of {self.name} must have {len(x)} elements.")
            return made
        return self._by_differences(x)

    def graph(self, x: Any) -> Any:
        """Return the values as a variable of the graph, of shape (n_values,)."""
        return primitives.reshape(self.function(x), (-1,))

    def _by_graph(self, x: Any) -> Any:
        leaf = ad.variable(x)
        out = self.graph(leaf)
        rows = []
        for value in out:
            value.backward()
            rows.append(np.zeros(len(x)) if leaf.grad is None else np.array(leaf.grad))
        return np.array(rows)

    def _agrees(self, x: Any) -> bool:
        """Return whether the graph gives a gradient, and the one that differences give.

        `math.exp` and the like take a variable for a number, which loses its gradient unseen.
        """
        try:
            if not isinstance(self.function(ad.variable(x)), Variable):
                return False
            found = self._by_graph(x)
        except (TypeError, ValueError, AttributeError, IndexError):
            return False
        # A direction without zeros, and without symmetry.
        d = np.cos(1.0 + np.arange(len(x)))
        step = 1e-6 * max(1.0, float(np.max(np.abs(x), initial=0.0)))
        with np.errstate(all="ignore"):
            slope = (self(x + step * d) - self(x - step * d)) / (2 * step)
        size = np.maximum(1.0, np.abs(found) @ np.abs(d))
        # At the border of where the function is defined there is nothing to compare with.
        known = np.isfinite(slope) & np.isfinite(size)
        return bool(np.all(np.abs(found @ d - slope)[known] <= AGREEMENT * size[known]))

    def _by_differences(self, x: Any) -> Any:
        n_values = len(self(x))
        with np.errstate(all="ignore"):
            rows = [
                ad.numerical_gradient(lambda v, i=i: self(v.value)[i], [x], 0)
                for i in range(n_values)
            ]
        return np.array(rows).reshape(n_values, len(x))


def _plain(value: Any) -> Any:
    if isinstance(value, Variable):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
