"""KMeans beside scikit-learn's: fixed iterations, convergence, seeding, prediction."""

import warnings

import numpy as np
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.cluster import kmeans_plusplus as sklearn_plusplus
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

from fastml.cluster import KMeans, kmeans_plusplus

from . import common

# Iterations of a run that is cut short: what faiss runs by default.
ITERATIONS = 25


def normal(n_samples, n_features, n_clusters):
    """Return rows without clusters, the worst case for pruning, and rows to start from."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((n_samples, n_features)).astype(np.float32)
    return X, X[rng.choice(n_samples, n_clusters, replace=False)].copy()


def clustered(n_samples, n_features, n_clusters):
    """Return rows in clusters, and rows to start from."""
    X, _ = make_blobs(n_samples, n_features, centers=n_clusters, random_state=0)
    X = X.astype(np.float32)
    picked = np.random.RandomState(1).choice(n_samples, n_clusters, replace=False)
    return X, X[picked].copy()


def fit(cls, X, centers, **options):
    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return cls(len(centers), init=centers, n_init=1, **options).fit(X)

    return run


def fits(cls, shape):
    """For `common.peak_memory`: a fit on few rows, and the one to measure."""
    X, centers = normal(*shape)
    options = {"max_iter": ITERATIONS, "tol": 0}
    return fit(cls, X[:2000], centers, **options), fit(cls, X, centers, **options)


def faiss_fit(X, centers):
    """Return a run of faiss from the same centers on all rows, or None without faiss."""
    faiss = common.optional("faiss")
    if faiss is None:
        return None
    faiss.omp_set_num_threads(common.THREADS)
    options = {"min_points_per_centroid": 1, "max_points_per_centroid": len(X), "nredo": 1}

    def run():
        model = faiss.Kmeans(X.shape[1], len(centers), niter=ITERATIONS, seed=1, **options)
        model.train(X, init_centroids=centers)
        return model

    return run


class _Fit(common.Benchmark):
    make, options = staticmethod(normal), {}

    def prepare(self, backend, size):
        self.X, self.centers = self.make(*size)
        self.ours = fit(KMeans, self.X, self.centers, **self.options)
        self.sklearn = fit(SklearnKMeans, self.X, self.centers, **self.options)

    def time_fit(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    def track_inertia_over_sklearn(self, backend, size):
        return self.ours().inertia_ / self.sklearn().inertia_

    track_ratio_to_sklearn.unit = "x"
    track_inertia_over_sklearn.unit = "x"


class Lloyd(_Fit):
    """From given centers to the default tolerance, on data without clusters.

    These are the rows that the targets name.
    """

    sizes = ((200_000, 32, 64), (50_000, 128, 256), (100_000, 64, 1000), (100_000, 2, 8))

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn, least=3)

    def track_iterations_over_sklearn(self, backend, size):
        return self.ours().n_iter_ / self.sklearn().n_iter_

    track_ratio_to_sklearn.unit = track_iterations_over_sklearn.unit = "x"


class LloydCutShort(_Fit):
    """The same cut short, when many rows still change their label and bounds save little."""

    sizes = Lloyd.sizes
    options = {"max_iter": ITERATIONS, "tol": 0}

    def track_ratio_to_faiss(self, backend, size):
        return common.ratio(self.ours, faiss_fit(self.X, self.centers))

    def track_peak_memory_over_sklearn(self, backend, size):
        ours = common.peak_memory(fits, KMeans, size)
        return ours / common.peak_memory(fits, SklearnKMeans, size)

    track_ratio_to_faiss.unit = track_peak_memory_over_sklearn.unit = "x"


class Converge(_Fit):
    """To convergence on clustered data, beside the faster of scikit-learn's two algorithms."""

    sizes = ((200_000, 32, 64), (100_000, 64, 256), (50_000, 16, 100))
    make = staticmethod(clustered)
    options = {"tol": 1e-8}

    def prepare(self, backend, size):
        super().prepare(backend, size)
        elkan = fit(SklearnKMeans, self.X, self.centers, algorithm="elkan", **self.options)
        self.sklearn = min((self.sklearn, elkan), key=common.seconds)


class Sweep(_Fit):
    """From a hundred rows to a million, as a user would call it: seeding and all."""

    sizes = tuple((10**power, 16, 8) for power in range(2, 7))
    make = staticmethod(clustered)

    def prepare(self, backend, size):
        self.X, _ = self.make(*size)

        def default(cls):
            return lambda: cls(size[2], random_state=0).fit(self.X)

        self.ours, self.sklearn = default(KMeans), default(SklearnKMeans)


class SweepIterations(_Fit):
    """The same without seeding: twenty iterations from given centers."""

    sizes = Sweep.sizes
    options = {"max_iter": 20, "tol": 0}


class Predict(common.Benchmark):
    """Labels of new rows."""

    sizes = Sweep.sizes

    def prepare(self, backend, size):
        X, centers = clustered(*size)
        fitted = fit(KMeans, X, centers, max_iter=2)()
        peer = fit(SklearnKMeans, X, centers, max_iter=2)()
        self.ours, self.sklearn = lambda: fitted.predict(X), lambda: peer.predict(X)

    def time_predict(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_sklearn.unit = "x"


class Seeding(common.Benchmark):
    """Greedy k-means++ alone."""

    sizes = ((100_000, 64, 100), (200_000, 3, 64))

    def prepare(self, backend, size):
        X, _ = clustered(*size)
        k = size[2]
        self.ours = lambda: kmeans_plusplus(X, k, random_state=0)
        self.sklearn = lambda: sklearn_plusplus(X, k, random_state=0)

    def time_seeding(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_sklearn.unit = "x"
