"""Perceptrons beside scikit-learn's and PyTorch: the same layers, batches, epochs."""

import itertools
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier

from fastml.linear_model import SingleLayerClassifier
from fastml.neural_network import MLPClassifier

from . import common

# Epochs enough for a small fit to be worth timing, with nothing to end it before.
ENDLESS = {"tol": 0.0, "n_iter_no_change": 10**9, "random_state": 0}


def rows(n, n_features, n_classes=10, dtype=np.float32):
    """Return rows and labels that can be learned."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, n_features)).astype(dtype)
    return X, (X[:, :n_classes] + rng.standard_normal((n, n_classes))).argmax(axis=1)


def quiet(run):
    """Return a function that does not warn of fits that are cut short on purpose."""

    def wrapped():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return run()

    return wrapped


class _Ratio(common.Benchmark):
    def time_ours(self, backend, size):
        self.ours()

    def track_ratio_to_sklearn(self, backend, size):
        return common.ratio(self.ours, self.sklearn)

    track_ratio_to_sklearn.unit = "x"


class Epoch(_Ratio):
    """One epoch of Adam in batches of 128: rows, features, hidden units."""

    sizes = ((10_000, 784, 256), (10_000, 64, 100), (2_000, 784, 1024))

    def prepare(self, backend, size):
        n, n_features, hidden = size
        X, y = rows(n, n_features)
        options = {"hidden_layer_sizes": (hidden,), "batch_size": 128, "max_iter": 1, **ENDLESS}
        self.ours, self.sklearn = (
            quiet(lambda cls=cls: cls(**options).fit(X, y))
            for cls in (MLPClassifier, SklearnMLPClassifier)
        )
        torch = common.optional("torch")
        self.torch = None if torch is None else _in_torch(torch, X, y, hidden)

    def track_ratio_to_torch(self, backend, size):
        return common.ratio(self.ours, self.torch)

    track_ratio_to_torch.unit = "x"


def _in_torch(torch, X, y, hidden):
    """Return a function that makes the same network, and trains it for an epoch."""
    X, y = torch.from_numpy(X), torch.from_numpy(y)

    def run():
        first, last = torch.nn.Linear(X.shape[1], hidden), torch.nn.Linear(hidden, 10)
        network = torch.nn.Sequential(first, torch.nn.ReLU(), last)
        adam = torch.optim.Adam(network.parameters())
        order = torch.randperm(len(X))
        for start in range(0, len(X), 128):
            batch = order[start : start + 128]
            loss = torch.nn.functional.cross_entropy(network(X[batch]), y[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()

    return run


class Sweep(_Ratio):
    """From a hundred rows to a million, ten features, ten hidden units, as a user would call it."""

    sizes = tuple(10**power for power in range(2, 7))

    def prepare(self, backend, size):
        X, y = rows(size, 10, 3, np.float64)
        epochs = max(1, 20_000 // size)
        options = {"hidden_layer_sizes": (10,), "max_iter": epochs, **ENDLESS}
        self.ours, self.sklearn = (
            quiet(lambda cls=cls: cls(**options).fit(X, y))
            for cls in (MLPClassifier, SklearnMLPClassifier)
        )


class PartialFit(_Ratio):
    """Batches of some rows, one after another."""

    sizes = ((1, 20, 50), (100, 20, 50), (128, 784, 256))

    def prepare(self, backend, size):
        n, n_features, hidden = size
        X, y = rows(20 * n, n_features)
        batches = list(zip(X.reshape(20, n, n_features), y.reshape(20, n), strict=True))

        def learner(cls):
            model, turn = cls((hidden,), random_state=0), itertools.cycle(batches)
            return lambda: model.partial_fit(*next(turn), classes=np.arange(10))

        self.ours, self.sklearn = learner(MLPClassifier), learner(SklearnMLPClassifier)


class Predict(_Ratio):
    """Probabilities of classes."""

    sizes = ((1, 20, 50), (1000, 20, 50), (10_000, 784, 256))

    def prepare(self, backend, size):
        n, n_features, hidden = size
        X, y = rows(max(n, 100), n_features)
        options = {"hidden_layer_sizes": (hidden,), "max_iter": 1, **ENDLESS}

        def predictor(cls):
            model = quiet(lambda: cls(**options).fit(X, y))()
            return lambda: model.predict_proba(X[:n])

        self.ours, self.sklearn = predictor(MLPClassifier), predictor(SklearnMLPClassifier)


class Lbfgs(_Ratio):
    """Twenty iterations of L-BFGS, whose arithmetic is SciPy's on both sides."""

    sizes = ((200, 10, 10), (10_000, 50, 100))

    def prepare(self, backend, size):
        n, n_features, hidden = size
        X, y = rows(n, n_features)
        options = {"hidden_layer_sizes": (hidden,), "solver": "lbfgs", "max_iter": 20, **ENDLESS}
        self.ours, self.sklearn = (
            quiet(lambda cls=cls: cls(**options).fit(X, y))
            for cls in (MLPClassifier, SklearnMLPClassifier)
        )


class SingleLayer(common.Benchmark):
    """Softmax regression by the three regimes of gradient descent, one epoch."""

    sizes = (1, 128, "full")

    def prepare(self, backend, size):
        X, y = rows(2_000 if size == 1 else 50_000, 100)
        options = {"solver": "sgd", "batch_size": size, "max_iter": 1, **ENDLESS}
        self.ours = quiet(lambda: SingleLayerClassifier(**options).fit(X, y))

    def time_ours(self, backend, size):
        self.ours()
