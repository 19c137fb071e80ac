"""Kernels and distances beside scikit-learn's."""

import numpy as np
from sklearn.metrics import pairwise as theirs

from fastml.metrics import pairwise as ours

from . import common

N_FEATURES = 64
FUNCTIONS = (
    "linear_kernel",
    "polynomial_kernel",
    "sigmoid_kernel",
    "rbf_kernel",
    "laplacian_kernel",
    "cosine_similarity",
    "chi2_kernel",
    "additive_chi2_kernel",
    "euclidean_distances",
)


def data(n_rows, seed=0):
    return np.random.default_rng(seed).random((n_rows, N_FEATURES), dtype=np.float32)


class _Beside(common.Benchmark):
    """A function of both packages on the same rows; each call makes a new output."""

    def compare(self, name, *args):
        self.ours = lambda: getattr(ours, name)(*args)
        self.sklearn = lambda: getattr(theirs, name)(*args)

    def time_ours(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_sklearn.unit = "x"


class Symmetric(_Beside):
    """5000 rows and themselves; rbf_kernel is the row that the targets name."""

    sizes = FUNCTIONS

    def prepare(self, backend, size):
        self.compare(size, data(5000))


class Two(_Beside):
    """5000 rows and 5000 others."""

    sizes = (*FUNCTIONS, "pairwise_distances_argmin_min")

    def prepare(self, backend, size):
        self.compare(size, data(5000), data(5000, seed=1))


class SquareSweep(_Beside):
    """rbf_kernel of rows and themselves, from a hundred to ten thousand."""

    sizes = (100, 300, 1000, 3000, 10_000)

    def prepare(self, backend, size):
        self.compare("rbf_kernel", data(size))

    def track_error(self, backend, size):
        """Largest error, against float64."""
        X = data(size)[:1000]
        return float(np.max(np.abs(ours.rbf_kernel(X) - theirs.rbf_kernel(X.astype(float)))))

    def track_floor(self, backend, size):
        """Our time over that of writing a new output of this size once, by one thread."""

        def write():
            np.empty((size, size), np.float32).fill(1)

        return 1 / common.ratio(self.ours, write)

    track_floor.unit = "x"


class LongSweep(_Beside):
    """rbf_kernel of many rows and a hundred others."""

    sizes = (100, 1000, 10_000, 100_000, 1_000_000)

    def prepare(self, backend, size):
        self.compare("rbf_kernel", data(size), data(100, seed=1))


class NearestSweep(LongSweep):
    """The nearest of a hundred rows."""

    def prepare(self, backend, size):
        self.compare("pairwise_distances_argmin_min", data(size), data(100, seed=1))


class LinearSweep(LongSweep):
    """Bare products, where scikit-learn calls BLAS alone."""

    def prepare(self, backend, size):
        self.compare("linear_kernel", data(size), data(100, seed=1))
