"""Pre-images: kernel ridge regression from features back to rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_array

from fastml._validation import FLOATS, check_finite_wanted
from fastml.backends import Backend, on_device, resolve
from fastml.metrics._checked_gram import RowKernel, gram_times

__all__ = ["PreImage"]


class PreImage(NamedTuple):
    """A ridge regression of rows on their features, in a kernel of the features.

    G. H. Bakir, J. Weston and B. Schoelkopf, "Learning to find pre-images", NIPS 2003.
    """

    features: Any  # (n_samples, n_components), host
    dual_coef: Any  # (n_samples, n_features), host

    @classmethod
    def learn(cls, features: Any, rows: Any, kernel: RowKernel, alpha: float) -> "PreImage":
        """Solve ``(K(features) + alpha I) dual_coef = rows``.

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_components)
            What rows are to be found from.
        rows : ndarray of shape (n_samples, n_features)
            The rows, of the same dtype.
        kernel : RowKernel
            Between features.
        alpha : float
            Strength of the regularisation.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the matrix is not positive definite.
        """
        backend = kernel.backend
        matrix = kernel.gram(backend.asarray(features))
        matrix.reshape(-1)[:: matrix.shape[0] + 1] += alpha
        right = backend.asarray(rows, matrix.dtype)
        out = backend.empty(right.shape, matrix.dtype)
        try:
            backend.kernels("factorize").solve_positive(matrix, right, out)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(
                "The inverse transform cannot be learned: the kernel matrix of the projections "
                f"plus alpha={alpha!r} on its diagonal is not positive definite. Raise alpha."
            ) from error
        return cls(features, backend.to_host(out))

    def at(
        self,
        X: Any,
        make_kernel: Callable[[Backend, float | None], RowKernel],
        gamma: float | None,
        who: str,
    ) -> Any:
        """Return the rows whose features X holds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Features.
        make_kernel : callable
            ``make_kernel(backend, gamma)`` returns the kernel between features.
        gamma : float or None
            Coefficient of the kernel; None for one without.
        who : str
            Name of the estimator, for errors.
        """
        if on_device(X):
            X = resolve(X).asarray(X)
        else:
            X = check_array(
                X, dtype=FLOATS, input_name="X", ensure_all_finite=check_finite_wanted()
            )
        if X.shape[1] != self.features.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, but {who}.inverse_transform is expecting "
                f"{self.features.shape[1]} components as input."
            )
        backend = resolve(X)
        dtype = np.result_type(X.dtype, self.dual_coef.dtype)
        rows, features, right = (
            backend.asarray(a, dtype) for a in (X, self.features, self.dual_coef)
        )
        out = backend.empty((X.shape[0], right.shape[1]), dtype)
        gram_times(make_kernel(backend, gamma), rows, features, right, out)
        return out if on_device(X) else backend.to_host(out)
