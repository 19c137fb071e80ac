"""What fitted autoencoders answer: codes, reconstructions, how good they are, what they span."""

from functools import reduce
from typing import Any

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted

from fastml import backends
from fastml._validation import check_finite_wanted
from fastml.neural_network._autoencoder_base import BaseAutoencoder
from fastml.neural_network._heads import activated
from fastml.neural_network._reconstruction import explained, squared_distances
from fastml.neural_network._task import prepared_rows
from fastml.nn.layers import Dense

__all__ = ["AutoencoderMethods"]


class AutoencoderMethods(BaseAutoencoder):
    """Methods that need a fitted network."""

    def transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Return the codes of rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, or samples as for `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            In the dtype of the rows that the network was fitted to.
        """
        check_is_fitted(self)
        X = self._new_rows(X)
        backend = backends.resolve(X)
        codes = self._through(self.encoder_, prepared_rows(backend, X), backend)
        return codes.reshape(len(codes), self._n_features_out)

    def inverse_transform(self, X: Any) -> np.ndarray[Any, Any]:
        """Return what the decoder makes of codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_units)
            Codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Of the shape of the samples of the first fit, where that was another one.
        """
        check_is_fitted(self)
        backend = backends.resolve(X)
        dtype = self.decoder_.dtype
        if not backends.on_device(X):
            X = check_array(X, dtype=dtype, ensure_all_finite=check_finite_wanted(), estimator=self)
        if X.ndim != 2 or X.shape[1] != self._n_features_out:
            raise ValueError(
                f"X must have {self._n_features_out} columns, one for each element of the code, "
                f"got shape {X.shape}."
            )
        codes = backend.asarray(X, dtype).reshape(len(X), *self.decoder_.input_shape)
        sums = self._through(self.decoder_, codes, backend)
        return activated(self.out_activation_, sums).reshape(len(X), *self._shape_given)

    def reconstruction_error(self, X: Any) -> np.ndarray[Any, Any]:
        """Return the squared distance of each row to its reconstruction.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, or samples as for `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            In float64.
        """
        check_is_fitted(self)
        X = self._new_rows(X)
        return squared_distances(X, activated(self.out_activation_, self._sums(X)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the share of the variance of X that reconstructions explain.

        For principal components it is the sum of their `explained_variance_ratio_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows, or samples as for `fit`.
        y : Ignored
            Present for scikit-learn's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            One less the squared distances to reconstructions over those to the mean; 1 at best.
        """
        check_is_fitted(self)
        X = self._new_rows(X)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return explained(X, activated(self.out_activation_, self._sums(X)), weight)

    def principal_angles(self, pca: Any) -> np.ndarray[Any, Any]:
        """Return the angles between what linear units reconstruct and principal components.

        Parameters
        ----------
        pca : PCA or array-like of shape (n_components, n_features)
            Fitted, or its `components_`.

        Returns
        -------
        ndarray of shape (min(n_units, n_components),)
            Principal angles of the two subspaces in radians, the largest first, in float64.

        Raises
        ------
        ValueError
            If units are not linear, or the numbers of features differ.

        References
        ----------
        A. Bjorck and G. H. Golub, "Numerical methods for computing angles between linear
        subspaces", Mathematics of Computation 27, 1973.
        """
        check_is_fitted(self)
        components = check_array(getattr(pca, "components_", pca), dtype=np.float64)
        both = self.encoder_.visits() | {f"-{k}": v for k, v in self.decoder_.visits().items()}
        learning = [visit.layer for visit in both.values() if visit.n_parameters]
        linear = all(isinstance(x, Dense) and x.activation in (None, "identity") for x in learning)
        if not linear or self.out_activation_ != "identity":
            raise ValueError(
                "principal_angles needs linear units: activation='identity' and "
                "out_activation='identity' or 'auto'."
            )
        if components.shape[1] != self.n_features_in_:
            raise ValueError(
                f"pca must have {self.n_features_in_} features, got {components.shape[1]}."
            )
        weights = [W for name, W in self.decoder_.views.items() if name.endswith("weight")]
        spanned = reduce(np.matmul, [W.astype(np.float64) for W in weights])
        return subspace_angles(spanned.T, components.T)
