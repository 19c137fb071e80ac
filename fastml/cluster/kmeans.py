"""k-means clustering, which is vector quantisation with a codebook of means."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from fastml import backends
from fastml._callbacks import root_context, with_callbacks
from fastml._random import seed_from
from fastml.cluster import _data
from fastml.cluster._base import BaseKMeans
from fastml.cluster._lloyd import Result, lloyd
from fastml.cluster._seeding import starting_centers
from fastml.cluster._starts import given_centers, same_clustering, settled_n_init


class KMeans(BaseKMeans):
    """k-means clustering: scikit-learn's `KMeans`, and a codebook for vector quantisation.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, and of centers.
    init : {'k-means++', 'random'}, callable or array-like, default='k-means++'
        Initial centers. 'k-means++' is greedy k-means++ seeding; 'random' draws rows without
        replacement. Both draw by `sample_weight`. An array is of shape (n_clusters, n_features).
        A callable is called as ``init(X, n_clusters, random_state=random_state)`` and returns
        one.
    n_init : 'auto' or int, default='auto'
        Runs from different initial centers, of which the best is kept. 'auto' is 10 for 'random'
        and callables, else 1.
    max_iter : int, default=300
        Most iterations of one run.
    tol : float, default=1e-4
        A run ends when the squared moves of all centers add up to less than `tol` times the mean
        variance of the features.
    verbose : int, default=0
        Whether to print the inertia of each iteration.
    random_state : int, RandomState instance or None, default=None
        Key of the draws. The same integer gives the same bits in every fitted attribute, for any
        number of threads.
    copy_x : bool, default=True
        Kept for scikit-learn's sake: X is never copied to be centred and never written to.
    algorithm : {'lloyd', 'elkan', 'auto'}, default='lloyd'
        All give the same labels. 'lloyd' and 'auto' (another name for it) assign every row in
        full as long as centers move far, then keep bounds on distances that prove most of the
        work unnecessary, where that pays. 'elkan' keeps bounds from the first iteration on.
        Bounds are kept for panels of 16 centers, 1/16 of the memory of Elkan's. Sparse rows are
        always assigned in full.
    metric : {'euclidean', 'spherical'}, default='euclidean'
        'spherical' scales rows and centers to length one, so that clusters are of similar
        direction (Dhillon and Modha, Machine Learning 42, 2001). Distances and inertia are then
        those of the scaled rows.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Centers, in the dtype of X: the codebook.
    labels_ : ndarray of shape (n_samples,)
        int32 label of each row.
    inertia_ : float
        Weighted sum of squared distances of the rows to their center, in float64.
    n_iter_ : int
        Iterations of the best run.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had string names.

    See Also
    --------
    fastml.cluster.kmeans_plusplus : The seeding alone.

    Notes
    -----
    One iteration is one pass over X on the register tile; no n_samples x n_clusters matrix is
    stored. Cluster sums are fixed-point integers, exact in any order.

    References
    ----------
    S. Lloyd, "Least squares quantization in PCM", IEEE Trans. Information Theory 28, 1982.
    Y. Ding et al., "Yinyang k-means", ICML 2015 (the bounds).

    Examples
    --------
    >>> import numpy as np
    >>> from fastml.cluster import KMeans
    >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> kmeans = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> kmeans.inertia_
    16.0
    >>> kmeans.decode(kmeans.encode([[0.0, 0.0], [12.0, 3.0]]))
    array([[ 1.,  2.],
           [10.,  2.]])
    """

    _parameter_constraints: dict = BaseKMeans._parameter_constraints | {
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"lloyd", "elkan", "auto"})],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        metric: str = "euclidean",
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.metric = metric

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "KMeans":
        """Find the centers.

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
        self : KMeans
            The fitted estimator.
        """
        backend = backends.resolve(X)
        X = self._validated(X, reset=True)
        self._n_init = settled_n_init(self, X, several=10)
        # The generator first: a callable init gets what remains of it.
        random_state = check_random_state(self.random_state)
        seed = seed_from(random_state)
        data = _data.prepare(self, X, sample_weight, backend)
        self._tol = data.mean_variance * self.tol
        rows = data.rows

        # Runs, iterations within: what callbacks and progress bars are told.
        fit_context = root_context(self, max_subtasks=self._n_init)
        fit_context.call_on_fit_task_begin(estimator=self, X=X)
        best: Result | None = None
        for run in range(self._n_init):
            given = given_centers(self, X, random_state)
            if given is not None:
                centers = given - rows.host_offset
            else:
                centers = starting_centers(rows, self.init, self.n_clusters, seed, run)
            centers = data.normalise(np.ascontiguousarray(centers, rows.dtype))
            if self.verbose:
                print("Initialization complete")
            result = self._run(data, centers, X, fit_context)
            if best is None or (
                result.inertia < best.inertia and not same_clustering(result.labels, best.labels)
            ):
                best = result
        fit_context.call_on_fit_task_end(estimator=self, X=X)

        assert best is not None
        n_distinct = np.count_nonzero(np.bincount(best.labels))
        if n_distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.cluster_centers_ = best.centers + rows.host_offset
        self._n_features_out = self.n_clusters
        self.labels_ = best.labels
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        return self

    def _run(self, data: Any, centers: np.ndarray, X: Any, fit_context: Any) -> Result:
        """Iterate from given centers, telling callbacks of the run and its iterations."""
        offset = data.rows.host_offset
        run_context = fit_context.subcontext(task_name="run", max_subtasks=self.max_iter)
        run_context.call_on_fit_task_begin(estimator=self, X=X)

        def on_iteration(current: np.ndarray) -> bool:
            iteration = run_context.subcontext(task_name="iteration")
            iteration.call_on_fit_task_begin(estimator=self, X=X)
            return iteration.call_on_fit_task_end(
                estimator=self,
                X=X,
                reconstruction_attributes=lambda: {"cluster_centers_": current + offset},
            )

        listening = bool(getattr(self, "_skl_callbacks", ()))
        algorithm = self.algorithm
        if algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=4,
            )
            algorithm = "lloyd"
        result = lloyd(
            data.rows,
            centers,
            data.peaks,
            max_iter=self.max_iter,
            tol=self._tol,
            algorithm=algorithm,
            normalise=data.normalise if self.metric == "spherical" else None,
            verbose=bool(self.verbose),
            on_iteration=on_iteration if listening else None,
        )
        run_context.call_on_fit_task_end(estimator=self, X=X)
        return result
