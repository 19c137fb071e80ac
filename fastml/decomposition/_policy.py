"""Which solver finds how many components."""

from typing import Any

__all__ = ["choose_solver"]


def choose_solver(
    solver: str, n_components: Any, shape: tuple[int, int], is_sparse: bool
) -> tuple[str, Any]:
    """Return the solver, and the number of components asked of it.

    Parameters
    ----------
    solver : str
        As given to the estimator.
    n_components : int, float, "mle" or None
        As given to the estimator.
    shape : tuple of int
        Samples and features.
    is_sparse : bool
        Whether the data are a sparse matrix.

    Returns
    -------
    solver : {"full", "covariance_eigh", "arpack", "randomized"}
        By scikit-learn's rule where it was "auto".
    n_components : int, float or "mle"
        A number where it was None.

    Raises
    ------
    ValueError
        For a number of components that the data or the solver cannot give.
    """
    n_samples, n_features = shape
    smaller = min(shape)
    if solver == "auto" and is_sparse:
        solver = "arpack"
    if n_components is None:
        n_components = smaller - 1 if solver == "arpack" else smaller
    if solver == "auto":
        if n_features <= 1000 and n_samples >= 10 * n_features:
            solver = "covariance_eigh"
        elif max(shape) <= 500 or n_components == "mle":
            solver = "full"
        elif 1 <= n_components < 0.8 * smaller:
            solver = "randomized"
        else:
            solver = "full"
    if solver in ("full", "covariance_eigh"):
        _check_exact(solver, n_components, n_samples, n_features)
    else:
        _check_truncated(solver, n_components, smaller)
    return solver, n_components


def _check_exact(solver: str, n_components: Any, n_samples: int, n_features: int) -> None:
    smaller = min(n_samples, n_features)
    if n_components == "mle":
        if n_samples < n_features:
            raise ValueError("n_components='mle' is only supported if n_samples >= n_features")
    elif not 0 <= n_components <= smaller:
        raise ValueError(
            f"n_components={n_components} must be between 0 and min(n_samples, "
            f"n_features)={smaller} with svd_solver={solver!r}"
        )


def _check_truncated(solver: str, n_components: Any, smaller: int) -> None:
    if isinstance(n_components, str):
        problem = "cannot be a string"
    elif not 1 <= n_components <= smaller:
        problem = f"must be between 1 and min(n_samples, n_features)={smaller!r}"
    elif solver == "arpack" and n_components == smaller:
        problem = f"must be strictly less than min(n_samples, n_features)={smaller!r}"
    else:
        return
    raise ValueError(f"n_components={n_components!r} {problem} with svd_solver='{solver}'")
