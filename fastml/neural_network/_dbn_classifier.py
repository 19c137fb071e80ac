"""Classification by a deep belief network."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from fastml._callbacks import with_callbacks
from fastml.neural_network._dbn_base import BaseDBN
from fastml.neural_network._dbn_methods import _through
from fastml.neural_network._heads import activated


class DBNClassifier(ClassifierMixin, BaseDBN):
    """Classification by a deep belief network.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, BernoulliRBM or GaussianRBM, default=(100, 100)
        As for `DeepBeliefNetwork`, and so are `learning_rate`, `batch_size`, `n_iter`, `verbose`,
        `random_state`, `algorithm`, `k`, `momentum`, `weight_decay`, `learning_rate_schedule` and
        `monitor`.
    label_units : bool, default=True
        Whether the last machine learns the labels too. It has to, unless back-propagation follows.
    fine_tune : {"up-down", "backprop"} or None, default="backprop"
        As for `DeepBeliefNetwork`. After "backprop" a softmax on top of the layers tells the
        classes; otherwise the label units do: the probability of each label given the units below
        the top, exactly, by its free energy.
    fine_tune_learning_rate : float, default=None
        As for `DeepBeliefNetwork`, and so is `fine_tune_n_iter`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels. The other attributes are those of `DeepBeliefNetwork`.

    See Also
    --------
    DeepBeliefNetwork : Without a class to tell.

    References
    ----------
    G. Hinton, S. Osindero and Y. Teh, "A fast learning algorithm for deep belief nets", Neural
    Computation 18, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastml.neural_network import DBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DBNClassifier((64, 64), random_state=0).fit(X / 16, y)
    >>> model.score(X / 16, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100, 100),
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int = 0,
        random_state: Any = None,
        algorithm: str = "pcd",
        k: int = 1,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        learning_rate_schedule: str = "constant",
        label_units: bool = True,
        fine_tune: str | None = "backprop",
        fine_tune_learning_rate: float | None = None,
        fine_tune_n_iter: int = 10,
        monitor: str | None = None,
    ) -> None:
        parameters = {name: value for name, value in locals().items() if name in _NAMES}
        super().__init__(**parameters)

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> "DBNClassifier":
        """Learn from all rows, layer by layer, and to tell their classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; float32 stays float32, other dtypes become float64. Within [0, 1] where the first
            machine is a `BernoulliRBM`.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        self : DBNClassifier
            The fitted estimator.
        """
        if y is None:
            raise ValueError("DBNClassifier requires y to be passed, but the target y is None.")
        if not self.label_units and self.fine_tune != "backprop":
            raise ValueError("label_units=False tells no classes without fine_tune='backprop'.")
        return self._fit(X, y)

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`, in the dtype of the weights.
        """
        backend, X = self._given(X)
        if hasattr(self, "coefs_"):
            *halves, last = self._network(backend)
            sums = self._mapped(X, backend, lambda rows: last.sums(_through(halves, rows)))
            return activated("softmax", sums)
        net = self._whole(backend)
        found = self._mapped(X, backend, lambda rows: net.top.label_shares(net.means(rows)))
        return found.astype(self.rbms_[0].components_.dtype)

    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Any:
        """Return the class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


_NAMES = frozenset(BaseDBN().get_params(deep=False))
