"""MiniBatchKMeans beside scikit-learn's: the same number of steps, batches of one's own, sizes."""

import itertools

from sklearn.cluster import MiniBatchKMeans as SklearnMiniBatchKMeans

from fastml.cluster import MiniBatchKMeans

from . import common
from .kmeans import clustered, normal

# Batches of a fit whose number of steps is fixed.
STEPS = 50


class _Ratio(common.Benchmark):
    def time_ours(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    def track_inertia_over_sklearn(self, backend, size):
        return -self.ours().score(self.X) / -self.sklearn().score(self.X)

    track_ratio_to_sklearn.unit = track_inertia_over_sklearn.unit = "x"


class Fit(_Ratio):
    """From the same initial centers, the same number of batches of the default size."""

    sizes = ((100_000, 32, 64), (100_000, 64, 256), (1_000_000, 16, 8), (10_000, 16, 8))

    def prepare(self, backend, size):
        self.X, centers = normal(*size)
        passes = max(1, STEPS * 1024 // size[0])
        options = {"init": centers, "max_iter": passes, "max_no_improvement": None}

        def fit(cls):
            return lambda: cls(size[2], random_state=0, **options).fit(self.X)

        self.ours, self.sklearn = fit(MiniBatchKMeans), fit(SklearnMiniBatchKMeans)


class PartialFit(_Ratio):
    """Batches of 1024 rows, and smaller ones, one after another."""

    sizes = ((1024, 32, 64), (1024, 64, 256), (1024, 16, 8), (100, 16, 8))

    def prepare(self, backend, size):
        n_batch, n_features, n_clusters = size
        self.X, centers = normal(n_batch * 20, n_features, n_clusters)
        batches = self.X.reshape(20, n_batch, n_features)

        def learner(cls):
            model = cls(n_clusters, init=centers, random_state=0)
            turn = itertools.cycle(batches)
            return lambda: model.partial_fit(next(turn))

        self.ours, self.sklearn = learner(MiniBatchKMeans), learner(SklearnMiniBatchKMeans)

    def track_inertia_over_sklearn(self, backend, size):
        for _ in range(20):
            ours, peer = self.ours(), self.sklearn()
        return ours.score(self.X) / peer.score(self.X)

    track_inertia_over_sklearn.unit = "x"


class Sweep(_Ratio):
    """From a hundred rows to a million, as a user would call it."""

    sizes = tuple((10**power, 16, 8) for power in range(2, 7))

    def prepare(self, backend, size):
        self.X, _ = clustered(*size)

        def default(cls):
            return lambda: cls(size[2], random_state=0).fit(self.X)

        self.ours, self.sklearn = default(MiniBatchKMeans), default(SklearnMiniBatchKMeans)
