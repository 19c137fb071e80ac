"""Distances and kernels between the rows of two arrays, in scikit-learn's names."""

from numbers import Integral
from typing import Any

from joblib import effective_n_jobs
from sklearn.metrics.pairwise import KERNEL_PARAMS
from sklearn.metrics.pairwise import pairwise_kernels as _sklearn_pairwise_kernels
from sklearn.utils._param_validation import StrOptions, validate_parameter_constraints

from fastml.backends import on_device, resolve
from fastml.config import config_context
from fastml.metrics._distances import (
    euclidean_distances,
    pairwise_distances_argmin,
    pairwise_distances_argmin_min,
)
from fastml.metrics._kernels import (
    additive_chi2_kernel,
    chi2_kernel,
    cosine_similarity,
    laplacian_kernel,
    linear_kernel,
    polynomial_kernel,
    rbf_kernel,
    sigmoid_kernel,
)

__all__ = [
    "PAIRWISE_KERNEL_FUNCTIONS",
    "additive_chi2_kernel",
    "chi2_kernel",
    "cosine_similarity",
    "euclidean_distances",
    "laplacian_kernel",
    "linear_kernel",
    "pairwise_distances_argmin",
    "pairwise_distances_argmin_min",
    "pairwise_kernels",
    "polynomial_kernel",
    "rbf_kernel",
    "sigmoid_kernel",
]

PAIRWISE_KERNEL_FUNCTIONS: dict[str, Any] = {
    "additive_chi2": additive_chi2_kernel,
    "chi2": chi2_kernel,
    "linear": linear_kernel,
    "polynomial": polynomial_kernel,
    "poly": polynomial_kernel,
    "rbf": rbf_kernel,
    "laplacian": laplacian_kernel,
    "sigmoid": sigmoid_kernel,
    "cosine": cosine_similarity,
}

_CONSTRAINTS: dict[str, Any] = {
    "metric": [StrOptions({*PAIRWISE_KERNEL_FUNCTIONS, "precomputed"}), callable],
    "filter_params": ["boolean"],
    "n_jobs": [Integral, None],
}


def pairwise_kernels(
    X: Any,
    Y: Any = None,
    metric: Any = "linear",
    *,
    filter_params: bool = False,
    n_jobs: int | None = None,
    **kwds: Any,
) -> Any:
    """Compute a kernel, given by its name, between the rows of X and Y.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples_X, n_features) or (n_samples_X, n_samples_Y)
        Rows, also on a CUDA device; with ``metric="precomputed"`` the kernel matrix.
    Y : {array-like, sparse matrix} of shape (n_samples_Y, n_features), default=None
        Other rows; X itself by default.
    metric : str or callable, default="linear"
        A key of `PAIRWISE_KERNEL_FUNCTIONS`; "precomputed", which returns X; or
        ``metric(x, y) -> float``, called on every pair of rows.
    filter_params : bool, default=False
        Whether to drop parameters that the kernel does not have.
    n_jobs : int, default=None
        Most threads to use; as configured by default.
    **kwds
        Parameters of the kernel.

    Returns
    -------
    K : array of shape (n_samples_X, n_samples_Y)
        The kernel matrix.

    Raises
    ------
    ValueError
        For a metric that is not known; see the kernels for the rest.

    Examples
    --------
    >>> from fastml.metrics.pairwise import pairwise_kernels
    >>> pairwise_kernels([[1.0, 2.0]], [[1.0, 1.0]], metric="poly", degree=2, gamma=1.0)
    array([[16.]])
    """
    values = {"metric": metric, "filter_params": filter_params, "n_jobs": n_jobs}
    validate_parameter_constraints(_CONSTRAINTS, values, caller_name="pairwise_kernels")
    if not isinstance(metric, str) or metric == "precomputed":
        if on_device(X) or on_device(Y):
            raise ValueError(
                "pairwise_kernels takes device arrays with the name of a kernel, got "
                f"metric={metric!r}."
            )
        return _sklearn_pairwise_kernels(
            X, Y, metric=metric, filter_params=filter_params, n_jobs=n_jobs, **kwds
        )
    if filter_params:
        kwds = {name: value for name, value in kwds.items() if name in KERNEL_PARAMS[metric]}
    function = PAIRWISE_KERNEL_FUNCTIONS[metric]
    if n_jobs is None:
        return function(X, Y, **kwds)
    threads = max(1, min(effective_n_jobs(n_jobs), resolve(X).n_workers))
    with config_context(num_threads=threads):
        return function(X, Y, **kwds)
