"""Regression by a network: of one number or several, or of counts."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from fastml._callbacks import with_callbacks
from fastml.neural_network._base import BaseNetworkEstimator
from fastml.neural_network._ensemble import moments_over_masks
from fastml.neural_network._heads import Head, activated, regressor_head
from fastml.neural_network._rows_and_targets import checked_pair

__all__ = ["NetworkRegressor"]


class NetworkRegressor(RegressorMixin, BaseNetworkEstimator):
    """Regressors that are networks; see `BaseNetworkEstimator`."""

    loss: Any

    # Of the outputs; single layers have a parameter for it.
    _output_activation: Any = "auto"

    def _head(self) -> Head:
        return regressor_head(self.loss, self._output_activation)

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        X, y = checked_pair(
            self, X, y, reset=reset, numeric=True, accept_sparse=self._accept_sparse
        )
        return X, self._checked_targets(y)

    def _checked_targets(self, y: Any) -> Any:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError("loss='poisson' requires non-negative y.")
        return y

    def _encoded(self, y: Any, incremental: bool) -> Any:
        y = self._numbered(y)
        if self._is_begun() and (incremental or self.warm_start) and y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {y.shape[1]} outputs, but {type(self).__name__} was fitted to "
                f"{self.n_outputs_}."
            )
        self.n_outputs_ = y.shape[1]
        return y

    def _numbered(self, y: Any) -> Any:
        return y.reshape(len(y), -1)

    def _targets(self, encoded: Any, head: Head, dtype: Any) -> Any:
        return encoded.astype(dtype, copy=False)

    def _score_of(self, sums: Any, encoded: Any, head: Head, weight: Any) -> float:
        outputs = activated(head.activation, sums)
        if not np.isfinite(outputs).all():
            return np.nan
        return float(r2_score(encoded, outputs, sample_weight=weight))

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "NetworkRegressor":
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or source of batches
            Rows; float32 stays float32, other dtypes become float64. Of a `numpy.memmap` each
            batch is read when it is its turn, so that it may be larger than memory. A source of
            batches is a function that is called with the number of each epoch, from 0 on, and
            returns an iterable, or an object to iterate over once for each epoch. Either yields
            ``(X, y)`` or ``(X, y, sample_weight)``. It is gone through once more before training.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets. None where
            batches bring them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, none negative; all one by default.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        DivergenceError
            A ValueError, for a loss that becomes NaN or infinite. The estimator keeps the last
            weights of a finite loss, and can be used.
        """
        return self._fit(X, y, sample_weight)

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> "NetworkRegressor":
        """Train the network for one epoch more.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        self : object
            The estimator, fitted to what it has seen.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any, n_masks: Any = None, random_state: Any = 0) -> np.ndarray[Any, Any]:
        """Return what is expected for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_masks : int, "all" or None, default=None
            None scales weights to stand for all networks that dropout makes. With a number, the
            result is the mean over so many networks, whose masks are drawn and are the same for
            all rows; "all" is the exact mean over each mask there is, for tiny networks.
        random_state : int, RandomState instance or None, default=0
            Determines the masks.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the dtype of the rows that the network was fitted to.
        """
        check_is_fitted(self)
        if n_masks is None:
            outputs = self._outputs(X)
        else:
            outputs = moments_over_masks(self, X, n_masks, random_state).mean
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def predict_std(
        self, X: Any, n_masks: Any = 100, random_state: Any = 0
    ) -> np.ndarray[Any, Any]:
        """Return how much the networks that dropout makes disagree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        n_masks, random_state
            As for `predict`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviation over masks; 0 for a network without dropout.

        References
        ----------
        Y. Gal and Z. Ghahramani, "Dropout as a Bayesian approximation", ICML 2016.
        """
        check_is_fitted(self)
        std = moments_over_masks(self, X, n_masks, random_state).std
        return std.ravel() if std.shape[1] == 1 else std
