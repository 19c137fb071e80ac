"""What `KMeans` and `MiniBatchKMeans` share: parameters, and all that follows a fit."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastml import backends
from fastml._callbacks import CallbackSupportMixin
from fastml._validation import validate
from fastml.cluster import _data
from fastml.cluster._codebook import CodebookMixin


class BaseKMeans(
    CallbackSupportMixin,
    CodebookMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    BaseEstimator,
):
    """Estimators of centers that are means; a subclass offers ``fit``."""

    cluster_centers_: np.ndarray
    labels_: np.ndarray
    metric: str

    _parameter_constraints: dict = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "metric": [StrOptions({"euclidean", "spherical"})],
    }

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "BaseKMeans":
        """Find the centers."""
        raise NotImplementedError

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Find the centers; return the labels of the rows.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``labels_``.
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    def predict(self, X: Any) -> np.ndarray:
        """Return the index of each row's nearest center.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            int32 labels.
        """
        check_is_fitted(self)
        data = self._new_rows(X)
        return data.labels(self.cluster_centers_)

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Find the centers; return the distances of the rows to them.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Euclidean distances.
        """
        return self.fit(X, sample_weight=sample_weight).transform(X)

    def transform(self, X: Any) -> np.ndarray:
        """Return the distance of each row to every center.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Euclidean distances, of the rows scaled to length one if ``metric='spherical'``.
        """
        check_is_fitted(self)
        return self._new_rows(X).distances(self.cluster_centers_)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return minus the weighted sum of squared distances of the rows to their center.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : Ignored
            Present for scikit-learn's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; all one by default.

        Returns
        -------
        float
            Minus the inertia, accumulated in float64.
        """
        check_is_fitted(self)
        return -self._new_rows(X).inertia(self.cluster_centers_, sample_weight)

    def _validated(self, X: Any, reset: bool) -> Any:
        """Return rows as kernels take them; who gets dense ones has to look for NaN."""
        return validate(
            self, X, reset=reset, finite=sp.issparse(X) or self.metric == "spherical",
            accept_sparse="csr", order="C", accept_large_sparse=False,
        )  # fmt: skip

    def _new_rows(self, X: Any) -> "_data.NewRows":
        """Validate rows for a fitted estimator."""
        backend = backends.resolve(X)
        return _data.NewRows(self, self._validated(X, reset=False), backend)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
