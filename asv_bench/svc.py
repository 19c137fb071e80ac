"""SVC beside scikit-learn's, which is LIBSVM: same tolerance, same cache."""

import numpy as np
from sklearn.datasets import load_digits, make_classification
from sklearn.svm import SVC as SklearnSVC

from fastml.svm import SVC

from . import common

N_FEATURES = 50


def data(n_samples, dtype):
    X, y = make_classification(
        n_samples, N_FEATURES, n_informative=20, n_clusters_per_class=4, flip_y=0.05, random_state=0
    )
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype(dtype), y


def fit(cls, X, y, **options):
    return lambda: cls(**options).fit(X, y)


class _Fit(common.Benchmark):
    options = {}

    def prepare(self, backend, size):
        self.X, self.y = data(size, self.dtype)
        self.ours = fit(SVC, self.X, self.y, **self.options)

    def time_fit(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        """Ratio to LIBSVM; of the longest runs, one pair."""
        least = 5 if size < 10_000 else 1
        peer = fit(SklearnSVC, self.X, self.y, **self.options)
        return common.ratio(self.ours, peer, least=least)

    track_ratio_to_sklearn.unit = "x"


class Fit(_Fit):
    """The radial kernel, from a hundred rows to twenty thousand."""

    sizes = (100, 300, 1000, 3000, 20_000)
    dtype = np.float64

    def track_gap(self, backend, size):
        """Duality gap relative to the primal objective."""
        report = self.ours().kkt_report()
        return report.gap / report.value


class FitFloat32(_Fit):
    sizes = (1000, 20_000)
    dtype = np.float32


class FitLinear(_Fit):
    sizes = (100, 1000, 5000)
    dtype = np.float64
    options = {"kernel": "linear", "C": 0.01}


class Digits(_Fit):
    """Forty-five problems; the size is that of the data."""

    sizes = (300, 1797)

    def prepare(self, backend, size):
        X, y = load_digits(return_X_y=True)
        self.X, self.y = X[:size] / 16, y[:size]
        self.ours = fit(SVC, self.X, self.y)


class Predict(common.Benchmark):
    """Rows by a model fitted to 1000."""

    sizes = (100, 1000, 10_000)

    def prepare(self, backend, size):
        X, y = data(max(size, 1000), np.float64)
        self.X, self.peer = X[:size], SklearnSVC().fit(X[:1000], y[:1000])
        model = SVC().fit(X[:1000], y[:1000])
        self.ours = lambda: model.predict(self.X)

    def time_predict(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        """Ratio to LIBSVM."""
        return common.ratio(self.ours, lambda: self.peer.predict(self.X))

    track_ratio_to_sklearn.unit = "x"
