"""PCA beside scikit-learn's and scikit-learn-intelex's."""

import warnings

import numpy as np
from sklearn.decomposition import PCA as SklearnPCA

from fastml.decomposition import PCA

from . import common

sklearnex = common.optional("sklearnex.decomposition")
warnings.filterwarnings("ignore", module="sklearnex")

N_FEATURES, N_COMPONENTS = 128, 16


def data(n_samples, n_features=N_FEATURES, dtype=np.float32):
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((n_samples, n_features), dtype=dtype)
    return factors @ rng.standard_normal((n_features, n_features), dtype=dtype)


def fit(cls, X, n_components, **options):
    def run():
        return cls(n_components, random_state=0, **options).fit(X)

    return run


def fits(cls, n_samples):
    """For `common.peak_memory`: a fit on few rows, and the one to measure."""
    X = data(n_samples)
    return fit(cls, X[:2000], N_COMPONENTS), fit(cls, X, N_COMPONENTS)


class _Fit(common.Benchmark):
    n_components, n_features, options = N_COMPONENTS, N_FEATURES, {}

    def prepare(self, backend, size):
        self.X = data(size, self.n_features)
        self.ours = fit(PCA, self.X, self.n_components, **self.options)
        self.sklearn = fit(SklearnPCA, self.X, self.n_components, **self.options)

    def time_fit(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_sklearn.unit = "x"


class Fit(_Fit):
    """From a hundred rows to a million; 100k is the row that the targets name."""

    sizes = (100, 1000, 10_000, 100_000, 1_000_000)

    def track_ratio_to_intelex(self, backend, size):
        peer = sklearnex and fit(sklearnex.PCA, self.X, self.n_components)
        return common.ratio(self.ours, peer)

    track_ratio_to_intelex.unit = "x"

    def track_error(self, backend, size):
        """Largest relative error of the variances, against float64."""
        exact = SklearnPCA(N_COMPONENTS, svd_solver="full").fit(self.X[:100_000].astype(float))
        ours = PCA(N_COMPONENTS, svd_solver="covariance_eigh").fit(self.X[:100_000])
        return float(np.max(np.abs(ours.explained_variance_ / exact.explained_variance_ - 1)))

    def peakmem_fit(self, backend, size):
        self.ours()


class FitNarrow(_Fit):
    """Few columns: little arithmetic for each row read."""

    sizes = (1000, 1_000_000)
    n_components, n_features = 2, 8


class FitRandomized(_Fit):
    """Wide data, of which few components are wanted."""

    sizes = (1000, 5000)
    n_components, n_features = 16, 1500


class Transform(_Fit):
    """Projection on fitted components."""

    sizes = (1000, 100_000)

    def prepare(self, backend, size):
        X = data(size)
        ours, theirs = PCA(N_COMPONENTS).fit(X), SklearnPCA(N_COMPONENTS).fit(X)
        self.ours = lambda: ours.transform(X)
        self.sklearn = lambda: theirs.transform(X)

    time_transform = _Fit.time_fit
    time_fit = None


class PeakMemory:
    """Memory that a fit takes beyond its input."""

    params = ([100_000], ["fastml", "scikit-learn"])
    param_names = ("size", "package")
    timeout = 600.0

    def track_peak(self, size, package):
        cls = {"fastml": PCA, "scikit-learn": SklearnPCA}[package]
        return common.peak_memory(fits, cls, size) / 2**20

    track_peak.unit = "MiB"
