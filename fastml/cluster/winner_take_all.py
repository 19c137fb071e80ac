"""Competitive learning: a codebook learned row by row, the winner takes all."""

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from fastml import backends
from fastml._callbacks import root_context, with_callbacks
from fastml._random import seed_from
from fastml.cluster import _data
from fastml.cluster._base import BaseKMeans
from fastml.cluster._competition import Rules, Schedule, State, compete, order_of_visits
from fastml.cluster._rows import Rows
from fastml.cluster._seeding import starting_centers
from fastml.cluster._starts import given_centers

# The adaptive schedule ends when the learning rate falls below this, as scikit-learn's does.
LEAST_RATE = 1e-6


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
    leak : float, default=0.05
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
        leak: float = 0.05,
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
        X, data, state, seed = self._begin(X, sample_weight, goes_on)
        rows = data.rows
        n_visits = int(np.count_nonzero(rows.host_weight))
        schedule = Schedule(
            self.learning_rate, self.eta0, self.power_t, state.n_steps + self.max_iter * n_visits
        )
        context = root_context(self, max_subtasks=self.max_iter)
        context.call_on_fit_task_begin(estimator=self, X=X)
        patience = self.n_iter_no_change if self.learning_rate != "cosine" else None
        best, no_change, converged = np.inf, 0, patience is None
        for epoch in range(self.max_iter):
            task = context.subcontext(task_name="epoch")
            task.call_on_fit_task_begin(estimator=self, X=X)
            order = order_of_visits(rows, seed, epoch, self.shuffle)
            compete(rows, order, schedule, self._rules(), state)
            last = epoch + 1 == self.max_iter
            if patience is not None or self.verbose or last:
                labels, inertia = _assigned(rows, state)
            if self.verbose:
                print(f"Epoch {epoch}, inertia {inertia}.")
            centers = state.centers
            stop = task.call_on_fit_task_end(
                estimator=self,
                X=X,
                reconstruction_attributes=lambda centers=centers: {
                    "cluster_centers_": centers + rows.host_offset
                },
            )
            if patience is not None:
                no_change = no_change + 1 if inertia >= best * (1 - self.tol) else 0
                best = min(best, inertia)
                if no_change >= patience and self.learning_rate == "adaptive":
                    schedule, no_change = replace(schedule, eta0=schedule.eta0 / 5), 0
                converged = no_change >= patience or schedule.eta0 < LEAST_RATE
            if stop or (patience is not None and converged):
                if patience is None and not last:
                    labels, inertia = _assigned(rows, state)
                break
        context.call_on_fit_task_end(estimator=self, X=X)
        if not converged and not stop:
            warnings.warn(
                "Maximum number of iteration reached before convergence. Consider increasing "
                "max_iter to improve the fit.",
                ConvergenceWarning,
                stacklevel=2,
            )
        n_distinct = np.count_nonzero(np.bincount(labels))
        if n_distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X, or to dead units: "
                "see the parameter repair.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self._finish(rows, state, labels, inertia, epoch + 1)

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
        X, data, state, seed = self._begin(X, sample_weight, goes_on, reset=not goes_on)
        rows = data.rows
        epoch = self.n_iter_ if goes_on else 0
        order = order_of_visits(rows, seed, epoch, self.shuffle)
        schedule = Schedule(self.learning_rate, self.eta0, self.power_t)
        compete(rows, order, schedule, self._rules(), state)
        return self._finish(rows, state, *_assigned(rows, state), epoch + 1)

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
    ) -> tuple[Any, "_data.Data", State, int]:
        """Validate; return X, its rows, the state to start from, and the key of the draws."""
        backend = backends.resolve(X)
        X = self._validated(X, reset=reset)
        random_state = check_random_state(self.random_state)
        seed = seed_from(random_state)
        if not goes_on and isinstance(self.init, str) and X.shape[0] < self.n_clusters:
            raise ValueError(f"n_samples={X.shape[0]} should be >= n_clusters={self.n_clusters}.")
        data = _data.prepare(self, X, sample_weight, backend)
        rows, k = data.rows, self.n_clusters
        if goes_on:
            centers = self._centers_to_go_on_from(rows)
            return X, data, State(
                centers, self.counts_.copy(), self.win_frequency_.astype(rows.dtype),
                self._scale.copy(), self.n_steps_,
            ), seed  # fmt: skip
        given = given_centers(self, X, random_state)
        if given is None:
            centers = starting_centers(rows, self.init, k, seed, 0)
        else:
            centers = given - rows.host_offset
        # Learning writes to the centers, and `init` may be the caller's array.
        centers = np.array(data.normalise(centers), rows.dtype, order="C")
        frequency = np.full(k, 1 / k, rows.dtype)
        return X, data, State(centers, np.zeros(k), frequency, np.zeros(2)), seed

    def _centers_to_go_on_from(self, rows: Rows) -> np.ndarray:
        """Return the centers of the last fit less the offset; refuse another shape."""
        shape = (self.n_clusters, rows.n_features)
        if self.cluster_centers_.shape != shape:
            raise ValueError(
                f"The centers fitted so far have shape {self.cluster_centers_.shape}, but "
                f"n_clusters and X ask for {shape}: fit anew, with warm_start=False."
            )
        return np.array(self.cluster_centers_ - rows.host_offset, rows.dtype, order="C")

    def _finish(
        self, rows: Rows, state: State, labels: np.ndarray, inertia: float, n_iter: int
    ) -> "WinnerTakeAll":
        """Set the fitted attributes."""
        self.cluster_centers_ = state.centers + rows.host_offset
        self._n_features_out = self.n_clusters
        self.labels_ = labels
        self.inertia_ = inertia
        self.counts_ = state.counts
        self.win_frequency_ = state.frequency
        if self.repair != "conscience":
            self.win_frequency_ = (state.counts / state.counts.sum()).astype(rows.dtype)
        self._scale = state.scale
        self.n_iter_ = n_iter
        self.n_steps_ = state.n_steps
        return self


def _assigned(rows: Rows, state: State) -> tuple[np.ndarray, float]:
    """Return label of each row and inertia with the centers of a state."""
    backend = rows.backend
    centers = backend.asarray(state.centers)
    labels = backend.empty(rows.n_rows, np.int32)
    rows.assign(centers, labels)
    return backend.to_host(labels), rows.inertia(centers, labels)
