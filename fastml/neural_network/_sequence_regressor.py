"""Regression on sequences, or on their steps."""

from typing import Any

from sklearn.base import _fit_context
from sklearn.metrics import r2_score

from fastml._callbacks import with_callbacks
from fastml.neural_network._recurrent_base import RecurrentEstimator
from fastml.neural_network._regressor import NetworkRegressor

__all__ = ["SequenceRegressor"]


class SequenceRegressor(RecurrentEstimator, NetworkRegressor):
    """Regressors on sequences; see `NetworkRegressor`."""

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "SequenceRegressor":
        """Train the network.

        Parameters
        ----------
        X : list of array-like of shape (n_steps, n_features), or another form of sequences
            Sequences, each of as many steps as it has; of arrays (n_steps,) they are of one
            feature, or of tokens. Other forms are those of `fastml.nn.read_sequences`. float32
            stays float32, other dtypes become float64; networks of tokens are of float32. A source
            of batches of sequences is taken too, as by `MLPRegressor`.
        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs), or list of arrays
            Targets. One for each step is a list of arrays (n_steps,), or (n_steps, n_outputs); see
            `targets`.
        sample_weight : array-like of shape (n_sequences,), or list of arrays, default=None
            Weights, none negative, of sequences, or of their steps; all one by default.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For sequences that are empty, have other numbers of features than the first one, or NaN
            or infinity in them, by the number of the sequence and of the step.
        DivergenceError
            A ValueError, for a loss that becomes NaN or infinite. The estimator keeps the last
            weights of a finite loss, and can be used.
        """
        return self._fit(X, y, sample_weight)

    def predict(self, X: Any, n_masks: Any = None, random_state: Any = 0) -> Any:
        """Return what is expected for each sequence, or for each step.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        n_masks : int, "all" or None, default=None
            None scales weights to stand for all networks that dropout makes. With a number, the
            result is the mean over so many networks, whose masks are drawn and are the same for
            all sequences; "all" is the exact mean over each mask there is, for tiny networks.
        random_state : int, RandomState instance or None, default=0
            Determines the masks.

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_outputs), or list of such of steps
            In the dtype of the sequences that the network was fitted to.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, super().predict(X, n_masks, random_state))

    def predict_std(self, X: Any, n_masks: Any = 100, random_state: Any = 0) -> Any:
        """Return how much the networks that dropout makes disagree.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        n_masks, random_state
            As for `predict`.

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_outputs), or list of such of steps
            Standard deviation over masks; 0 for a network without dropout.

        References
        ----------
        Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in recurrent
        neural networks", NIPS 2016.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, super().predict_std(X, n_masks, random_state))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination, of sequences or of steps.

        Parameters
        ----------
        X : sequences
            As for `fit`.
        y, sample_weight
            As for `fit`.

        Returns
        -------
        float
            1 at best.
        """
        X = self._new_rows(X)
        found = NetworkRegressor.predict(self, X)
        return float(self._scored(r2_score, X, y, found, sample_weight))

    def _answer(self, outputs: Any, response_method: str) -> Any:
        if response_method != "predict":
            raise ValueError(f"response_method must be 'predict', got {response_method!r}.")
        return outputs.ravel() if outputs.shape[1] == 1 else outputs
