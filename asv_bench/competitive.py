"""WinnerTakeAll beside the loops a user would write: there is no peer in scikit-learn."""

import numba
import numpy as np
from threadpoolctl import threadpool_limits

from fastml.activations import winner_take_all
from fastml.cluster import KMeans, WinnerTakeAll

from . import common
from .kmeans import clustered

EPOCHS = 5
ETA = 0.05


def numpy_loop(X, centers):
    """Competitive learning, NumPy operations for each row."""
    w = centers.copy()
    for _ in range(EPOCHS):
        for x in X:
            winner = ((x - w) ** 2).sum(axis=1).argmin()
            w[winner] += ETA * (x - w[winner])
    return w


@numba.njit(fastmath=True, nogil=True)
def numba_loop(X, centers):
    """The same in plain loops, compiled."""
    w = centers.copy()
    eta = w.dtype.type(ETA)
    for _ in range(EPOCHS):
        for i in range(X.shape[0]):
            best, winner = np.inf, 0
            for j in range(w.shape[0]):
                squared = w.dtype.type(0)
                for t in range(w.shape[1]):
                    squared += (X[i, t] - w[j, t]) ** 2
                if squared < best:
                    best, winner = squared, j
            for t in range(w.shape[1]):
                w[winner, t] += eta * (X[i, t] - w[winner, t])
    return w


def fit(X, centers, **options):
    options = {"learning_rate": "constant", "eta0": ETA, "max_iter": EPOCHS} | options
    model = WinnerTakeAll(len(centers), init=centers, n_iter_no_change=None, **options)
    return lambda: model.fit(X)


class Epochs(common.Benchmark):
    """Five epochs from given centers, in the order of the rows: labels and inertia included."""

    sizes = ((5000, 3, 16), (5000, 32, 64), (1000, 784, 100))
    batch_size = 1

    def prepare(self, backend, size):
        self.X, self.centers = clustered(*size)
        self.ours = fit(self.X, self.centers, shuffle=False, batch_size=self.batch_size)

    def time_fit(self, backend, size):
        self.ours()

    def track_ratio_to_numpy(self, backend, size):
        return common.ratio(self.ours, lambda: numpy_loop(self.X, self.centers), least=3)

    def track_ratio_to_numba(self, backend, size):
        return common.ratio(self.ours, lambda: numba_loop(self.X, self.centers))

    def track_share_of_the_floor(self, backend, size):
        """Three operations for each feature of each center, at the rate of a matrix product.

        On one thread, as rows cannot wait for one another on several.
        """
        with threadpool_limits(1):
            product = min(common.seconds(lambda: self.X @ self.centers.T) for _ in range(20))
        return 1.5 * EPOCHS * product / min(common.seconds(self.ours) for _ in range(20))

    track_ratio_to_numpy.unit = track_ratio_to_numba.unit = "x"


class Sweep(Epochs):
    """From a hundred rows to a million."""

    sizes = tuple((10**power, 16, 8) for power in range(2, 7))
    track_ratio_to_numpy = None


class Batches(Epochs):
    """Winners of a batch on all threads."""

    sizes = ((100_000, 32, 64), (20_000, 64, 256))
    batch_size = 4096
    track_ratio_to_numpy = None


class Quality(common.Benchmark):
    """The error of the codebook over that of k-means, as a user would call both."""

    sizes = ((10_000, 16, 32), (100_000, 8, 20))

    def prepare(self, backend, size):
        self.X, _ = clustered(*size)
        self.ours = lambda: WinnerTakeAll(size[2], random_state=0).fit(self.X)
        self.kmeans = KMeans(size[2], random_state=0).fit(self.X)

    def track_error_over_kmeans(self, backend, size):
        return self.ours().inertia_ / self.kmeans.inertia_


class Activation(common.Benchmark):
    """winner_take_all beside an argmax and a scatter."""

    sizes = ((100, 10), (100_000, 10), (10_000, 1000))

    def prepare(self, backend, size):
        S = np.random.default_rng(0).standard_normal(size).astype(np.float32)

        def scatter():
            out = np.zeros_like(S)
            out[np.arange(len(S)), S.argmax(axis=1)] = 1
            return out

        self.ours, self.numpy = lambda: winner_take_all(S), scatter

    def time_activation(self, backend, size):
        self.ours()

    def track_ratio_to_numpy(self, backend, size):
        return common.ratio(self.ours, self.numpy)

    track_ratio_to_numpy.unit = "x"
