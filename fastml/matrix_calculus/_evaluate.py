"""Expressions computed: on arrays, or on variables of the graph."""

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from fastml.autodiff import Variable
from fastml.autodiff import primitives as p
from fastml.matrix_calculus._expression import ONE, Expression, Size

__all__ = ["compile_expression"]


class _Bound:
    """Values of symbols, and sizes that follow from them."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self.given_by: dict[str, str] = {}
        self.indices: dict[str, int] = {}
        self.dtype: np.dtype[Any] = np.dtype(np.float64)

    def bind(self, symbol: Expression, given: Any) -> None:
        """Check an argument against the shape of its symbol."""
        name, value = symbol.data[0], _array(symbol.data[0], given)
        expected = [size for size in symbol.shape if size != ONE]
        fits = value.ndim == len(expected)
        for size, length in zip(expected, value.shape, strict=False):
            if not fits:
                break
            if not size.names:
                fits = size.factor == length
                continue
            (letter,) = size.names
            if self.sizes.setdefault(letter, length) != length:
                raise ValueError(
                    f"{name} of shape ({', '.join(map(str, expected))}) is given as {value.shape}, "
                    f"but {letter} is {self.sizes[letter]} in {self.given_by[letter]}."
                )
            self.given_by.setdefault(letter, name)
        if not fits:
            wanted = f"({', '.join(map(str, expected))})" if expected else "a number"
            raise ValueError(f"{name} must be of shape {wanted}, got an array of {value.shape}.")
        if symbol.shape[1] == ONE != symbol.shape[0]:
            value = value.reshape(-1, 1)
        elif symbol.shape[0] == ONE != symbol.shape[1]:
            value = value.reshape(1, -1)
        self.values[name] = value

    def settle_dtype(self, given: dict[str, Any]) -> None:
        """Take the dtype of the arrays, to which Python's numbers adapt."""
        weak = [name for name in self.values if isinstance(given[name], int | float | complex)]
        strong = [value.dtype for name, value in self.values.items() if name not in weak]
        dtype = np.result_type(*strong, *(given[name] for name in weak)) if self.values else None
        self.dtype = dtype if dtype is not None and dtype.kind in "fc" else np.dtype(np.float64)
        for name in weak:
            self.values[name] = self.dtype.type(given[name])

    def size(self, size: Size) -> int:
        """Return a size as a number."""
        out = size.factor
        for letter in size.names:
            if letter not in self.sizes:
                raise ValueError(
                    f"The size {letter} does not follow from the shape of any argument."
                )
            out *= self.sizes[letter]
        return out


def _array(name: str, given: Any) -> Any:
    if isinstance(given, Variable):
        return given
    value = np.asarray(given)
    if value.dtype.kind in "iub":
        return value.astype(np.float64)
    if value.dtype.kind not in "fc":
        raise TypeError(f"{name} must be an array of numbers, got dtype {value.dtype}.")
    return value.astype(np.float32) if value.dtype.itemsize < 4 else value


def _product(e: Expression, at: _Bound, *values: Any) -> Any:
    coefficient, n_scalars = e.data
    out = None
    if n_scalars < len(values):
        out = _chained(values[n_scalars:])
        out = out[0, 0] if e.is_scalar else out
    for scalar in values[:n_scalars]:
        out = scalar if out is None else scalar * out
    return out if coefficient == 1 else coefficient * out


def _chained(chain: tuple[Any, ...]) -> Any:
    """Multiply matrices in the order that takes the fewest operations."""
    if len(chain) == 1:
        return chain[0]
    if len(chain) == 2:
        left, right = chain
        # A column times a row needs no sums.
        return left * right if left.shape[1] == 1 else left @ right
    cut = _cut((chain[0].shape[0], *(matrix.shape[1] for matrix in chain)))
    return _chained((_chained(chain[:cut]), _chained(chain[cut:])))


@lru_cache(maxsize=1024)
def _cut(sizes: tuple[int, ...]) -> int:
    """Return where to split a chain of matrices into two, from their sizes."""
    return min(range(1, len(sizes) - 1), key=lambda k: _operations(sizes, k))


def _operations(sizes: tuple[int, ...], cut: int) -> int:
    """Return the number of operations for a chain of matrices that is split at a place."""
    parts = (sizes[: cut + 1], sizes[cut:])
    inside = sum(_operations(part, _cut(part)) for part in parts if len(part) > 2)
    return inside + sizes[0] * sizes[cut] * sizes[-1]


def _sum(e: Expression, at: _Bound, *values: Any) -> Any:
    return reduce(operator.add, values)


def _hadamard(e: Expression, at: _Bound, *values: Any) -> Any:
    return reduce(operator.mul, values)


