"""Kernel matrices of validated rows, on any backend."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import manhattan_distances
from sklearn.utils import assert_all_finite

from fastml._validation import canonical, check_finite_wanted
from fastml.backends import Backend
from fastml.kernels.pairwise import forms

__all__ = ["KernelFunction", "diagonal", "gram", "gram_times", "products", "squared_lengths"]

# float64 rows with more features than this meet through products, which cost half as much as
# differences; float32 products would lose what rows have in common beyond 24 bits.
MOST_DIFFERENCES = 128

# Term, ending, sign of gamma, default of gamma (None: 1 / n_features).
_FUNCTIONS: dict[str, tuple[int, int, float, float | None]] = {
    "linear": (forms.PRODUCT, forms.AFFINE, 1.0, 1.0),
    "cosine": (forms.PRODUCT, forms.AFFINE, 1.0, 1.0),
    "poly": (forms.PRODUCT, forms.POWER, 1.0, None),
    "polynomial": (forms.PRODUCT, forms.POWER, 1.0, None),
    "sigmoid": (forms.PRODUCT, forms.TANH, 1.0, None),
    "rbf": (forms.SQUARED, forms.EXP, -1.0, None),
    "laplacian": (forms.ABSOLUTE, forms.EXP, -1.0, None),
    "additive_chi2": (forms.CHI_SQUARED, forms.AFFINE, -1.0, 1.0),
    "chi2": (forms.CHI_SQUARED, forms.EXP, -1.0, 1.0),
    "euclidean": (forms.SQUARED, forms.ROOT, 1.0, 1.0),
    "sqeuclidean": (forms.SQUARED, forms.AFFINE, 1.0, 1.0),
}
_WITHOUT_GAMMA = ("linear", "cosine", "additive_chi2", "euclidean", "sqeuclidean")
_WITH_COEF0 = ("poly", "polynomial", "sigmoid")


@dataclass(frozen=True)
class KernelFunction:
    """A kernel function and its parameters.

    Parameters
    ----------
    name : str
        "linear", "poly", "polynomial", "rbf", "sigmoid", "laplacian", "cosine", "chi2",
        "additive_chi2", or one of the distances "euclidean" and "sqeuclidean".
    gamma : float or None
        None stands for ``1 / n_features``, and for 1 with "chi2". Functions without a gamma do
        not look at it; the same holds for what follows.
    coef0 : float
        Added to gamma times the product, by "poly" and "sigmoid".
    degree : float
        Exponent of "poly", at least 1.
    """

    name: str
    gamma: float | None = None
    coef0: float = 1.0
    degree: float = 3.0

    def numbers(self, n_features: int, dtype: Any) -> tuple[int, int, Any, Any, Any]:
        """Return term, ending, gamma, coef0 and degree as kernels take them."""
        term, ending, sign, default = _FUNCTIONS[self.name]
        gamma = default if self.name in _WITHOUT_GAMMA or self.gamma is None else self.gamma
        if gamma is None:
            gamma = 1.0 / n_features
        real = np.dtype(dtype).type
        coef0 = self.coef0 if self.name in _WITH_COEF0 else 0.0
        return term, ending, real(sign * gamma), real(coef0), real(self.degree)


def gram(
    function: KernelFunction,
    backend: Backend,
    X: Any,
    Y: Any = None,
    out: Any = None,
    squares: tuple[Any, Any] | None = None,
) -> Any:
    """Evaluate a kernel function on every row of X and every row of Y.

    Parameters
    ----------
    function : KernelFunction
        What to evaluate.
    backend : Backend
        Where.
    X, Y : array of shape (n_samples, n_features)
        Rows on the backend, of one dtype, or sparse rows in host memory. None for Y stands for X:
        one half is computed and mirrored, so that the result is symmetric to the bit.
    out : array of shape (n_samples, n_others), optional
        C-contiguous, on the backend: takes the result.
    squares : pair of arrays, optional
        Squared lengths of the rows of X and of Y, for distances: used in place of what the rows
        say.

    Returns
    -------
    array of shape (n_samples, n_others)
        The values, on the backend, of the dtype of X.

    Raises
    ------
    ValueError
        If X or Y holds NaN or infinity, unless that check is turned off.
    """
    others = X if Y is None else Y
    if out is None:
        out = backend.empty((X.shape[0], others.shape[0]), X.dtype)
    if sparse.issparse(X) or sparse.issparse(others):
        _sparse_gram(function, backend, X, Y, out, squares)
        return out
    arguments = _arguments(function, backend, X, Y, squares)
    probe = backend.zeros(X.shape[0] + others.shape[0], X.dtype)
    backend.kernels("pairwise").gram(X, others, Y is None, *arguments, probe, out)
    _check_finite(backend, probe, X, others)
    return out


def gram_times(
    function: KernelFunction, backend: Backend, X: Any, Y: Any, right: Any, out: Any
) -> None:
    """Multiply a kernel matrix of dense rows: ``out = K(X, Y) right``.

    Parameters
    ----------
    function : KernelFunction
        The kernel.
    backend : Backend
        Where.
    X, Y : array of shape (n_samples, n_features)
        Rows on the backend, of one dtype; a few thousand of Y at most. The kernel matrix has to
        fit into the memory of a device.
    right : array of shape (n_others, n_columns)
        On the backend, in the dtype of X.
    out : array of shape (n_samples, n_columns)
        Written; float32 or float64.

    Raises
    ------
    ValueError
        As for `gram`.
    """
    arguments = _arguments(function, backend, X, Y)
    probe = backend.zeros(X.shape[0] + Y.shape[0], X.dtype)
    backend.kernels("pairwise").gram_times(X, Y, *arguments, right, probe, out)
    _check_finite(backend, probe, X, Y)


def _arguments(
    function: KernelFunction,
    backend: Backend,
    X: Any,
    Y: Any,
    squares: tuple[Any, Any] | None = None,
) -> tuple[Any, ...]:
    """Return term, offset, scales, squares and the function's numbers as kernels take them."""
    term, *numbers = function.numbers(X.shape[1], X.dtype)
    none = backend.empty(0, X.dtype)
    x_scale = y_scale = x_squares = y_squares = none
    offset = backend.zeros(X.shape[1], X.dtype)
    if function.name == "cosine":
        x_scale = _inverse_lengths(backend, X, offset)
        y_scale = x_scale if Y is None else _inverse_lengths(backend, Y, offset)
    elif squares is not None:
        term, (x_squares, y_squares) = forms.PRODUCT, squares
    elif term == forms.SQUARED and X.itemsize == 8 and X.shape[1] > MOST_DIFFERENCES:
        # A common offset takes nothing from a distance, and much from the products.
        term, offset = forms.PRODUCT, (X if Y is None else Y).mean(axis=0)
        x_squares = _squares(backend, X, offset)
        y_squares = x_squares if Y is None else _squares(backend, Y, offset)
    return term, offset, x_scale, y_scale, x_squares, y_squares, *numbers


