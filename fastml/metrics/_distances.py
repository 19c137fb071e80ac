"""Euclidean distances and nearest rows with scikit-learn's signatures."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_distances_argmin as _sklearn_argmin
from sklearn.metrics.pairwise import pairwise_distances_argmin_min as _sklearn_argmin_min
from sklearn.utils import assert_all_finite, check_array

from fastml._validation import check_finite_wanted
from fastml.backends import on_device, resolve
from fastml.metrics._checks import check_parameters, check_rows
from fastml.metrics._gram import KernelFunction, squared_lengths
from fastml.metrics._kernels import evaluate
from fastml.metrics._nearest import nearest_rows

__all__ = ["euclidean_distances", "pairwise_distances_argmin", "pairwise_distances_argmin_min"]


def euclidean_distances(
    X: Any,
    Y: Any = None,
    *,
    Y_norm_squared: Any = None,
    squared: bool = False,
    X_norm_squared: Any = None,
) -> Any:
    """Compute the Euclidean distance of every row of X to every row of Y.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Rows, also on a CUDA device.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features), default=None
        Other rows; X itself by default, of which one half is computed and mirrored.
    Y_norm_squared : array-like of shape (n_samples_Y,), (n_samples_Y, 1) or (1, n_samples_Y), \
            default=None
        Squared lengths of the rows of Y, used in place of what the rows say. Not looked at if
        float32, which is too coarse, or if Y is X.
    squared : bool, default=False
        Whether to return squared distances.
    X_norm_squared : array-like of shape (n_samples_X,), (n_samples_X, 1) or (1, n_samples_X), \
            default=None
        The same for X.

    Returns
    -------
    distances : array of shape (n_samples_X, n_samples_Y)
        The distances, those of a row to itself exactly 0 where Y is X; float32 for float32 rows.
        On the device for an `X` that lives there.

    Raises
    ------
    ValueError
        If rows hold NaN or infinity, differ in their number of features, or squared lengths do
        not fit the rows.

    Notes
    -----
    Dense float32 rows, and float64 rows of up to 128 features, are subtracted from one another:
    nothing is lost to what they have in common. Longer float64 rows meet less the mean of Y in
    ``|x|^2 + |y|^2 - 2 x'y``, sparse rows so without the mean.

    Examples
    --------
    >>> from fastml.metrics.pairwise import euclidean_distances
    >>> euclidean_distances([[0, 1], [1, 1]])
    array([[0., 1.],
           [1., 0.]])
    """
    check_parameters("euclidean_distances", squared=squared)
    X, Y = check_rows("euclidean_distances", X, Y)
    function = KernelFunction("sqeuclidean" if squared else "euclidean")
    if X_norm_squared is None and Y_norm_squared is None:
        return evaluate(function, X, Y)
    x_squares = _checked_squares(X, X_norm_squared, "X")
    y_squares = _checked_squares(X if Y is None else Y, Y_norm_squared, "Y")
    if Y is None:
        y_squares = x_squares
    if x_squares is None and y_squares is None:
        return evaluate(function, X, Y)
    return _with_squares(function, X, Y, x_squares, y_squares)


def _checked_squares(X: Any, squares: Any, name: str) -> Any:
    """Return squared lengths as a vector; None for what is not to be used."""
    if squares is None:
        return None
    if on_device(squares):
        squares = resolve(squares).to_host(squares)
    squares = check_array(
        squares, ensure_2d=False, ensure_all_finite=check_finite_wanted(), dtype="numeric"
    )
    n = X.shape[0]
    if squares.shape not in ((n,), (n, 1), (1, n)):
        raise ValueError(
            f"Incompatible dimensions for {name} of shape {X.shape} and "
            f"{name}_norm_squared of shape {squares.shape}."
        )
    return None if squares.dtype == np.float32 else squares.reshape(n).astype(np.float64)


def _with_squares(function: KernelFunction, X: Any, Y: Any, x_squares: Any, y_squares: Any) -> Any:
    """Compute distances from given squared lengths, in float64."""
    backend, dtype = resolve(X), X.dtype
    pairs = [(X, x_squares), (X if Y is None else Y, y_squares)]
    rows = [part.astype(np.float64, copy=False) for part, _ in pairs]
    squares = [
        squared_lengths(backend, part) if given is None else backend.asarray(given)
        for part, (_, given) in zip(rows, pairs, strict=True)
    ]
    found = evaluate(function, rows[0], None if Y is None else rows[1], tuple(squares))
    return found.astype(dtype, copy=False)


def _nearest(
    caller: str, X: Any, Y: Any, axis: Any, metric: Any, metric_kwargs: Any
) -> tuple[Any, Any] | None:
    """Return indices of the nearest rows and distances; None for what is left to scikit-learn."""
    ours = isinstance(metric, str) and metric in ("euclidean", "l2", "sqeuclidean")
    squared = metric_kwargs == {"squared": True} and metric == "euclidean"
    ours = ours and (squared or metric_kwargs is None or metric_kwargs == {})
    if axis not in (0, 1) or not ours or sparse.issparse(X) or sparse.issparse(Y):
        if on_device(X) or on_device(Y):
            raise ValueError(
                f"{caller} takes device arrays with metric 'euclidean', 'l2' or 'sqeuclidean', "
                f"no metric_kwargs, and axis 0 or 1; got metric={metric!r}, "
                f"metric_kwargs={metric_kwargs!r}, axis={axis!r}."
            )
        return None
    X, Y = check_rows(caller, X, Y)
    if Y is None:
        Y = X
    if axis == 0:
        X, Y = Y, X
    backend = resolve(X)
    rows, others = backend.asarray(X), backend.asarray(Y)
    with np.errstate(invalid="ignore", over="ignore"):
        indices, values = nearest_rows(backend, rows, others)
        # A row that is not finite shows in its own value; one of Y is never the nearest.
        finite = bool(backend.xp.isfinite(values).all()) and bool(backend.xp.isfinite(others.sum()))
    if check_finite_wanted() and not finite:
        for part, name in ((rows, "X"), (others, "Y")):
            assert_all_finite(backend.to_host(part), input_name=name)
    if not squared and metric != "sqeuclidean":
        values = backend.xp.sqrt(values)
    return (
        (indices, values) if on_device(X) else (backend.to_host(indices), backend.to_host(values))
    )


def pairwise_distances_argmin_min(
    X: Any, Y: Any, *, axis: int = 1, metric: Any = "euclidean", metric_kwargs: Any = None
) -> tuple[Any, Any]:
    """Find for each row of X the nearest row of Y, and its distance.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features)
        Rows, also on a CUDA device.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features)
        Candidates.
    axis : {0, 1}, default=1
        1 looks for a row of Y for each of X, 0 for a row of X for each of Y.
    metric : str or callable, default="euclidean"
        "euclidean", "l2" or "sqeuclidean" between dense rows, which are computed here in one pass
        without a matrix of distances; any other metric of scikit-learn's, and sparse rows, which
        scikit-learn's function computes.
    metric_kwargs : dict, default=None
        Options of the metric.

    Returns
    -------
    argmin : array of shape (n_samples_X,)
        Index of the nearest row, the lowest one where distances tie.
    distances : array of shape (n_samples_X,)
        Its distance, for the metrics computed here of the dtype of the rows.

    Raises
    ------
    ValueError
        If rows hold NaN or infinity, differ in their number of features, or lie on a device with
        a metric that is not computed there.

    Examples
    --------
    >>> from fastml.metrics.pairwise import pairwise_distances_argmin_min
    >>> argmin, distances = pairwise_distances_argmin_min([[0.0], [5.0]], [[1.0], [4.5]])
    >>> argmin, distances
    (array([0, 1]), array([1. , 0.5]))
    """
    found = _nearest("pairwise_distances_argmin_min", X, Y, axis, metric, metric_kwargs)
    if found is not None:
        return found
    return _sklearn_argmin_min(X, Y, axis=axis, metric=metric, metric_kwargs=metric_kwargs)


def pairwise_distances_argmin(
    X: Any, Y: Any, *, axis: int = 1, metric: Any = "euclidean", metric_kwargs: Any = None
) -> Any:
    """Find for each row of X the nearest row of Y.

    Parameters
    ----------
    X, Y, axis, metric, metric_kwargs
        As for `pairwise_distances_argmin_min`.

    Returns
    -------
    argmin : array of shape (n_samples_X,)
        Index of the nearest row, the lowest one where distances tie.

    Examples
    --------
    >>> from fastml.metrics.pairwise import pairwise_distances_argmin
    >>> pairwise_distances_argmin([[0.0], [5.0]], [[1.0], [4.5]])
    array([0, 1])
    """
    found = _nearest("pairwise_distances_argmin", X, Y, axis, metric, metric_kwargs)
    if found is not None:
        return found[0]
    return _sklearn_argmin(X, Y, axis=axis, metric=metric, metric_kwargs=metric_kwargs)
