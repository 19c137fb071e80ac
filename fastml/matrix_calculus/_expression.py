"""Symbolic matrices: expressions as trees, with sizes that are names or numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

__all__ = ["ONE", "Expression", "Size", "as_size", "shape_text"]


class Size(NamedTuple):
    """Number of rows or columns: a number times names, as Kronecker products multiply them."""

    factor: int
    names: tuple[str, ...] = ()

    def __mul__(self, other: "Size") -> "Size":  # type: ignore[override]
        return Size(self.factor * other.factor, tuple(sorted(self.names + other.names)))

    def __str__(self) -> str:
        number = [] if self.factor == 1 and self.names else [str(self.factor)]
        return " ".join([*number, *self.names])


ONE = Size(1)


def as_size(what: str, given: object) -> Size:
    """Return a size from what a user writes: a name such as "n", or a number."""
    if isinstance(given, str) and given.isidentifier():
        return Size(1, (given,))
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return Size(given)
    raise ValueError(
        f"The {what} must be a name such as 'n', or a positive int, got {given!r}."
    )  # fmt: skip


def shape_text(shape: tuple[Size, Size]) -> str:
    """Return a shape as errors show it: (n, m)."""
    return f"({shape[0]}, {shape[1]})"


@dataclass(frozen=True, slots=True, repr=False)
class Expression:
    """A matrix, vector or scalar made of symbols; vectors are columns, scalars are 1 x 1.

    Made by `Matrix`, `Vector` and `Scalar`, and from them by the operators ``+ - @ * / **``, the
    attributes ``T`` and ``inv``, and the functions `trace`, `det`, `logdet`, `hadamard`, `kron`
    and so on. ``*`` multiplies by a scalar, or element by element.

    Attributes
    ----------
    op : str
        What kind of expression it is, such as "symbol", "add", "transpose".
    args : tuple of Expression
        What it is made of.
    data : tuple
        What else it holds: a name, a coefficient.
    shape : (Size, Size)
        Rows and columns.
    """

    op: str
    args: tuple["Expression", ...]
    data: tuple[Any, ...]
    shape: tuple[Size, Size]

    # NumPy's scalars leave the operators to this class.
    __array_ufunc__ = None

    if TYPE_CHECKING:
        # Put in place by fastml.matrix_calculus._operators.
        def __add__(self, other: Any) -> "Expression": ...
        def __radd__(self, other: Any) -> "Expression": ...
        def __sub__(self, other: Any) -> "Expression": ...
        def __rsub__(self, other: Any) -> "Expression": ...
        def __neg__(self) -> "Expression": ...
        def __mul__(self, other: Any) -> "Expression": ...
        def __rmul__(self, other: Any) -> "Expression": ...
        def __matmul__(self, other: Any) -> "Expression": ...
        def __truediv__(self, other: Any) -> "Expression": ...
        def __rtruediv__(self, other: Any) -> "Expression": ...
        def __pow__(self, other: Any) -> "Expression": ...
        @property
        def T(self) -> "Expression": ...
        @property
        def inv(self) -> "Expression": ...

    @property
    def is_scalar(self) -> bool:
        """Whether it has one row and one column."""
        return self.shape == (ONE, ONE)

    @property
    def is_square(self) -> bool:
        """Whether it has as many rows as columns."""
        return self.shape[0] == self.shape[1]

    @property
    def text(self) -> str:
        """How it is written in plain text: ``'`` transposes, ``o`` is Hadamard's product."""
        from fastml.matrix_calculus._printing import text

        return text(self)

    @property
    def latex(self) -> str:
        """How it is written in LaTeX."""
        from fastml.matrix_calculus._printing import latex

        return latex(self)

    def contains(self, other: "Expression") -> bool:
        """Whether an expression is this one, or a part of it."""
        return self == other or any(arg.contains(other) for arg in self.args)

    def symbols(self) -> tuple["Expression", ...]:
        """Return its symbols, in the order in which they appear."""
        if self.op == "symbol":
            return (self,)
        return tuple(dict.fromkeys(s for arg in self.args for s in arg.symbols()))

    def compile(self) -> Any:
        """Return a function of arrays that computes this; see `compile_expression`."""
        from fastml.matrix_calculus._evaluate import compile_expression

        return compile_expression(self, self.symbols())

    def _repr_latex_(self) -> str:
        return f"${self.latex}$"

    def __repr__(self) -> str:
        return self.text