def products(function: KernelFunction, backend: Backend, X: Any, Y: Any) -> Any:
    """Evaluate "linear" or "cosine" on every row of X and every row of Y by BLAS.

    Nothing is left to be done to these sums, which BLAS forms and stores faster than the kernel.
    Its bits may depend on the number of threads, so this is not for estimators.

    Parameters
    ----------
    function : KernelFunction
        One of the two.
    backend : Backend
        Where.
    X, Y : array of shape (n_samples, n_features)
        Dense rows on the backend, of one dtype.

    Returns
    -------
    array of shape (n_samples, n_others)
        The values, on the backend, of the dtype of X.

    Raises
    ------
    ValueError
        As for `gram`.
    """
    left, right = X, Y
    if function.name == "cosine":
        offset = backend.zeros(X.shape[1], X.dtype)
        left = X * _inverse_lengths(backend, X, offset)[:, None]
        right = Y * _inverse_lengths(backend, Y, offset)[:, None]
    out = left @ right.T
    _check_finite(backend, backend.xp.concatenate([out[:, 0], out[0]]), X, Y)
    return out


def _check_finite(backend: Backend, sums: Any, X: Any, Y: Any) -> None:
    """Refuse NaN and infinity in X and Y, which show in sums of every row with some other."""
    # Sums that are finite are of finite values; others may be so, and overflow.
    if check_finite_wanted() and not bool(backend.xp.isfinite(sums).all()):
        for rows, name in ((X, "X"), (Y, "Y")):
            assert_all_finite(backend.to_host(rows), input_name=name)


