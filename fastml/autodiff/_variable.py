"""Nodes of the computation graph: a value, and what it was made of."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fastml.autodiff._primitive import Primitive

__all__ = ["Variable", "value_of", "variable"]

_next_order = itertools.count().__next__


class Variable:
    """A value in the computation graph.

    Made by `variable`, or by an operation on other variables.

    Attributes
    ----------
    value : ndarray, NumPy scalar or CuPy array
        What was computed: of a float or complex dtype.
    grad : array or None
        Gradient of what `backward` was last called on; of leaves only.
    name : str or None
        How texts and drawings call it.
    needs_grad : bool
        Whether gradients flow to it.
    primitive : Primitive or None
        The operation that made it; None for a leaf.
    inputs : tuple
        What that operation was given: variables, or arrays and numbers, which are constants.
    params : dict
        Its keyword parameters.
    scope : str
        See `fastml.autodiff.scope`.
    """

    __slots__ = (
        "__weakref__", "grad", "inputs", "name", "needs_grad", "order", "params", "primitive",
        "scope", "value", "values",
    )  # fmt: skip

    def __init__(
        self,
        value: Any,
        primitive: "Primitive | None" = None,
        inputs: tuple[Any, ...] = (),
        values: tuple[Any, ...] = (),
        params: dict[str, Any] | None = None,
        scope: str = "",
        needs_grad: bool = True,
    ) -> None:
        self.value = value
        self.primitive = primitive
        self.inputs = inputs
        # Of the inputs: kept apart, so that a first-order backward pass need not unwrap them.
        self.values = values
        self.params = params
        self.scope = scope
        self.needs_grad = needs_grad
        self.grad: Any = None
        self.name: str | None = None
        # Inputs are always made before what is made of them.
        self.order = _next_order()

    if TYPE_CHECKING:
        # Put in place by fastml.autodiff._operators.
        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> "Variable": ...
        def __sub__(self, other: Any) -> "Variable": ...
        def __mul__(self, other: Any) -> "Variable": ...
        def __neg__(self) -> "Variable": ...
        def __getitem__(self, index: Any) -> "Variable": ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions of the value."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """Number of elements of the value."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the value."""
        return self.value.dtype

    @property
    def is_leaf(self) -> bool:
        """Whether it was given, not computed."""
        return self.primitive is None

    def item(self) -> Any:
        """Return the value of a variable of one element as a Python number."""
        return self.value.item()

    def backward(
        self,
        seed: Any = None,
        *,
        accumulate: bool = False,
        create_graph: bool = False,
        free: bool = False,
    ) -> None:
        """Compute the gradient of this variable by every leaf it depends on; store it there.

        Parameters
        ----------
        seed : array-like of this variable's shape, optional
            What its own gradient is taken to be; 1 by default, for a variable of one element.
        accumulate : bool, default=False
            Add to gradients already stored, in place of overwriting them.
        create_graph : bool, default=False
            Make the gradients variables, that can be differentiated again.
        free : bool, default=False
            Let go of the values that the graph holds as soon as they are used. The graph cannot be
            walked again.

        Raises
        ------
        ValueError
            Without a seed, if there is more than one element, or for a seed of another shape.
        """
        from fastml.autodiff._backward import backward

        backward(self, seed, accumulate=accumulate, create_graph=create_graph, free=free)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator["Variable"]:
        if self.value.ndim == 0:
            raise TypeError("A variable without dimensions cannot be iterated over.")
        return (self[i] for i in range(len(self.value)))

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "A variable does not turn into an array by itself, which would cut it off from its "
            "gradient: use its attribute `value`."
        )

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        made = f", by {self.primitive.name}" if self.primitive is not None else ""
        return f"variable({self.value!r}{name}{made})"


def variable(x: Any, name: str | None = None) -> Variable:
    """Make a leaf of the computation graph, by which gradients can be taken.

    Parameters
    ----------
    x : array-like
        Its value: float32, float64, complex64 or complex128 arrays of NumPy or CuPy stay as they
        are and are not copied; Python numbers and lists of them become float64 or complex128.
    name : str, optional
        How texts and drawings call it.

    Returns
    -------
    Variable

    Raises
    ------
    TypeError
        For arrays of another dtype: gradients by integers mean nothing.

    Examples
    --------
    >>> from fastml import autodiff as ad
    >>> x = ad.variable(3.0, name="x")
    >>> y = x * x + 2 * x
    >>> y.backward()
    >>> float(x.grad)
    8.0
    """
    if isinstance(x, Variable):
        raise TypeError("x is a variable already.")
    if not hasattr(x, "dtype"):
        x = np.asarray(x)
        if x.dtype.kind in "iub":
            x = x.astype(np.float64)
    if x.dtype.kind not in "fc" or x.dtype.itemsize < 4:
        raise TypeError(
            "x must be of dtype float32, float64, complex64 or complex128, got "
            f"{x.dtype}; convert it by x.astype(float)."
        )
    made = Variable(x)
    made.name = name
    return made


def value_of(x: Any) -> Any:
    """Return the value of a variable; anything else as it is."""
    return x.value if type(x) is Variable else x