def _constant(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda e, at: make((at.size(e.shape[0]), at.size(e.shape[1])), at.dtype)


def _unit(e: Expression, at: _Bound) -> Any:
    out = np.zeros((at.size(e.shape[0]), at.size(e.shape[1])), at.dtype)
    out[at.indices[e.data[0]], at.indices[e.data[1]]] = 1
    return out


def _commutation(e: Expression, at: _Bound) -> Any:
    m, n = at.size(e.data[0]), at.size(e.data[1])
    order = np.arange(m * n).reshape(n, m).T.ravel()
    return np.eye(m * n, dtype=at.dtype)[order]


def _blocks(a: Any, rows: int, columns: int) -> Any:
    return a.reshape(a.shape[0] // rows, rows, a.shape[1] // columns, columns)


def _block_sum(e: Expression, at: _Bound, weights: Any, a: Any) -> Any:
    n, m = weights.shape
    return p.einsum("ij,ikjl->kl", weights, _blocks(a, a.shape[0] // n, a.shape[1] // m))


def _block_trace(e: Expression, at: _Bound, a: Any, weight: Any) -> Any:
    return p.einsum("ikjl,lk->ij", _blocks(a, weight.shape[1], weight.shape[0]), weight)


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": p.exp, "log": p.log, "sin": p.sin, "cos": p.cos, "tanh": p.tanh,
    "sigmoid": p.sigmoid,
}  # fmt: skip
_OPERATIONS: dict[str, Callable[..., Any]] = {
    "symbol": lambda e, at: at.values[e.data[0]],
    "number": lambda e, at: at.dtype.type(e.data[0]),
    "zero": _constant(np.zeros),
    "ones": _constant(np.ones),
    "identity": lambda e, at: np.eye(at.size(e.shape[0]), dtype=at.dtype),
    "entry": _unit,
    "commutation": _commutation,
    "add": _sum,
    "product": _product,
    "hadamard": _hadamard,
    "kron": lambda e, at, a, c: p.kron(a, c),
    "transpose": lambda e, at, a: a.T,
    "inverse": lambda e, at, a: p.inv(a),
    "trace": lambda e, at, a: p.trace(a),
    "det": lambda e, at, a: p.det(a),
    "logdet": lambda e, at, a: p.logdet(a),
    "power": lambda e, at, a: a ** e.data[0],
    "apply": lambda e, at, a: _FUNCTIONS[e.data[0]](a),
    "logsumexp": lambda e, at, a: p.logsumexp(a),
    "softmax": lambda e, at, a: p.softmax(a, axis=0),
    "diag": lambda e, at, a: a * np.eye(a.shape[0], dtype=at.dtype),
    "vec": lambda e, at, a: a.T.reshape(-1, 1),
    "block_sum": _block_sum,
    "block_trace": _block_trace,
}


def _program(e: Expression) -> list[tuple[Callable[..., Any], Expression, list[int], list[int]]]:
    """Return operations in an order to do them in, each part of an expression once.

    The numbers say which results an operation takes, and which are not needed after it, so that
    their memory serves again. Scalars have no dimensions, all else has two.
    """
    places: dict[Expression, int] = {}
    steps: list[tuple[Expression, list[int]]] = []

    def visit(part: Expression) -> int:
        if part not in places:
            taken = [visit(arg) for arg in part.args]
            steps.append((part, taken))
            places[part] = len(places)
        return places[part]

    visit(e)
    last = {k: n for n, (_, taken) in enumerate(steps) for k in taken}
    over: list[list[int]] = [[] for _ in steps]
    for k, n in last.items():
        over[n].append(k)
    return [
        (_OPERATIONS[part.op], part, taken, done)
        for (part, taken), done in zip(steps, over, strict=True)
    ]


def compile_expression(
    e: Expression, symbols: Sequence[Expression], indices: Sequence[str] = ()
) -> Callable[..., Any]:
    """Return a function of arrays that computes an expression.

    Parameters
    ----------
    e : Expression
    symbols : sequence of Expression
        The function's parameters.
    indices : sequence of str
        Further parameters: the indices i and j of J^ij.

    Returns
    -------
    callable
        Takes an array for each symbol, in this order or by name: vectors with one dimension,
        scalars with none. It returns a number, or an array with one dimension for a column or a
        row, with two for a matrix. The dtype is that of the arrays; integers count as float64.
        Variables of `fastml.autodiff` may be passed too: the result is then one.

    Raises
    ------
    ValueError
        From that function, for arguments whose shapes do not match, and for singular matrices.
    """
    names = [symbol.data[0] for symbol in symbols]
    program = _program(e)

    def run(*args: Any, **kwargs: Any) -> Any:
        given = _by_name([*names, *indices], args, kwargs)
        at = _Bound()
        for symbol in symbols:
            at.bind(symbol, given[symbol.data[0]])
        at.settle_dtype(given)
        at.indices = {name: int(given[name]) for name in indices}
        results: list[Any] = []
        for operation, part, taken, over in program:
            results.append(operation(part, at, *[results[k] for k in taken]))
            for k in over:
                results[k] = None
        out = results[-1]
        return out if e.is_scalar or ONE not in e.shape else out.reshape(-1)

    run.__name__ = run.__qualname__ = "compiled"
    run.__doc__ = f"Compute {e.text} from {', '.join([*names, *indices]) or 'nothing'}."
    return run


def _by_name(names: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Match arguments to names, as Python does for a function."""
    if len(args) == len(names) and not kwargs:
        return dict(zip(names, args, strict=True))
    listed = ", ".join(names)
    if len(args) > len(names):
        raise TypeError(f"takes {len(names)} arguments ({listed}), got {len(args)}.")
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names or name in given:
            raise TypeError(f"got an argument {name!r} too many; the arguments are {listed}.")
        given[name] = value
    if missing := [name for name in names if name not in given]:
        raise TypeError(f"misses {', '.join(missing)}; the arguments are {listed}.")
    return given