def diagonal(function: KernelFunction, backend: Backend, X: Any) -> Any:
    """Return the value of a kernel function for each row and itself.

    Parameters
    ----------
    function : KernelFunction
        What to evaluate.
    backend : Backend
        Where.
    X : array of shape (n_samples, n_features)
        Rows on the backend, or sparse rows in host memory.

    Returns
    -------
    array of shape (n_samples,)
        The diagonal of ``gram(function, backend, X)`` up to rounding, of the dtype of X.
    """
    term, _, gamma, coef0, degree = function.numbers(X.shape[1], np.float64)
    xp = backend.xp
    if term != forms.PRODUCT:
        # The distance of a row to itself is 0.
        ones = function.name in ("rbf", "laplacian", "chi2")
        return xp.full(X.shape[0], float(ones), X.dtype)
    squares = squared_lengths(backend, X)
    if function.name == "cosine":
        return _has_direction(squares, X.dtype).astype(X.dtype)
    values = gamma * squares + coef0
    if function.name == "sigmoid":
        values = xp.tanh(values)
    elif function.name in ("poly", "polynomial"):
        values = values**degree
    return values.astype(X.dtype)


def squared_lengths(backend: Backend, X: Any) -> Any:
    """Return the squared lengths of dense or sparse rows, in float64 on the backend."""
    if sparse.issparse(X):
        return backend.asarray(_sparse_squares(X))
    return _squares(backend, X, backend.zeros(X.shape[1], X.dtype))


def _squares(backend: Backend, X: Any, offset: Any) -> Any:
    out = backend.empty(X.shape[0], np.float64)
    backend.kernels("pairwise").row_squares(X, offset, out)
    return out


def _has_direction(squares: Any, dtype: Any) -> Any:
    """Return which rows are long enough for the inverse of their length to be a number."""
    return squares > float(np.finfo(dtype).tiny) ** 2


def _inverse_lengths(backend: Backend, X: Any, offset: Any) -> Any:
    """Return what rows are multiplied by to be of length one; 1 for rows of zeros."""
    squares = _squares(backend, X, offset)
    lengths = backend.xp.sqrt(squares + ~_has_direction(squares, X.dtype))
    return (1.0 / lengths).astype(X.dtype)


def _sparse_squares(X: Any) -> Any:
    """Return the squared lengths of the rows of a matrix in CSR form, in float64."""
    data = X.data.astype(np.float64)
    owner = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    return np.bincount(owner, data * data, minlength=X.shape[0])


def _sparse_gram(
    function: KernelFunction, backend: Backend, X: Any, Y: Any, out: Any, squares: Any
) -> None:
    symmetric = Y is None
    X = canonical(sparse.csr_array(X))
    Y = X if symmetric else canonical(sparse.csr_array(Y))
    term, ending, gamma, coef0, degree = function.numbers(X.shape[1], out.dtype)
    if term == forms.CHI_SQUARED:
        raise ValueError(f"{function.name} does not take sparse rows.")
    if term == forms.ABSOLUTE:
        sums = backend.asarray(manhattan_distances(X, Y))
        out[:] = backend.xp.exp(gamma * sums)
        return
    if function.name == "cosine":
        X, Y = (_unit_rows(X),) * 2 if symmetric else (_unit_rows(X), _unit_rows(Y))
    none = backend.empty(0, np.float64)
    if term != forms.SQUARED:
        squares = none, none
    elif squares is None:
        squares = squared_lengths(backend, X), squared_lengths(backend, Y)
    entries = [
        backend.asarray(part, dtype)
        for matrix in (X, Y.tocsc())
        for part, dtype in (
            (matrix.data, out.dtype),
            (matrix.indices, np.int32),
            (matrix.indptr, np.int64),
        )
    ]
    backend.kernels("pairwise").sparse_gram(
        *entries, symmetric, *squares, ending, gamma, coef0, degree, out
    )


def _unit_rows(X: Any) -> Any:
    """Return sparse rows scaled to length one; rows of zeros stay."""
    squares = _sparse_squares(X)
    lengths = np.sqrt(squares + ~_has_direction(squares, X.dtype))
    data = X.data / np.repeat(lengths, np.diff(X.indptr))
    return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)
