"""Objects that are no more than their constructor's parameters: layers and initialisers."""

import inspect
import math
from numbers import Integral, Real
from typing import Any

__all__ = ["Description", "integer", "number"]


def number(
    name: str,
    value: Any,
    above: float | None = None,
    low: float | None = None,
    below: float | None = None,
) -> float:
    """Return a finite number, refused outside of what is allowed.

    Parameters
    ----------
    name : str
        What errors call it.
    value : object
        What was given.
    above, low, below : float, optional
        Bounds: more than `above`, at least `low`, less than `below`.
    """
    wrong = isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value)
    if (
        wrong
        or (above is not None and value <= above)
        or (low is not None and value < low)
        or (below is not None and value >= below)
    ):
        bounds = [f"> {above:g}"] if above is not None else []
        bounds += [f">= {low:g}"] if low is not None else []
        bounds += [f"< {below:g}"] if below is not None else []
        wanted = " ".join(["a finite number", *bounds[:1]]) + "".join(
            f" and {b}" for b in bounds[1:]
        )
        raise ValueError(f"{name} must be {wanted}, got {value!r}.")
    return float(value)


def integer(name: str, value: Any, low: int = 1) -> int:
    """Return an integer of at least `low`.

    Parameters
    ----------
    name : str
        What errors call it.
    value : object
        What was given.
    low : int, default=1
        The least allowed.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise ValueError(f"{name} must be an integer >= {low}, got {value!r}.")
    return int(value)


class Description:
    """An object that its constructor's parameters, which are its attributes, say all about.

    Two of one class with equal parameters are equal, and it prints as the call that makes it.
    """

    def parameters_given(self) -> dict[str, Any]:
        """Return the constructor's parameters that differ from their defaults, in order."""
        signature = inspect.signature(type(self)).parameters
        return {
            name: getattr(self, name)
            for name, about in signature.items()
            if about.default is about.empty or getattr(self, name) != about.default
        }

    def _key(self) -> tuple[Any, ...]:
        names = inspect.signature(type(self)).parameters
        return tuple(getattr(self, name) for name in names)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __repr__(self) -> str:
        signature = inspect.signature(type(self)).parameters
        shown: list[str] = []
        for i, (name, value) in enumerate(self.parameters_given().items()):
            in_place = list(signature)[i] == name and len(shown) == i
            keyword = signature[name].kind is inspect.Parameter.KEYWORD_ONLY or not in_place
            shown.append(f"{name}={value!r}" if keyword else repr(value))
        return f"{type(self).__name__}({', '.join(shown)})"
