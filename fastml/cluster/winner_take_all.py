"""Competitive learning: a codebook learned row by row, the winner takes all."""

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from fastml import backends
from fastml._callbacks import root_context, with_callbacks
from fastml._random import seed_from
from fastml.cluster import _data
from fastml.cluster._base import BaseKMeans
from fastml.cluster._competition import (
    Rules,
    Schedule,
    State,
    assigned,
    compete,
    learn,
    order_of_visits,
)
from fastml.cluster._rows import CsrRows, DenseRows, Rows
from fastml.cluster._seeding import starting_centers
from fastml.cluster._starts import given_centers


class WinnerTakeAll(BaseKMeans):
    """Competitive learning: of all centers only the one nearest to a row moves, towards it.

    Rows are visited one after the other, and the winner w moves by ``w += eta * (x - w)``. This is
    stochastic gradient descent on the error of k-means, so the centers are a codebook like those
    of `KMeans`, with the same methods; it learns from streams by `partial_fit`.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of centers.
    init : {'k-means++', 'random'}, callable or array-like, default='k-means++'
        Initial centers, as for `KMeans`.
    max_iter : int, default=100
        Most passes over the rows (epochs). `partial_fit` makes one.
    batch_size : int, default=1
        With 1 every row meets the centers as the row before left them. With more, the winners of
        a batch are found with the centers (and biases) at its start, on all threads; then the
        centers move in the order of the rows. Sparse rows are made dense a batch at a time.
    learning_rate : {'optimal', 'constant', 'invscaling', 'adaptive', 'cosine'}, default='optimal'
        - 'optimal': each center's own, ``eta = 1 / (1 + n)`` at its n-th win: centers are running
          means of the rows they won and of where they began (MacQueen 1967).
        - 'constant': ``eta = eta0``; centers forget old rows, and never come to rest.
        - 'invscaling': ``eta = eta0 / t ** power_t`` at the t-th row.
        - 'adaptive': ``eta = eta0``, divided by 5 whenever `n_iter_no_change` epochs in a row have
          not improved the inertia; below 1e-6 the fit ends. Constant in `partial_fit`.
        - 'cosine': ``eta = eta0 / 2 * (1 + cos(pi t / T))``, T being the rows of `max_iter`
          epochs, all of which are run. Not for `partial_fit`.
    eta0 : float, default=0.1
        Initial learning rate, in (0, 1]. Unused with 'optimal'.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    repair : {'conscience', 'leaky'} or None, default=None
        What becomes of units that never win because all rows are nearer to others (dead units).

        - None: they stay where they are.
        - 'conscience': a center that wins more than its share is handicapped. The winner is the
          one with the least ``|x - w|^2 - C (1/n_clusters - p)``, where p is the running share of
          rows that the center was nearest to, ``p += B (y - p)`` (DeSieno 1988).
        - 'leaky': losers move too, at a small rate (Rumelhart and Zipser 1985).
    conscience_factor : float, default=10.0
        C, in units of the mean squared distance between rows and centers so far, so that the
        scale of the features does not matter.
    conscience_rate : float, default=1e-3
        B, in (0, 1].
    leak : float, default=0.02
        Learning rate of all losers together in units of the winner's, in (0, 1]: each moves at
        ``leak / n_clusters`` times the rate it would have as the winner.
    shuffle : bool, default=True
        Whether each epoch visits the rows in a new random order. It depends on `random_state` and
        the values of the rows alone, not on the order they come in; equal rows follow each other.
    tol : float, default=1e-3
        An epoch improves the inertia if it lowers the lowest one so far by more than this share.
    n_iter_no_change : int or None, default=5
        Epochs without improvement after which the fit ends; None runs `max_iter` epochs.
    metric : {'euclidean', 'spherical'}, default='euclidean'
        'spherical' scales rows and, after each step, centers to length one: winners have the
        largest dot product with the row.
    warm_start : bool, default=False
        Whether `fit` goes on from where the last one ended.
    verbose : int, default=0
        Whether to print the inertia after each epoch.
    random_state : int, RandomState instance or None, default=None
        Key of the draws. The same integer gives the same bits in every fitted attribute, for any
        number of threads.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centers, in the dtype of X: the codebook.
    labels_ : ndarray of shape (n_samples,)
        int32 label of each row: of the last call's rows after `partial_fit`.
    inertia_ : float
        Weighted sum of squared distances of those rows to their center, in float64.
    counts_ : ndarray of shape (n_clusters,)
        Weight that each center has won in training; 0 for a dead unit.
    win_frequency_ : ndarray of shape (n_clusters,)
        With `repair='conscience'` the running shares p; else `counts_` over their sum.
    n_iter_ : int
        Epochs; calls of `partial_fit`.
    n_steps_ : int
        Rows visited.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had string names.

    See Also
    --------
    KMeans : All rows are assigned before the centers move.
    fastml.activations.winner_take_all : The winner as an activation.

    Notes
    -----
    A row of weight s counts as s visits in succession: with the rates 'optimal', 'constant' and
    'adaptive', integer weights and repeated rows give the same centers, unless `repair` is
    'conscience' or `metric` is 'spherical', where the first of the visits can change the rest.

    References
    ----------
    J. MacQueen, "Some methods for classification and analysis of multivariate observations",
    Berkeley Symposium on Mathematical Statistics and Probability, 1967.

    D. E. Rumelhart and D. Zipser, "Feature discovery by competitive learning", Cognitive Science
    9, 1985.

    D. DeSieno, "Adding a conscience to competitive learning", IEEE International Conference on
    Neural Networks, 1988.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.cluster import WinnerTakeAll
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = WinnerTakeAll(n_clusters=2, random_state=0).fit(X)
    >>> model.encode([[0.0, 0.0], [12.0, 3.0]]).tolist() in ([0, 1], [1, 0])
    True
    """

    _parameter_constraints: dict = {
        **{
            name: BaseKMeans._parameter_constraints[name]
            for name in ("n_clusters", "init", "max_iter", "tol", "verbose", "random_state")
        },
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"optimal", "constant", "invscaling", "adaptive", "cosine"})],
        "eta0": [Interval(Real, 0, 1, closed="right")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "repair": [StrOptions({"conscience", "leaky"}), None],
        "conscience_factor": [Interval(Real, 0, None, closed="neither")],
        "conscience_rate": [Interval(Real, 0, 1, closed="right")],
        "leak": [Interval(Real, 0, 1, closed="right")],
        "shuffle": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "metric": [StrOptions({"euclidean", "spherical"})],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1,
        learning_rate: str = "optimal",
        eta0: float = 0.1,
        power_t: float = 0.5,
        repair: str | None = None,
        conscience_factor: float = 10.0,
        conscience_rate: float = 1e-3,
        leak: float = 0.02,
        shuffle: bool = True,
        tol: float = 1e-3,
        n_iter_no_change: int | None = 5,
        metric: str = "euclidean",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.repair = repair
        self.conscience_factor = conscience_factor
        self.conscience_rate = conscience_rate
        self.leak = leak
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.metric = metric
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "WinnerTakeAll":
        """Learn the centers in passes over the rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; float32 stays float32, other dtypes become float64. Sparse input in another form
            than CSR is converted.
        y : Ignored
            Present for scikit-learn's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, none negative and not all zero; all one by default.

        Returns
        -------
        self : WinnerTakeAll
            The fitted estimator.
        """
        goes_on = self.warm_start and hasattr(self, "cluster_centers_")
        X, rows, state, seed = self._begin(X, sample_weight, goes_on)
        n_visits = self.max_iter * int(np.count_nonzero(rows.host_weight))
        context = root_context(self, max_subtasks=self.max_iter)
        context.call_on_fit_task_begin(estimator=self, X=X)

        def on_epoch(centers: np.ndarray) -> bool:
            epoch = context.subcontext(task_name="epoch")
            epoch.call_on_fit_task_begin(estimator=self, X=X)
            return epoch.call_on_fit_task_end(
                estimator=self,
                X=X,
                reconstruction_attributes=lambda: {"cluster_centers_": centers + rows.host_offset},
            )

        result = learn(
            rows,
            state,
            self._schedule(state, n_visits),
            self._rules(),
            seed=seed,
            shuffle=self.shuffle,
            max_iter=self.max_iter,
            tol=self.tol,
            patience=self.n_iter_no_change if self.learning_rate != "cosine" else None,
            verbose=bool(self.verbose),
            on_epoch=on_epoch if getattr(self, "_skl_callbacks", ()) else None,
        )
        context.call_on_fit_task_end(estimator=self, X=X)
        if not result.converged:
            warnings.warn(
                "Maximum number of iteration reached before convergence. Consider increasing "
                "max_iter to improve the fit.",
                ConvergenceWarning,
                stacklevel=2,
            )
        n_distinct = np.count_nonzero(np.bincount(result.labels))
        if n_distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X, or to dead units: "
                "see the parameter repair.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self._keep(rows, state, result.labels, result.inertia, goes_on)
        self.n_iter_ = result.n_epochs
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "WinnerTakeAll":
        """Go on learning, in one pass over some rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows. The first call needs as many as there are centers, unless `init` is an array.
        y : Ignored
            Present for scikit-learn's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, none negative and not all zero; all one by default.

        Returns
        -------
        self : WinnerTakeAll
            The estimator.
        """
        if self.learning_rate == "cosine":
            raise ValueError(
                "learning_rate='cosine' needs to know the number of rows to come, which "
                "partial_fit does not: use fit, or learning_rate='invscaling'."
            )
        goes_on = hasattr(self, "cluster_centers_")
        X, rows, state, seed = self._begin(X, sample_weight, goes_on, reset=not goes_on)
        n_calls = self.n_iter_ if goes_on else 0
        order = order_of_visits(rows, seed, n_calls, self.shuffle)
        compete(rows, order, self._schedule(state, len(order)), self._rules(), state)
        self._keep(rows, state, *assigned(rows, state), goes_on)
        self.n_iter_ = n_calls + 1
        return self

    def _schedule(self, state: State, n_visits: int) -> Schedule:
        """Return the learning rate of so many visits."""
        return Schedule(
            self.learning_rate, float(self.eta0), float(self.power_t), state.n_steps, n_visits
        )

    def _rules(self) -> Rules:
        """Return how centers compete, as the parameters say."""
        conscience = self.repair == "conscience"
        return Rules(
            batch_size=self.batch_size,
            leak=self.leak / self.n_clusters if self.repair == "leaky" else 0.0,
            conscience=float(self.conscience_factor) if conscience else 0.0,
            conscience_rate=float(self.conscience_rate) if conscience else 0.0,
            unit_length=self.metric == "spherical",
        )

    def _begin(
        self, X: Any, sample_weight: Any, goes_on: bool, reset: bool = True
    ) -> tuple[Any, Rows, State, int]:
        """Validate; return X, its rows, the state to start from, and the key of the draws."""
        backend = backends.resolve(X)
        X = self._validated(X, reset=reset)
        random_state = check_random_state(self.random_state)
        seed = seed_from(random_state)
        if not goes_on and isinstance(self.init, str) and X.shape[0] < self.n_clusters:
            raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={self.n_clusters}.")
        if goes_on:
            rows = self._rows_to_go_on_with(X, sample_weight, backend)
            centers = self.cluster_centers_.astype(rows.dtype) - rows.host_offset
            # Learning writes to the state.
            state = State(
                centers, self.counts_.copy(), self.win_frequency_.astype(rows.dtype),
                self._scale.copy(), self.n_steps_,
            )  # fmt: skip
            return X, rows, state, seed
        k, data = self.n_clusters, _data.prepare(self, X, sample_weight, backend)
        rows = data.rows
        given = given_centers(self, X, random_state)
        if given is None:
            centers = starting_centers(rows, self.init, k, seed, 0)
        else:
            centers = given - rows.host_offset
        centers = np.array(data.normalise(centers), rows.dtype, order="C")
        frequency = np.full(k, 1 / k, rows.dtype)
        return X, rows, State(centers, np.zeros(k), frequency, np.zeros(2)), seed

    def _rows_to_go_on_with(self, X: Any, sample_weight: Any, backend: Any) -> Rows:
        """Return rows to meet the centers fitted so far; refuse a change of their shape."""
        shape = (self.n_clusters, X.shape[1])
        if self.cluster_centers_.shape != shape:
            raise ValueError(
                f"The centers fitted so far have shape {self.cluster_centers_.shape}, but "
                f"n_clusters and X ask for {shape}: fit anew, with warm_start=False."
            )
        X = _data.NewRows(self, X, backend).X
        weight = _data.checked_weight(sample_weight, X)
        if sp.issparse(X):
            return CsrRows(backend, X, weight)
        # Any offset near the centers will do, but those of length one are so about zero.
        offset = self.cluster_centers_.mean(axis=0) * (self.metric != "spherical")
        return DenseRows(backend, backend.asarray(X), weight, offset)

    def _keep(
        self, rows: Rows, state: State, labels: np.ndarray, inertia: float, goes_on: bool
    ) -> None:
        """Set the fitted attributes; those that were there keep their dtype."""
        dtype = self.cluster_centers_.dtype if goes_on else rows.dtype
        self.cluster_centers_ = (state.centers + rows.host_offset).astype(dtype, copy=False)
        self._n_features_out = self.n_clusters
        self.labels_ = labels
        self.inertia_ = inertia
        self.counts_ = state.counts
        self.win_frequency_ = state.frequency.astype(dtype, copy=False)
        if self.repair != "conscience":
            self.win_frequency_ = (state.counts / state.counts.sum()).astype(dtype)
        self._scale = state.scale
        self.n_steps_ = state.n_steps
