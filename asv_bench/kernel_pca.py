"""KernelPCA and Nystroem beside scikit-learn's."""

import numpy as np
from sklearn.decomposition import KernelPCA as SklearnKernelPCA
from sklearn.kernel_approximation import Nystroem as SklearnNystroem

from fastml.decomposition import KernelPCA
from fastml.kernel_approximation import Nystroem

from . import common

SOLVERS = ("auto", "dense", "arpack", "randomized")
N_FEATURES, N_COMPONENTS = 16, 8


def data(n_samples, n_features=N_FEATURES, dtype=np.float32):
    return np.random.default_rng(0).standard_normal((n_samples, n_features), dtype=dtype)


def fit(cls, X, **options):
    return lambda: cls(N_COMPONENTS, kernel="rbf", random_state=0, **options).fit(X)


def fits(n_samples):
    """For `common.peak_memory`: a fit on few rows, and the one to measure."""
    X = data(n_samples)
    options = {"eigen_solver": "matrix_free"}
    return fit(KernelPCA, X[:3000], **options), fit(KernelPCA, X, **options)


class _Fit(common.Benchmark):
    def prepare(self, backend, size):
        self.X = data(size, dtype=self.dtype)
        self.ours = fit(KernelPCA, self.X)

    def time_fit(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        """Ratio to scikit-learn's solver of choice."""
        return common.ratio(self.ours, fit(SklearnKernelPCA, self.X))

    track_ratio_to_sklearn.unit = "x"


class Fit(_Fit):
    """From a hundred rows to ten thousand; 3000 is the row that the targets name."""

    sizes = (100, 300, 1000, 3000, 10_000)
    dtype = np.float32

    def track_ratio_to_best(self, backend, size):
        """Ratio to the best of scikit-learn's solvers, found by one run of each."""
        if size > 3000:
            return float("nan")
        peers = [fit(SklearnKernelPCA, self.X, eigen_solver=solver) for solver in SOLVERS]
        return common.ratio(self.ours, min(peers, key=common.seconds))

    def track_error(self, backend, size):
        """Largest relative error of the eigenvalues, against float64."""
        if size > 3000:
            return float("nan")
        exact = fit(SklearnKernelPCA, self.X.astype(np.float64), eigen_solver="dense")()
        return float(np.max(np.abs(self.ours().eigenvalues_ / exact.eigenvalues_ - 1)))

    track_ratio_to_best.unit = "x"


class FitFloat64(_Fit):
    """The same in float64."""

    sizes = (100, 300, 1000, 3000)
    dtype = np.float64


class Transform(common.Benchmark):
    """Projection of new rows on components of 3000."""

    sizes = (100, 10_000, 100_000)

    def prepare(self, backend, size):
        X, new = data(3000), data(size)
        ours, theirs = fit(KernelPCA, X)(), fit(SklearnKernelPCA, X)()
        self.ours = lambda: ours.transform(new)
        self.sklearn = lambda: theirs.transform(new)

    def time_transform(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_sklearn.unit = "x"


class NystroemTransform(common.Benchmark):
    """100 landmarks, from a hundred rows to a million."""

    sizes = (100, 1000, 10_000, 100_000, 1_000_000)
    n_components = 100

    def prepare(self, backend, size):
        X = data(size, 32)
        n_components = min(size, self.n_components)
        models = [cls(n_components=n_components, random_state=0) for cls in self.classes()]
        self.ours, self.sklearn = (self.run(model, X) for model in models)

    @staticmethod
    def classes():
        return Nystroem, SklearnNystroem

    @staticmethod
    def run(model, X):
        model.fit(X)
        return lambda: model.transform(X)

    def time_nystroem(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_sklearn.unit = "x"


class NystroemTransform300(NystroemTransform):
    """300 landmarks."""

    sizes = (1000, 100_000)
    n_components = 300


class NystroemFit(NystroemTransform):
    """100 landmarks chosen, and the kernel between them inverted."""

    @staticmethod
    def run(model, X):
        return lambda: model.fit(X)


class MatrixFree:
    """Time and memory of a fit whose kernel matrix would take 10 GB."""

    params = ([50_000],)
    param_names = ("size",)
    timeout = 900.0

    def track_peak(self, size):
        """Memory beyond the input."""
        return common.peak_memory(fits, size) / 2**20

    def time_fit(self, size):
        fits(size)[1]()

    time_fit.number = time_fit.repeat = 1
    time_fit.warmup_time = 0.0
    track_peak.unit = "MiB"
