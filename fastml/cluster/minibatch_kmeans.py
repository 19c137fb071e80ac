"""k-means from small batches of rows, for data that are many or come bit by bit."""

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from fastml import backends
from fastml._callbacks import root_context, with_callbacks
from fastml._random import seed_from
from fastml.cluster import _data
from fastml.cluster._base import BaseKMeans
from fastml.cluster._minibatch import (
    STREAM_SUBSET,
    STREAM_VALIDATION,
    Rules,
    State,
    learn,
    minibatch,
)
from fastml.cluster._rows import Array, Rows
from fastml.cluster._seeding import starting_centers, uniforms
from fastml.cluster._starts import given_centers, settled_n_init


class MiniBatchKMeans(BaseKMeans):
    """k-means from mini-batches: scikit-learn's `MiniBatchKMeans`, and a codebook.

    Each step draws a few rows, gives each to its nearest center and moves every center to the
    mean of all rows it ever got.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, and of centers.
    init : {'k-means++', 'random'}, callable or array-like, default='k-means++'
        Initial centers. 'k-means++' is greedy k-means++ seeding; 'random' draws rows without
        replacement. Both draw by `sample_weight`, from `init_size` rows. An array is of shape
        (n_clusters, n_features). A callable is called as
        ``init(X, n_clusters, random_state=random_state)`` with these rows and returns one.
    max_iter : int, default=100
        Most passes: batches are drawn until they hold `max_iter` times as many rows as X.
    batch_size : int, default=1024
        Rows of a batch, no more than X has. They are drawn with replacement, with probability
        proportional to `sample_weight`.
    verbose : int, default=0
        Whether to print the inertia of each batch.
    compute_labels : bool, default=True
        Whether to label all rows once the centers are found.
    random_state : int, RandomState instance or None, default=None
        Key of the draws. The same integer gives the same bits in every fitted attribute, for any
        number of threads.
    tol : float, default=0.0
        A fit ends when the squared moves of all centers in a step add up to no more than `tol`
        times the mean variance of the features. 0 turns this off.
    max_no_improvement : int or None, default=10
        A fit ends after so many batches in a row that do not lower the smoothed inertia. None
        turns this off.
    init_size : int, default=None
        Rows that initial centers are drawn from: ``3 * batch_size`` by default, or
        ``3 * n_clusters`` if that is less than `n_clusters`.
    n_init : 'auto' or int, default='auto'
        Initial centers tried, of which those with the least inertia over other `init_size` rows
        are kept. 'auto' is 3 for 'random' and callables, else 1.
    reassignment_ratio : float, default=0.01
        Centers whose rows weigh less than this share of the heaviest center's are put on rows of
        the batch, now and then.
    metric : {'euclidean', 'spherical'}, default='euclidean'
        'spherical' scales rows and centers to length one, so that clusters are of similar
        direction. Distances and inertia are then those of the scaled rows.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centers, in the dtype of X: the codebook.
    labels_ : ndarray of shape (n_samples,)
        int32 label of each row; of the last batch after `partial_fit`. Only if `compute_labels`.
    inertia_ : float
        Weighted sum of squared distances of the rows to their center, in float64; an estimate
        from the batches where `fit` does not compute labels.
    n_iter_ : int
        Passes over X that the batches of `fit` amount to, rounded up.
    n_steps_ : int
        Batches.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had string names.

    See Also
    --------
    fastml.cluster.KMeans : Looks at all rows in every iteration.

    Notes
    -----
    A step is one kernel: rows are read where they are, no batch is copied. Centers are kept in
    float64 inside, as after millions of rows one more would not move a float32.

    References
    ----------
    D. Sculley, "Web-scale k-means clustering", WWW 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.cluster import MiniBatchKMeans
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = MiniBatchKMeans(n_clusters=2, random_state=0, init=X[[0, 3]])
    >>> for batch in (X[[0, 3, 4]], X[[1, 2, 5]]):
    ...     model = model.partial_fit(batch)
    >>> model.cluster_centers_
    array([[ 1.,  2.],
           [10.,  2.]])
    >>> model.decode(model.encode([[0.0, 0.0], [12.0, 3.0]]))
    array([[ 1.,  2.],
           [10.,  2.]])
    """

    _parameter_constraints: dict = BaseKMeans._parameter_constraints | {
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "compute_labels": ["boolean"],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Any = "auto",
        reassignment_ratio: float = 0.01,
        metric: str = "euclidean",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.metric = metric

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MiniBatchKMeans":
        """Find the centers from batches drawn from X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to cluster; float32 stays float32, other dtypes become float64. Sparse input in
            another form than CSR is converted.
        y : Ignored
            Present for scikit-learn's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, none negative and not all zero; all one by default.

        Returns
        -------
        self : MiniBatchKMeans
            The fitted estimator.
        """
        backend = backends.resolve(X)
        X = self._validated(X, reset=True)
        n_samples = X.shape[0]
        self._n_init = settled_n_init(self, X, several=3)
        self._settle_sizes(n_samples)
        random_state = check_random_state(self.random_state)
        self._seed = seed_from(random_state)
        data = _data.prepare(self, X, sample_weight, backend)
        self._tol = data.mean_variance * self.tol
        n_steps = self.max_iter * n_samples // self._batch_size

        fit_context = root_context(self, max_subtasks=n_steps)
        fit_context.call_on_fit_task_begin(estimator=self, X=X)

        def on_step(state: State) -> bool:
            step = fit_context.subcontext(task_name="step")
            step.call_on_fit_task_begin(estimator=self, X=X)
            return step.call_on_fit_task_end(
                estimator=self,
                X=X,
                reconstruction_attributes=lambda: {
                    "cluster_centers_": backend.to_host(state.centers).astype(X.dtype)
                },
            )

        result = minibatch(
            data.rows,
            self._best_start(X, data.rows, random_state),
            rules=self._rules(),
            n_steps=n_steps,
            tol=self._tol,
            max_no_improvement=self.max_no_improvement,
            on_step=on_step if getattr(self, "_skl_callbacks", ()) else None,
        )
        fit_context.call_on_fit_task_end(estimator=self, X=X)
        self.n_steps_ = result.n_steps
        self.n_iter_ = -(-result.n_steps * self._batch_size // n_samples)
        self._keep(data.rows, result.state, data.rows.dtype)
        if not self.compute_labels:
            self.inertia_ = result.smoothed * float(data.rows.host_weight.sum(dtype=np.float64))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MiniBatchKMeans":
        """Move the centers by one batch.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The batch. The first one has at least `n_clusters` rows: initial centers come from it.
        y : Ignored
            Present for scikit-learn's sake.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, none negative and not all zero; all one by default.

        Returns
        -------
        self : MiniBatchKMeans
            The estimator, fitted to the batches so far.
        """
        fresh = not hasattr(self, "cluster_centers_")
        backend = backends.resolve(X)
        X = self._validated(X, reset=fresh)
        if fresh:
            self._n_init = settled_n_init(self, X, several=3)
            self._settle_sizes(X.shape[0])
            random_state = check_random_state(self.random_state)
            self._seed = seed_from(random_state)
            data = _data.prepare(self, X, sample_weight, backend)
            rows, dtype = data.rows, data.rows.dtype
            self._tol = data.mean_variance * self.tol
            centers = self._best_start(X, rows, random_state)
            counts, unchecked = np.zeros(self.n_clusters), 0
        else:
            new = _data.NewRows(self, X, backend)
            weight = _data.checked_weight(sample_weight, new.X)
            rows, _ = new.placed(self.cluster_centers_, weight)
            dtype = self.cluster_centers_.dtype
            centers = self.cluster_centers_ + self._remainder
            counts, unchecked = self._counts.copy(), self._n_since_last_reassign
        state = State(backend.asarray(centers), backend.asarray(counts), unchecked)
        n_steps = getattr(self, "n_steps_", 0)
        every = backend.asarray(np.arange(rows.n_rows))
        learn(rows, every, rows.sample_weight, state, n_steps, self._rules())
        self.n_steps_ = n_steps + 1
        self._keep(rows, state, dtype)
        return self

    def _settle_sizes(self, n_samples: int) -> None:
        """Settle the rows of a batch, and those that initial centers are drawn from."""
        self._batch_size = min(self.batch_size, n_samples)
        size = self.init_size
        if size is None:
            size = 3 * self._batch_size
            if size < self.n_clusters:
                size = 3 * self.n_clusters
        elif size < self.n_clusters:
            warnings.warn(
                f"init_size={size} should be larger than n_clusters={self.n_clusters}. Setting it "
                "to min(3*n_clusters, n_samples)",
                RuntimeWarning,
                stacklevel=5,
            )
            size = 3 * self.n_clusters
        self._init_size = min(size, n_samples)

    def _rules(self) -> Rules:
        spherical = self.metric == "spherical"
        return Rules(
            self._seed, self._batch_size, self.reassignment_ratio, bool(self.verbose),
            (lambda centers: _data.unit_rows(centers)[0]) if spherical else None,
        )  # fmt: skip

    def _some(self, rows: Rows, stream: int, step: int) -> Array:
        """Return `_init_size` of the rows that have weight, drawn with replacement."""
        weighty = np.flatnonzero(rows.host_weight)
        draws = uniforms(rows, self._seed, stream, step, self._init_size)
        return weighty[(draws * len(weighty)).astype(np.int64)]

    def _start(self, X: Any, rows: Rows, random_state: Any, run: int) -> Array:
        """Return initial centers in float64, drawn from some of the rows."""
        part = rows
        if self._init_size < rows.n_rows:
            some = self._some(rows, STREAM_SUBSET, run)
            part, X = rows.subset(some), X[some] if callable(self.init) else X
        centers = given_centers(self, X, random_state)
        if centers is None:
            drawn = starting_centers(part, self.init, self.n_clusters, self._seed, run)
            centers = drawn.astype(np.float64) + rows.host_offset
        centers = np.array(centers, np.float64)
        return _data.unit_rows(centers)[0] if self.metric == "spherical" else centers

    def _best_start(self, X: Any, rows: Rows, random_state: Any) -> Array:
        """Return the initial centers with the least inertia over some other rows."""
        if self._n_init == 1 and not self.verbose:
            return self._start(X, rows, random_state, run=0)
        backend = rows.backend
        judges = rows.subset(self._some(rows, STREAM_VALIDATION, 0))
        least, best = np.inf, None
        for run in range(self._n_init):
            if self.verbose:
                print(f"Init {run + 1}/{self._n_init} with method {self.init}")
            centers = self._start(X, rows, random_state, run)
            placed = backend.asarray((centers - rows.host_offset).astype(rows.dtype))
            labels = backend.empty(judges.n_rows, np.int32)
            judges.assign(placed, labels)
            inertia = judges.inertia(placed, labels)
            if self.verbose:
                print(f"Inertia for init {run + 1}/{self._n_init}: {inertia}")
            if best is None or inertia < least:
                least, best = inertia, centers
        assert best is not None
        return best

    def _keep(self, rows: Rows, state: State, dtype: Any) -> None:
        """Set what is fitted: centers, what their dtype cannot hold of them, labels."""
        backend = rows.backend
        centers = backend.to_host(state.centers)
        self.cluster_centers_ = centers.astype(dtype)
        self._remainder = centers - self.cluster_centers_
        self._counts = backend.to_host(state.weights)
        self._n_since_last_reassign = state.unchecked
        self._n_features_out = self.n_clusters
        if self.compute_labels:
            placed = (self.cluster_centers_ - rows.host_offset).astype(rows.dtype, copy=False)
            placed, labels = backend.asarray(placed), backend.empty(rows.n_rows, np.int32)
            rows.assign(placed, labels)
            self.labels_ = backend.to_host(labels)
            self.inertia_ = rows.inertia(placed, labels)
