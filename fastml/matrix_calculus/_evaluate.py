"""Expressions computed: on arrays, or on variables of the graph."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastml import autodiff as ad
from fastml.matrix_calculus._expression import ONE, Expression, Size

__all__ = ["compile_expression"]


class _Bound:
    """Values of symbols, sizes that follow from them, and what was computed so far."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self.given_by: dict[str, str] = {}
        self.indices: dict[str, int] = {}
        self.done: dict[Expression, Any] = {}
        self.dtype: Any = np.float64

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

    def __call__(self, e: Expression) -> Any:
        """Return the value of an expression: 0-d for a scalar, with two dimensions otherwise."""
        if e not in self.done:
            self.done[e] = _OPERATIONS[e.op](e, self)
        return self.done[e]


def _array(name: str, given: Any) -> Any:
    if isinstance(given, ad.Variable) or hasattr(given, "__cuda_array_interface__"):
        return given
    value = np.asarray(given)
    if value.dtype.kind in "iub":
        return value.astype(np.float64)
    if value.dtype.kind not in "fc":
        raise TypeError(f"{name} must be an array of numbers, got dtype {value.dtype}.")
    return value.astype(np.float32) if value.dtype.itemsize < 4 else value


def _product(e: Expression, at: _Bound) -> Any:
    coefficient, n_scalars = e.data
    chain = [at(arg) for arg in e.args[n_scalars:]]
    out: Any = None
    # From the narrow end: products with a vector cost less than products of matrices.
    if chain and e.shape[1] == ONE:
        out = chain.pop()
        while chain:
            out = chain.pop() @ out
    elif chain:
        out = chain.pop(0)
        while chain:
            out = out @ chain.pop(0)
    if out is not None and e.is_scalar:
        out = out[0, 0]
    for arg in e.args[:n_scalars]:
        out = at(arg) if out is None else at(arg) * out
    return out if coefficient == 1 else coefficient * out


def _sum(e: Expression, at: _Bound) -> Any:
    out = at(e.args[0])
    for arg in e.args[1:]:
        out = out + at(arg)
    return out


def _hadamard(e: Expression, at: _Bound) -> Any:
    out = at(e.args[0])
    for arg in e.args[1:]:
        out = out * at(arg)
    return out


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


def _block_sum(e: Expression, at: _Bound) -> Any:
    weights, a = at(e.args[0]), at(e.args[1])
    n, m = weights.shape
    return ad.einsum("ij,ikjl->kl", weights, _blocks(a, a.shape[0] // n, a.shape[1] // m))


def _block_trace(e: Expression, at: _Bound) -> Any:
    a, weight = at(e.args[0]), at(e.args[1])
    return ad.einsum("ikjl,lk->ij", _blocks(a, weight.shape[1], weight.shape[0]), weight)


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": ad.exp, "log": ad.log, "sin": ad.sin, "cos": ad.cos, "tanh": ad.tanh,
    "sigmoid": ad.sigmoid,
}  # fmt: skip
_OPERATIONS: dict[str, Callable[[Expression, _Bound], Any]] = {
    "symbol": lambda e, at: at.values[e.data[0]],
    "number": lambda e, at: at.dtype.type(e.data[0]),
    "zero": lambda e, at: np.zeros((at.size(e.shape[0]), at.size(e.shape[1])), at.dtype),
    "identity": lambda e, at: np.eye(at.size(e.shape[0]), dtype=at.dtype),
    "ones": lambda e, at: np.ones((at.size(e.shape[0]), 1), at.dtype),
    "entry": _unit,
    "commutation": _commutation,
    "add": _sum,
    "product": _product,
    "hadamard": _hadamard,
    "kron": lambda e, at: ad.kron(at(e.args[0]), at(e.args[1])),
    "transpose": lambda e, at: at(e.args[0]).T,
    "inverse": lambda e, at: ad.inv(at(e.args[0])),
    "trace": lambda e, at: ad.trace(at(e.args[0])),
    "det": lambda e, at: ad.det(at(e.args[0])),
    "logdet": lambda e, at: ad.logdet(at(e.args[0])),
    "power": lambda e, at: at(e.args[0]) ** e.data[0],
    "apply": lambda e, at: _FUNCTIONS[e.data[0]](at(e.args[0])),
    "logsumexp": lambda e, at: ad.logsumexp(at(e.args[0])),
    "softmax": lambda e, at: ad.softmax(at(e.args[0]), axis=0),
    "diag": lambda e, at: at(e.args[0]) * np.eye(at.size(e.shape[0]), dtype=at.dtype),
    "vec": lambda e, at: at(e.args[0]).T.reshape(-1, 1),
    "block_sum": _block_sum,
    "block_trace": _block_trace,
}


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
        scalars with none. It returns a
        number, or an array with one dimension for a column or a row, with two for a matrix. The
        dtype is that of the arguments; integers count as float64. Variables of
        `fastml.autodiff` may be passed too: the result is then one.

    Raises
    ------
    ValueError
        From that function, for arguments whose shapes do not match, and for singular matrices.
    """
    names = [symbol.data[0] for symbol in symbols]

    def run(*args: Any, **kwargs: Any) -> Any:
        given = _by_name([*names, *indices], args, kwargs)
        at = _Bound()
        for symbol in symbols:
            at.bind(symbol, given[symbol.data[0]])
        dtypes = [value.dtype for value in at.values.values()]
        at.dtype = np.result_type(*dtypes) if dtypes else np.dtype(np.float64)
        at.indices = {name: int(given[name]) for name in indices}
        out = at(e)
        return out if e.is_scalar or ONE not in e.shape else out.reshape(-1)

    run.__name__ = run.__qualname__ = "compiled"
    run.__doc__ = f"Compute {e.text} from {', '.join([*names, *indices]) or 'nothing'}."
    return run


def _by_name(names: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Match arguments to names, as Python does for a function."""
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
