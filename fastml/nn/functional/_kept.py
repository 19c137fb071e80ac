"""What the passes of a dense node leave to each other, and where their gradients go."""

from typing import Any

from fastml.autodiff import Variable
from fastml.backends import Backend

__all__ = ["Destination", "Kept", "taken"]


class Destination:
    """Where a gradient may be written, such as a part of a network's flat gradient.

    Put in place of the `grad` of a leaf; the first node to need it takes it.

    Attributes
    ----------
    array : array or None
        Of the leaf's shape and dtype, contiguous; None once it is taken.
    """

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def take(self) -> Any:
        """Return the array, to the first who asks."""
        array, self.array = self.array, None
        return array


class Kept:
    """What the passes of one node leave to each other.

    Parameters
    ----------
    W, b : Variable or array
        Weights and bias; what the `grad` of a variable has a destination for goes there.

    Attributes
    ----------
    place : (Backend, dtype) or None
        Where the node is computed, and of what dtype.
    x, weights : arrays
        Rows and weights as kernels take them.
    argument : array or None
        What the activation was applied to, where its derivative cannot be told from the result.
    g, gradient, by_bias : arrays or None
        A gradient by the result, and what became of it: by the sums, and by the bias.
    """

    __slots__ = (
        "argument", "by_bias", "g", "gradient", "into_bias", "into_weights", "place", "weights",
        "x",
    )  # fmt: skip

    def __init__(self, W: Any = None, b: Any = None) -> None:
        self.place: Any = None
        self.x: Any = None
        self.weights: Any = None
        self.argument: Any = None
        self.g: Any = None
        self.gradient: Any = None
        self.by_bias: Any = None
        self.into_weights = _destination(W)
        self.into_bias = _destination(b)


def _destination(a: Any) -> Destination | None:
    return a.grad if type(a) is Variable and type(a.grad) is Destination else None


def taken(destination: Destination | None, backend: Backend, dtype: Any) -> Any:
    """Return a destination that kernels can write to, or None."""
    array = None if destination is None else destination.take()
    fits = isinstance(array, backend.xp.ndarray) and array.dtype == dtype
    return array if fits else None
