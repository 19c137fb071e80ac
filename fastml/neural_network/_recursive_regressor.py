"""Regression on trees, or on their nodes."""

from typing import Any

from sklearn.base import _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions

from fastml._callbacks import with_callbacks
from fastml.neural_network._recursive_base import RecursiveEstimator, recursive_documented
from fastml.neural_network._regressor import NetworkRegressor

__all__ = ["RecursiveRegressor"]


@recursive_documented
class RecursiveRegressor(RecursiveEstimator, NetworkRegressor):
    """Regression on trees, or on their nodes, by a recursive network.

    Parameters
    ----------
    hidden_sizes : int or array-like of int, default=(64,)
        Units of each recursive layer.
    {recursive}
    {training}
    loss : {'squared_error', 'poisson'} or callable, default='squared_error'
        As of `MLPRegressor`. The mean is over trees, or over all their nodes.
    {added}

    Attributes
    ----------
    {trees}
    {fitted}

    See Also
    --------
    fastml.nn.Tree : Trees, and what they can be read from.
    RecursiveClassifier : For labels; the notes there are for this class too.

    References
    ----------
    K. S. Tai, R. Socher and C. D. Manning, "Improved semantic representations from tree-structured
    long short-term memory networks", ACL 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.neural_network import RecursiveRegressor
    >>> from fastml.nn import balanced_tree
    >>> rng = np.random.default_rng(0)
    >>> rows = [rng.uniform(-1, 1, (n, 1)) for n in rng.integers(1, 9, 200)]
    >>> y = [row.sum() for row in rows]
    >>> model = RecursiveRegressor(16, learning_rate_init=0.01, max_iter=60, tol=0.01,
    ...                            random_state=0)
    >>> X = [balanced_tree(row) for row in rows]
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict = RecursiveEstimator._parameter_constraints | {
        "loss": [StrOptions({"squared_error", "poisson"}), callable],
    }

    def __init__(
        self,
        hidden_sizes: Any = (64,),
        *,
        cell: str = "lstm",
        composition: Any = "child_sum",
        activation: str = "tanh",
        dropout: float = 0.0,
        forget_bias: float = 1.0,
        embedding_size: int = 32,
        vocabulary: Any = None,
        handle_unknown: str = "error",
        targets: str = "root",
        loss: Any = "squared_error",
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
    ) -> None:
        self._set(locals())

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "RecursiveRegressor":
        """Train the network.

        Parameters
        ----------
        X : list of Tree, TreeBatch or array-like of shape (n_samples, n_features)
            As for `RecursiveClassifier.fit`.
        y : array-like of shape (n_trees,) or (n_trees, n_outputs), or list of arrays
            Targets. With ``targets="nodes"`` a list with those of the nodes of each tree.
        sample_weight : array-like of shape (n_trees,), or list of arrays, default=None
            Weights, none negative, of trees, or of their nodes; all one by default.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For trees that do not fit each other, unknown tokens, and NaN or infinity, naming tree
            and node.
        DivergenceError
            A ValueError, for a loss that becomes NaN or infinite. The estimator keeps the last
            weights of a finite loss, and can be used.
        """
        return self._fit(X, y, sample_weight)

    def predict(self, X: Any, n_masks: Any = None, random_state: Any = 0) -> Any:
        """Return what is expected for each tree, or for each node.

        Parameters
        ----------
        X : trees
            As for `fit`.
        n_masks : int, default=None
            None scales weights to stand for all networks that dropout makes. With a number, the
            result is the mean over so many networks, whose masks are drawn and are the same for
            all trees.
        random_state : int, RandomState instance or None, default=0
            Determines the masks.

        Returns
        -------
        ndarray of shape (n_trees,) or (n_trees, n_outputs), or list of such of nodes
            In the dtype that the network was fitted in.
        """
        X = self._new_rows(X)
        found = super().predict(X, self._masked(n_masks), random_state)
        return self._by_sequence(X, found)

    def predict_std(self, X: Any, n_masks: Any = 100, random_state: Any = 0) -> Any:
        """Return how much the networks that dropout makes disagree.

        Parameters
        ----------
        X : trees
            As for `fit`.
        n_masks, random_state
            As for `predict`.

        Returns
        -------
        ndarray of shape (n_trees,) or (n_trees, n_outputs), or list of such of nodes
            Standard deviation over masks; 0 for a network without dropout.
        """
        X = self._new_rows(X)
        found = super().predict_std(X, self._masked(n_masks), random_state)
        return self._by_sequence(X, found)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination, of trees or of nodes.

        Parameters
        ----------
        X : trees
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
