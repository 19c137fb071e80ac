"""Classification of trees, or of their nodes."""

from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from fastml._callbacks import with_callbacks
from fastml.neural_network._classifier import NetworkClassifier, has_margins
from fastml.neural_network._recursive_base import RecursiveEstimator, recursive_documented

__all__ = ["RecursiveClassifier"]


@recursive_documented
class RecursiveClassifier(RecursiveEstimator, NetworkClassifier):
    """Classification of trees, or of their nodes, by a recursive network.

    Parameters
    ----------
    hidden_sizes : int or array-like of int, default=(64,)
        Units of each recursive layer.
    {recursive}
    {training}
    loss : {'log_loss', 'squared_error', 'hinge', 'squared_hinge'} or callable, default='log_loss'
        As of `MLPClassifier`. The mean is over trees, or over all their nodes.
    {added}
    class_weight : dict or 'balanced', default=None
        Weights of classes, as in scikit-learn.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    {trees}
    {fitted}

    See Also
    --------
    fastml.nn.Tree : Trees, and what they can be read from.
    LSTMClassifier : Of sequences.

    Notes
    -----
    Rows of an array (n_samples, n_features) are read as trees of one node; ``n_features_in_`` is
    the number of features of a node, and one more where nodes have tokens.

    The result for a tree has the same bits alone and among any others, and for any number of
    threads. Lists of trees go through `GridSearchCV`, `Pipeline` and `clone` as arrays do.

    References
    ----------
    K. S. Tai, R. Socher and C. D. Manning, "Improved semantic representations from tree-structured
    long short-term memory networks", ACL 2015. R. Socher et al., "Recursive deep models for
    semantic compositionality over a sentiment treebank", EMNLP 2013.

    Examples
    --------
    >>> from fastml.neural_network import RecursiveClassifier
    >>> from fastml.nn import Tree
    >>> texts = ["(and 1 1)", "(and 1 0)", "(or 0 1)", "(or 0 0)", "(not 0)", "(not 1)"]
    >>> X = [Tree.from_sexpr(text) for text in texts]
    >>> y = [True, False, True, False, True, False]
    >>> model = RecursiveClassifier(16, learning_rate_init=0.01, max_iter=60, tol=0.01,
    ...                             random_state=0).fit(X, y)
    >>> model.score(X, y)
    1.0
    """

    _parameter_constraints: dict = RecursiveEstimator._parameter_constraints | {
        "loss": [StrOptions({"log_loss", "squared_error", "hinge", "squared_hinge"}), callable],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
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
        loss: Any = "log_loss",
        penalty: str | None = "l2",
        l1_ratio: float = 0.15,
        max_norm: float | None = None,
        restore_best_weights: bool | str = "auto",
        checkpoint: Any = None,
        checkpoint_every: int = 1,
        class_weight: Any = None,
    ) -> None:
        self._set(locals())

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "RecursiveClassifier":
        """Train the network.

        Parameters
        ----------
        X : list of Tree, TreeBatch or array-like of shape (n_samples, n_features)
            Trees; an array has trees of one node. Features of float32 stay float32, others become
            float64; networks of tokens alone are of float32.
        y : array-like of shape (n_trees,) or (n_trees, n_classes), or list of arrays
            Labels of any dtype; a matrix of 0 and 1 where a tree may have several. With
            ``targets="nodes"`` a list with a label for each node of each tree.
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

    def predict(self, X: Any) -> Any:
        """Return the class of each tree, or of each node.

        Parameters
        ----------
        X : trees
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_trees,) or (n_trees, n_classes), or list of such of nodes
            Labels, or 0 and 1 for each of several.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, super().predict(X))

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_proba(self, X: Any, n_masks: Any = None, random_state: Any = 0) -> Any:
        """Return the probability of each class.

        Parameters
        ----------
        X : trees
            As for `fit`.
        n_masks : int, default=None
            None scales weights to stand for all networks that dropout makes. With a number, the
            probabilities are the mean over so many networks, whose masks are drawn and are the
            same for all trees.
        random_state : int, RandomState instance or None, default=0
            Determines the masks.

        Returns
        -------
        ndarray of shape (n_trees, n_classes), or list of such of nodes
            In the order of ``classes_``.
        """
        X = self._new_rows(X)
        found = super().predict_proba(X, self._masked(n_masks), random_state)
        return self._by_sequence(X, found)

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_std(self, X: Any, n_masks: Any = 100, random_state: Any = 0) -> Any:
        """Return how much the networks that dropout makes disagree on the probabilities.

        Parameters
        ----------
        X : trees
            As for `fit`.
        n_masks, random_state
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (n_trees, n_classes), or list of such of nodes
            Standard deviation over masks; 0 for a network without dropout.
        """
        X = self._new_rows(X)
        found = super().predict_std(X, self._masked(n_masks), random_state)
        return self._by_sequence(X, found)

    @available_if(lambda estimator: not has_margins(estimator))
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : trees
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_trees, n_classes), or list of such of nodes
            Logarithms of what `predict_proba` returns.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, np.log(NetworkClassifier.predict_proba(self, X)))

    @available_if(has_margins)
    def decision_function(self, X: Any) -> Any:
        """Return the outputs of a network trained by a hinge loss.

        Parameters
        ----------
        X : trees
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_trees,) or (n_trees, n_classes), or list of such of nodes
            Positive for members of the class; of two classes that of the second one.
        """
        X = self._new_rows(X)
        return self._by_sequence(X, super().decision_function(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of trees, or of nodes, whose class is right.

        Parameters
        ----------
        X : trees
            As for `fit`.
        y, sample_weight
            As for `fit`.

        Returns
        -------
        float
            In [0, 1].
        """
        X = self._new_rows(X)
        found = NetworkClassifier.predict(self, X)
        return float(self._scored(accuracy_score, X, y, found, sample_weight))
