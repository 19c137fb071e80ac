"""Restricted Boltzmann machines beside scikit-learn's: epochs, small fits, what follows a fit."""

import numpy as np
from scipy import sparse
from sklearn.neural_network import BernoulliRBM as SklearnBernoulliRBM

import fastml
from fastml.neural_network import BernoulliRBM

from . import common


def rows(n_rows, n_features, kind):
    """Return rows of bits, or of grey values: a fifth of them not 0, or all ("full"); float32."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(n_rows, n_features))
    if kind == "full":
        return X.astype(np.float32)
    X = X < 0.2 if kind == "bits" else np.where(X < 0.2, rng.uniform(size=X.shape), 0)
    return X.astype(np.float32)


class _Ratio(common.Benchmark):
    def time_ours(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_sklearn.unit = "x"


class Epoch(_Ratio):
    """One pass over the rows in batches of 100; scikit-learn's is always "pcd"."""

    sizes = tuple(
        (10_000, 784, 256, kind, how) for kind in ("bits", "grey", "full") for how in ("pcd", "cd")
    )

    def prepare(self, backend, size):
        n_rows, n_features, n_components, kind, algorithm = size
        X = rows(n_rows, n_features, kind)
        options = {"n_components": n_components, "batch_size": 100, "n_iter": 1, "random_state": 0}
        self.ours = lambda: BernoulliRBM(algorithm=algorithm, **options).fit(X)
        self.sklearn = lambda: SklearnBernoulliRBM(**options).fit(X)

    def track_pseudo_likelihood_over_sklearn(self, backend, size):
        X = rows(*size[:2], size[3])
        return self.ours().score_samples(X).mean() / self.sklearn().score_samples(X).mean()

    track_pseudo_likelihood_over_sklearn.unit = "x"


class Sweep(_Ratio):
    """From a hundred rows to a million, with few units and many, as a user would call it."""

    sizes = (
        *((10**power, 64, 16) for power in range(2, 7)),
        *((10**power, 64, 256) for power in range(2, 5)),
        (100, 784, 256),
    )

    def prepare(self, backend, size):
        n_rows, n_features, n_components = size
        X = rows(n_rows, n_features, "bits")
        n_iter = max(1, 1000 // n_rows)

        def fit(cls):
            return lambda: cls(n_components, n_iter=n_iter, random_state=0).fit(X)

        self.ours, self.sklearn = fit(BernoulliRBM), fit(SklearnBernoulliRBM)


class PartialFit(_Ratio):
    """Batches as large as the number of chains."""

    sizes = ((10, 64, 16), (100, 784, 256), (1000, 784, 256))

    def prepare(self, backend, size):
        X = rows(*size[:2], "bits")

        def learner(cls):
            model = cls(size[2], batch_size=size[0], random_state=0)
            return lambda: model.partial_fit(X)

        self.ours, self.sklearn = learner(BernoulliRBM), learner(SklearnBernoulliRBM)


class Fitted(_Ratio):
    """What a fitted machine is asked, of many rows and of a few, dense and sparse."""

    sizes = tuple(
        (n_rows, 784, 256, kind, method)
        for n_rows in (100, 10_000)
        for kind in ("bits", "grey", "sparse")
        for method in ("transform", "score_samples", "gibbs")
    )

    def prepare(self, backend, size):
        n_rows, n_features, n_components, kind, method = size
        X = rows(n_rows, n_features, "bits" if kind == "sparse" else kind)
        given = sparse.csr_array(X) if kind == "sparse" else X
        options = {"n_components": n_components, "batch_size": 100, "n_iter": 1, "random_state": 0}

        def ask(cls):
            model = cls(**options).fit(X[:1000])
            return lambda: getattr(model, method)(given)

        self.ours, self.sklearn = ask(BernoulliRBM), ask(SklearnBernoulliRBM)


def _memory_of_fit(cls, size):
    # What a pool of threads and its kernels take, once in a process, is not the fit's.
    fastml.set_config(num_threads=1)
    X = rows(*size[:2], size[3])
    options = {"n_iter": 1, "batch_size": 100, "random_state": 0}
    # The first fit is smaller: what it allocates would serve the second.
    return lambda: cls(64, **options).fit(X[:100]), lambda: cls(size[2], **options).fit(X)


class Memory(common.Benchmark):
    """Peak memory of a fit beyond its rows, over scikit-learn's."""

    sizes = tuple((10_000, 784, 256, kind) for kind in ("bits", "grey"))

    def prepare(self, backend, size):
        self.ours = lambda: None

    def track_peak_over_sklearn(self, backend, size):
        ours, peer = (
            common.peak_memory(_memory_of_fit, cls, size)
            for cls in (BernoulliRBM, SklearnBernoulliRBM)
        )
        return ours / max(peer, 1)

    track_peak_over_sklearn.unit = "x"
