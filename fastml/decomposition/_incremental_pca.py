"""Incremental principal component analysis."""

from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval

from fastml._validation import FLOATS, too_large, validate
from fastml.backends import resolve
from fastml.decomposition._base import PrincipalAxes
from fastml.decomposition._incremental import NotFinite, Spectrum, Update, update
from fastml.decomposition._input import check_finite

__all__ = ["IncrementalPCA"]


class IncrementalPCA(PrincipalAxes):
    """Principal component analysis of data that come, or are read, batch by batch.

    Keeps a mean, a variance per column and the leading components of all rows seen, and updates
    them with each batch. Memory beyond the data is that of one batch. scikit-learn's
    `IncrementalPCA` with `growing` added.

    Parameters
    ----------
    n_components : int, default=None
        Components to keep; by default the smaller number of the rows and columns of the first
        batch.
    whiten : bool, default=False
        Divide projections by their standard deviation.
    copy : bool, default=True
        If False, X may be overwritten. It never is.
    batch_size : int, default=None
        Rows of a batch in `fit`; by default five times the number of columns.
    growing : bool, default=False
        Whether the first `partial_fit` may have fewer rows than `n_components`. The number of
        components then grows with the rows seen, up to `n_components` (by default, to the number
        of columns). `fit` always takes batches of any size.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Principal axes, by decreasing explained variance. The entry largest in size is positive.
    explained_variance_ : ndarray of shape (n_components,)
        Variance along each axis.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Its share of the total variance.
    singular_values_ : ndarray of shape (n_components,)
        Singular values of the centred data.
    mean_ : ndarray of shape (n_features,)
        Mean of each column over all rows seen, float64.
    var_ : ndarray of shape (n_features,)
        Variance of each column over all rows seen, with n in the denominator, float64.
    noise_variance_ : float
        Mean of the variances that the last batch left out; 0 if the number of components is that
        of its rows, or of the columns.
    n_components_ : int
        Number of components.
    n_samples_seen_ : int
        Number of rows seen: `partial_fit` goes on from there, `fit` starts from 0.
    batch_size_ : int
        Rows of a batch in `fit`.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, when they are all strings.

    See Also
    --------
    sklearn.decomposition.IncrementalPCA : The class this one can replace.

    Notes
    -----
    Components dropped after a batch are lost for the next one, so the result depends a little on
    how rows are cut into batches, as scikit-learn's does. Mean and variances do not.

    Components of float32 data are float32. They come from the eigenvalues of float64 products, to
    which float32 is exact; those of float64 data from a QR factorisation and the singular values
    of its triangle (D. A. Ross, J. Lim, R. Lin, M. Yang, "Incremental Learning for Robust Visual
    Tracking", International Journal of Computer Vision 77, 2008).

    Every fitted attribute has the same bits for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.decomposition import IncrementalPCA
    >>> X = np.array([[-1, -1], [-2, -1], [-3, -2], [1, 1], [2, 1], [3, 2]])
    >>> pca = IncrementalPCA(n_components=2, batch_size=3).fit(X)
    >>> pca.explained_variance_ratio_.round(4).tolist()
    [0.9924, 0.0076]
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "whiten": ["boolean"],
        "copy": ["boolean"],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "growing": ["boolean"],
    }

    def __init__(
        self,
        n_components: int | None = None,
        *,
        whiten: bool = False,
        copy: bool = True,
        batch_size: int | None = None,
        growing: bool = False,
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.copy = copy
        self.batch_size = batch_size
        self.growing = growing

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> "IncrementalPCA":
        """Find the principal components of X, batch by batch.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, two rows or more. Of sparse data one batch at a time is made dense.
        y : Ignored
            Ignored.

        Returns
        -------
        self : IncrementalPCA
            The fitted estimator.
        """
        # The moments of dense rows will show what is not finite.
        X = validate(
            self,
            X,
            reset=True,
            finite=sparse.issparse(X),
            ensure_min_samples=2,
            accept_sparse="csr",
        )
        n_samples, n_features = X.shape
        self._check_n_components(n_features)
        batch_size = 5 * n_features if self.batch_size is None else self.batch_size
        wanted = self.n_components
        if wanted is None:
            wanted = n_features if self.growing else min(batch_size, n_samples, n_features)
        backend, known = resolve(X), None
        for batch in gen_batches(n_samples, batch_size, min_batch_size=self.n_components or 0):
            rows = X[batch].toarray() if sparse.issparse(X) else X[batch]
            found = self._update(backend, known, rows, wanted, X.dtype)
            known = found.spectrum
        self._keep(found, rows.shape)
        self.batch_size_ = batch_size
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, check_input: bool = True) -> "IncrementalPCA":
        """Update the components with the rows of one batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch, of any number of rows; the first one needs as many as `n_components`,
            unless `growing` is set.
        y : Ignored
            Ignored.
        check_input : bool, default=True
            Whether to validate `X`. If False it has to be a finite array of floats.

        Returns
        -------
        self : IncrementalPCA
            The fitted estimator.
        """
        first = not hasattr(self, "components_")
        if sparse.issparse(X):
            raise TypeError(
                "IncrementalPCA.partial_fit does not support sparse input. Either convert data to "
                "dense or use IncrementalPCA.fit to do so in batches."
            )
        if check_input:
            X = validate(self, X, reset=first, finite=False)
        elif X.dtype not in FLOATS:
            X = X.astype(np.float64)
        self._check_n_components(X.shape[1])
        known, dtype = None, X.dtype
        if first:
            wanted = self._first_count(*X.shape)
        else:
            wanted = self._next_count(X.shape[1])
            dtype = np.result_type(dtype, self.components_)
            known = Spectrum(
                self.n_samples_seen_,
                self.mean_,
                self.var_,
                self.singular_values_,
                self.components_,
            )
        self._keep(self._update(resolve(X), known, X, wanted, dtype), X.shape)
        return self

    def _check_n_components(self, n_features: int) -> None:
        if self.n_components is not None and self.n_components > n_features:
            raise ValueError(
                f"n_components={self.n_components!r} invalid for n_features={n_features}, need "
                "more rows than columns for IncrementalPCA processing"
            )

    def _first_count(self, n_samples: int, n_features: int) -> int:
        """Return how many components are wanted, of which a first batch may give fewer."""
        if self.growing:
            return self.n_components or n_features
        if self.n_components is None:
            return min(n_samples, n_features)
        if self.n_components > n_samples:
            raise ValueError(
                f"n_components={self.n_components} must be less or equal to the batch number of "
                f"samples {n_samples} for the first partial_fit call. Set growing=True to start "
                "with fewer."
            )
        return self.n_components

    def _next_count(self, n_features: int) -> int:
        """Return how many components are wanted, of which there may be fewer by now."""
        present = self.components_.shape[0]
        if self.n_components is None:
            return n_features if self.growing else present
        if present != min(self.n_components, self.n_samples_seen_):
            raise ValueError(
                f"Number of input features has changed from {present} to {self.n_components} "
                "between calls to partial_fit! Try setting n_components to a fixed value."
            )
        return self.n_components

    def _update(self, backend: Any, known: Any, X: Any, n_components: int, dtype: Any) -> Update:
        try:
            return update(backend, known, X, n_components, dtype)
        except NotFinite:
            check_finite(backend, X, self)
            raise too_large(type(self).__name__, X.dtype) from None

    def _keep(self, found: Update, shape: tuple[int, int]) -> None:
        """Set the fitted attributes after a last batch of this shape."""
        seen, dtype = found.spectrum, found.spectrum.components.dtype
        self.n_samples_seen_ = seen.n_samples
        self.mean_, self.var_ = seen.mean, seen.var
        self.components_, self.singular_values_ = seen.components, seen.singular_values
        self.n_components_ = k = len(seen.components)
        squares = seen.singular_values.astype(np.float64) ** 2
        # One row, or rows that are all the same, have no variance to explain.
        degrees = max(seen.n_samples - 1, 1)
        total = float(seen.var.sum()) * seen.n_samples
        self.explained_variance_ = (squares / degrees).astype(dtype)
        self.explained_variance_ratio_ = (squares / (total or 1.0)).astype(dtype)
        self.noise_variance_: Any = 0.0
        if k not in shape:
            self.noise_variance_ = dtype.type(found.rest / found.n_dropped / degrees)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.sparse = True
        return tags
