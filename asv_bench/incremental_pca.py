"""IncrementalPCA beside scikit-learn's."""

from sklearn.decomposition import IncrementalPCA as SklearnIncrementalPCA

from fastml.decomposition import IncrementalPCA

from . import common
from .pca import data


def fit(cls, X, n_components, batch_size):
    def run():
        return cls(n_components, batch_size=batch_size).fit(X)

    return run


def fits(cls, n_samples):
    """For `common.peak_memory`: a fit on few rows, and the one to measure."""
    X = data(n_samples)
    return fit(cls, X[:2000], 16, None), fit(cls, X, 16, None)


class _Fit(common.Benchmark):
    n_features, n_components, batch_size = 128, 16, None

    def prepare(self, backend, size):
        self.X = data(size, self.n_features)
        self.ours, self.sklearn = (
            fit(cls, self.X, self.n_components, self.batch_size)
            for cls in (IncrementalPCA, SklearnIncrementalPCA)
        )

    def time_fit(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn, least=3)

    track_ratio_to_sklearn.unit = "x"


class Fit(_Fit):
    """The default batch: five times as many rows as columns."""

    sizes = (100, 1000, 10_000, 100_000)


class FitBatches(_Fit):
    """Batches of a thousand rows of 64 columns."""

    sizes = (1000, 10_000, 100_000)
    n_features, batch_size = 64, 1000


class FitNarrow(_Fit):
    """Few columns in small batches: what a batch costs beyond its arithmetic."""

    sizes = (100, 10_000, 1_000_000)
    n_features, n_components = 20, 5


class FitWide(_Fit):
    """Batches of fewer rows than columns."""

    sizes = (100, 2000)
    n_features, batch_size = 500, 100


class PartialFit(common.Benchmark):
    """One batch more."""

    sizes = (1, 100, 10_000)

    def prepare(self, backend, size):
        X = data(max(size, 100), 20)
        ours, theirs = IncrementalPCA(5).partial_fit(X), SklearnIncrementalPCA(5).partial_fit(X)
        self.ours = lambda: ours.partial_fit(X[:size])
        self.sklearn = lambda: theirs.partial_fit(X[:size])

    time_partial_fit = _Fit.time_fit
    track_ratio_to_sklearn = _Fit.track_ratio_to_sklearn


class PeakMemory:
    """Memory that a fit takes beyond its input."""

    params = ([100_000], ["fastml", "scikit-learn"])
    param_names = ("size", "package")
    timeout = 600.0

    def track_peak(self, size, package):
        cls = {"fastml": IncrementalPCA, "scikit-learn": SklearnIncrementalPCA}[package]
        return common.peak_memory(fits, cls, size) / 2**20

    track_peak.unit = "MiB"
