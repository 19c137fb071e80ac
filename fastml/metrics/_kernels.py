"""Kernel functions with scikit-learn's signatures, each in one pass."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from fastml.backends import on_device, resolve
from fastml.metrics._checks import check_parameters, check_rows, scalar
from fastml.metrics._gram import KernelFunction, gram, products

__all__ = [
    "additive_chi2_kernel",
    "chi2_kernel",
    "cosine_similarity",
    "laplacian_kernel",
    "linear_kernel",
    "polynomial_kernel",
    "rbf_kernel",
    "sigmoid_kernel",
]


def evaluate(function: KernelFunction, X: Any, Y: Any, squares: Any = None) -> Any:
    """Return the kernel matrix of checked rows: on the device for an X that lives there."""
    backend = resolve(X)
    rows = X if sparse.issparse(X) else backend.asarray(X)
    others = Y if Y is None or sparse.issparse(Y) else backend.asarray(Y)
    bare = function.name in ("linear", "cosine") and others is not None
    with np.errstate(invalid="ignore", over="ignore"):
        if bare and not sparse.issparse(rows) and not sparse.issparse(others):
            out = products(function, backend, rows, others)
        else:
            out = gram(function, backend, rows, others, squares=squares)
    return out if on_device(X) else backend.to_host(out)


def linear_kernel(X: Any, Y: Any = None, dense_output: bool = True) -> Any:
    """Compute the linear kernel ``X Y'``.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Rows, also on a CUDA device.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features), default=None
        Other rows; X itself by default, of which one half is computed and mirrored.
    dense_output : bool, default=True
        Whether the result is dense even where both inputs are sparse.

    Returns
    -------
    kernel : array of shape (n_samples_X, n_samples_Y)
        The products; float32 for float32 rows. On the device for an `X` that lives there.

    Raises
    ------
    ValueError
        If rows hold NaN or infinity, or differ in their number of features.

    Examples
    --------
    >>> from fastml.metrics.pairwise import linear_kernel
    >>> linear_kernel([[0, 0, 0], [1, 1, 1]], [[1, 0, 0], [1, 1, 0]])
    array([[0., 0.],
           [1., 2.]])
    """
    check_parameters("linear_kernel", dense_output=dense_output)
    X, Y = check_rows("linear_kernel", X, Y)
    if not dense_output and sparse.issparse(X) and (Y is None or sparse.issparse(Y)):
        return X @ (X if Y is None else Y).T
    return evaluate(KernelFunction("linear"), X, Y)


def polynomial_kernel(
    X: Any, Y: Any = None, degree: float = 3, gamma: float | None = None, coef0: float = 1
) -> Any:
    """Compute the polynomial kernel ``(gamma x'y + coef0) ** degree``.

    Parameters
    ----------
    X, Y : {array-like, sparse matrix}
        As for `linear_kernel`.
    degree : float, default=3
        The exponent, at least 1.
    gamma : float, default=None
        Factor of the product, not negative; ``1 / n_features`` by default.
    coef0 : float, default=1
        Added to the product.

    Returns
    -------
    kernel : array of shape (n_samples_X, n_samples_Y)
        The kernel matrix; see `linear_kernel` for its dtype and place, and for errors.

    Examples
    --------
    >>> from fastml.metrics.pairwise import polynomial_kernel
    >>> polynomial_kernel([[1.0, 1.0]], [[1.0, 3.0]], degree=2)
    array([[9.]])
    """
    check_parameters("polynomial_kernel", degree=degree, gamma=gamma, coef0=coef0)
    X, Y = check_rows("polynomial_kernel", X, Y)
    return evaluate(KernelFunction("poly", scalar("gamma", gamma), coef0, degree), X, Y)


def sigmoid_kernel(X: Any, Y: Any = None, gamma: float | None = None, coef0: float = 1) -> Any:
    """Compute the sigmoid kernel ``tanh(gamma x'y + coef0)``.

    Parameters
    ----------
    X, Y : {array-like, sparse matrix}
        As for `linear_kernel`.
    gamma : float, default=None
        Factor of the product, not negative; ``1 / n_features`` by default.
    coef0 : float, default=1
        Added to the product.

    Returns
    -------
    kernel : array of shape (n_samples_X, n_samples_Y)
        The kernel matrix; see `linear_kernel` for its dtype and place, and for errors.

    Examples
    --------
    >>> from fastml.metrics.pairwise import sigmoid_kernel
    >>> sigmoid_kernel([[1.0, 1.0]], [[1.0, -1.0]], coef0=0)
    array([[0.]])
    """
    check_parameters("sigmoid_kernel", gamma=gamma, coef0=coef0)
    X, Y = check_rows("sigmoid_kernel", X, Y)
    return evaluate(KernelFunction("sigmoid", scalar("gamma", gamma), coef0), X, Y)


def rbf_kernel(X: Any, Y: Any = None, gamma: float | None = None) -> Any:
    """Compute the Gaussian kernel ``exp(-gamma |x - y|^2)``.

    Parameters
    ----------
    X, Y : {array-like, sparse matrix}
        As for `linear_kernel`.
    gamma : float, default=None
        Factor of the squared distance, not negative; ``1 / n_features`` by default.

    Returns
    -------
    kernel : array of shape (n_samples_X, n_samples_Y)
        The kernel matrix, its diagonal exactly 1 where Y is X; see `linear_kernel` for its dtype
        and place, and for errors.

    Notes
    -----
    Distances are formed as by `euclidean_distances`.

    Examples
    --------
    >>> from fastml.metrics.pairwise import rbf_kernel
    >>> rbf_kernel([[0.0, 0.0], [3.0, 4.0]], gamma=0.0)
    array([[1., 1.],
           [1., 1.]])
    """
    check_parameters("rbf_kernel", gamma=gamma)
    X, Y = check_rows("rbf_kernel", X, Y)
    return evaluate(KernelFunction("rbf", scalar("gamma", gamma)), X, Y)


def laplacian_kernel(X: Any, Y: Any = None, gamma: float | None = None) -> Any:
    """Compute the Laplacian kernel ``exp(-gamma sum_k |x_k - y_k|)``.

    Parameters
    ----------
    X, Y : {array-like, sparse matrix}
        As for `linear_kernel`. Distances of sparse rows are scikit-learn's.
    gamma : float, default=None
        Factor of the distance, positive; ``1 / n_features`` by default.

    Returns
    -------
    kernel : array of shape (n_samples_X, n_samples_Y)
        The kernel matrix; see `linear_kernel` for its dtype and place, and for errors.

    Examples
    --------
    >>> from fastml.metrics.pairwise import laplacian_kernel
    >>> laplacian_kernel([[0.0, 0.0]], [[0.0, 0.0]])
    array([[1.]])
    """
    check_parameters("laplacian_kernel", gamma=gamma)
    X, Y = check_rows("laplacian_kernel", X, Y)
    return evaluate(KernelFunction("laplacian", scalar("gamma", gamma)), X, Y)


def cosine_similarity(X: Any, Y: Any = None, dense_output: bool = True) -> Any:
    """Compute the cosine of the angle between rows, ``x'y / (|x| |y|)``.

    Parameters
    ----------
    X, Y : {array-like, sparse matrix}
        As for `linear_kernel`. The similarity of a row of zeros to any other is 0.
    dense_output : bool, default=True
        Whether the result is dense even where both inputs are sparse.

    Returns
    -------
    similarities : array of shape (n_samples_X, n_samples_Y)
        The similarities; see `linear_kernel` for their dtype and place, and for errors.

    Examples
    --------
    >>> from fastml.metrics.pairwise import cosine_similarity
    >>> cosine_similarity([[3.0, 4.0]], [[0.0, 0.0], [4.0, 0.0]])
    array([[0. , 0.6]])
    """
    check_parameters("cosine_similarity", dense_output=dense_output)
    X, Y = check_rows("cosine_similarity", X, Y)
    if not dense_output and sparse.issparse(X) and (Y is None or sparse.issparse(Y)):
        unit = normalize(X)
        return unit @ (unit if Y is None else normalize(Y)).T
    return evaluate(KernelFunction("cosine"), X, Y)


def _histograms(caller: str, X: Any, Y: Any) -> tuple[Any, Any]:
    """Check rows of which no value may be negative."""
    X, Y = check_rows(caller, X, Y, sparse_too=False)
    for rows, name in ((X, "X"), (Y, "Y")):
        if rows is not None and bool((rows.min() if rows.size else 0) < 0):
            raise ValueError(f"{name} contains negative values.")
    return X, Y


def additive_chi2_kernel(X: Any, Y: Any = None) -> Any:
    """Compute the additive chi-squared kernel ``-sum_k (x_k - y_k)^2 / (x_k + y_k)``.

    Parameters
    ----------
    X : array-like of shape (n_samples_X, n_features)
        Rows without negative values, also on a CUDA device.
    Y : array-like of shape (n_samples_Y, n_features), default=None
        Other rows; X itself by default.

    Returns
    -------
    kernel : array of shape (n_samples_X, n_samples_Y)
        The kernel matrix; see `linear_kernel` for its dtype and place, and for errors. Where both
        values are 0 the term is 0.

    Examples
    --------
    >>> from fastml.metrics.pairwise import additive_chi2_kernel
    >>> additive_chi2_kernel([[0, 0, 0], [1, 1, 1]], [[1, 0, 0], [1, 1, 0]])
    array([[-1., -2.],
           [-2., -1.]])
    """
    X, Y = _histograms("additive_chi2_kernel", X, Y)
    return evaluate(KernelFunction("additive_chi2"), X, Y)


def chi2_kernel(X: Any, Y: Any = None, gamma: float = 1.0) -> Any:
    """Compute the chi-squared kernel ``exp(-gamma sum_k (x_k - y_k)^2 / (x_k + y_k))``.

    Parameters
    ----------
    X, Y : array-like
        As for `additive_chi2_kernel`.
    gamma : float, default=1
        Factor of the sum, positive.

    Returns
    -------
    kernel : array of shape (n_samples_X, n_samples_Y)
        The kernel matrix; see `linear_kernel` for its dtype and place, and for errors.

    References
    ----------
    J. Zhang, M. Marszalek, S. Lazebnik and C. Schmid, "Local features and kernels for
    classification of texture and object categories", IJCV 2007.

    Examples
    --------
    >>> from fastml.metrics.pairwise import chi2_kernel
    >>> chi2_kernel([[1.0, 0.0]], [[1.0, 0.0]])
    array([[1.]])
    """
    check_parameters("chi2_kernel", gamma=gamma)
    X, Y = _histograms("chi2_kernel", X, Y)
    return evaluate(KernelFunction("chi2", scalar("gamma", gamma)), X, Y)
